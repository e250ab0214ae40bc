/** Disables a key, or enables it again. Revocation is another thing: it has no way back. */
import { err, ok, type Result } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import { isApiKey, type KeyPorts, type KeyRow, keyEvent, keyFeedStep } from './key-change.ts';

export type SetKeyStatusRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'revoked' }
  | { readonly reason: 'conflict' };

/** Setting the status that it has already changes nothing and is no refusal. */
export async function setKeyStatus(
  ports: Pick<KeyPorts, 'store' | 'recorder' | 'clock'>,
  input: {
    readonly requester: Requester;
    readonly id: string;
    readonly status: 'active' | 'disabled';
  },
): Promise<Result<KeyRow, SetKeyStatusRefusal>> {
  const { requester, status } = input;
  const row = await ports.store.keys.get(requester.tenant, input.id);
  if (!isApiKey(row)) return err({ reason: 'not_found' });
  if (row.status === 'revoked') return err({ reason: 'revoked' });
  if (row.status === status) return ok(row);
  const now = ports.clock.nowMs();
  const set = { status, updatedAt: now, version: row.version + 1 };
  const changed: KeyRow = { ...row, ...set };
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { tenant: row.tenant, id: row.id, version: row.version, status: row.status },
        set,
        refused: 'conflict',
      },
      keyFeedStep(row.tenant, [changed], now),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, { action: 'key.update', at: now, detail: { status } }),
    ),
  });
  return outcome === 'done' ? ok(changed) : err({ reason: 'conflict' });
}
