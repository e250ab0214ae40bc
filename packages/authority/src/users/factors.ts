/**
 * Second factors: one-time codes of an authenticator app, and recovery codes for who has lost it.
 * Neighbours: the sign-in pages ask for one after the password; a user and an administrator add and
 * remove them. What must never happen: a code that works twice, or guesses without count.
 */
import { createHash } from 'node:crypto';
import {
  type AuditAction,
  type AuditEvent,
  base64urlEncode,
  type Clock,
  type Entropy,
  err,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import { sealContext } from '../custody/contexts.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { AuditRecord, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type Account, beginAttempt, forgetAttempts } from './attempts.ts';
import type { AuthenticationContext, AuthenticationMethod } from './authentication.ts';
import { base32, matchTotp, totpSecretBytes, totpUri } from './totp.ts';
import { recordOnUser } from './user-record.ts';

export interface FactorsDeps {
  readonly store: Pick<
    Store,
    'users' | 'userTotp' | 'userRecoveryCodes' | 'userPasskeys' | 'signInAttempts' | 'acts'
  >;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export type FactorKind = 'totp' | 'recovery_codes' | 'passkeys';

/** What a user has beside the password. */
export interface FactorsOfUser {
  readonly totp: boolean;
  readonly recoveryCodesLeft: number;
  readonly passkeys: number;
}

export type FactorRefusal =
  | { readonly reason: 'user_not_found' }
  | { readonly reason: 'factor_exists' }
  | { readonly reason: 'factor_not_found' };

export type CodeRefusal =
  /** One answer outside. `why` is for the operator alone. */
  | { readonly reason: 'invalid_code'; readonly why: 'wrong' | 'used' | 'no_factor' }
  | { readonly reason: 'locked'; readonly retryAfterSeconds: number }
  | { readonly reason: 'busy' };

/** Whose factor, and who asks: the user, a sign-in under way, an administrator. */
export interface FactorRequest {
  readonly requester: Requester;
  readonly userId: SubjectId;
}

export interface Proof {
  readonly amr: readonly AuthenticationMethod[];
}

export interface Factors {
  of(tenant: TenantId, userId: SubjectId): Promise<FactorsOfUser>;
  /** The strongest class that the user can sign in with. */
  strongest(tenant: TenantId, userId: SubjectId): Promise<AuthenticationContext>;
  /** Whether a password alone is not enough for this user. */
  hasTotp(tenant: TenantId, userId: SubjectId): Promise<boolean>;
  /**
   * Makes a secret for an authenticator app. It counts only after `confirmTotp`; one that was never
   * confirmed is replaced.
   *
   * @param input.issuer shown by the app beside the username
   * @returns the secret in base32 and as a URI, this once; refusals: user_not_found, factor_exists
   */
  beginTotp(
    input: FactorRequest & { readonly issuer: string },
  ): Promise<Result<{ readonly secret: string; readonly uri: string }, FactorRefusal>>;
  /** Proves that the app has the secret, by its first code. */
  confirmTotp(
    input: FactorRequest & { readonly code: string },
  ): Promise<Result<Proof, CodeRefusal>>;
  /** Judges a code, once: of many who present the same one, one is right. */
  verifyTotp(input: FactorRequest & { readonly code: string }): Promise<Result<Proof, CodeRefusal>>;
  /** Makes new recovery codes in place of those before. @returns them in clear, this once */
  makeRecoveryCodes(input: FactorRequest): Promise<Result<readonly string[], FactorRefusal>>;
  /** Judges a recovery code and uses it up. */
  useRecoveryCode(
    input: FactorRequest & { readonly code: string },
  ): Promise<Result<Proof, CodeRefusal>>;
  /** Takes all factors of a kind away. */
  remove(
    input: FactorRequest & { readonly kind: FactorKind },
  ): Promise<Result<undefined, FactorRefusal>>;
}

export function createFactors(deps: FactorsDeps): Factors {
  const { store } = deps;
  return {
    async of(tenant, userId) {
      const where = { tenant, userId };
      return {
        totp: await hasTotp(deps, tenant, userId),
        recoveryCodesLeft: await store.userRecoveryCodes.count(where),
        passkeys: await store.userPasskeys.count(where),
      };
    },
    async strongest(tenant, userId) {
      const [passkey] = await store.userPasskeys.list({
        where: { tenant, userId },
        orderBy: ['tenant', 'userId', 'createdAt', 'credentialId'],
        limit: 1,
      });
      if (passkey !== undefined) return 'phr';
      return (await hasTotp(deps, tenant, userId)) ? 'mfa' : 'pwd';
    },
    hasTotp: (tenant, userId) => hasTotp(deps, tenant, userId),
    beginTotp: (input) => beginTotp(deps, input),
    confirmTotp: (input) => judgeTotp(deps, { ...input, isFirst: true }),
    verifyTotp: (input) => judgeTotp(deps, { ...input, isFirst: false }),
    makeRecoveryCodes: (input) => makeRecoveryCodes(deps, input),
    useRecoveryCode: (input) => useRecoveryCode(deps, input),
    remove: (input) => remove(deps, input),
  };
}

async function hasTotp(
  { store }: Pick<FactorsDeps, 'store'>,
  tenant: TenantId,
  userId: SubjectId,
): Promise<boolean> {
  const row = await store.userTotp.get(tenant, userId);
  return row !== undefined && row.confirmedAt !== null;
}

async function beginTotp(
  deps: FactorsDeps,
  input: FactorRequest & { readonly issuer: string },
): Promise<Result<{ readonly secret: string; readonly uri: string }, FactorRefusal>> {
  const { requester, userId, issuer } = input;
  const { tenant } = requester;
  const user = await deps.store.users.get(tenant, userId);
  if (user === undefined) return err({ reason: 'user_not_found' });
  const secret = deps.entropy.bytes(totpSecretBytes);
  const row: Row<'userTotp'> = {
    tenant,
    userId,
    sealedSecret: await deps.sealer.seal(tenant, sealContext.totpSecret(userId), secret),
    lastStep: 0,
    confirmedAt: null,
    createdAt: deps.clock.nowMs(),
    version: 1,
  };
  const { outcome } = await deps.store.acts.run({
    steps: [
      requireUser(input),
      { do: 'delete', table: 'userTotp', where: { tenant, userId, confirmedAt: null } },
      { do: 'insert', table: 'userTotp', row, refused: 'factor_exists' },
    ],
    // Nothing counts yet; the record is made when it is confirmed.
    audit: null,
  });
  if (outcome !== 'done') return err({ reason: outcome as FactorRefusal['reason'] });
  const uri = totpUri(secret, { issuer, account: user.username });
  return ok({ secret: base32(secret), uri });
}

async function judgeTotp(
  deps: FactorsDeps,
  input: FactorRequest & { readonly code: string; readonly isFirst: boolean },
): Promise<Result<Proof, CodeRefusal>> {
  const { requester, userId, isFirst } = input;
  const { tenant } = requester;
  const counted = await beginAttempt(deps, factorAccount(input));
  if (!counted.ok) return counted;
  const row = await deps.store.userTotp.get(tenant, userId);
  if (row === undefined || (row.confirmedAt === null) !== isFirst) return refusedCode('no_factor');
  const secret = await deps.sealer.open(tenant, sealContext.totpSecret(userId), row.sealedSecret);
  const step = matchTotp(secret, input.code, nowSeconds(deps.clock));
  secret.fill(0);
  if (step === undefined) return refusedCode('wrong');
  const now = deps.clock.nowMs();
  const unused = { tenant, userId, lastStep: { is: '<', value: step } } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'userTotp',
        where: { ...unused, confirmedAt: isFirst ? null : { is: '!=', value: null } },
        set: { lastStep: step, ...(isFirst ? { confirmedAt: now } : {}), version: { add: 1 } },
        refused: 'used',
      },
      forgetAttempts(factorAccount(input)),
    ],
    audit: isFirst ? await record(deps, input, 'user.factor_add', { factor: 'totp' }) : null,
  });
  return outcome === 'done' ? ok({ amr: ['otp'] }) : refusedCode('used');
}

