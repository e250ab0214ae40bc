/**
 * What a text is that somebody says was leaked: a credential of this tenant, by its own secret, or
 * nothing of ours. Only who holds the token can have it ended, so that a name alone harms nobody.
 */
import {
  type Clock,
  equalConstantTime,
  limits,
  parseClientId,
  type TenantId,
} from '@mintmark/core';
import { hashSecret, parseSecretToken } from '@mintmark/tokens';
import { proveKey, type VerifyKeyPorts } from '../apikeys/verify-key.ts';
import { clientOf } from '../clients/client.ts';
import { proveRegistration } from '../clients/registration.ts';
import { registrationSecretId } from '../clients/registry.ts';
import type { Peppers } from '../custody/peppers.ts';
import { type IntrospectDeps, introspect } from '../introspection/introspect.ts';
import { findRefreshToken } from '../issuance/presented-refresh.ts';
import type { LeakKind } from '../store/leak-tables.ts';
import type { Store } from '../store/store.ts';

export interface ProveDeps {
  readonly store: Pick<Store, 'clients' | 'clientSecrets'>;
  readonly keys: VerifyKeyPorts;
  readonly tokens: IntrospectDeps;
  readonly peppers: Pick<Peppers, 'find'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly prefix: string;
}

/** A credential that was proven to be known to whoever reports it. */
export interface ProvenToken {
  readonly kind: LeakKind;
  readonly credential: string;
  readonly owner: string;
  readonly name: string;
  /** It is worth nothing any more. */
  readonly ended: boolean;
}

/**
 * @returns undefined where it is nothing of this tenant's; `busy` where that cannot be said now
 * @throws StoreFault
 */
export async function proveToken(
  deps: ProveDeps,
  tenant: TenantId,
  text: string,
): Promise<ProvenToken | 'busy' | undefined> {
  const own = parseSecretToken(text, deps.prefix);
  if (!own.ok) return (await proveAsKey(deps, tenant, text)) ?? proveAccess(deps, tenant, text);
  switch (own.value.kind) {
    case 'key':
    case 'pat':
    case 'admin':
      return proveAsKey(deps, tenant, text);
    case 'cs':
      return proveClientSecret(deps, tenant, { id: own.value.id, text });
    case 'rt':
      return proveRefresh(deps, tenant, text);
    case 'at':
      return proveAccess(deps, tenant, text);
    case 'ac':
    case 'dc':
    case 'br':
      // They are over in minutes and used once.
      return undefined;
    case 'cr':
      return proveRegistrationToken(deps, tenant, { id: own.value.id, text });
  }
}

async function proveAsKey(
  { keys, clock }: ProveDeps,
  tenant: TenantId,
  text: string,
): Promise<ProvenToken | 'busy' | undefined> {
  const now = clock.nowMs();
  const found = await proveKey(keys, { tenant, text, kinds: ['key', 'pat', 'admin'], now });
  if (found === undefined || found === 'busy') return found;
  const { row, subKey } = found;
  const { id, owner, name, expiresAt, status } = row;
  const ended = status === 'revoked' || (expiresAt !== null && expiresAt <= now);
  const link = subKey?.targets.at(-1);
  // What it was derived from is not in it, and goes on.
  if (link !== undefined) return { kind: 'sub_key', credential: link, owner, name, ended };
  const kind = row.kind === 'admin' ? 'admin_key' : 'key';
  return { kind, credential: id, owner, name, ended };
}

/** A secret that we made carries the id of its row; one that an operator chose is no token. */
async function proveClientSecret(
  { store, peppers, clock }: ProveDeps,
  tenant: TenantId,
  { id, text }: { readonly id: string; readonly text: string },
): Promise<ProvenToken | undefined> {
  const rows = await store.clientSecrets.list({ where: { tenant, id }, limit: 10 });
  for (const row of rows) {
    const { clientId, expiresAt } = row;
    const pepper = await peppers.find(row.pepperVersion);
    if (pepper === undefined) continue;
    const hash = hashSecret({ pepper, tenant, id: clientId, secret: text });
    if (!equalConstantTime(hash, row.hash)) continue;
    const ended = expiresAt !== null && expiresAt <= clock.nowMs();
    const client = await store.clients.get(tenant, clientId);
    const owner = client === undefined ? clientId : (clientOf(client).owner ?? clientId);
    const credential = `${clientId}/${id}`;
    return { kind: 'client_secret', credential, owner, name: clientId, ended };
  }
  return undefined;
}

/** Its id is that of the client which it manages. */
async function proveRegistrationToken(
  deps: ProveDeps,
  tenant: TenantId,
  { id, text }: { readonly id: string; readonly text: string },
): Promise<ProvenToken | undefined> {
  const clientId = parseClientId(id);
  if (!clientId.ok) return undefined;
  const named = { clientId: clientId.value, token: text };
  const found = await proveRegistration(deps, tenant, named);
  if (found === undefined) return undefined;
  const { client, ended } = found;
  const credential = `${client.clientId}/${registrationSecretId}`;
  const owner = client.owner ?? client.clientId;
  return { kind: 'registration_token', credential, owner, name: client.clientId, ended };
}

async function proveRefresh(
  { tokens }: ProveDeps,
  tenant: TenantId,
  text: string,
): Promise<ProvenToken | undefined> {
  const found = await findRefreshToken(tokens, tenant, text);
  // An older one of its family proves nothing, and ends the family where it is used.
  if (found?.is === undefined) return undefined;
  const { family, subject, clientId, ended } = found;
  return { kind: 'refresh_token', credential: family, owner: subject, name: clientId, ended };
}

/** An opaque token, or one of our own signature. */
async function proveAccess(
  { tokens }: ProveDeps,
  tenant: TenantId,
  text: string,
): Promise<ProvenToken | undefined> {
  if (text.length > limits.tokenCharsMax) return undefined;
  const found = await introspect(tokens, { tenant, token: text, caller: { kind: 'operator' } });
  if (!found.active) return undefined;
  const { tokenId, subject, clientId } = found;
  const what = { credential: tokenId, owner: subject, name: clientId } as const;
  return { kind: 'access_token', ...what, ended: false };
}
