/** Writes what an organisation lets personal access tokens be, those that are there too. */
import { type Clock, err, ok, type PatPolicy, type Result } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

/** @param input.version that was seen; 0: the defaults, which nobody has replaced yet */
export async function putPatPolicy(
  deps: {
    readonly store: Pick<Store, 'acts'>;
    readonly recorder: Recorder;
    readonly clock: Pick<Clock, 'nowMs'>;
  },
  requester: Requester,
  input: { readonly policy: PatPolicy; readonly version: number },
): Promise<Result<Row<'patPolicies'>, { readonly reason: 'version_mismatch' }>> {
  const { policy, version } = input;
  const { tenant } = requester;
  const at = deps.clock.nowMs();
  const set = { policy, updatedAt: at, version: version + 1 };
  const row = { tenant, ...set };
  const step: Step =
    version === 0
      ? { do: 'insert', table: 'patPolicies', row, refused: 'version_mismatch' }
      : {
          do: 'update',
          table: 'patPolicies',
          where: { tenant, version },
          set,
          refused: 'version_mismatch',
        };
  const { outcome } = await deps.store.acts.run({
    steps: [step, { do: 'feed', tenant, at, entries: [{ type: 'pat_policy', policy }] }],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'pat_policy.update',
        at,
        object: { kind: 'pat_policy', id: tenant },
        detail: {
          max_life_seconds: policy.maxLifeSeconds,
          requires_approval: policy.requiresApproval,
          ...(policy.allowedScopes === null ? {} : { allowed_scopes: policy.allowedScopes }),
          ...(policy.makers === null ? {} : { makers: policy.makers }),
        },
      }),
    ),
  });
  return outcome === 'done' ? ok(row) : err({ reason: 'version_mismatch' });
}
