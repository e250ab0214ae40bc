/**
 * Brings a run's secret to its places, one after the other. A try is claimed before it is made, so
 * that of several processes one makes it; each place that has it is noted by an act, and
 * with the last one the sealed secret goes. *A crash between a delivery and its note delivers it
 * again, under the same id; one before it leaves the secret where it is.*
 */
import { CustodyFault, limits, type TenantId, type UnixMs, utf8Decode } from '@mintmark/core';
import { eventBy } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Parcel } from './delivery/delivery.ts';
import { bySchedule, moveRun } from './move-run.ts';
import { newsSteps } from './news.ts';
import type { RotationDeps } from './rotations.ts';
import { nameOfPlace, type RotationPlace, ruleOf } from './rule.ts';
import type { Run } from './run.ts';

/** @throws StoreFault, CustodyFault: the lease runs out, and it is tried again */
export async function tryDelivery(deps: RotationDeps, run: Run): Promise<void> {
  const now = deps.clock.nowMs();
  const attempts = run.progress.attempts + 1;
  const lease = now + limits.deliveryLeaseMs;
  let current = await moveRun(deps, run, { progress: { attempts, attemptAt: lease } });
  if (current === undefined) return;
  const { row, progress } = current;
  const tenant = row.tenant as TenantId;
  if ((await deps.rotatables[progress.kind].stateOf(tenant, progress)) === 'ended') {
    await moveRun(deps, current, { status: 'abandoned' });
    return;
  }
  const rule = await deps.store.rotationRules.get(tenant, row.rule);
  const places = rule === undefined ? [] : (ruleOf(rule).deliver_to ?? []);
  const parcel = await open(deps, current);
  for (const place of places) {
    if (current.progress.delivered.includes(nameOfPlace(place))) continue;
    const failure = await deliverTo(deps, { tenant, parcel, place });
    if (failure !== undefined) {
      await fail(deps, current, `${place.to}: ${failure}`);
      return;
    }
    const noted = await note(deps, current, place);
    if (noted === undefined) return;
    current = noted;
  }
  await moveRun(deps, current, {
    status: 'confirming',
    progress: { deliveredAt: deps.clock.nowMs(), failure: null },
    sealedSecret: null,
  });
}

async function open({ sealer }: RotationDeps, { row, progress }: Run): Promise<Parcel> {
  const tenant = row.tenant as TenantId;
  const sealed = row.sealedSecret;
  const opened = sealed && (await sealer.open(tenant, sealContext.rotatedSecret(row.id), sealed));
  const secret = opened === null ? undefined : utf8Decode(opened);
  if (secret === undefined) {
    throw new CustodyFault('custody_tampered', `rotation ${row.id} has no secret to deliver`);
  }
  return {
    id: row.id,
    tenant,
    rule: row.rule,
    kind: progress.kind,
    credential: progress.target,
    predecessor: progress.predecessor,
    predecessorEndsAt: progress.endsAt as UnixMs,
    cause: progress.cause,
    secret,
  };
}

/** @returns what went wrong, in words that carry no secret */
async function deliverTo(
  deps: RotationDeps,
  input: { readonly tenant: TenantId; readonly parcel: Parcel; readonly place: RotationPlace },
): Promise<string | undefined> {
  const { tenant, parcel, place } = input;
  const target = deps.targets.get(place.to);
  // The configuration may have changed since the rule was written.
  if (target === undefined || !target.tenants.includes(tenant)) return 'not configured';
  if (target.judge(place) !== undefined) return 'no such place';
  try {
    const done = await target.deliver(parcel, place);
    return done.ok ? undefined : `${done.refusal.reason} (${done.refusal.detail})`;
  } catch (fault) {
    // Its own credential cannot be read, say: the operator sees why in the log.
    if (!(fault instanceof CustodyFault)) throw fault;
    deps.onFault(fault);
    return fault.code;
  }
}

async function note(deps: RotationDeps, run: Run, place: RotationPlace): Promise<Run | undefined> {
  const { progress, row } = run;
  const now = deps.clock.nowMs();
  const { to, at = '', key = '' } = place;
  return moveRun(deps, run, {
    progress: {
      delivered: [...progress.delivered, nameOfPlace(place)],
      // The next place has a whole lease of its own.
      attemptAt: now + limits.deliveryLeaseMs,
    },
    audit: await deps.recorder.record(
      eventBy(bySchedule(row.tenant), {
        action: 'rotation.deliver',
        at: now,
        object: { kind: 'rotation', id: row.rule },
        related: credentialOf(run),
        detail: { run: row.id, to, at, key, attempts: progress.attempts },
      }),
    ),
  });
}

/** What a record of a run also belongs to. */
export function credentialOf({ progress }: Run) {
  const { kind, successor, target } = progress;
  if (kind === 'key') return { kind: 'key', id: successor } as const;
  if (kind === 'client_secret') return { kind: 'client', id: target } as const;
  return { kind: 'signing_key', id: successor } as const;
}

/** It is never given up: the secret is nowhere else. */
async function fail(deps: RotationDeps, run: Run, failure: string): Promise<void> {
  const { attempts } = run.progress;
  const now = deps.clock.nowMs();
  const pause = Math.min(
    limits.deliveryRetryMsMin * 2 ** Math.min(attempts - 1, 20),
    limits.deliveryRetryMsMax,
  );
  const news =
    attempts === failuresUntold + 1
      ? newsSteps(run, { kind: 'delivery', failure }, deps.clock.nowMs())
      : [];
  await moveRun(deps, run, { progress: { failure, attemptAt: now + pause }, steps: news });
}

/** A short outage mends itself, and is nobody's concern. */
const failuresUntold = 2;
