/**
 * Clients whose id is the URL of their own metadata (draft-ietf-oauth-client-id-metadata-document):
 * nobody registered them before, and what they say of themselves is fetched where they say that
 * they are. What must never happen: a document that speaks for another id than its own address, a
 * fetch for each request, or a shared secret with somebody who is known by a public page.
 */
import {
  type ClientId,
  type Clock,
  isJsonObject,
  type JsonObject,
  limits,
  type TenantId,
} from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import { redescribed } from './approval.ts';
import { ruleFaults } from './check-rules.ts';
import { type Client, clientOf } from './client.ts';
import type { ClientRules } from './client-rules.ts';
import type { GivenRules } from './fresh-rules.ts';
import { redirectUriFault } from './redirect-uri.ts';
import { type RegistrationDeps, strangersRules } from './registration.ts';
import { createClient, updateClient } from './registry.ts';
import { fetchJson, isSectorOf } from './sector.ts';
import { sectorUris } from './sector-uris.ts';

export interface DocumentDeps extends RegistrationDeps {
  readonly clock: Clock;
  /** Reads RFC 7591 metadata; undefined where it is malformed. */
  readonly readMetadata: (document: JsonObject) => GivenRules | undefined;
}

export type FindClient = (tenant: TenantId, clientId: ClientId) => Promise<Client | undefined>;

/** An https URL with a path, as it would be spelled in an address bar, and not too long. */
function isDocumentId(clientId: string): boolean {
  if (!clientId.startsWith('https://') || redirectUriFault(clientId, 'web') !== undefined) {
    return false;
  }
  const { pathname, href } = new URL(clientId);
  return pathname !== '/' && href === clientId;
}

/**
 * @returns finds clients by their id; those of documents are fetched where they are not known, or
 *   were not looked at for `limits.clientDocumentFreshMs`
 */
export function createClientFinder(deps: DocumentDeps): FindClient {
  const failedAt = new Map<string, number>();
  const underWay = new Map<string, Promise<Client | undefined>>();

  async function load(tenant: TenantId, clientId: ClientId, known: Client | undefined) {
    const rules = await fetchRules(deps, tenant, clientId);
    if (rules === undefined) {
      const oldest = failedAt.keys().next();
      if (failedAt.size >= limits.clientDocumentsTriedMax && oldest.done !== true) {
        failedAt.delete(oldest.value);
      }
      failedAt.set(`${tenant}\n${clientId}`, deps.clock.monotonicMs());
      // A page that is away for a while does not end the client; one that stays away does.
      return isWithin(deps, known, limits.clientDocumentKeptMs) ? known : undefined;
    }
    return keep(deps, { tenant, clientId, known, rules });
  }

  return async (tenant, clientId) => {
    const row = await deps.store.clients.get(tenant, clientId);
    const known = row && clientOf(row);
    if (!deps.policyOf(tenant).metadataDocuments || !isDocumentId(clientId)) return known;
    // One that an administrator made is his, whatever stands at its address.
    if (known !== undefined && known.source !== 'document') return known;
    if (isWithin(deps, known, limits.clientDocumentFreshMs)) return known;
    const key = `${tenant}\n${clientId}`;
    const failed = failedAt.get(key);
    if (failed !== undefined && deps.clock.monotonicMs() - failed < limits.clientDocumentRetryMs) {
      return isWithin(deps, known, limits.clientDocumentKeptMs) ? known : undefined;
    }
    const loading =
      underWay.get(key) ?? load(tenant, clientId, known).finally(() => underWay.delete(key));
    underWay.set(key, loading);
    return loading;
  };
}

function isWithin(deps: DocumentDeps, known: Client | undefined, ms: number): boolean {
  return known !== undefined && deps.clock.nowMs() - known.updatedAt < ms;
}

async function fetchRules(
  deps: DocumentDeps,
  tenant: TenantId,
  clientId: ClientId,
): Promise<ClientRules | undefined> {
  const document = await fetchJson(deps.outbound, clientId, limits.clientDocumentBytesMax);
  if (!isJsonObject(document) || document['client_id'] !== clientId) return undefined;
  // There is nobody to share a secret with.
  if (document['client_secret'] !== undefined) return undefined;
  const given = deps.readMetadata({ token_endpoint_auth_method: 'none', ...document });
  if (given?.authMethod !== 'none' && given?.authMethod !== 'private_key_jwt') return undefined;
  // Agents listen on a port of the moment, and say so in no standard's words.
  const { applicationType = 'native' } = given;
  const policy = deps.policyOf(tenant);
  // Whoever may register others has not seen this one.
  const by = { ...deps, clientId, policy, isVouchedFor: false };
  const stranger = strangersRules(by, { ...given, applicationType });
  const rules: ClientRules = { ...stranger, source: 'document', requirePkce: true };
  if (ruleFaults(rules, deps.abilities).length > 0) return undefined;
  const { sectorIdentifierUri: sector } = rules;
  const uris = sectorUris(rules);
  if (sector !== undefined && !(await isSectorOf(deps, { sector, uris }))) return undefined;
  return rules;
}

async function keep(
  deps: DocumentDeps,
  input: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly known: Client | undefined;
    readonly rules: ClientRules;
  },
): Promise<Client | undefined> {
  const { tenant, clientId, known, rules } = input;
  const context: Requester = { tenant, actor: { kind: 'system', id: 'client-document' } };
  const kept =
    known === undefined
      ? await createClient(deps, context, { clientId, rules })
      : await updateClient(deps, context, {
          clientId,
          version: known.version,
          rules: redescribed(rules, known),
          status: known.status,
        });
  if (kept.ok) return 'client' in kept.value ? kept.value.client : kept.value;
  // Another node was faster: what it found is as good.
  const row = await deps.store.clients.get(tenant, clientId);
  return row && clientOf(row);
}
