/** Makes an administrator's key: the same form and keeping as API keys, but no gateway knows it. */
import { err, freshId, ok, type Result, type UnixMs } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import type { KeyPorts, KeyRow, StoppedByStep } from '../apikeys/key-change.ts';
import { pepperedColumns } from '../apikeys/key-secret.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Alongside } from '../store/act.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import type { KeyBounds } from './caller.ts';
import { firstNotHeld } from './permission.ts';

export type CreateAdminKeyRefusal =
  | { readonly reason: 'id_taken' }
  /** Nobody gives away more than he has. */
  | { readonly reason: 'permission_not_held'; readonly permission: string }
  /** It would work later, or from elsewhere, than the key that makes it. */
  | { readonly reason: 'beyond_maker'; readonly setting: 'expires_at' | 'allowed_addresses' }
  | StoppedByStep;

/**
 * @param input.held permissions of whoever asks; `['*']` for the installation itself
 * @param input.bounds of the key that asks: the new one must have the same, or narrower
 * @returns the row, and the key's text, to be shown once
 */
export async function createAdminKey(
  ports: Omit<KeyPorts, 'sealer' | 'keyPolicy'>,
  input: {
    readonly requester: Requester;
    readonly held: readonly string[];
    readonly bounds?: KeyBounds | undefined;
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
  const beyond = beyondMaker(input, input.bounds);
  if (beyond !== undefined) return err({ reason: 'beyond_maker', setting: beyond });
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

/** Address blocks are compared as they are written: the maker's own, or some of them. */
function beyondMaker(
  wanted: {
    readonly expiresAt?: UnixMs | undefined;
    readonly allowedAddresses?: readonly string[] | undefined;
  },
  bounds: KeyBounds = { expiresAt: null, allowedAddresses: null },
): 'expires_at' | 'allowed_addresses' | undefined {
  const { expiresAt, allowedAddresses } = bounds;
  if (expiresAt !== null && !(wanted.expiresAt !== undefined && wanted.expiresAt <= expiresAt)) {
    return 'expires_at';
  }
  if (allowedAddresses === null) return undefined;
  const isWithin = wanted.allowedAddresses?.every((block) => allowedAddresses.includes(block));
  return isWithin === true ? undefined : 'allowed_addresses';
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
    ...undecidedKeyColumns,
  };
  return { row, text };
}
