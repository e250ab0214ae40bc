/**
 * Resets of forgotten passwords: a token that works once, for a short time, handed to an
 * administrator or sent to the user's verified address. Neighbours: the pages take the request and
 * the new password; a port delivers. What must never happen: an answer, or its time, that tells who
 * exists; a token that reaches an address which nobody has verified.
 */
import { createHash } from 'node:crypto';
import {
  base64urlEncode,
  type Clock,
  type Entropy,
  equalConstantTime,
  err,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
  utf8,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { hashPassword, type PasswordRefusal } from './password.ts';
import { endAccess, recordOnUser } from './user-record.ts';
import { forgetSignIns, type Users } from './users.ts';

/** Brings a token to its user: by mail, or into a file where there is no mail. */
export interface ResetDelivery {
  /** @throws Fault where it could not be handed over; the token then ends unused */
  deliver(message: ResetMessage): Promise<void>;
}

export interface ResetMessage {
  readonly tenant: TenantId;
  /** The verified address. */
  readonly email: string;
  readonly username: string;
  /** BCP 47: the user's own, or that of the page where the reset was asked for. */
  readonly language: string;
  readonly token: string;
  /** Unix seconds. */
  readonly expiresAtSeconds: number;
}

export interface ResetsDeps {
  readonly store: Pick<Store, 'users' | 'passwordResets' | 'acts'>;
  readonly users: Pick<Users, 'findByUsername'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly passwordHashes: SlowHashQueue;
  /** Undefined: only administrators reset passwords. */
  readonly delivery: ResetDelivery | undefined;
  readonly onFault: (error: unknown) => void;
}

export type ResetRefusal =
  /** Unknown, spent or expired: one answer. */
  { readonly reason: 'invalid_reset' } | PasswordRefusal;

export interface Resets {
  /** Whether users can ask for a reset by themselves. */
  readonly isSelfService: boolean;
  /**
   * Makes a token in place of any before, for an administrator to hand over.
   *
   * @returns the token in clear, this once; refusal: user_not_found (or disabled)
   */
  issue(input: {
    readonly requester: Requester;
    readonly userId: SubjectId;
  }): Promise<
    Result<
      { readonly token: string; readonly expiresAtSeconds: number },
      { readonly reason: 'user_not_found' }
    >
  >;
  /**
   * Sends a token to the user of this name, if there is one with a verified address. Returns before
   * it has looked, so that neither answer nor time tells.
   */
  request(input: {
    readonly tenant: TenantId;
    readonly username: string;
    /** BCP 47; for a user of whom no `locale` is known. */
    readonly language?: string;
    readonly address?: string | undefined;
    readonly requestId?: string | undefined;
  }): void;
  /** Sets the password that the bearer of the token chose. Sessions and tokens of the user end. */
  complete(input: {
    readonly tenant: TenantId;
    readonly token: string;
    readonly password: string;
    readonly address?: string | undefined;
    readonly requestId?: string | undefined;
  }): Promise<Result<SubjectId, ResetRefusal>>;
  /** Resolves when what was requested has been sent. */
  settled(): Promise<void>;
}

/** Requests under way; beyond it they are dropped, as if nobody had that name. */
const underWayMax = 64;

export function createResets(deps: ResetsDeps): Resets {
  const underWay = new Set<Promise<void>>();
  return {
    isSelfService: deps.delivery !== undefined,
    async issue({ requester, userId }) {
      const made = await makeToken(deps, { requester, userId, pauseSeconds: 0 });
      return made === undefined ? err({ reason: 'user_not_found' }) : ok(made);
    },
    request(input) {
      if (deps.delivery === undefined || underWay.size >= underWayMax) return;
      const work = send(deps, deps.delivery, input)
        .catch(deps.onFault)
        .finally(() => underWay.delete(work));
      underWay.add(work);
    },
    complete: (input) => complete(deps, input),
    async settled() {
      await Promise.all(underWay);
    },
  };
}

async function send(
  deps: ResetsDeps,
  delivery: ResetDelivery,
  input: Parameters<Resets['request']>[0],
): Promise<void> {
  const { tenant, username, language = 'en', address, requestId } = input;
  const user = await deps.users.findByUsername(tenant, username);
  const { email, email_verified: isVerified, locale } = user?.claims ?? {};
  if (user === undefined || email === undefined || isVerified !== true) return;
  const actor = { kind: 'anonymous', id: 'password-reset' } as const;
  const requester = { tenant, actor, address, requestId };
  const pauseSeconds = limits.passwordResetPauseSeconds;
  const made = await makeToken(deps, { requester, userId: user.id, pauseSeconds });
  if (made !== undefined) {
    const message = { tenant, email, username: user.username, language: locale ?? language };
    await delivery.deliver({ ...message, ...made });
  }
}

/** @returns undefined where there is no such user, or the last token is too young */
async function makeToken(
  deps: ResetsDeps,
  input: {
    readonly requester: Requester;
    readonly userId: SubjectId;
    readonly pauseSeconds: number;
  },
): Promise<{ readonly token: string; readonly expiresAtSeconds: number } | undefined> {
  const { requester, userId, pauseSeconds } = input;
  const { tenant } = requester;
  const secret = base64urlEncode(deps.entropy.bytes(32));
  const now = deps.clock.nowMs();
  const expiresAtSeconds = nowSeconds(deps.clock) + limits.passwordResetSeconds;
  const hash = hashOf(tenant, userId, secret);
  const row = { tenant, userId, hash, createdAt: now, expiresAtSeconds };
  const old = { is: '<=', value: now - pauseSeconds * 1000 } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [
      requireActive(tenant, userId),
      { do: 'delete', table: 'passwordResets', where: { tenant, userId, createdAt: old } },
      // A mailbox is not filled by whoever knows a name.
      { do: 'insert', table: 'passwordResets', row, refused: 'too_soon' },
    ],
    audit: await recordOnUser(deps, requester, { action: 'user.reset_issue', userId }),
  });
  return outcome === 'done' ? { token: `${userId}.${secret}`, expiresAtSeconds } : undefined;
}

