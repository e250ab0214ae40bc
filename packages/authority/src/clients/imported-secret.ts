/**
 * Secrets of clients that came from another system as hashes: bcrypt, PBKDF2 or argon2, like
 * passwords. Such a row names no pepper. It is judged in the slow queue and nowhere else, and at
 * the first secret that fits it becomes a row like any other.
 */
import { type ClientId, type Clock, err, type Result, type TenantId, utf8 } from '@mintmark/core';
import { hashSecret } from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import type { Peppers } from '../custody/peppers.ts';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import {
  judgePasswordHash,
  type PasswordHashRefusal,
  verifyImportedPassword,
} from '../users/imported-password.ts';

type SecretRow = Row<'clientSecrets'>;

/** Stands where others name their pepper: what they are compared with is no keyed hash. */
const imported = 'imported';

export function isImported({ pepperVersion }: Pick<SecretRow, 'pepperVersion'>): boolean {
  return pepperVersion === imported;
}

/** @returns the columns of its row; refusals: malformed_hash, hash_too_costly */
export function importedColumns(
  hash: string,
): Result<Pick<SecretRow, 'hash' | 'pepperVersion'>, PasswordHashRefusal> {
  const judged = judgePasswordHash(hash);
  if (!judged.ok) return err(judged.refusal);
  return { ok: true, value: { hash: utf8(judged.value), pepperVersion: imported } };
}

export interface ImportedSecretDeps {
  readonly store: Pick<Store, 'acts'>;
  readonly recorder: Recorder;
  readonly peppers: Pick<Peppers, 'current'>;
  readonly slowHashes: SlowHashQueue;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/**
 * @returns the row whose secret was presented, hashed as ours from now on; `busy` where too many
 *   wait
 * @throws StoreFault: the row is as before, and the next use tries again
 */
export async function proveImported(
  deps: ImportedSecretDeps,
  input: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly rows: readonly SecretRow[];
    readonly secret: string;
  },
): Promise<SecretRow | 'busy' | undefined> {
  const now = deps.clock.nowMs();
  for (const row of input.rows) {
    if (!isImported(row) || (row.expiresAt !== null && row.expiresAt <= now)) continue;
    const text = Buffer.from(row.hash).toString();
    const fits = await deps.slowHashes.run(() => verifyImportedPassword(text, input.secret));
    if (fits === 'busy') return fits;
    if (!fits) continue;
    await rehash(deps, row, input);
    return row;
  }
  return undefined;
}

/** Of two first users one is first; for the other everything is as it should be. */
async function rehash(
  { store, recorder, peppers, clock }: ImportedSecretDeps,
  { id, hash: before }: SecretRow,
  {
    tenant,
    clientId,
    secret,
  }: { readonly tenant: TenantId; readonly clientId: ClientId; readonly secret: string },
): Promise<void> {
  const pepper = peppers.current();
  const hash = hashSecret({ pepper: pepper.key, tenant, id: clientId, secret });
  const [, scheme = ''] = /^\$([a-z0-9-]+)/.exec(Buffer.from(before).toString()) ?? [];
  await store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'clientSecrets',
        // The client's version stays: nothing that anybody sees or edits has changed.
        where: { tenant, clientId, id, pepperVersion: imported },
        set: { hash, pepperVersion: pepper.version },
        refused: 'already_done',
      },
    ],
    audit: await recorder.record({
      tenant,
      action: 'client.secret_rehash',
      at: clock.nowMs(),
      actor: { kind: 'system', id: 'rehash' },
      object: { kind: 'client', id: clientId },
      result: 'done',
      detail: { secret: id, from: scheme },
    }),
  });
}