async function makeRecoveryCodes(
  deps: FactorsDeps,
  input: FactorRequest,
): Promise<Result<readonly string[], FactorRefusal>> {
  const { tenant } = input.requester;
  const { userId } = input;
  const createdAt = deps.clock.nowMs();
  const codes = Array.from({ length: limits.recoveryCodesCount }, () => recoveryCode(deps.entropy));
  const rows = codes.map((code) => {
    return { tenant, userId, hash: recoveryHash(tenant, userId, code), createdAt };
  });
  const { outcome } = await deps.store.acts.run({
    steps: [
      requireUser(input),
      { do: 'delete', table: 'userRecoveryCodes', where: { tenant, userId } },
      { do: 'insertMany', table: 'userRecoveryCodes', rows },
    ],
    audit: await record(deps, input, 'user.factor_add', { factor: 'recovery_codes' }),
  });
  return outcome === 'done' ? ok(codes) : err({ reason: 'user_not_found' });
}

async function useRecoveryCode(
  deps: FactorsDeps,
  input: FactorRequest & { readonly code: string },
): Promise<Result<Proof, CodeRefusal>> {
  const { tenant } = input.requester;
  const { userId } = input;
  const counted = await beginAttempt(deps, factorAccount(input));
  if (!counted.ok) return counted;
  const hash = recoveryHash(tenant, userId, input.code);
  const { outcome } = await deps.store.acts.run({
    steps: [
      // Deleting is using: of many who present it at once, one finds it.
      {
        do: 'delete',
        table: 'userRecoveryCodes',
        where: { tenant, userId, hash },
        refused: 'wrong',
      },
      forgetAttempts(factorAccount(input)),
    ],
    audit: await record(deps, input, 'user.recovery_use'),
  });
  return outcome === 'done' ? ok({ amr: ['otp'] }) : refusedCode('wrong');
}

