/**
 * The userinfo endpoint's judgement (OpenID Connect Core §5.3): an access token with the scope
 * `openid`, of a person who is still there, gives the claims that its scopes stand for. What must
 * never happen: claims for a token that is revoked, or that speaks for no person.
 */
import {
  err,
  type JsonObject,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { assembleJws, jwsSigningInput } from '@mintmark/tokens';
import { type Client, clientOf } from '../clients/client.ts';
import { subjectFor } from '../clients/subject-for.ts';
import type { ActiveToken } from '../introspection/introspect.ts';
import type { IssueDeps } from '../issuance/issue.ts';
import type { Store } from '../store/store.ts';
import type { Users } from '../users/users.ts';
import { personClaims } from './person-claims.ts';

export interface UserinfoDeps extends Pick<IssueDeps, 'keyring' | 'issuerOf' | 'clock'> {
  readonly store: Pick<Store, 'clients' | 'userinfoWishes'>;
  readonly users: Pick<Users, 'get'>;
  readonly pairwiseKey: Uint8Array;
  /** An access token that is good now, whoever it is meant for; undefined for everything else. */
  readonly accessToken: (tenant: TenantId, text: string) => Promise<ActiveToken | undefined>;
}

export interface Userinfo {
  readonly claims: JsonObject;
  /** As a JWT, where the client asked for that (§5.3.2). */
  readonly signed: string | undefined;
}

export type UserinfoRefusal = { readonly reason: 'invalid_token' | 'no_openid_scope' };

/** @throws StoreFault, CustodyFault */
export async function userinfo(
  deps: UserinfoDeps,
  tenant: TenantId,
  text: string,
): Promise<Result<Userinfo, UserinfoRefusal>> {
  const token = await deps.accessToken(tenant, text);
  if (token === undefined) return err({ reason: 'invalid_token' });
  // RFC 9449 §7.2: a token that is bound to a key is no good for whoever bears it.
  if (token.binding !== undefined) return err({ reason: 'invalid_token' });
  if (!token.scopes.includes('openid')) return err({ reason: 'no_openid_scope' });
  const [row, user] = await Promise.all([
    deps.store.clients.get(tenant, token.clientId),
    deps.users.get(tenant, token.subject),
  ]);
  if (row === undefined || user?.status !== 'active') return err({ reason: 'invalid_token' });
  const client = clientOf(row);
  const names = await wishesOf(deps, tenant, token);
  const claims = {
    ...personClaims(user.claims, { scopes: token.scopes, names }),
    sub: subjectFor(deps.pairwiseKey, client, token.subject),
  };
  return ok({ claims, signed: await signedFor(deps, client, claims) });
}

async function wishesOf(
  deps: UserinfoDeps,
  tenant: TenantId,
  { family }: ActiveToken,
): Promise<readonly string[]> {
  if (family === undefined) return [];
  return (await deps.store.userinfoWishes.get(tenant, family))?.names ?? [];
}

async function signedFor(
  deps: UserinfoDeps,
  client: Client,
  claims: JsonObject,
): Promise<string | undefined> {
  const { tenant, userinfoAlgorithm } = client;
  if (userinfoAlgorithm === undefined) return undefined;
  const signer = await deps.keyring.signer(tenant, userinfoAlgorithm);
  const iat: UnixSeconds = nowSeconds(deps.clock);
  const input = jwsSigningInput(
    { typ: 'JWT', alg: signer.algorithm, kid: signer.kid },
    { ...claims, iss: deps.issuerOf(tenant), aud: client.clientId, iat },
  );
  return assembleJws(input, await signer.sign(Buffer.from(input, 'latin1')));
}
