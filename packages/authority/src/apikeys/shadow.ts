/**
 * The time in which two systems know the same keys. A key that is unknown here is asked for at the
 * old system, and taken over where that one takes it: by its hash, with what the old one says of
 * it. Keys that came from there may be asked for at both, and where the answers differ is counted.
 * What must never happen: a key of ours shown to the old system, or a flood of made-up keys passed
 * on to it.
 */
import { hash } from 'node:crypto';
import { type Clock, limits, type TenantId, type UnixMs } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import { type ImportPorts, importKeys } from './import-keys.ts';
import { createShadowCounts, type ShadowCounts } from './shadow-counts.ts';

/** What the old system says of a key. */
export type OldVerdict =
  | { readonly active: false }
  | {
      readonly active: true;
      readonly owner: string | undefined;
      readonly scopes: readonly string[];
      readonly expiresAt: UnixMs | undefined;
    };

export interface ShadowSettings {
  readonly tenant: TenantId;
  /** `unknown`: what is unknown here; `both`: also what came from there, to compare. */
  readonly mode: 'unknown' | 'both';
  /** Undefined where it does not answer. */
  readonly ask: (text: string) => Promise<OldVerdict | undefined>;
}

export interface KeyShadow {
  readonly counts: Pick<ShadowCounts, 'flush' | 'totals'>;
  /** Asks for a text that is unknown here. @returns whether it is known from now on */
  takeOver(tenant: TenantId, text: string): Promise<boolean>;
  /** Asks beside the verdict, which does not wait. */
  compare(tenant: TenantId, text: string, active: boolean): void;
  /** Waits for what is under way. */
  settled(): Promise<void>;
}

export function createKeyShadow(
  ports: ImportPorts & {
    readonly store: Pick<Store, 'usage'>;
    readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  },
  settings: ShadowSettings,
): KeyShadow {
  const counts = createShadowCounts(ports, settings.tenant);
  /** Texts that are unknown there too, by their hash, and until when that is believed. */
  const unknown = new Map<string, number>();
  const underWay = new Set<Promise<unknown>>();

  async function ask(text: string): Promise<OldVerdict | undefined> {
    if (underWay.size >= limits.shadowAsksMax) return undefined;
    const asked = settings.ask(text).catch(() => undefined);
    underWay.add(asked);
    try {
      return await asked;
    } finally {
      underWay.delete(asked);
    }
  }

  function rememberUnknown(digest: string): void {
    const oldest = unknown.keys().next();
    if (unknown.size >= limits.shadowUnknownMax && oldest.done !== true) {
      unknown.delete(oldest.value);
    }
    unknown.set(digest, ports.clock.monotonicMs() + limits.shadowUnknownMs);
  }

  return {
    counts,
    async takeOver(tenant, text) {
      if (tenant !== settings.tenant || isOurs(text, ports.prefix)) return false;
      const digest = hash('sha256', text);
      if ((unknown.get(digest) ?? 0) > ports.clock.monotonicMs()) return false;
      const verdict = await ask(text);
      if (verdict === undefined) counts.count('unanswered');
      else if (verdict.active) {
        const isIn = await importOne(ports, tenant, { digest, verdict });
        if (isIn) counts.count('takenOver');
        return isIn;
      } else {
        counts.count('unknown');
        rememberUnknown(digest);
      }
      return false;
    },
    compare(tenant, text, active) {
      if (settings.mode !== 'both' || tenant !== settings.tenant) return;
      const compared = ask(text).then((verdict) => {
        if (verdict === undefined) counts.count('unanswered');
        else if (verdict.active === active) counts.count('agreed');
        else counts.count(active ? 'onlyHere' : 'onlyThere');
      });
      underWay.add(compared);
      void compared.finally(() => underWay.delete(compared));
    },
    async settled() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

/** Our own tokens, of whatever kind and however mistyped, are nobody else's business. */
function isOurs(text: string, prefix: string): boolean {
  return text.startsWith(`${prefix}_`) || !/^[\x21-\x7e]{8,512}$/.test(text);
}

async function importOne(
  ports: ImportPorts,
  tenant: TenantId,
  key: { readonly digest: string; readonly verdict: Extract<OldVerdict, { active: true }> },
): Promise<boolean> {
  const requester: Requester = { tenant, actor: { kind: 'system', id: 'old_system' } };
  const { owner, scopes, expiresAt } = key.verdict;
  const report = await importKeys(ports, {
    requester,
    format: { prefix: '', separator: '', hashed: 'key' },
    rows: [
      {
        hash: key.digest,
        settings: {
          ...{ name: 'taken over at its first use', owner: owner ?? 'old_system' },
          scopes,
          expiresAt,
        },
      },
    ],
  });
  return !('reason' in report) && report.imported + report.unchanged === 1;
}
