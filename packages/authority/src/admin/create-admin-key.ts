/** Makes an administrator's key: the same form and keeping as API keys, but no gateway knows it. */
import { err, freshId, ok, type Result, type UnixMs } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import type { KeyPorts, KeyRow, StoppedByStep } from '../apikeys/key-change.ts';
import { pepperedColumns } from '../apikeys/key-secret.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Alongside } from '../store/act.ts';
import { firstNotHeld } from './permission.ts';

export type CreateAdminKeyRefusal =
  | { readonly reason: 'id_taken' }
  /** Nobody gives away more than he has. */
  | { readonly reason: 'permission_not_held'; readonly permission: string }
  | StoppedByStep;

/**
 * @param input.held permissions of whoever asks; `['*']` for the installation itself
 * @returns the row, and the key's text, to be shown once
 */
export async function createAdminKey(
  ports: Omit<KeyPorts, 'sealer'>,
  input: {
    readonly requester: Requester;
    readonly held: readonly string[];
    readonly name: string;
    readonly permissions: readonly string[];
    readonly allowedAddresses?: readonly string[] | undefined;
    readonly expiresAt?: UnixMs | undefined;
    readonly alongside?: Alongside<KeyRow>;
  },
): Promise<Result<{ readonly row: KeyRow; readonly text: string }, CreateAdminKeyRefusal>> {
  const { requester, permissions } = input;
  const missing = firstNotHeld(input.held, permissions);
  if (missing !== undefined) return err({ reason: 'permission_not_held', permission: missing });
  const now = ports.clock.nowMs();
  const { row, text } = newAdminKey(ports, { ...input, now });
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'insert', table: 'keys', row, refused: 'id_taken' },
      ...(input.alongside?.(row) ?? []),
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: 'admin_key.create',
        at: now,
        object: { kind: 'admin_key', id: row.id },
        detail: { permissions },
      }),
    ),
  });
  if (outcome === 'done') return ok({ row, text });
  if (outcome === 'id_taken') return err({ reason: 'id_taken' });
  return err({ reason: 'refused_by_step', step: outcome });
}

function newAdminKey(
  ports: Pick<KeyPorts, 'peppers' | 'entropy' | 'prefix'>,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly permissions: readonly string[];
    readonly allowedAddresses?: readonly string[] | undefined;
    readonly expiresAt?: UnixMs | undefined;
    readonly now: UnixMs;
  },
): { readonly row: KeyRow; readonly text: string } {
  const { prefix, entropy } = ports;
  const { requester, now } = input;
  const { tenant, actor } = requester;
  const id = freshId(entropy);
  const { text, secret } = buildSecretToken({ prefix, kind: 'admin', id, entropy });
  const row: KeyRow = {
    tenant,
    id,
    kind: 'admin',
    name: input.name,
    status: 'active',
    ...pepperedColumns(ports.peppers, { tenant, id, secret }),
    owner: actor.id,
    scopes: input.permissions,
    environment: null,
    plan: null,
    allowedAddresses: input.allowedAddresses ?? null,
    metadata: {},
    createdAt: now,
    updatedAt: now,
    notBefore: null,
    expiresAt: input.expiresAt ?? null,
    predecessor: null,
    successor: null,
    importFormat: null,
    importFingerprint: null,
    version: 1,
  };
  return { row, text };
}
