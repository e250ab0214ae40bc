/**
 * Somebody fears that a signing or encryption key is known to others. Nothing ends by the report:
 * it is on record, and rules that name `leak` have the next key published at once. Whoever is sure
 * ends the key in an emergency.
 */
import { type Clock, err, ok, type Result } from '@mintmark/core';
import { type Reason, saidWhy } from '../audit/reason.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { isForEncryption, isTrusted } from '../keyring/schedule.ts';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import type { Store } from '../store/store.ts';

export interface ReportKeyPorts {
  readonly store: Pick<Store, 'signingKeys' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type ReportKeyRefusal =
  | { readonly reason: 'not_found' }
  /** It is trusted no more, so nothing rests on it. */
  | { readonly reason: 'ended' };

/** @throws StoreFault, CustodyFault */
export async function reportSigningKey(
  { store, recorder, clock }: ReportKeyPorts,
  input: { readonly requester: Requester; readonly kid: string; readonly reason: Reason },
): Promise<Result<undefined, ReportKeyRefusal>> {
  const { requester, kid, reason } = input;
  const { tenant } = requester;
  const row = await store.signingKeys.get(tenant, kid);
  if (row === undefined) return err({ reason: 'not_found' });
  if (!isTrusted(row)) return err({ reason: 'ended' });
  const of = isForEncryption(row) ? 'encryption_key' : 'signing_key';
  const about = { kind: 'credential', of, id: row.algorithm } as const;
  const at = clock.nowMs();
  const object = { kind: 'signing_key', id: kid } as const;
  await store.acts.run({
    steps: [rotationEventStep(tenant, 'leak', { about, at })],
    audit: await recorder.record(
      eventBy(requester, { action: 'signing_key.report', at, object, ...saidWhy(reason) }),
    ),
  });
  return ok(undefined);
}
