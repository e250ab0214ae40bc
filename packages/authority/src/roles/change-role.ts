/**
 * Writes roles and groups: makes, replaces, takes them away. Each change is one act: the row, its
 * entry in the status feed and the record; enforcement points know it within a second.
 */
import { type AuditAction, type Clock, err, limits, ok, type Result } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { FeedDraft, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface RoleDeps {
  readonly store: Pick<Store, 'roles' | 'groups' | 'memberships' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export type PutRoleRefusal =
  /** It exists, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many'; readonly max: number }
  | { readonly reason: 'role_unknown' };

export type DeleteRoleRefusal =
  | { readonly reason: 'not_found' | 'version_mismatch' }
  /** A role that groups have is taken from them first: nobody loses it by surprise. */
  | { readonly reason: 'in_use'; readonly group: string };

interface Seen {
  /** Whether the requester has seen this version; undefined where he expects none. */
  readonly isSeen: ((version: number) => boolean) | undefined;
}

/** @throws StoreFault, CustodyFault */
export async function putRole(
  deps: RoleDeps,
  requester: Requester,
  input: Seen & Pick<Row<'roles'>, 'name' | 'description' | 'scopes' | 'exclusive'>,
): Promise<Result<{ readonly row: Row<'roles'>; readonly created: boolean }, PutRoleRefusal>> {
  const { isSeen, ...given } = input;
  const { tenant } = requester;
  const known = await deps.store.roles.get(tenant, given.name);
  const next = await nextVersion(known, isSeen, {
    count: () => deps.store.roles.count({ tenant }),
    max: limits.rolesMax,
  });
  if (!next.ok) return next;
  const { name, ...columns } = given;
  const set = { ...columns, updatedAt: deps.clock.nowMs(), version: next.value };
  const row = { tenant, name, ...set };
  const where = { tenant, name, version: next.value - 1 };
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'roles', row, refused: 'version_mismatch' }
      : { do: 'update', table: 'roles', where, set, refused: 'version_mismatch' };
  const outcome = await change(deps, requester, {
    action: known === undefined ? 'role.create' : 'role.update',
    object: { kind: 'role', id: row.name },
    detail: { scopes: row.scopes },
    steps: [step],
    entry: { type: 'role', name: row.name, scopes: row.scopes },
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ row, created: known === undefined });
}

/** @throws StoreFault, CustodyFault */
export async function putGroup(
  deps: RoleDeps,
  requester: Requester,
  input: Seen & Pick<Row<'groups'>, 'name' | 'description' | 'roles'>,
): Promise<Result<{ readonly row: Row<'groups'>; readonly created: boolean }, PutRoleRefusal>> {
  const { isSeen, ...given } = input;
  const { tenant } = requester;
  const known = await deps.store.groups.get(tenant, given.name);
  const next = await nextVersion(known, isSeen, {
    count: () => deps.store.groups.count({ tenant }),
    max: limits.groupsMax,
  });
  if (!next.ok) return next;
  const { name, ...columns } = given;
  const set = { ...columns, updatedAt: deps.clock.nowMs(), version: next.value };
  const row = { tenant, name, ...set };
  const where = { tenant, name, version: next.value - 1 };
  const step: Step =
    known === undefined
      ? { do: 'insert', table: 'groups', row, refused: 'version_mismatch' }
      : { do: 'update', table: 'groups', where, set, refused: 'version_mismatch' };
  const outcome = await change(deps, requester, {
    action: known === undefined ? 'group.create' : 'group.update',
    object: { kind: 'group', id: row.name },
    detail: { roles: row.roles },
    steps: [
      ...row.roles.map((name): Step => {
        return { do: 'require', table: 'roles', where: { tenant, name }, refused: 'role_unknown' };
      }),
      step,
    ],
    entry: { type: 'group', name: row.name, roles: row.roles },
  });
  if (outcome === 'role_unknown') return err({ reason: 'role_unknown' });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  return ok({ row, created: known === undefined });
}

/** Whoever has it directly has it no more, and not again where one of its name is made anew. */
export async function deleteRole(
  deps: RoleDeps,
  requester: Requester,
  input: { readonly name: string; readonly isSeen: (version: number) => boolean },
): Promise<Result<undefined, DeleteRoleRefusal>> {
  const { name, isSeen } = input;
  const { tenant } = requester;
  const known = await deps.store.roles.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const groups = await deps.store.groups.list({ where: { tenant }, limit: limits.groupsMax });
  const user = groups.find(({ roles }) => roles.includes(name));
  if (user !== undefined) return err({ reason: 'in_use', group: user.name });
  const where = { tenant, name, version: known.version };
  const outcome = await change(deps, requester, {
    action: 'role.delete',
    object: { kind: 'role', id: name },
    steps: [
      { do: 'delete', table: 'roles', where, refused: 'version_mismatch' },
      { do: 'delete', table: 'memberships', where: { tenant, kind: 'role', name } },
    ],
    entry: { type: 'role', name, scopes: null },
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}

/** Whoever was in it has what it gave no more. */
export async function deleteGroup(
  deps: RoleDeps,
  requester: Requester,
  input: { readonly name: string; readonly isSeen: (version: number) => boolean },
): Promise<Result<undefined, DeleteRoleRefusal>> {
  const { name, isSeen } = input;
  const { tenant } = requester;
  const known = await deps.store.groups.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const where = { tenant, name, version: known.version };
  const outcome = await change(deps, requester, {
    action: 'group.delete',
    object: { kind: 'group', id: name },
    steps: [
      { do: 'delete', table: 'groups', where, refused: 'version_mismatch' },
      { do: 'delete', table: 'memberships', where: { tenant, kind: 'group', name } },
    ],
    entry: { type: 'group', name, roles: null },
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}

async function nextVersion(
  known: { readonly version: number } | undefined,
  isSeen: Seen['isSeen'],
  bound: { readonly count: () => Promise<number>; readonly max: number },
): Promise<Result<number, PutRoleRefusal>> {
  if (known !== undefined) {
    if (isSeen === undefined) return err({ reason: 'version_unknown' });
    return isSeen(known.version) ? ok(known.version + 1) : err({ reason: 'version_mismatch' });
  }
  // A version was seen, so there was one: somebody deleted it since.
  if (isSeen !== undefined) return err({ reason: 'version_mismatch' });
  if ((await bound.count()) >= bound.max) return err({ reason: 'too_many', max: bound.max });
  return ok(1);
}

async function change(
  deps: RoleDeps,
  requester: Requester,
  what: {
    readonly action: AuditAction;
    readonly object: { readonly kind: 'role' | 'group'; readonly id: string };
    readonly detail?: Readonly<Record<string, readonly string[]>>;
    readonly steps: readonly Step[];
    readonly entry: FeedDraft;
  },
): Promise<string> {
  const { steps, entry, ...event } = what;
  const at = deps.clock.nowMs();
  const { outcome } = await deps.store.acts.run({
    steps: [...steps, { do: 'feed', tenant: requester.tenant, at, entries: [entry] }],
    audit: await deps.recorder.record(eventBy(requester, { at, ...event })),
  });
  return outcome;
}
