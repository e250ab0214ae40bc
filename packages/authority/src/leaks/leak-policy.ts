/** What a tenant wants done about a leaked credential. */
import { type Clock, err, limits, ok, type Result, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';

export const leakPolicySchema = z.strictObject({
  mode: z
    .enum(['act', 'dry_run'])
    .describe('`dry_run` notes what would be done, tells the owner, and does nothing'),
  revoke_after_seconds: z
    .int()
    .min(0)
    .max(limits.leakRevokeAfterSecondsMax)
    .nullable()
    .describe('A credential that is held back is revoked after this time, unless it is released'),
});

export type LeakPolicy = z.output<typeof leakPolicySchema>;

/** Long enough for a weekend, short enough to be an end. */
const byDefault: LeakPolicy = { mode: 'act', revoke_after_seconds: 72 * 3600 };

export interface LeakPolicyPorts {
  readonly store: Pick<Store, 'leakPolicies' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface KeptLeakPolicy {
  readonly policy: LeakPolicy;
  /** 1: nobody has decided, and the default holds. */
  readonly version: number;
}

/** @throws StoreFault */
export async function leakPolicyOf(
  store: Pick<Store, 'leakPolicies'>,
  tenant: TenantId,
): Promise<KeptLeakPolicy> {
  const row = await store.leakPolicies.get(tenant);
  if (row === undefined) return { policy: byDefault, version: 1 };
  // Written by `putLeakPolicy` alone.
  return { policy: leakPolicySchema.parse(row.policy), version: row.version };
}

/** Of two who decide at once one wins. @throws StoreFault: nothing has changed */
export async function putLeakPolicy(
  { store, recorder, clock }: LeakPolicyPorts,
  input: {
    readonly requester: Requester;
    readonly policy: LeakPolicy;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<KeptLeakPolicy, { readonly reason: 'version_mismatch' }>> {
  const { requester, policy, isSeen } = input;
  const { tenant } = requester;
  const known = await leakPolicyOf(store, tenant);
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const updatedAt = clock.nowMs();
  const version = known.version + 1;
  const set = { policy, updatedAt, version };
  const { outcome } = await store.acts.run({
    steps: [
      known.version === 1
        ? {
            do: 'insert',
            table: 'leakPolicies',
            row: { tenant, ...set },
            refused: 'version_mismatch',
          }
        : {
            do: 'update',
            table: 'leakPolicies',
            where: { tenant, version: known.version },
            set,
            refused: 'version_mismatch',
          },
    ],
    audit: await recorder.record(
      eventBy(requester, {
        action: 'leak_policy.update',
        at: updatedAt,
        object: { kind: 'tenant', id: tenant },
        detail: { mode: policy.mode, revoke_after_seconds: policy.revoke_after_seconds ?? 'never' },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ policy, version });
}
