/** What policies in shadow would have changed, summed up between two reports. Bounded. */
import { limits, type PolicyTally, type TenantId, type UnixMs } from '@mintmark/core';
import type { ShadowOutcome } from './judge.ts';

export interface Tallies {
  add(seen: {
    readonly tenant: TenantId;
    readonly outcome: ShadowOutcome;
    readonly route: string;
    readonly action: string;
    readonly at: UnixMs;
    /** Names the decision, where it was kept. */
    readonly example: string | undefined;
  }): void;
  /** What was gathered since this was called last. */
  take(): readonly PolicyTally[];
  /** Verdicts that found no room: they are missing from the sums. */
  readonly lost: number;
}

type Sum = { -readonly [K in keyof PolicyTally]: PolicyTally[K] };

export function createTallies(entriesMax: number = limits.tallyEntriesMax): Tallies {
  let sums = new Map<string, Sum>();
  let lost = 0;

  return {
    get lost() {
      return lost;
    },
    add({ tenant, outcome, route, action, at, example }) {
      const { policy, version, against, enforced, shadow, failed } = outcome;
      const name = [tenant, policy, version, against, route, action].join('\n');
      let sum = sums.get(name);
      if (sum === undefined) {
        if (sums.size >= entriesMax) {
          lost++;
          return;
        }
        sum = {
          ...{ type: 'tally', tenant, at, policy, version, against, route, action },
          ...{ judged: 0, newlyDenied: 0, newlyAllowed: 0, failed: 0 },
        };
        sums.set(name, sum);
      }
      sum.at = at;
      sum.judged++;
      if (failed) sum.failed++;
      if (enforced === shadow) return;
      if (shadow === 'deny') {
        sum.newlyDenied++;
        sum.deniedExample = example ?? sum.deniedExample;
      } else {
        sum.newlyAllowed++;
        sum.allowedExample = example ?? sum.allowedExample;
      }
    },
    take() {
      const taken = [...sums.values()];
      sums = new Map();
      return taken;
    },
  };
}
