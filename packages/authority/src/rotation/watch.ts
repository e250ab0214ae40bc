/**
 * What becomes of a run after its beginning: confirmed by the first use of the successor, the
 * overlap extended while nobody has used it, and the end. The predecessor's end is exact to the
 * second whatever happens here: it stands in the credential's own row, and every node judges it.
 */
import { rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import { credentialOf, tryDelivery } from './deliver.ts';
import { bySchedule, moveRun } from './move-run.ts';
import { newsSteps, type RotationNews } from './news.ts';
import { programsWaiting } from './program-watch.ts';
import type { RotationDeps } from './rotations.ts';
import type { Run } from './run.ts';

/** Takes a run that is due as far as it goes now. @throws StoreFault, CustodyFault */
export async function takeFurther(deps: RotationDeps, run: Run): Promise<void> {
  const now = deps.clock.nowMs();
  const { row, status, progress } = run;
  let waiting = progress.programsWaiting ?? [];
  const { attemptAt, confirmBy, endsAt } = progress;
  if (status === 'ending') {
    if (endsAt <= now) await end(deps, run);
    return;
  }
  if (status === 'confirming') {
    const state = await rotatableOf(deps, run).stateOf(row.tenant as TenantId, progress);
    waiting = state === 'used' ? await programsWaiting(deps.store, row.tenant, progress) : waiting;
    // Used where every program that shares it has; one use says so where the rule names none.
    if (state === 'used' && waiting.length === 0) return used(deps, run);
    // What it was to be confirmed by is gone: the predecessor ends as was said.
    if (state === 'ended') return void (await moveRun(deps, run, { status: 'ending' }));
  }
  if (confirmBy !== null && confirmBy <= now) return extend(deps, run);
  if (confirmBy === null && endsAt <= now && status === 'confirming') return miss(deps, run);
  if (status === 'delivering' && attemptAt <= now) return tryDelivery(deps, run);
  await moveRun(deps, run, { progress: { programsWaiting: waiting } });
}

function rotatableOf({ rotatables }: RotationDeps, { progress }: Run) {
  return rotatables[progress.kind];
}

/** Done, where the kind ends its predecessors itself; else the overlap goes on to its end. */
async function used(deps: RotationDeps, run: Run): Promise<void> {
  const { row, progress } = run;
  const rotatable = deps.rotatables[progress.kind];
  if (rotatable.endOf === undefined) return confirm(deps, run);
  const endsAt = (await rotatable.endOf(row.tenant as TenantId, progress)) ?? progress.endsAt;
  await moveRun(deps, run, {
    status: 'done',
    progress: { confirmedAt: deps.clock.nowMs(), endsAt },
    audit: await recordOf(deps, run, {
      action: 'rotation.end',
      detail: { confirmed: true, ends_at: rfc3339(endsAt as UnixMs) },
    }),
  });
}

async function confirm(deps: RotationDeps, run: Run): Promise<void> {
  const at = deps.clock.nowMs();
  await moveRun(deps, run, {
    status: 'ending',
    progress: { confirmedAt: at, programsWaiting: [] },
    audit: await recordOf(deps, run, {
      action: 'rotation.confirm',
      detail: { ends_at: rfc3339(run.progress.endsAt as UnixMs) },
    }),
  });
}

/** Nobody has used the successor, or nobody has it yet. */
async function extend(deps: RotationDeps, run: Run): Promise<void> {
  const { row, progress } = run;
  const { terms, endsAt, endsAtMax, extensions } = progress;
  const now = deps.clock.nowMs();
  const later = Math.min(
    endsAt + terms.extendBySeconds * 1000,
    endsAtMax ?? Number.MAX_SAFE_INTEGER,
  );
  const steps =
    extensions < terms.extensionsMax && later > endsAt
      ? await deps.rotatables[progress.kind].extend({
          tenant: row.tenant as TenantId,
          ...{ run: progress, endsAt: later, now },
        })
      : undefined;
  const programs = await programsWaiting(deps.store, row.tenant, progress);
  if (steps === undefined) {
    // There is nothing left to extend: it ends when it was said to.
    const told = newsSteps(run, waitingNews(programs, 'unconfirmed'), deps.clock.nowMs());
    await moveRun(deps, run, { progress: { confirmBy: null }, steps: told });
    return;
  }
  const margin = (terms.overlapSeconds - terms.confirmWithinSeconds) * 1000;
  const next = { endsAt: later, confirmBy: later - margin, extensions: extensions + 1 };
  const extended = { ...run, progress: { ...progress, ...next } };
  const moved = await moveRun(deps, run, {
    progress: next,
    steps: [...steps, ...newsSteps(extended, waitingNews(programs, 'extended'), now)],
    audit: await recordOf(deps, run, {
      action: 'rotation.extend',
      detail: { ends_at: rfc3339(later as UnixMs), extensions: next.extensions },
    }),
  });
  if (moved !== undefined)
    deps.rotatables[progress.kind].changed(row.tenant as TenantId, progress.target);
}

/** Where the rule names programs, those that are missing are what somebody has to look for. */
function waitingNews(programs: readonly string[], kind: 'extended' | 'unconfirmed'): RotationNews {
  if (programs.length === 0) return { kind };
  return { kind: 'waiting', programs, isLast: kind === 'unconfirmed' };
}

/** The end of the overlap. Whoever used the predecessor to the last is named to its owner. */
async function end(deps: RotationDeps, run: Run): Promise<void> {
  const { row, progress } = run;
  const uses = await deps.rotatables[progress.kind].overlapUses(row.tenant as TenantId, progress);
  await moveRun(deps, run, {
    status: 'done',
    progress: { overlapUses: uses.count },
    steps: uses.count === 0 ? [] : newsSteps(run, { kind: 'ended', uses }, deps.clock.nowMs()),
    audit: await recordOf(deps, run, {
      action: 'rotation.end',
      detail: { confirmed: progress.confirmedAt !== null, overlap_uses: uses.count },
    }),
  });
}

async function miss(deps: RotationDeps, run: Run): Promise<void> {
  const { row, progress } = run;
  const uses = await deps.rotatables[progress.kind].overlapUses(row.tenant as TenantId, progress);
  const programs = await programsWaiting(deps.store, row.tenant, progress);
  const news: RotationNews =
    programs.length === 0 ? { kind: 'missed', uses } : { kind: 'left_behind', programs, uses };
  await moveRun(deps, run, {
    status: 'unconfirmed',
    progress: { overlapUses: uses.count },
    steps: newsSteps(run, news, deps.clock.nowMs()),
    audit: await recordOf(deps, run, {
      action: 'rotation.end',
      detail: { confirmed: false, overlap_uses: uses.count },
    }),
  });
}

async function recordOf(
  deps: RotationDeps,
  run: Run,
  what: {
    readonly action: 'rotation.confirm' | 'rotation.extend' | 'rotation.end';
    readonly detail: Readonly<Record<string, string | number | boolean>>;
  },
) {
  const { row } = run;
  return deps.recorder.record(
    eventBy(bySchedule(row.tenant), {
      action: what.action,
      at: deps.clock.nowMs(),
      object: { kind: 'rotation', id: row.rule },
      related: credentialOf(run),
      detail: { run: row.id, predecessor: run.progress.predecessor, ...what.detail },
    }),
  );
}
