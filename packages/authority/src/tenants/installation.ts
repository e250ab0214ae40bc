/**
 * The installation's first moment: its epoch, its first tenant and its first administrator, in one
 * act. What must never happen: two administrators' keys from two processes that start at once.
 */
import {
  type AuditActor,
  base64urlEncode,
  type Clock,
  defaultTenant,
  type Entropy,
  err,
  freshId,
  ok,
  type Result,
  StoreFault,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import { pepperedColumns } from '../apikeys/key-secret.ts';
import type { Recorder } from '../audit/record.ts';
import type { Peppers } from '../custody/peppers.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface InstallationDeps {
  readonly store: Pick<Store, 'acts'>;
  readonly recorder: Recorder;
  readonly peppers: Peppers;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly prefix: string;
}

const installer: AuditActor = { kind: 'system', id: 'init' };

/**
 * Makes the installation.
 *
 * @param settings kept with it, such as its prefix: what may not change later
 * @returns the first administrator's key, in clear, this once; refusal: already_initialised
 */
export async function initInstallation(
  deps: InstallationDeps,
  settings: Readonly<Record<string, string>>,
): Promise<Result<{ readonly adminKey: string }, { readonly reason: 'already_initialised' }>> {
  const { clock, entropy } = deps;
  const now = clock.nowMs();
  const tenant = defaultTenant;
  const { row: key, text } = administratorKey(deps, { name: 'first administrator', now });
  const refused = 'already_initialised';
  const epoch = base64urlEncode(entropy.bytes(12));
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'insert',
        table: 'installation',
        row: { id: 'self', epoch, createdAt: now, settings },
        refused,
      },
      {
        do: 'insert',
        table: 'tenants',
        row: {
          ...{ tenant, name: tenant, status: 'active', createdAt: now, version: 1 },
          ...{ settings: null, sessionsEndedBefore: null },
        },
        refused,
      },
      { do: 'insert', table: 'keys', row: key, refused },
    ],
    audit: await deps.recorder.record({
      tenant,
      action: 'installation.init',
      at: now,
      actor: installer,
      object: { kind: 'installation', id: 'self' },
      related: { kind: 'admin_key', id: key.id },
      result: 'done',
      detail: { epoch },
    }),
  });
  return outcome === 'done' ? ok({ adminKey: text }) : err({ reason: 'already_initialised' });
}

/**
 * Makes another administrator's key for whoever holds the database and the key that opens custody:
 * the way back in where every admin key was lost. Those that there are stay as they are.
 *
 * @returns the key, in clear, this once
 * @throws StoreFault `not_initialised`
 */
export async function recoverAdministrator(
  deps: InstallationDeps & { readonly store: Pick<Store, 'installation'> },
): Promise<{ readonly id: string; readonly adminKey: string }> {
  const now = deps.clock.nowMs();
  const installation = await deps.store.installation.get('self');
  if (installation === undefined) {
    throw new StoreFault('not_initialised', 'this database holds no installation', {
      hint: 'name the data folder of the installation with --data',
    });
  }
  const prefix = installation.settings['prefix'] ?? deps.prefix;
  const input = { name: 'administrator by recovery', now };
  const { row, text } = administratorKey({ ...deps, prefix }, input);
  const { outcome } = await deps.store.acts.run({
    steps: [{ do: 'insert', table: 'keys', row, refused: 'taken' }],
    audit: await deps.recorder.record({
      tenant: defaultTenant,
      action: 'installation.recover',
      at: now,
      actor: { kind: 'system', id: 'recover' },
      object: { kind: 'installation', id: 'self' },
      related: { kind: 'admin_key', id: row.id },
      result: 'done',
    }),
  });
  if (outcome !== 'done') throw new Error(`recovery: unexpected outcome ${outcome}`);
  return { id: row.id, adminKey: text };
}

/** A key that may do everything, made by the installation itself; nothing is stored yet. */
export function administratorKey(
  deps: Pick<InstallationDeps, 'peppers' | 'entropy' | 'prefix'>,
  input: { readonly name: string; readonly now: UnixMs; readonly tenant?: TenantId },
): { readonly row: Row<'keys'>; readonly text: string } {
  const { prefix, entropy } = deps;
  const { name, now, tenant = defaultTenant } = input;
  const id = freshId(entropy);
  const { text, secret } = buildSecretToken({ prefix, kind: 'admin', id, entropy });
  const row: Row<'keys'> = {
    tenant,
    id,
    kind: 'admin',
    name,
    status: 'active',
    ...pepperedColumns(deps.peppers, { tenant, id, secret }),
    owner: 'administrator',
    scopes: ['*'],
    environment: null,
    plan: null,
    allowedAddresses: null,
    metadata: {},
    createdAt: now,
    updatedAt: now,
    notBefore: null,
    expiresAt: null,
    predecessor: null,
    successor: null,
    importFormat: null,
    importFingerprint: null,
    version: 1,
    ...undecidedKeyColumns,
  };
  return { row, text };
}
