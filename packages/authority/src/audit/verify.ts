/**
 * `mintmark audit verify` against the store: the chain, the columns by which records are found, the
 * commitments to personal data, and what is not in the log yet. Reads in pages; changes nothing.
 */
import {
  type Clock,
  equalConstantTime,
  letOthersRun,
  limits,
  type Timers,
  utf8,
} from '@mintmark/core';
import { type ChainHead, emptyHead } from '../store/audit-chain.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type AuditLeaf, commitTo, objectColumn, parseLeaf } from './leaf.ts';
import { openPersonal, type PersonalSealer } from './record.ts';
import { readHead } from './sequencer.ts';
import {
  type ChainProblem,
  type ChainVerifierOptions,
  createChainVerifier,
} from './verify-chain.ts';

export type AuditProblem =
  | ChainProblem
  /** A column says something else than the leaf; a search would be misled. */
  | { readonly problem: 'wrong_column'; readonly id: string; readonly column: string }
  /** The data beside the leaf is not what the leaf committed to. */
  | { readonly problem: 'wrong_personal'; readonly id: string }
  /** A waiting record that is no leaf. */
  | { readonly problem: 'malformed_waiting'; readonly id: string };

export interface AuditReport {
  readonly ok: boolean;
  /** What was verified. Note it: as an anchor it shows later that nothing before was rewritten. */
  readonly head: ChainHead;
  readonly problems: readonly AuditProblem[];
  readonly problemsTotal: number;
  /** Records that their acts left behind and that have no place in the log yet. */
  readonly unsequenced: {
    readonly count: number;
    readonly oldestAgeMs: number;
    readonly newestAgeMs: number;
  };
  readonly personal: {
    readonly verified: number;
    /** The leaf commits to data that is no longer there. */
    readonly erased: number;
    /** The data is there and cannot be opened here. */
    readonly unreadable: number;
  };
}

type VerifiedStore = Pick<Store, 'auditLog' | 'auditPending' | 'auditHead'>;

/**
 * @param ports.sealer opens personal data; without it all of it counts as unreadable
 * @throws StoreFault; CustodyFault where custody fails for another reason than a missing key
 */
export async function verifyAudit(
  ports: {
    readonly store: VerifiedStore;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly timers: Pick<Timers, 'after'>;
    readonly sealer?: Pick<PersonalSealer, 'open'>;
  },
  options: Pick<ChainVerifierOptions, 'anchors'> = {},
): Promise<AuditReport> {
  const { store } = ports;
  const chain = createChainVerifier(options);
  const rows = createRowVerifier(ports.sealer);
  // Acts go on meanwhile. The log is read up to a head, then the head again, until both agree.
  let head = (await readHead(store)) ?? emptyHead;
  for (;;) {
    await verifyUpTo(ports, head.size, { chain, rows });
    const newer = (await readHead(store)) ?? emptyHead;
    if (newer.size === head.size) break;
    head = newer;
  }
  // What stands behind the head now was put there by no sequencer, unless the head moved just now.
  const behind = await store.auditLog.list({
    where: { index: { is: '>=', value: head.size } },
    limit: 1,
  });
  if (behind[0] !== undefined && (await readHead(store))?.size === head.size) {
    await verifyUpTo(ports, Number.MAX_SAFE_INTEGER, { chain, rows });
  }
  const unsequenced = await verifyWaiting(ports, rows);
  const verdict = chain.finish(head);
  const problems: AuditProblem[] = [...verdict.problems, ...rows.problems];
  const problemsTotal = verdict.problemsTotal + rows.problemsTotal();
  return {
    ok: problemsTotal === 0,
    head: chain.reached(),
    problems: problems.slice(0, limits.auditProblemsMax),
    problemsTotal,
    unsequenced,
    personal: rows.personal(),
  };
}

interface Verifiers {
  readonly chain: ReturnType<typeof createChainVerifier>;
  readonly rows: ReturnType<typeof createRowVerifier>;
}

async function verifyUpTo(
  ports: { readonly store: Pick<Store, 'auditLog'>; readonly timers: Pick<Timers, 'after'> },
  size: number,
  { chain, rows }: Verifiers,
): Promise<void> {
  for (;;) {
    const from = chain.reached().size;
    const page = await ports.store.auditLog.list({
      where: { index: { is: '>=', value: from } },
      limit: limits.longReadRows,
    });
    const wanted = page.filter((row) => row.index < size);
    for (const row of wanted) {
      const leaf = chain.add(row);
      if (leaf !== undefined) await rows.judge(row, leaf);
    }
    if (wanted.length < limits.longReadRows) return;
    await letOthersRun(ports.timers);
  }
}

async function verifyWaiting(
  ports: Pick<Parameters<typeof verifyAudit>[0], 'store' | 'clock' | 'timers'>,
  rows: Verifiers['rows'],
): Promise<AuditReport['unsequenced']> {
  let count = 0;
  let [oldest, newest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let after: readonly string[] | undefined;
  for (;;) {
    const page = await ports.store.auditPending.list({
      limit: limits.longReadRows,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of page) {
      count += 1;
      oldest = Math.min(oldest, row.at);
      newest = Math.max(newest, row.at);
      const leaf = parseLeaf(row.leaf);
      if (leaf === undefined) rows.add({ problem: 'malformed_waiting', id: row.id });
      else await rows.judge(row, leaf);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < limits.longReadRows) break;
    after = [last.id];
    await letOthersRun(ports.timers);
  }
  const now = ports.clock.nowMs();
  if (count === 0) return { count, oldestAgeMs: 0, newestAgeMs: 0 };
  return { count, oldestAgeMs: now - oldest, newestAgeMs: now - newest };
}

/** Holds what stands beside a leaf against the leaf. */
function createRowVerifier(sealer: Pick<PersonalSealer, 'open'> | undefined) {
  const problems: AuditProblem[] = [];
  let total = 0;
  const personal = { verified: 0, erased: 0, unreadable: 0 };

  const add = (problem: AuditProblem): void => {
    total += 1;
    if (problems.length < limits.auditProblemsMax) problems.push(problem);
  };

  async function judgePersonal(row: Row<'auditPending'>, leaf: AuditLeaf): Promise<void> {
    if (leaf.personalCommitment === undefined) {
      if (row.personal !== null) add({ problem: 'wrong_personal', id: leaf.id });
      return;
    }
    if (row.personal === null) {
      personal.erased += 1;
      return;
    }
    const { tenant, id, personal: sealed } = row;
    const opened =
      sealer === undefined
        ? undefined
        : await openPersonal(sealer, { tenant, id, personal: sealed });
    if (opened === undefined) {
      personal.unreadable += 1;
      return;
    }
    const commitment = utf8(commitTo(opened.salt, opened.text));
    if (equalConstantTime(commitment, utf8(leaf.personalCommitment))) personal.verified += 1;
    else add({ problem: 'wrong_personal', id: leaf.id });
  }

  return {
    problems,
    add,
    problemsTotal: () => total,
    personal: () => ({ ...personal }),
    async judge(row: Row<'auditPending'>, leaf: AuditLeaf): Promise<void> {
      const expected: Readonly<Record<string, unknown>> = {
        id: leaf.id,
        tenant: leaf.tenant,
        object: objectColumn(leaf.object),
        related: leaf.related === undefined ? null : objectColumn(leaf.related),
        at: Date.parse(leaf.time),
      };
      for (const [column, value] of Object.entries(expected)) {
        if (row[column as 'id'] === value) continue;
        add({ problem: 'wrong_column', id: leaf.id, column });
      }
      await judgePersonal(row, leaf);
    },
  };
}
