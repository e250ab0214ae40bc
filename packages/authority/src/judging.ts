/**
 * How tokens and keys are judged: what the endpoints, the pages and the gateways of this process
 * ask, over one view of what was revoked, never older than its lease.
 */
import {
  type ActiveCredential,
  type IntrospectionAnswer,
  type Introspector,
  type JsonObject,
  limits,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import {
  createSubKeyMemory,
  createVerifiedCache,
  isSubKeyText,
  subKeyName,
  type VerifiedAccessToken,
} from '@mintmark/tokens';
import type { RefusalTally } from './admin/refusal-tally.ts';
import { type VerifyKeyPorts, verifyKey } from './apikeys/verify-key.ts';
import { createSlowHashQueue } from './custody/slow-hash-queue.ts';
import type { UserinfoDeps } from './grants/userinfo.ts';
import type { ActiveKey, ProtocolDeps } from './http/protocol-deps.ts';
import { type IntrospectDeps, introspect } from './introspection/introspect.ts';
import type { Feed } from './revocation/feed.ts';
import type { Rooms } from './rooms.ts';

/** Who may know all tokens of the tenant. */
const operator = { kind: 'operator' } as const;

export function introspectDepsOf(rooms: Rooms): IntrospectDeps {
  const { config, ports, store, peppers, keyring, feed, issuers } = rooms;
  return {
    ...{ store, peppers },
    clock: ports.clock,
    prefix: config.prefix,
    issuerOf: issuers.issuerOf,
    cache: createVerifiedCache<VerifiedAccessToken>(),
    verificationKeys: keyring.verificationKeys,
    refuses: freshRefuses(feed),
  };
}

export function accessTokenReader(deps: IntrospectDeps): UserinfoDeps['accessToken'] {
  return async (tenant, token) => {
    const found = await introspect(deps, { tenant, token, caller: operator });
    return found.active ? found : undefined;
  };
}

export function keyVerifier({
  config,
  ports,
  store,
  peppers,
  sealer,
  recorder,
  keyCache,
  keyShadow: shadow,
  feed,
}: Rooms): VerifyKeyPorts {
  const { clock, log } = ports;
  return {
    store: { ...store, keys: keyCache },
    peppers,
    sealer,
    recorder,
    clock,
    prefix: config.prefix,
    ended: freshEnded(feed),
    slowHashes: createSlowHashQueue(),
    subKeys: createSubKeyMemory(),
    countryOf: ports.countryOf,
    shadow,
    onFault: (error) => log({ type: 'fault', where: 'rehash', error }),
  };
}

/** The API key that the text is, while it is good; undefined for everything else. */
export async function activeKey(
  deps: { readonly keys: VerifyKeyPorts; readonly refused: RefusalTally['note'] },
  input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly address: string | undefined;
    /** Whether the caller judges by itself for what a sub-key is used. */
    readonly judgesUse?: boolean;
  },
): Promise<ActiveKey | undefined> {
  const { keys, refused } = deps;
  const { tenant, token: text, address } = input;
  const now = keys.clock.nowMs();
  const isSubKey = isSubKeyText(text, keys.prefix);
  // What a personal token is for stands in the answer; who knows nothing of sub-keys would overlook
  // what those are for.
  const use = input.judgesUse === true || !isSubKey ? 'judged' : undefined;
  const verdict = await verifyKey(keys, { tenant, text, kinds: ['key', 'pat'], now, address, use });
  if (!verdict.active && verdict.code === 'quarantined') {
    // Whoever asked hears that it is not active, and could not tell whose history this belongs to.
    const evidence = { surface: 'introspection', reason: 'quarantined_key_used' };
    refused({ tenant, ...evidence, address: address ?? 'unknown', key: verdict.row.id });
  }
  if (!verdict.active) return undefined;
  const { id, owner, scopes, createdAt, expiresAt, budget, pat } = verdict.row;
  const expiresAtSeconds = expiresAt === null ? undefined : Math.floor(expiresAt / 1000);
  return {
    ...{ active: true, kind: 'api_key', id, owner, scopes, expiresAtSeconds },
    createdAt: createdAt as UnixMs,
    ...(budget === null ? {} : { metered: true }),
    audience: pat?.audience ?? [],
    ...(verdict.subKey === undefined ? {} : { subKey: subKeyName(verdict.subKey.links) }),
  };
}

/** The answer to a gateway in this process: as over the network, of its audiences alone. */
export async function askedBy(
  protocol: ProtocolDeps,
  feed: Feed,
  { tenant, credential: token, address }: Parameters<Introspector['introspect']>[0],
): Promise<IntrospectionAnswer> {
  const audiences = await feed.audiences(tenant);
  const caller = { kind: 'gateway', audiences } as const;
  const asked = { tenant, token, caller, address, judgesUse: true };
  const found = await protocol.introspect(asked);
  if (!found.active) return { active: false };
  if ('kind' in found) {
    return {
      active: true,
      kind: 'api_key',
      id: found.id,
      subject: found.owner,
      clientId: undefined,
      scopes: found.scopes,
      audience: found.audience,
      issuedAt: Math.floor(found.createdAt / 1000) as UnixSeconds,
      expiresAt: found.expiresAtSeconds as UnixSeconds | undefined,
      position: undefined,
      family: undefined,
      binding: undefined,
      metered: found.metered,
    };
  }
  // Good at the token endpoint alone.
  if (found.format === 'refresh') return { active: false };
  const { format, tokenId, claims, ...rest } = found;
  return {
    kind: format,
    id: tokenId,
    ...rest,
    ...saidOf(claims),
  };
}

/** RFC 9068 §2.2.3.1: what the token says of its subject, for policies. */
function saidOf(claims: JsonObject): Pick<ActiveCredential, 'roles' | 'groups' | 'amr'> {
  const listOf = (name: string): readonly string[] | undefined => {
    const list = claims[name];
    const isList = Array.isArray(list) && list.every((one) => typeof one === 'string');
    return isList ? (list as readonly string[]) : undefined;
  };
  return { roles: listOf('roles'), groups: listOf('groups'), amr: listOf('amr') };
}

/** Whether the key ended with its owner or its tenant: see `revocation/end-keys.ts`. */
function freshEnded(feed: Feed): VerifyKeyPorts['ended'] {
  return async ({ owner, tenant, createdAt }, links) => {
    const of = tenant as TenantId;
    if (feed.ageMs(of) > limits.feedLeaseMs) await feed.refresh(of);
    return feed.refusesKey(of, {
      ...{ owner, tenant, links },
      createdAt: createdAt as UnixMs,
    });
  };
}

/** A view of revocations that could not be refreshed within its lease judges nothing any more. */
export function freshRefuses(feed: Feed): Feed['refuses'] {
  return async (tenant, token) => {
    if (feed.ageMs(tenant) > limits.feedLeaseMs) {
      await feed.refresh(tenant);
    }
    return feed.refuses(tenant, token);
  };
}
