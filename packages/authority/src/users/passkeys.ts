/**
 * Passkeys (Web Authentication Level 3): registered by a user who is signed in, then a sign-in by
 * themselves, since the authenticator has verified its owner. Neighbours: the pages carry options
 * to the browser and answers back. What must never happen: an answer that counts twice, in another
 * transaction, for another site, or without the person's verification.
 */
import {
  base64urlEncode,
  type Clock,
  type Entropy,
  err,
  limits,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
  utf8,
} from '@mintmark/core';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialDescriptorJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { AuditRecord, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { AuthenticationMethod } from './authentication.ts';
import { findChallenge, giveChallenge, spendChallenge, textAt } from './passkey-challenges.ts';
import { userOf } from './user.ts';
import { recordOnUser } from './user-record.ts';
import type { SignedInUser } from './users.ts';

export interface PasskeysDeps {
  readonly store: Pick<Store, 'users' | 'userPasskeys' | 'passkeyChallenges' | 'acts'>;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** What a tenant's passkeys are bound to: a host, and the one origin of its pages. */
  readonly relyingParty: (tenant: TenantId) => RelyingParty;
}

export interface RelyingParty {
  readonly id: string;
  readonly name: string;
  readonly origin: string;
}

/** The relying party of pages under this base URL (WebAuthn Level 3 §5.1.2, §13.4.9). */
export function relyingPartyAt(baseUrl: string): RelyingParty {
  const { hostname, origin } = new URL(baseUrl);
  return { id: hostname, name: hostname, origin };
}

export interface Passkey {
  readonly credentialId: string;
  readonly name: string;
  readonly synced: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

export type PasskeyRefusal =
  | { readonly reason: 'user_not_found' }
  | { readonly reason: 'too_many_passkeys'; readonly max: number }
  | { readonly reason: 'passkey_exists' }
  | { readonly reason: 'unknown_passkey' }
  /** The answer is not one to this transaction's challenge, or is no proof; `why` for operators. */
  | { readonly reason: 'invalid_passkey_answer'; readonly why: string }
  /** Its counter went back: there are two of it (WebAuthn §6.1.1). It stays refused. */
  | { readonly reason: 'cloned_passkey' }
  | { readonly reason: 'user_disabled'; readonly id: SubjectId };

/** Whose passkey, in which transaction of the pages. */
export interface PasskeyRequest {
  readonly requester: Requester;
  readonly userId: SubjectId;
  /** Names the sign-in, or the session, in which the challenge may be answered. */
  readonly transaction: string;
}

export interface Passkeys {
  /** @returns options for `navigator.credentials.create` */
  beginRegistration(
    input: PasskeyRequest,
  ): Promise<Result<PublicKeyCredentialCreationOptionsJSON, PasskeyRefusal>>;
  /** @param input.response the browser's answer as JSON, parsed and no more */
  finishRegistration(
    input: PasskeyRequest & { readonly response: unknown; readonly name: string },
  ): Promise<Result<Passkey, PasskeyRefusal>>;
  /**
   * @param input.userId where it is known who signs in: only his passkeys are asked for and taken
   * @returns options for `navigator.credentials.get`
   */
  beginSignIn(input: {
    readonly tenant: TenantId;
    readonly transaction: string;
    readonly userId?: SubjectId | undefined;
  }): Promise<PublicKeyCredentialRequestOptionsJSON>;
  /** @param input.response the browser's answer as JSON, parsed and no more */
  finishSignIn(input: {
    readonly requester: Requester;
    readonly transaction: string;
    readonly response: unknown;
  }): Promise<Result<SignedInUser, PasskeyRefusal>>;
  /** Newest last. */
  list(tenant: TenantId, userId: SubjectId): Promise<readonly Passkey[]>;
  remove(input: {
    readonly requester: Requester;
    readonly userId: SubjectId;
    readonly credentialId: string;
  }): Promise<Result<undefined, PasskeyRefusal>>;
}

export function createPasskeys(deps: PasskeysDeps): Passkeys {
  return {
    beginRegistration: (input) => beginRegistration(deps, input),
    finishRegistration: (input) => finishRegistration(deps, input),
    beginSignIn: (input) => beginSignIn(deps, input),
    finishSignIn: (input) => finishSignIn(deps, input),
    async list(tenant, userId) {
      return (await rowsOf(deps, tenant, userId)).map(passkeyOf);
    },
    async remove({ requester, userId, credentialId }) {
      const where = { tenant: requester.tenant, userId, credentialId };
      const { outcome } = await deps.store.acts.run({
        steps: [{ do: 'delete', table: 'userPasskeys', where, refused: 'unknown_passkey' }],
        audit: await record(deps, { requester, userId }, 'user.factor_remove'),
      });
      return outcome === 'done' ? ok(undefined) : err({ reason: 'unknown_passkey' });
    },
  };
}

/** ES256, EdDSA, RS256: what authenticators have (COSE, RFC 9053 §2 and RFC 8812 §2). */
const algorithms = [-7, -8, -257];

async function beginRegistration(
  deps: PasskeysDeps,
  input: PasskeyRequest,
): Promise<Result<PublicKeyCredentialCreationOptionsJSON, PasskeyRefusal>> {
  const { requester, userId } = input;
  const { tenant } = requester;
  const user = await deps.store.users.get(tenant, userId);
  if (user === undefined || user.status !== 'active') return err({ reason: 'user_not_found' });
  const known = await rowsOf(deps, tenant, userId);
  if (known.length >= limits.passkeysMax) {
    return err({ reason: 'too_many_passkeys', max: limits.passkeysMax });
  }
  const { id, name } = deps.relyingParty(tenant);
  return ok({
    rp: { id, name },
    user: { id: handleOf(userId), name: user.username, displayName: user.username },
    challenge: await giveChallenge(deps, { ...input, tenant, purpose: 'register' }),
    pubKeyCredParams: algorithms.map((alg) => ({ alg, type: 'public-key' })),
    timeout: limits.passkeyChallengeSeconds * 1000,
    excludeCredentials: known.map(descriptorOf),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    attestation: 'none',
  });
}

async function finishRegistration(
  deps: PasskeysDeps,
  input: PasskeyRequest & { readonly response: unknown; readonly name: string },
): Promise<Result<Passkey, PasskeyRefusal>> {
  const { requester, userId, name } = input;
  const { tenant } = requester;
  const { id: expectedRPID, origin: expectedOrigin } = deps.relyingParty(tenant);
  const challenge = await findChallenge(deps, { ...input, tenant, purpose: 'register' });
  if (challenge === undefined) return noAnswer('the challenge is not one of this transaction');
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const verified = await judged(() =>
    verifyRegistrationResponse({
      // The library looks at every member before it uses one, and throws.
      response: input.response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin,
      expectedRPID,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    }),
  );
  if (!verified.ok) return verified;
  const info = verified.value.registrationInfo;
  if (!verified.value.verified || info === undefined) return noAnswer('it is no proof');
  const row: Row<'userPasskeys'> = {
    tenant,
    credentialId: info.credential.id,
    userId,
    publicKey: info.credential.publicKey,
    signCount: info.credential.counter,
    transports: (info.credential.transports ?? []).slice(0, 8),
    synced: info.credentialDeviceType === 'multiDevice' ? 1 : 0,
    name,
    createdAt: deps.clock.nowMs(),
    lastUsedAt: null,
  };
  const { outcome } = await deps.store.acts.run({
    steps: [
      spendChallenge(tenant, challenge),
      requireActive(tenant, userId),
      { do: 'insert', table: 'userPasskeys', row, refused: 'passkey_exists' },
    ],
    audit: await record(deps, input, 'user.factor_add'),
  });
  if (outcome === 'done') return ok(passkeyOf(row));
  return err(refusalOf(outcome, userId));
}

async function beginSignIn(
  deps: PasskeysDeps,
  input: Parameters<Passkeys['beginSignIn']>[0],
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { tenant, userId } = input;
  const known = userId === undefined ? [] : await rowsOf(deps, tenant, userId);
  return {
    rpId: deps.relyingParty(tenant).id,
    challenge: await giveChallenge(deps, { ...input, purpose: 'sign_in' }),
    timeout: limits.passkeyChallengeSeconds * 1000,
    allowCredentials: known.map(descriptorOf),
    userVerification: 'required',
  };
}

async function finishSignIn(
  deps: PasskeysDeps,
  input: {
    readonly requester: Requester;
    readonly transaction: string;
    readonly response: unknown;
  },
): Promise<Result<SignedInUser, PasskeyRefusal>> {
  const { tenant } = input.requester;
  const row = await deps.store.userPasskeys.get(tenant, textAt(input.response, 'id') ?? '');
  if (row === undefined) return err({ reason: 'unknown_passkey' });
  const userId = row.userId as SubjectId;
  const challenge = await findChallenge(deps, { ...input, tenant, userId, purpose: 'sign_in' });
  if (challenge === undefined) return noAnswer('the challenge is not one of this transaction');
  const handle = textAt(input.response, 'response', 'userHandle');
  if (handle !== undefined && handle !== handleOf(userId)) return noAnswer('another user’s handle');
  const counted = await verifyAnswer(deps, { tenant, row, challenge, response: input.response });
  if (!counted.ok) return counted;
  if (isBack(counted.value, row.signCount)) return refuseClone(deps, input.requester, userId);
  const { outcome } = await deps.store.acts.run({
    steps: [
      spendChallenge(tenant, challenge),
      requireActive(tenant, userId),
      {
        do: 'update',
        table: 'userPasskeys',
        where: { tenant, credentialId: row.credentialId, signCount: row.signCount },
        set: { signCount: counted.value, lastUsedAt: deps.clock.nowMs() },
        refused: 'raced',
      },
    ],
    // The session that comes of it has the record.
    audit: null,
  });
  if (outcome !== 'done') return err(refusalOf(outcome, userId));
  const found = await deps.store.users.get(tenant, userId);
  const user = found && (await userOf(deps.sealer, found));
  return user === undefined ? err({ reason: 'unknown_passkey' }) : ok({ ...user, amr: amrOf(row) });
}

/** @returns the signed counter; the library's own look at it would come before the signature's */
async function verifyAnswer(
  deps: PasskeysDeps,
  input: {
    readonly tenant: TenantId;
    readonly row: Row<'userPasskeys'>;
    readonly challenge: string;
    readonly response: unknown;
  },
): Promise<Result<number, PasskeyRefusal>> {
  const { row, challenge } = input;
  const { id: expectedRPID, origin: expectedOrigin } = deps.relyingParty(input.tenant);
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  const verified = await judged(() =>
    verifyAuthenticationResponse({
      response: input.response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin,
      expectedRPID,
      requireUserVerification: true,
      credential: {
        id: row.credentialId,
        publicKey: Uint8Array.from(row.publicKey),
        counter: 0,
      },
    }),
  );
  if (!verified.ok) return verified;
  const { verified: isSigned, authenticationInfo } = verified.value;
  return isSigned ? ok(authenticationInfo.newCounter) : noAnswer('the signature is wrong');
}

/** WebAuthn §7.2, step 22: a counter that is in use only ever grows. */
function isBack(counter: number, known: number): boolean {
  return (counter > 0 || known > 0) && counter <= known;
}

async function refuseClone(
  deps: PasskeysDeps,
  requester: Requester,
  userId: SubjectId,
): Promise<Result<never, PasskeyRefusal>> {
  const audit = await record(deps, { requester, userId }, 'user.factor_refuse');
  await deps.store.acts.run({ steps: [], audit });
  return err({ reason: 'cloned_passkey' });
}

/** The verifying library throws whatever is wrong with an answer; to us that is a refusal. */
async function judged<T>(verify: () => Promise<T>): Promise<Result<T, PasskeyRefusal>> {
  try {
    return ok(await verify());
  } catch (error) {
    return noAnswer(error instanceof Error ? error.message : 'unreadable');
  }
}

function noAnswer(why: string): Result<never, PasskeyRefusal> {
  return err({ reason: 'invalid_passkey_answer', why });
}

function requireActive(tenant: TenantId, userId: SubjectId): Step {
  const where = { tenant, id: userId, status: 'active' };
  return { do: 'require', table: 'users', where, refused: 'user_disabled' };
}

function refusalOf(outcome: string, userId: SubjectId): PasskeyRefusal {
  switch (outcome) {
    case 'user_disabled':
      return { reason: 'user_disabled', id: userId };
    case 'passkey_exists':
      return { reason: 'passkey_exists' };
    default:
      return { reason: 'invalid_passkey_answer', why: outcome };
  }
}

/** A person was there and was verified by the device: the key and that are two factors. */
function amrOf({ synced }: Row<'userPasskeys'>): readonly AuthenticationMethod[] {
  return [synced === 1 ? 'swk' : 'hwk', 'user', 'mfa'];
}

async function rowsOf(
  { store }: Pick<PasskeysDeps, 'store'>,
  tenant: TenantId,
  userId: SubjectId,
): Promise<readonly Row<'userPasskeys'>[]> {
  return store.userPasskeys.list({
    where: { tenant, userId },
    orderBy: ['tenant', 'userId', 'createdAt', 'credentialId'],
    limit: 10 * limits.passkeysMax,
  });
}

function passkeyOf(row: Row<'userPasskeys'>): Passkey {
  const { credentialId, name, synced, createdAt, lastUsedAt } = row;
  return { credentialId, name, synced: synced === 1, createdAt, lastUsedAt };
}

function descriptorOf({
  credentialId,
  transports,
}: Row<'userPasskeys'>): PublicKeyCredentialDescriptorJSON {
  return { id: credentialId, type: 'public-key', transports: [...transports] };
}

/** What the authenticator keeps as its user: the subject, which is random and says nothing. */
function handleOf(userId: SubjectId): string {
  return base64urlEncode(utf8(userId));
}

function record(
  deps: PasskeysDeps,
  who: { readonly requester: Requester; readonly userId: SubjectId },
  action: 'user.factor_add' | 'user.factor_remove' | 'user.factor_refuse',
): Promise<AuditRecord> {
  const { requester, userId } = who;
  return recordOnUser(deps, requester, { action, userId, detail: { factor: 'passkey' } });
}