const tableOf = {
  totp: 'userTotp',
  recovery_codes: 'userRecoveryCodes',
  passkeys: 'userPasskeys',
} as const satisfies Record<FactorKind, string>;

async function remove(
  deps: FactorsDeps,
  input: FactorRequest & { readonly kind: FactorKind },
): Promise<Result<undefined, FactorRefusal>> {
  const { requester, userId, kind } = input;
  const where = { tenant: requester.tenant, userId };
  const { outcome } = await deps.store.acts.run({
    steps: [{ do: 'delete', table: tableOf[kind], where, refused: 'factor_not_found' }],
    audit: await record(deps, input, 'user.factor_remove', { factor: kind }),
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'factor_not_found' });
}

/**
 * Apart from the password's count: whoever knows the password could take that one back between two
 * guesses of the code.
 */
function factorAccount({ requester, userId }: FactorRequest): Account {
  return { tenant: requester.tenant, account: `factor:${userId}` };
}

/** Nobody who is gone gets a factor. */
function requireUser({ requester, userId }: FactorRequest): Step {
  return {
    do: 'require',
    table: 'users',
    where: { tenant: requester.tenant, id: userId, status: { is: '!=', value: 'deleted' } },
    refused: 'user_not_found',
  };
}

function refusedCode(why: 'wrong' | 'used' | 'no_factor'): Result<Proof, CodeRefusal> {
  return err({ reason: 'invalid_code', why });
}

/** 120 random bits: more than the 112 for which NIST SP 800-63B §5.1.2.2 asks no slow hash. */
function recoveryCode(entropy: Entropy): string {
  return base32(entropy.bytes(15))
    .toLowerCase()
    .replace(/(.{4})(?=.)/g, '$1-');
}

/** Of the code as anybody may type it: case, spaces and hyphens count nothing. */
function recoveryHash(tenant: TenantId, userId: SubjectId, code: string): string {
  const text = code.length > 100 ? '' : code.toLowerCase().replace(/[\s-]/g, '');
  return base64urlEncode(createHash('sha256').update(`${tenant}\0${userId}\0${text}`).digest());
}

function record(
  deps: FactorsDeps,
  { requester, userId }: FactorRequest,
  action: AuditAction,
  detail?: NonNullable<AuditEvent['detail']>,
): Promise<AuditRecord> {
  return recordOnUser(deps, requester, { action, userId, ...(detail && { detail }) });
}
