/**
 * Proves who presents a credential, as one of the tenants whose credentials the place takes: by its
 * signature or secret, by what was revoked, by the key that it is bound to. Only then has it a say
 * in which route serves.
 */
import {
  base64urlDecode,
  type FailureBudget,
  isJsonObject,
  parseJson,
  type UnixSeconds,
  utf8Decode,
} from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { type Credential, looksEncrypted } from '@mintmark/tokens';
import type { Refusal } from '../refusal.ts';
import type { Identity } from '../verify/identity.ts';
import { judgeBinding, type ProofParts } from '../verify/proof.ts';
import { type Denied, type Verification, verifyCredential } from '../verify/verify.ts';
import type { TenantScope } from '../view/tenant-views.ts';
import { judgeStatus } from './judge.ts';

/** One that was verified, as one of this tenant. */
export interface ProvenAt {
  readonly identity: Identity;
  readonly scope: TenantScope;
}

export type Proving =
  | { readonly ok: true; readonly value: ProvenAt }
  | { readonly ok: false; readonly denied: Denied; readonly scope: TenantScope };

interface Presented {
  readonly credential: Credential;
  readonly address: string;
  readonly now: UnixSeconds;
}

/** Answers at once, but where the authority must be asked. @param scopes at least one */
export function prove(
  scopes: readonly TenantScope[],
  presented: Presented,
): Proving | Promise<Proving> {
  const scope = scopes.length === 1 ? scopes[0] : scopeOf(scopes, presented.credential);
  if (scope === undefined) return proveAmong(scopes, presented);
  const answer = verifyCredential(scope.verify, presented);
  return answer instanceof Promise
    ? answer.then((one) => provingOf(scope, one))
    : provingOf(scope, answer);
}

function provingOf(scope: TenantScope, answer: Verification): Proving {
  if (!answer.ok) return { ok: false, denied: answer.refusal, scope };
  return { ok: true, value: { identity: answer.value, scope } };
}

/** Whose it says it is, or whose view knows it; what is then verified is what it is. */
function scopeOf(scopes: readonly TenantScope[], credential: Credential): TenantScope | undefined {
  switch (credential.kind) {
    case 'jwt': {
      if (looksEncrypted(credential.token)) return undefined;
      const issuer = issuerOf(credential.token);
      return scopes.find(({ view }) => view.issuer === issuer) ?? scopes[0];
    }
    case 'api_key':
      return scopes.find(({ view }) => view.key(credential.id) !== undefined);
    case 'sub_key':
      return scopes.find(({ view }) => view.key(credential.subKey.keyId) !== undefined);
    case 'opaque':
    case 'imported_key':
      return undefined;
    default:
      return scopes[0];
  }
}

/** As it says, unverified: it only chooses by whose keys it is verified. */
function issuerOf(token: string): string | undefined {
  const [, payload = ''] = token.split('.');
  const bytes = base64urlDecode(payload);
  const text = bytes && utf8Decode(bytes);
  const claims = text === undefined ? undefined : parseJson(text);
  if (claims?.ok !== true || !isJsonObject(claims.value)) return undefined;
  const { iss } = claims.value;
  return typeof iss === 'string' ? iss : undefined;
}

/** Only the authority knows whose it is: asked for one tenant after the other. */
async function proveAmong(scopes: readonly TenantScope[], presented: Presented): Promise<Proving> {
  let last: Proving | undefined;
  for (const [index, scope] of scopes.entries()) {
    const isLast = index === scopes.length - 1;
    // That it is of another tenant is no guess: of all the answers the last one counts.
    const failures = isLast ? scope.verify.failures : uncounted(scope.verify.failures);
    const answer = await verifyCredential({ ...scope.verify, failures }, presented);
    last = provingOf(scope, answer);
    if (last.ok) return last;
  }
  return last!;
}

function uncounted(failures: FailureBudget): FailureBudget {
  return { ...failures, failed: () => {} };
}

/** Whether what was verified stands, and is presented by who may: asked once a request. */
export function judgeProven(
  proofs: ProofParts,
  input: ProvenAt & {
    readonly request: StreamRequest;
    readonly credential: Credential;
    readonly now: UnixSeconds;
  },
): Refusal | undefined {
  const { identity, scope, request, credential, now } = input;
  const { view } = scope;
  return (
    judgeStatus(identity, { view, address: request.remoteAddress, now }) ??
    judgeBinding(proofs, { identity, credential, request, now })
  );
}
