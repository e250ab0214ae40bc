/**
 * Changes of users by whoever administers them. Every change is one act with its audit record; what
 * takes a person's access away ends the tokens in the same act. What must never happen: two users
 * of one name, or a changed password under which old sessions go on.
 */

import {
  type AuditAction,
  type AuditEvent,
  type Clock,
  type Entropy,
  err,
  freshId,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import { dropHolder } from '../plans/drop-holder.ts';
import { dropMemberships, type MembershipEdit, membershipSteps } from '../roles/membership.ts';
import type { Alongside, AuditRecord, Step } from '../store/act.ts';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { judgePasswordHash, type PasswordHashRefusal } from './imported-password.ts';
import { hashPassword, type PasswordRefusal, verifyPassword } from './password.ts';
import { type Claims, sealClaims, type User, type UserStatus, userOf } from './user.ts';
import { endAccess, recordOnUser } from './user-record.ts';
import { parseUsername, type UsernameRefusal } from './username.ts';
import { forgetSignIns } from './users.ts';

export interface ChangeUserDeps {
  readonly store: Pick<Store, 'users' | 'usernames' | 'acts'>;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly passwordHashes: SlowHashQueue;
}

export type ChangeUserRefusal =
  | UsernameRefusal
  | PasswordRefusal
  | PasswordHashRefusal
  | { readonly reason: 'username_taken' }
  | { readonly reason: 'user_not_found' }
  | { readonly reason: 'version_conflict' }
  | { readonly reason: 'role_unknown' | 'group_unknown' }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/**
 * Creates a user.
 *
 * @param input.password left out for a user who signs in by other means
 */
export async function createUser(
  deps: ChangeUserDeps,
  requester: Requester,
  input: {
    readonly username: string;
    readonly password?: string | undefined;
    /** In place of a password: what another system kept of it. */
    readonly passwordHash?: string | undefined;
    readonly claims?: Claims | undefined;
    readonly membership?: MembershipEdit | undefined;
    readonly alongside?: Alongside<User>;
  },
): Promise<Result<User, ChangeUserRefusal>> {
  const name = parseUsername(input.username);
  if (!name.ok) return name;
  const { shown, key } = name.value;
  const { passwordHash } = input;
  const hashed =
    passwordHash === undefined
      ? await hashIfGiven(deps, input.password, [shown, key])
      : judgePasswordHash(passwordHash);
  if (!hashed.ok) return hashed;
  const { tenant } = requester;
  const id = freshId(deps.entropy);
  const now = deps.clock.nowMs();
  const row: Row<'users'> = {
    tenant,
    id,
    username: shown,
    status: 'active',
    sealedClaims: await sealClaims(deps.sealer, { tenant, id, claims: input.claims ?? {} }),
    passwordHash: hashed.value,
    createdAt: now,
    updatedAt: now,
    version: 1,
  };
  const user = (await userOf(deps.sealer, row)) as User;
  const { outcome } = await deps.store.acts.run({
    steps: [
      nameStep(row, key),
      { do: 'insert', table: 'users', row, refused: 'version_conflict' },
      ...membershipSteps(tenant, id, { edit: input.membership ?? {}, at: now }),
      ...(input.alongside?.(user) ?? []),
    ],
    audit: await record(deps, requester, {
      action: 'user.create',
      row,
      detail: heldNow(input.membership),
    }),
  });
  return outcome === 'done' ? ok(user) : err(refusalOf(outcome));
}

/** What an edit changes; members left out stay. */
export interface UserEdit {
  readonly username?: string | undefined;
  /** In place of those before, as a whole. */
  readonly claims?: Claims | undefined;
  readonly status?: UserStatus | undefined;
  /** Null: the user signs in by other means. */
  readonly password?: string | null | undefined;
  readonly membership?: MembershipEdit | undefined;
}

/**
 * Edits a user. Disabling one, or setting the password, ends all sessions and tokens of the user. A
 * new password also forgets the attempts that failed: whoever was locked out by somebody else's
 * guesses is in again.
 *
 * @param input.version the version that the caller saw (If-Match)
 */
export async function updateUser(
  deps: ChangeUserDeps,
  requester: Requester,
  input: UserEdit & { readonly id: SubjectId; readonly version: number },
): Promise<Result<User, ChangeUserRefusal>> {
  const { tenant } = requester;
  const { id, version } = input;
  const known = await deps.store.users.get(tenant, id);
  if (known === undefined || known.status === 'deleted') return err({ reason: 'user_not_found' });
  const renamed = renaming(known, input.username);
  if (!renamed.ok) return renamed;
  const changed = await changedColumns(deps, known, input);
  if (!changed.ok) return changed;
  const set = {
    ...changed.value,
    username: renamed.value.shown,
    updatedAt: deps.clock.nowMs(),
    version: version + 1,
  };
  const isNewPassword = input.password !== undefined;
  const isEnd = set.status === 'disabled' && known.status !== 'disabled';
  const { outcome } = await deps.store.acts.run({
    steps: [
      changeStep(requester, { id, version, set }),
      ...renamed.value.steps,
      ...membershipSteps(tenant, id, { edit: input.membership ?? {}, at: set.updatedAt }),
      ...(isNewPassword ? forgetSignIns(tenant, id) : []),
      ...(isEnd ? leavingSteps(known, set.updatedAt) : []),
      ...(isNewPassword || isEnd
        ? endAccess(deps, requester, endingOf(id, { isEnd, version: set.version }))
        : []),
    ],
    audit: await record(deps, requester, {
      action: isNewPassword ? 'user.password_set' : 'user.update',
      row: { ...known, ...set },
      detail: {
        changed: changedMembers(input),
        status: set.status,
        version: set.version,
        ...heldNow(input.membership),
      },
    }),
  });
  if (outcome !== 'done') return err(refusalOf(outcome));
  return ok((await userOf(deps.sealer, { ...known, ...set })) as User);
}

/** What the user owns may be named by rotation rules, by id or by name. */
function leavingSteps({ tenant, id, username }: Row<'users'>, at: number): readonly Step[] {
  return [id, username].map((owner) =>
    rotationEventStep(tenant as TenantId, 'owner_left', { about: { kind: 'owner', owner }, at }),
  );
}

function endingOf(
  userId: string,
  { isEnd, version }: { readonly isEnd: boolean; readonly version: number },
) {
  if (!isEnd) return { userId, why: 'password set', keepsKeys: true };
  return { userId, why: 'user disabled', undo: { enables: 'user', version } as const };
}

async function changedColumns(
  deps: ChangeUserDeps,
  known: Row<'users'>,
  edit: UserEdit,
): Promise<
  Result<Pick<Row<'users'>, 'status' | 'sealedClaims' | 'passwordHash'>, PasswordRefusal>
> {
  const { id } = known;
  const tenant = known.tenant as TenantId;
  const { claims, password, status = known.status } = edit;
  const names = [edit.username ?? known.username];
  const hashed = await hashIfGiven(deps, password ?? undefined, names);
  if (!hashed.ok) return hashed;
  return ok({
    status,
    sealedClaims:
      claims === undefined
        ? known.sealedClaims
        : await sealClaims(deps.sealer, { tenant, id, claims }),
    passwordHash: password === undefined ? known.passwordHash : hashed.value,
  });
}

/**
 * Whether a user has this very password, so that a declaration can be compared with what is there.
 * Whoever may ask may also set it; the record keeps him from guessing unseen.
 */
export async function comparePassword(
  deps: ChangeUserDeps,
  requester: Requester,
  input: { readonly id: SubjectId; readonly password: string },
): Promise<Result<boolean, ChangeUserRefusal>> {
  const known = await deps.store.users.get(requester.tenant, input.id);
  if (known === undefined || known.status === 'deleted') return err({ reason: 'user_not_found' });
  const audit = await record(deps, requester, { action: 'user.password_compare', row: known });
  await deps.store.acts.run({ steps: [], audit });
  const { passwordHash } = known;
  if (passwordHash === null) return ok(false);
  const isSame = await deps.passwordHashes.run(() => verifyPassword(passwordHash, input.password));
  return isSame === 'busy' ? err({ reason: 'busy' }) : ok(isSame);
}

/**
 * Deletes a user: a tombstone without anything personal stays, so that the subject never names
 * somebody else. The name is free again.
 */
export async function deleteUser(
  deps: ChangeUserDeps,
  requester: Requester,
  input: { readonly id: SubjectId; readonly version: number },
): Promise<Result<undefined, ChangeUserRefusal>> {
  const { tenant } = requester;
  const { id, version } = input;
  const known = await deps.store.users.get(tenant, id);
  if (known === undefined || known.status === 'deleted') return err({ reason: 'user_not_found' });
  const set = {
    username: '',
    status: 'deleted',
    sealedClaims: null,
    passwordHash: null,
    updatedAt: deps.clock.nowMs(),
    version: version + 1,
  } as const;
  const { outcome } = await deps.store.acts.run({
    steps: [
      changeStep(requester, { id, version, set }),
      dropName(known),
      ...factorTables.map((table): Step => {
        return { do: 'delete', table, where: { tenant, userId: id } };
      }),
      ...forgetSignIns(tenant, id),
      ...dropMemberships(tenant, id, set.updatedAt),
      ...dropHolder(tenant, { kind: 'user', id }, set.updatedAt),
      ...leavingSteps(known, set.updatedAt),
      ...endAccess(deps, requester, { userId: id, why: 'user deleted' }),
    ],
    audit: await record(deps, requester, { action: 'user.delete', row: known }),
  });
  return outcome === 'done' ? ok(undefined) : err(refusalOf(outcome));
}

const factorTables = ['userTotp', 'userRecoveryCodes', 'userPasskeys', 'passwordResets'] as const;

async function hashIfGiven(
  deps: ChangeUserDeps,
  password: string | undefined,
  names: readonly string[],
): Promise<Result<string | null, PasswordRefusal>> {
  return password === undefined ? ok(null) : hashPassword(deps, { password, names });
}

function changeStep(
  { tenant }: Requester,
  input: {
    readonly id: string;
    readonly version: number;
    readonly set: Partial<Omit<Row<'users'>, 'tenant' | 'id'>>;
  },
): Step {
  const { id, version, set } = input;
  const where = { tenant, id, version };
  return { do: 'update', table: 'users', where, set, refused: 'version_conflict' };
}

function nameStep({ tenant, id }: Pick<Row<'users'>, 'tenant' | 'id'>, key: string): Step {
  const row = { tenant, key, userId: id };
  return { do: 'insert', table: 'usernames', row, refused: 'username_taken' };
}

function dropName({ tenant, id, username }: Row<'users'>): Step {
  const parsed = parseUsername(username);
  const key = parsed.ok ? parsed.value.key : '';
  return { do: 'delete', table: 'usernames', where: { tenant, key, userId: id } };
}

/** The name as it will be shown, and the steps that bring it about. */
function renaming(
  known: Row<'users'>,
  username: string | undefined,
): Result<{ readonly shown: string; readonly steps: readonly Step[] }, UsernameRefusal> {
  if (username === undefined) return ok({ shown: known.username, steps: [] });
  const before = parseUsername(known.username);
  const name = parseUsername(username);
  if (!name.ok) return name;
  const { shown, key } = name.value;
  const isSame = before.ok && before.value.key === key;
  return ok({ shown, steps: isSame ? [] : [dropName(known), nameStep(known, key)] });
}

/** Who got what is what an auditor asks first. */
function heldNow({ roles, groups }: MembershipEdit = {}) {
  return { ...(roles && { roles }), ...(groups && { groups }) };
}

function changedMembers(edit: UserEdit): readonly string[] {
  const members = ['username', 'claims', 'status', 'password'] as const;
  const { roles, groups } = edit.membership ?? {};
  return [
    ...members.filter((name) => edit[name] !== undefined),
    ...(roles === undefined ? [] : ['roles']),
    ...(groups === undefined ? [] : ['groups']),
  ];
}

function record(
  deps: ChangeUserDeps,
  requester: Requester,
  what: {
    readonly action: AuditAction;
    readonly row: Pick<Row<'users'>, 'id' | 'username'>;
    readonly detail?: NonNullable<AuditEvent['detail']>;
  },
): Promise<AuditRecord> {
  const { row, ...rest } = what;
  return recordOnUser(deps, requester, { userId: row.id, username: row.username, ...rest });
}

function refusalOf(outcome: string): ChangeUserRefusal {
  switch (outcome) {
    case 'username_taken':
    case 'version_conflict':
    case 'role_unknown':
    case 'group_unknown':
      return { reason: outcome };
    default:
      // One of the caller's own steps refused; the caller knows its code.
      return { reason: 'refused_by_step', step: outcome };
  }
}
