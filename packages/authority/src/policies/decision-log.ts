/**
 * What came of policies: decisions kept to be explained, and what policies in shadow would have
 * changed. Reports are gathered and written in batches; nothing waits for them.
 */
import {
  type Clock,
  type ExplainedDecision,
  limits,
  nowSeconds,
  type PolicyReport,
  type PolicyReportSink,
  type PolicyTally,
  StoreFault,
} from '@mintmark/core';
import { createTallies, type Tallies } from '@mintmark/policy';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface DecisionLog extends PolicyReportSink, Pick<Tallies, 'add'> {
  /** Writes what was gathered. A fault keeps the sums for the next flush. @throws StoreFault */
  flush(): Promise<void>;
  /** Reports that found no room between two flushes. */
  readonly lost: number;
}

const rowsPerAct = 500;

export function createDecisionLog(deps: {
  readonly store: Pick<Store, 'acts'>;
  readonly clock: Clock;
  readonly keptSeconds: number;
}): DecisionLog {
  const { store, clock, keptSeconds } = deps;
  let decisions: ExplainedDecision[] = [];
  let tallies: PolicyTally[] = [];
  const own = createTallies();
  let lost = 0;

  function take(report: PolicyReport): void {
    if (decisions.length + tallies.length >= limits.explainedQueueMax) lost++;
    else if (report.type === 'explained') decisions.push(report);
    else tallies.push(report);
  }

  async function run(steps: readonly Step[]): Promise<void> {
    for (let i = 0; i < steps.length; i += rowsPerAct) {
      await store.acts.run({ steps: steps.slice(i, i + rowsPerAct), audit: null });
    }
  }

  return {
    get lost() {
      return lost + own.lost;
    },
    add: own.add,
    async accept(reports) {
      for (const report of reports) take(report);
    },
    async flush() {
      const [written, summed] = [decisions, [...tallies, ...own.take()]];
      decisions = [];
      tallies = [];
      try {
        await run(summed.map(merge));
      } catch (fault) {
        // What no store takes would be in the way of all others for ever.
        if (fault instanceof StoreFault) tallies = [...summed, ...tallies];
        throw fault;
      } finally {
        const expiresAtSeconds = nowSeconds(clock) + keptSeconds;
        // Its id is the node's to give: who sends the same again changes what they said alone.
        await run(written.map((one) => put(one, expiresAtSeconds)));
      }
    },
  };
}

/** Callers choose names of actions: bounded, and what every store can hold. */
function named(text: string): string {
  return text.slice(0, limits.tallyNameCharsMax).replaceAll('\0', '\uFFFD').toWellFormed();
}

function put(decision: ExplainedDecision, expiresAtSeconds: number): Step {
  const { type: _type, tenant, id, at, ...rest } = decision;
  const row: Row<'decisions'> = { tenant, id, at, decision: rest, expiresAtSeconds };
  return { do: 'put', table: 'decisions', row };
}

function merge(tally: PolicyTally): Step {
  const { tenant, policy, version, against, route, action, at } = tally;
  const { judged, newlyDenied, newlyAllowed, failed, deniedExample, allowedExample } = tally;
  return {
    do: 'merge',
    table: 'policyTallies',
    row: {
      ...{ tenant, policy, number: version, against, route: named(route), action: named(action) },
      ...{ judged, newlyDenied, newlyAllowed, failed },
      deniedExample: deniedExample ?? null,
      allowedExample: allowedExample ?? null,
      firstAt: at,
      lastAt: at,
    },
    set: {
      judged: { add: judged },
      newlyDenied: { add: newlyDenied },
      newlyAllowed: { add: newlyAllowed },
      failed: { add: failed },
      lastAt: at,
      ...(deniedExample === undefined ? {} : { deniedExample }),
      ...(allowedExample === undefined ? {} : { allowedExample }),
    },
  };
}
