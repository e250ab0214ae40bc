/**
 * From a credential to an identity, by what this node knows: signing keys and key verifiers of the
 * status view. The authority is asked only where the view cannot know, once for each credential,
 * and never for what is malformed. Whether the identity may do what it asks is judged elsewhere.
 */
import {
  type ActiveCredential,
  assertNever,
  type CredentialKind,
  equalConstantTime,
  err,
  type FailureBudget,
  type JsonObject,
  ok,
  parseConfirmation,
  type Result,
  type TenantId,
  type TokenBinding,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import {
  type Credential,
  digestToken,
  looksEncrypted,
  narrowScopes,
  provenSubKey,
  type SubKey,
  type SubKeyMemory,
  secretVerifier,
  type VerifiedAccessToken,
  type VerifiedCache,
  type VerifiedSubKey,
  verifyAccessToken,
} from '@mintmark/tokens';
import { judgeKey } from '../decide/judge.ts';
import type { Metrics } from '../record/metrics.ts';
import type { InvalidCredential, Refusal } from '../refusal.ts';
import type { StatusView } from '../view/status-view.ts';
import type { Identity } from './identity.ts';
import type { IntrospectionCache } from './introspection-cache.ts';

export interface VerifyParts {
  readonly tenant: TenantId;
  readonly view: StatusView;
  readonly cache: VerifiedCache<VerifiedAccessToken>;
  readonly subKeys: SubKeyMemory;
  readonly introspections: IntrospectionCache;
  readonly failures: FailureBudget;
  readonly metrics: Metrics;
}

/** What is known of a credential that was refused, for the record. */
export interface Denied {
  readonly refusal: Refusal;
  readonly credentialId: string | undefined;
  /** Whether possession was proven before the refusal. */
  readonly authenticated: boolean;
  readonly subKey?: VerifiedSubKey;
}

export type Verification = Result<Identity, Denied>;

/** Kinds as decision events name them. */
export function credentialKindOf(credential: Credential): CredentialKind {
  return isOfKey(credential) ? 'api_key' : credential.kind;
}

function isOfKey(
  credential: Credential,
): credential is Extract<Credential, { kind: 'imported_key' | 'sub_key' }> {
  return credential.kind === 'imported_key' || credential.kind === 'sub_key';
}

/**
 * Verifies a presented credential. Answers at once, but where the authority must be asked.
 *
 * @param input.credential of any kind but `none`
 */
export function verifyCredential(
  parts: VerifyParts,
  input: { readonly credential: Credential; readonly address: string; readonly now: UnixSeconds },
): Verification | Promise<Verification> {
  const { credential, address, now } = input;
  switch (credential.kind) {
    case 'none':
      return denied({ reason: 'no_credential' });
    case 'malformed':
      return denied({ reason: 'malformed_credential', detail: credential.reason });
    case 'jwt':
      // What only its resource can read, only who issued it can judge.
      if (looksEncrypted(credential.token)) {
        return askAuthority(parts, { text: credential.token, address, now });
      }
      return verifyJwt(parts, { token: credential.token, address, now });
    case 'api_key':
      return verifyKey(parts, { ...credential, address, now });
    case 'sub_key':
      return verifyDerived(parts, { ...credential, address, now });
    case 'opaque':
    case 'imported_key':
      return askAuthority(parts, { text: credential.text, address, now });
    case 'admin_key':
      // A key for management opens nothing else.
      return invalid('wrong_kind', { credentialId: credential.id });
    default:
      return assertNever(credential);
  }
}

function denied(refusal: Refusal): Verification {
  return err({ refusal, credentialId: undefined, authenticated: false });
}

function invalid(
  detail: InvalidCredential,
  known: { readonly credentialId?: string; readonly authenticated?: boolean } = {},
): Verification {
  const { credentialId, authenticated = false } = known;
  return err({ refusal: { reason: 'invalid_credential', detail }, credentialId, authenticated });
}

function verifyJwt(
  parts: VerifyParts,
  input: { readonly token: string; readonly address: string; readonly now: UnixSeconds },
): Verification {
  const { view, cache, failures, tenant } = parts;
  const { token, address, now } = input;
  const keys = view.keySet;
  if (keys === undefined) return denied({ reason: 'status_absent' });
  const { issuer } = view;
  const wait = failures.retryAfterSeconds(address);
  // Who forged too much pays for no more signature checks; a token that was good before still
  // passes.
  if (wait > 0 && cache.find(digestToken(token), issuer, keys) === undefined) {
    return denied({ reason: 'too_many_failures', retryAfterSeconds: wait });
  }
  const verified = verifyAccessToken(token, { issuer, keys, now, cache });
  if (!verified.ok) {
    const { reason } = verified.refusal;
    // The other refusals cost next to nothing, and honest clients meet them: an expired token.
    if (reason === 'bad_signature') failures.failed(address);
    return invalid(reason);
  }
  const claims = verified.value;
  const known = { credentialId: claims.tokenId, authenticated: true };
  if (claims.tenant !== tenant) return invalid('wrong_tenant', known);
  const { confirmation } = claims;
  const binding = confirmation === undefined ? undefined : parseConfirmation(confirmation);
  // Bound by a means that we do not know, so that nobody can have proved it.
  if (claims.use === 'bound' && binding === undefined) return invalid('bound_token', known);
  return ok(identityOfToken(claims, binding));
}

/** Verified claims are remembered as one object; so is the identity that they make. */
const identities = new WeakMap<VerifiedAccessToken, Identity>();

function identityOfToken(claims: VerifiedAccessToken, binding: TokenBinding | undefined): Identity {
  const known = identities.get(claims);
  if (known !== undefined) return known;
  const { tokenId, subject, clientId, tenant, family } = claims;
  const identity: Identity = {
    ...{ kind: 'jwt', credentialId: tokenId, subject, clientId },
    scopes: claims.scopes,
    audience: claims.audience,
    expiresAt: claims.expiresAt,
    binding,
    acr: claims.acr,
    authTime: claims.authTime,
    ...textLists(claims.payload),
    claims: claims.payload,
    asked: undefined,
    targets: {
      ...{ position: claims.position, tokenId, clientId, subject, tenant, family },
      issuedAt: claims.issuedAt,
      signingKey: claims.keyId,
    },
  };
  identities.set(claims, identity);
  return identity;
}

/** RFC 9068 §2.2.3.1: what its issuer says of the subject. */
function textLists(payload: JsonObject): Pick<Identity, 'roles' | 'groups' | 'amr'> {
  const listOf = (name: string): readonly string[] | undefined => {
    const list = payload[name];
    const isList = Array.isArray(list) && list.every((one) => typeof one === 'string');
    return isList ? (list as readonly string[]) : undefined;
  };
  return { roles: listOf('roles'), groups: listOf('groups'), amr: listOf('amr') };
}

function verifyKey(
  parts: VerifyParts,
  input: {
    readonly id: string;
    readonly secret: string;
    readonly text: string;
    readonly address: string;
    readonly now: UnixSeconds;
  },
): Verification | Promise<Verification> {
  const { id, address, now } = input;
  const held = parts.view.key(id);
  // Newer than the view, or imported and not rehashed: only the authority can tell.
  if (held?.verifier === undefined) return askAuthority(parts, input);
  const known = { credentialId: id };
  if (held.view.tenant !== parts.tenant) return invalid('wrong_tenant', known);
  if (!equalConstantTime(secretVerifier(input.secret), held.verifier)) {
    parts.failures.failed(address);
    return invalid('wrong_secret', known);
  }
  const refusal = judgeKey(held, { view: parts.view, address, now });
  if (refusal !== undefined) return err({ refusal, credentialId: id, authenticated: true });
  return ok(parts.view.holder(held).identity);
}

/** A sub-key by the public key of the key that it comes from; what is left of it by both. */
function verifyDerived(
  parts: VerifyParts,
  input: {
    readonly subKey: SubKey;
    readonly text: string;
    readonly address: string;
    readonly now: UnixSeconds;
  },
): Verification | Promise<Verification> {
  const { view, tenant, subKeys, failures } = parts;
  const { subKey, text, address, now } = input;
  const held = view.key(subKey.keyId);
  if (held?.derivationKey === undefined) return askAuthority(parts, input);
  const known = { credentialId: subKey.keyId };
  if (held.view.tenant !== tenant) return invalid('wrong_tenant', known);
  const wait = failures.retryAfterSeconds(address);
  // As for a JWT: who forged too much pays for no more signature checks.
  if (wait > 0 && !subKeys.knows(text, held.derivationKey)) {
    return denied({ reason: 'too_many_failures', retryAfterSeconds: wait });
  }
  const verified = subKeys.verify(text, subKey, held.derivationKey);
  if (!verified.ok) {
    failures.failed(address);
    return invalid(verified.refusal.reason, known);
  }
  const refusal = judgeKey(held, { view, address, now });
  const proven = { ...known, authenticated: true, subKey: verified.value };
  if (refusal !== undefined) return err({ refusal, ...proven });
  return ok(narrowed(view.holder(held).identity, verified.value));
}

/** One for each sub-key while its key stays as it is: headers are rendered once for each. */
const narrowedIdentities = new WeakMap<
  VerifiedSubKey,
  { readonly of: Identity; readonly identity: Identity }
>();

function narrowed(of: Identity, subKey: VerifiedSubKey): Identity {
  const known = narrowedIdentities.get(subKey);
  if (known?.of === of) return known.identity;
  const identity = { ...of, scopes: narrowScopes(of.scopes, subKey.links), subKey };
  narrowedIdentities.set(subKey, { of, identity });
  return identity;
}

async function askAuthority(
  parts: VerifyParts,
  input: {
    readonly text: string;
    readonly subKey?: SubKey;
    readonly address: string;
    readonly now: UnixSeconds;
  },
): Promise<Verification> {
  const { introspections, failures, metrics, view } = parts;
  const { text, address, now } = input;
  let asked = introspections.find(text, address);
  if (asked === undefined) {
    const who = digestToken(text);
    // Before any look-up: guessing costs the guesser's own budget and the authority nothing. What
    // was good there before is asked about again, whatever its neighbours guess.
    const wait = failures.retryAfterSeconds(address, who);
    if (wait > 0) return denied({ reason: 'too_many_failures', retryAfterSeconds: wait });
    try {
      asked = await introspections.ask({ credential: text, address, position: view.position });
    } catch {
      metrics.count('mintmark_gateway_introspections_total', 'failed');
      return denied({ reason: 'introspection_unavailable' });
    }
    const outcome = asked.answer.active ? 'active' : 'inactive';
    metrics.count('mintmark_gateway_introspections_total', outcome);
    if (asked.answer.active) failures.proven(address, who);
    else failures.failed(address, who);
  }
  if (!asked.answer.active) return invalid('unknown_credential');
  const identity = identityOf(parts, asked.answer, asked.askedAt, now);
  const { subKey } = input;
  if (subKey === undefined || !identity.ok) return identity;
  // The authority has proven the chain, and left it to us for what each link may be used.
  return ok(narrowed(identity.value, provenSubKey(subKey)));
}

function identityOf(
  { tenant, view }: Pick<VerifyParts, 'tenant' | 'view'>,
  answer: ActiveCredential,
  askedAt: number,
  now: UnixSeconds,
): Verification {
  const { id, kind, subject, clientId, position, family, issuedAt } = answer;
  const known = { credentialId: id, authenticated: true };
  if (answer.expiresAt !== undefined && now >= answer.expiresAt) return invalid('expired', known);
  const isKey = kind === 'api_key';
  const held = isKey ? view.key(id) : undefined;
  // A token without position could not be told from one that was revoked since.
  if (!isKey && (position === undefined || clientId === undefined)) {
    return invalid('unknown_credential', known);
  }
  return ok({
    kind,
    credentialId: id,
    subject,
    clientId,
    // The view hears of an edit at once; the answer may be a minute old.
    scopes: (held && view.holder(held).identity.scopes) ?? answer.scopes,
    audience: isKey && answer.audience.length === 0 ? undefined : answer.audience,
    expiresAt: answer.expiresAt,
    binding: answer.binding,
    acr: answer.acr,
    authTime: answer.authTime,
    metered: answer.metered,
    roles: answer.roles,
    groups: answer.groups,
    amr: answer.amr,
    asked: isKey
      ? { owner: subject, tenant, createdAt: endOf(issuedAt), position: askedAt }
      : undefined,
    targets: isKey
      ? undefined
      : {
          position: position!,
          issuedAt,
          tokenId: id,
          clientId: clientId!,
          subject,
          tenant,
          family,
          signingKey: answer.signingKey,
        },
  });
}

/** The last millisecond of it: a key is from before a whole second where all of its own is. */
function endOf(second: UnixSeconds): UnixMs {
  return (second * 1000 + 999) as UnixMs;
}
