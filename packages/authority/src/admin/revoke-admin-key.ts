/** Ends an administrator's key for good. From the commit on it works nowhere: all ask the store. */
import { err, limits, ok, type Result, type UnixMs } from '@mintmark/core';
import type { KeyPorts, KeyRow } from '../apikeys/key-change.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import type { Store } from '../store/store.ts';
import { covers, firstNotHeld } from './permission.ts';

export type RevokeAdminKeyRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'version_mismatch' }
  /** Nobody takes away what he could not give: else the weakest administrator would end all. */
  | { readonly reason: 'permission_not_held'; readonly permission: string }
  /** An installation without an administrator can only be repaired from the machine itself. */
  | { readonly reason: 'last_one' };

/**
 * Revoking what is revoked already changes nothing and is no refusal.
 *
 * @param input.held permissions of whoever asks; `['*']` for the installation itself
 */
export async function revokeAdminKey(
  ports: Pick<KeyPorts, 'store' | 'recorder' | 'clock'>,
  input: {
    readonly requester: Requester;
    readonly held: readonly string[];
    readonly id: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<KeyRow, RevokeAdminKeyRefusal>> {
  const { requester } = input;
  const { tenant } = requester;
  const row = await ports.store.keys.get(tenant, input.id);
  if (row === undefined || row.kind !== 'admin') return err({ reason: 'not_found' });
  const missing = firstNotHeld(input.held, row.scopes);
  if (missing !== undefined) return err({ reason: 'permission_not_held', permission: missing });
  if (!input.isSeen(row.version)) return err({ reason: 'version_mismatch' });
  if (row.status === 'revoked') return ok(row);
  const now = ports.clock.nowMs();
  const set = { status: 'revoked', updatedAt: now, version: row.version + 1 } as const;
  const keeper = makesAdmins(row) ? await keeperBeside(ports.store, row, now) : undefined;
  if (makesAdmins(row) && keeper === undefined) return err({ reason: 'last_one' });
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { tenant, id: row.id, version: row.version },
        set,
        refused: 'version_mismatch',
      },
      // Two who revoke one another at once: the second finds its keeper gone.
      ...(keeper === undefined ? [] : [stillActive(keeper)]),
      // Rules may say that what an administrator could reach is new from then on.
      rotationEventStep(tenant, 'administrator_left', { about: { kind: 'all' }, at: now }),
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: 'admin_key.revoke',
        at: now,
        object: { kind: 'admin_key', id: row.id },
      }),
    ),
  });
  if (outcome === 'done') return ok({ ...row, ...set });
  return err({ reason: outcome === 'last_one' ? 'last_one' : 'version_mismatch' });
}

function makesAdmins(row: KeyRow): boolean {
  return covers(row.scopes, 'admin_keys:write');
}

/** Another key that goes on making administrators, and can give them all that this one could. */
async function keeperBeside(
  store: Pick<Store, 'keys'>,
  row: KeyRow,
  now: UnixMs,
): Promise<KeyRow | undefined> {
  const rows = await store.keys.list({
    where: { tenant: row.tenant, kind: 'admin', status: 'active' },
    orderBy: ['tenant', 'kind', 'createdAt', 'id'],
    limit: limits.pageItemsMax,
  });
  return rows.find((other) => {
    const lives = other.expiresAt === null || other.expiresAt > now;
    const isEqual = firstNotHeld(other.scopes, row.scopes) === undefined;
    return other.id !== row.id && lives && makesAdmins(other) && isEqual;
  });
}

function stillActive(keeper: KeyRow): Step {
  const { tenant, id, version } = keeper;
  const where = { tenant, id, version, status: 'active' } as const;
  return { do: 'require', table: 'keys', where, refused: 'last_one' };
}
