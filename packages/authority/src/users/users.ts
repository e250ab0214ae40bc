/**
 * People: who they are, and whether somebody is one of them. Neighbours: the sign-in pages call it
 * for whoever presents himself, the management API changes users by `change-user.ts`. What must
 * never happen: a difference, in answer or in work, between a wrong password and an unknown user.
 */
import { createHmac, hash } from 'node:crypto';
import {
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
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import type { AuditRecord, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import {
  type Account,
  beginAttempt,
  delaySecondsAfter,
  forgetAttempts,
  retryAfterSeconds,
} from './attempts.ts';
import type { AuthenticationMethod } from './authentication.ts';
import { decoyHash, hashAsOurs, isOurHash, verifyPassword } from './password.ts';
import { type User, userOf } from './user.ts';
import { recordOnUser } from './user-record.ts';
import { parseUsername } from './username.ts';

export interface UsersDeps {
  readonly store: Pick<Store, 'users' | 'usernames' | 'signInAttempts' | 'knownBrowsers' | 'acts'>;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** A queue of its own: people who sign in never keep checks of keys waiting. */
  readonly passwordHashes: SlowHashQueue;
  /** Names the accounts of users that do not exist; the same in every process. */
  readonly accountKey: Uint8Array;
}

/** A user who has just proven to be one, and how (RFC 8176). */
export interface SignedInUser extends User {
  readonly amr: readonly AuthenticationMethod[];
}

export type SignInRefusal =
  /** One answer outside. `why` is for the operator alone. */
  | {
      readonly reason: 'invalid_credentials';
      readonly why: 'unknown_user' | 'wrong_password' | 'no_password';
    }
  /** Said only to whoever has the right password. */
  | { readonly reason: 'user_disabled'; readonly id: SubjectId }
  /** The account waits, whether it exists or not. */
  | { readonly reason: 'locked'; readonly retryAfterSeconds: number }
  /** No room for another password check now. */
  | { readonly reason: 'busy' };

export interface PasswordAttempt {
  readonly tenant: TenantId;
  readonly username: string;
  readonly password: string;
  /**
   * A secret that only this browser has, and keeps. One in which the user has signed in before has
   * a count of attempts of its own, so that nobody's guesses elsewhere keep its owner out.
   */
  readonly browser?: string | undefined;
  /** For the audit record. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly requestId?: string | undefined;
}

export interface Users {
  /** @returns undefined where there is none, or it was deleted */
  get(tenant: TenantId, id: SubjectId): Promise<User | undefined>;
  /** By any spelling of the name. */
  findByUsername(tenant: TenantId, username: string): Promise<User | undefined>;
  /**
   * Judges a password. It costs the same whether or not there is such a user.
   *
   * @throws StoreFault, CustodyFault
   */
  authenticatePassword(input: PasswordAttempt): Promise<Result<SignedInUser, SignInRefusal>>;
}

export function createUsers(deps: UsersDeps): Users {
  const { store, sealer } = deps;
  const decoy = decoyHash(deps.entropy);
  return {
    async get(tenant, id) {
      const row = await store.users.get(tenant, id);
      return row && userOf(sealer, row);
    },
    async findByUsername(tenant, username) {
      const row = await findRow(store, tenant, username);
      return row && userOf(sealer, row);
    },
    async authenticatePassword(input) {
      const row = await findRow(store, input.tenant, input.username);
      const account = await accountOf(deps, input, row);
      // Whoever has to wait takes no place in the queue.
      const wait = await retryAfterSeconds(deps, account);
      if (wait > 0) return err({ reason: 'locked', retryAfterSeconds: wait });
      // Counted inside the queue, so that whoever is turned away has spent no attempt.
      const judged = await deps.passwordHashes.run(() =>
        judge(deps, { ...input, account, phc: row?.passwordHash ?? decoy }),
      );
      if (judged === 'busy') return err({ reason: 'busy' });
      if (!judged.ok) return judged;
      if (!judged.value || row === undefined || row.passwordHash === null) {
        return err({ reason: 'invalid_credentials', why: whyNot(row) });
      }
      const { step, audit } = await rehash(deps, input, row);
      const steps = [forgetAttempts(account), ...rememberBrowser(deps, input, row.id), ...step];
      await deps.store.acts.run({ steps, audit });
      const user = await userOf(sealer, row);
      if (user === undefined) return err({ reason: 'invalid_credentials', why: 'unknown_user' });
      if (user.status !== 'active') return err({ reason: 'user_disabled', id: user.id });
      return ok({ ...user, amr: ['pwd'] });
    },
  };
}

/**
 * With a new password: nobody waits for failures at the old one, and no browser is known that
 * somebody may have signed in with who knew it.
 */
export function forgetSignIns(tenant: TenantId, userId: string): readonly Step[] {
  const browsers = { do: 'delete', table: 'knownBrowsers', where: { tenant, userId } } as const;
  return [forgetAttempts(accountOfUser(tenant, userId)), browsers];
}

/** The account that failures on a user are counted under. */
function accountOfUser(tenant: TenantId, id: string): Account {
  return { tenant, account: `user:${id}` };
}

/** Two reads, whoever is asked for. */
async function findRow(
  store: Pick<Store, 'users' | 'usernames'>,
  tenant: TenantId,
  username: string,
): Promise<Row<'users'> | undefined> {
  const parsed = parseUsername(username);
  const key = parsed.ok ? parsed.value.key : '';
  const name = await store.usernames.get(tenant, key);
  return store.users.get(tenant, name?.userId ?? '');
}

/**
 * A name that nobody has is counted too, or waiting would tell who exists. People type passwords
 * into that field: only a keyed hash of it is kept.
 */
async function accountOf(
  deps: Pick<UsersDeps, 'accountKey' | 'store' | 'clock'>,
  { tenant, username, browser = '' }: PasswordAttempt,
  row: Row<'users'> | undefined,
): Promise<Account> {
  const parsed = parseUsername(username);
  const name = parsed.ok ? parsed.value.key : username;
  const hashed = createHmac('sha256', deps.accountKey).update(`${tenant}\0${name}`).digest();
  const shown = browserHash(browser);
  const known = await deps.store.knownBrowsers.get(tenant, row?.id ?? '', shown);
  if (row === undefined) return { tenant, account: `name:${hashed.toString('base64url')}` };
  const isKnown = known !== undefined && known.expiresAtSeconds > nowSeconds(deps.clock);
  return isKnown
    ? { tenant, account: `browser:${row.id}:${shown}` }
    : accountOfUser(tenant, row.id);
}

/** In the act of a success. */
function rememberBrowser(
  deps: Pick<UsersDeps, 'clock'>,
  { tenant, browser }: PasswordAttempt,
  userId: string,
): readonly Step[] {
  if (browser === undefined) return [];
  const expiresAtSeconds = nowSeconds(deps.clock) + limits.knownBrowserSeconds;
  const row = { tenant, userId, hash: browserHash(browser), expiresAtSeconds };
  return [{ do: 'put', table: 'knownBrowsers', row }];
}

function browserHash(browser: string): string {
  return hash('sha256', browser, 'base64url');
}

/**
 * What another system hashed is hashed as ours, now that the password is known. Where somebody was
 * first, or the queue is full, nothing changes, and the next sign-in sees to it.
 */
async function rehash(
  deps: UsersDeps,
  { tenant, password }: PasswordAttempt,
  { id, passwordHash: old }: Row<'users'>,
): Promise<{ readonly step: readonly Step[]; readonly audit: AuditRecord | null }> {
  if (old === null || isOurHash(old)) return { step: [], audit: null };
  const made = await deps.passwordHashes.run(() => hashAsOurs(deps.entropy, password));
  if (made === undefined || made === 'busy') return { step: [], audit: null };
  const where = { tenant, id, passwordHash: old };
  const step = { do: 'update', table: 'users', where, set: { passwordHash: made } } as const;
  const system: Requester = { tenant, actor: { kind: 'system', id: 'rehash' } };
  const scheme = /^\$([a-z0-9-]+)/.exec(old)?.[1] ?? 'unknown';
  const what = { action: 'user.password_rehash', userId: id, detail: { from: scheme } } as const;
  return { step: [step], audit: await recordOnUser(deps, system, what) };
}

/** @returns whether the password fits the hash */
async function judge(
  deps: UsersDeps,
  input: PasswordAttempt & { readonly account: Account; readonly phc: string },
): Promise<Result<boolean, Extract<SignInRefusal, { readonly reason: 'locked' | 'busy' }>>> {
  const { account, phc, password } = input;
  const counted = await beginAttempt(deps, account);
  if (!counted.ok) return counted;
  const isRight = await verifyPassword(phc, password);
  if (!isRight && delaySecondsAfter(counted.value) > 0) {
    await recordLock(deps, input, counted.value);
  }
  return ok(isRight);
}

/** That an account waits is worth a record; that somebody mistyped a password is not. */
async function recordLock(
  deps: UsersDeps,
  input: PasswordAttempt & { readonly account: Account },
  failures: number,
): Promise<void> {
  const { tenant, account, address, userAgent, requestId } = input;
  const requester = { tenant, actor: anonymous, address, userAgent, requestId };
  const audit = await deps.recorder.record(
    eventBy(requester, {
      action: 'user.lock',
      at: deps.clock.nowMs(),
      object: { kind: 'user', id: account.account.split(':')[1]! },
      result: 'locked',
      detail: { failures, delay_seconds: delaySecondsAfter(failures) },
    }),
  );
  await deps.store.acts.run({ steps: [], audit });
}

const anonymous = { kind: 'anonymous', id: 'sign-in' } as const;

function whyNot(row: Row<'users'> | undefined): 'unknown_user' | 'wrong_password' | 'no_password' {
  if (row === undefined) return 'unknown_user';
  return row.passwordHash === null ? 'no_password' : 'wrong_password';
}
