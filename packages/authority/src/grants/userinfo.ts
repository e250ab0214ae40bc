/**
 * The userinfo endpoint's judgement (OpenID Connect Core §5.3): an access token with the scope
 * `openid`, of a person who is still there, gives the claims that its scopes stand for. What must
 * never happen: claims for a token that is revoked, or that speaks for no person.
 */
import { hash } from 'node:crypto';
import {
  err,
  type JsonObject,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import {
  assembleJws,
  encryptJwe,
  encryptJwt,
  type JweRecipient,
  jwsSigningInput,
} from '@mintmark/tokens';
import { judgeProof, type PresentedKeys, type ProofDeps } from '../clients/binding.ts';
import { type Client, clientOf } from '../clients/client.ts';
import type { ClientKeys } from '../clients/client-keys.ts';
import { type RecipientRefusal, recipientOf } from '../clients/recipient.ts';
import { subjectFor } from '../clients/subject-for.ts';
import type { ActiveToken } from '../introspection/introspect.ts';
import type { IssueDeps } from '../issuance/issue.ts';
import type { RightsClaims } from '../roles/rights-claims.ts';
import type { Store } from '../store/store.ts';
import type { Users } from '../users/users.ts';
import { personClaims } from './person-claims.ts';

export interface UserinfoDeps
  extends Pick<IssueDeps, 'keyring' | 'issuerOf' | 'clock' | 'entropy'> {
  readonly rightsClaims: RightsClaims;
  readonly clientKeys: Pick<ClientKeys, 'encryptionKey'>;
  readonly store: Pick<Store, 'clients' | 'userinfoWishes' | 'acts'>;
  readonly users: Pick<Users, 'get'>;
  readonly pairwiseKey: Uint8Array;
  readonly proofs: ProofDeps;
  /** An access token that is good now, whoever it is meant for; undefined for everything else. */
  readonly accessToken: (tenant: TenantId, text: string) => Promise<ActiveToken | undefined>;
}

export interface Userinfo {
  readonly claims: JsonObject;
  /** As a JWT, signed, encrypted or both, where the client asked for that (§5.3.2). */
  readonly jwt: string | undefined;
}

export type UserinfoRefusal =
  | { readonly reason: 'invalid_token' | 'no_openid_scope' }
  | { readonly reason: 'invalid_proof' | 'nonce_needed' }
  | RecipientRefusal;

/** How the token came, and what proves that it is its holder who uses it. */
export interface PresentedToken {
  readonly text: string;
  readonly scheme: 'bearer' | 'dpop';
  readonly keys: PresentedKeys;
}

/** @throws StoreFault, CustodyFault */
export async function userinfo(
  deps: UserinfoDeps,
  tenant: TenantId,
  presented: PresentedToken,
): Promise<Result<Userinfo, UserinfoRefusal>> {
  const token = await deps.accessToken(tenant, presented.text);
  if (token === undefined) return err({ reason: 'invalid_token' });
  const bound = await judgeUse(deps, tenant, { presented, token });
  if (bound !== undefined) return err(bound);
  if (!token.scopes.includes('openid')) return err({ reason: 'no_openid_scope' });
  const [row, user] = await Promise.all([
    deps.store.clients.get(tenant, token.clientId),
    deps.users.get(tenant, token.subject),
  ]);
  if (row === undefined || user?.status !== 'active') return err({ reason: 'invalid_token' });
  const client = clientOf(row);
  const recipient = await recipientOf(deps.clientKeys, client, 'userinfo');
  if (!recipient.ok) return recipient;
  const names = await wishesOf(deps, tenant, token);
  const claims = {
    ...(await deps.rightsClaims({
      ...{ tenant, subject: token.subject, scopes: token.scopes },
      namesMax: Number.POSITIVE_INFINITY,
    })),
    ...personClaims(user.claims, { scopes: token.scopes, names }),
    sub: subjectFor(deps.pairwiseKey, client, token.subject),
  };
  const signed = await signedFor(deps, client, claims);
  return ok({ claims, jwt: encrypted(deps, recipient.value, { signed, claims }) });
}

/** Signed first (OpenID Connect Core §16.14); `cty` says whether there is a JWT inside. */
function encrypted(
  { entropy }: UserinfoDeps,
  recipient: JweRecipient | undefined,
  { signed, claims }: { readonly signed: string | undefined; readonly claims: JsonObject },
): string | undefined {
  if (recipient === undefined) return signed;
  if (signed !== undefined) return encryptJwt(entropy, recipient, signed);
  return encryptJwe(entropy, recipient, { plaintext: utf8(JSON.stringify(claims)) });
}

/**
 * A token that is bound to a key is no good for whoever bears it (RFC 9449 §7.2, RFC 8705 §3), and
 * one that is not does not become so by a proof.
 */
async function judgeUse(
  deps: UserinfoDeps,
  tenant: TenantId,
  { presented, token }: { readonly presented: PresentedToken; readonly token: ActiveToken },
): Promise<UserinfoRefusal | undefined> {
  const { binding } = token;
  const { keys, scheme, text: accessToken } = presented;
  if ((scheme === 'dpop') !== (binding?.by === 'jkt')) return { reason: 'invalid_token' };
  if (binding?.by === 'x5t#S256') {
    const { certificate } = keys;
    const shown = certificate && hash('sha256', certificate, 'base64url');
    return shown === binding.thumbprint ? undefined : { reason: 'invalid_token' };
  }
  if (binding === undefined) return undefined;
  const proof = judgeProof(deps.proofs, { ...keys, tenant, accessToken });
  if (!proof.ok) {
    const isAsked = proof.refusal.reason === 'nonce_needed';
    return { reason: isAsked ? 'nonce_needed' : 'invalid_proof' };
  }
  if (proof.value.jkt !== binding.thumbprint) return { reason: 'invalid_token' };
  const { outcome } = await deps.store.acts.run({ steps: proof.value.once, audit: null });
  return outcome === 'done' ? undefined : { reason: 'invalid_proof' };
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