async function complete(
  deps: ResetsDeps,
  input: Parameters<Resets['complete']>[0],
): Promise<Result<SubjectId, ResetRefusal>> {
  const { tenant, token, password, address, requestId } = input;
  const [, userId, secret] = /^([0-9A-Za-z]{17})\.([\w-]{43})$/.exec(token) ?? [];
  if (userId === undefined || secret === undefined) return err({ reason: 'invalid_reset' });
  const hash = hashOf(tenant, userId, secret);
  const row = await deps.store.passwordResets.get(tenant, userId);
  const user = await deps.store.users.get(tenant, userId);
  const now = nowSeconds(deps.clock);
  if (row === undefined || user === undefined || row.expiresAtSeconds <= now) {
    return err({ reason: 'invalid_reset' });
  }
  if (!equalConstantTime(utf8(hash), utf8(row.hash))) return err({ reason: 'invalid_reset' });
  // A password that is refused spends nothing: its owner chooses another one.
  const hashed = await hashPassword(deps, { password, names: [user.username] });
  if (!hashed.ok) return hashed;
  const requester = { tenant, actor: { kind: 'user', id: userId }, address, requestId } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'delete',
        table: 'passwordResets',
        where: { tenant, userId, hash },
        refused: 'invalid_reset',
      },
      {
        do: 'update',
        table: 'users',
        where: { tenant, id: userId, status: 'active' },
        set: { passwordHash: hashed.value, updatedAt: deps.clock.nowMs(), version: { add: 1 } },
        refused: 'invalid_reset',
      },
      ...forgetSignIns(tenant, userId),
      ...endAccess(deps, requester, { userId, why: 'password reset', keepsKeys: true }),
    ],
    audit: await recordOnUser(deps, requester, { action: 'user.reset_use', userId }),
  });
  return outcome === 'done' ? ok(userId as SubjectId) : err({ reason: 'invalid_reset' });
}

function requireActive(tenant: TenantId, userId: SubjectId): Step {
  const where = { tenant, id: userId, status: 'active' };
  return { do: 'require', table: 'users', where, refused: 'user_not_found' };
}

/** 256 random bits need no slow hash. */
function hashOf(tenant: TenantId, userId: string, secret: string): string {
  const text = `${tenant}\0${userId}\0${secret}`;
  return base64urlEncode(createHash('sha256').update(text).digest());
}
