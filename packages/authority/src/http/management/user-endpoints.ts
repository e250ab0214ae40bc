/** `/v1/users`: people, their passwords and their states. */
import { err, ok, type Result, type SubjectId, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import { membershipOf } from '../../revocation/member-view.ts';
import type { Store } from '../../store/store.ts';
import {
  type ChangeUserDeps,
  type ChangeUserRefusal,
  comparePassword,
  createUser,
  deleteUser,
  updateUser,
} from '../../users/change-user.ts';
import { type User, userOf } from '../../users/user.ts';
import type { Users } from '../../users/users.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { type IfMatch, isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { editUserBody, newUserBody, password, renderUser, user } from './user-wire.ts';
import { pageOf } from './wire-schema.ts';

export interface UserPorts extends ChangeUserDeps {
  readonly store: ChangeUserDeps['store'] & Pick<Store, 'memberships'>;
  readonly users: Users;
}

const group = 'users';
const params = z.strictObject({ id: z.string().min(1).max(64) });
const endNote = 'Disabling the user or setting the password ends sessions and tokens.';
const shown = { 200: { description: 'The user as it is now.', schema: user } };

export function userEndpoints(ports: UserPorts): readonly PreparedEndpoint[] {
  return [
    create(ports),
    list(ports),
    show(ports),
    update(ports),
    putPassword(ports),
    removePassword(ports),
    compare(ports),
    changeStatus(ports, 'disable'),
    changeStatus(ports, 'enable'),
    remove(ports),
  ];
}

function create(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users',
    operation: 'createUser',
    group,
    summary: 'Creates a user',
    permission: 'users:write',
    body: newUserBody,
    creates: true,
    answers: { 201: { description: 'The user.', schema: user } },
    problems: ['already_exists', 'not_found', 'unavailable'],
    async handle({ requester, body, remember }) {
      const made = await createUser(ports, requester, {
        username: body.username,
        password: body.password,
        passwordHash: body.password_hash,
        claims: body.claims,
        membership: { roles: body.roles, groups: body.groups },
        // What is personal lies sealed in the user's row, and nowhere else.
        alongside: (one) => remember({ status: 201, body: { id: one.id } }),
      });
      if (!made.ok) return err(userProblem(made.refusal));
      return created(ports, made.value);
    },
    async replay(tenant, remembered) {
      const one = await ports.users.get(tenant, String(remembered['id']) as SubjectId);
      return one === undefined
        ? err({ code: 'not_found', detail: 'deleted since' })
        : created(ports, one);
    },
  });
}

function list(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/users',
    operation: 'listUsers',
    group,
    summary: 'Lists users, newest first',
    permission: 'users:read',
    query: z.strictObject({
      username: z.string().min(1).max(1020).optional().describe('In any spelling: at most one'),
    }),
    paged: true,
    answers: { 200: { description: 'A page of users.', schema: pageOf(user) } },
    async handle({ tenant, query, page }) {
      if (query.username !== undefined) {
        const found = await ports.users.findByUsername(tenant, query.username);
        const items = found === undefined ? [] : [await rendered(ports, found)];
        return ok({ status: 200, body: { items } });
      }
      const rows = await ports.store.users.list({
        where: { tenant, status: { is: '!=', value: 'deleted' } },
        orderBy: ['tenant', 'createdAt', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: kept, next } = cutPage(page, rows, (last) => [
        last.tenant,
        last.createdAt,
        last.id,
      ]);
      const users = await Promise.all(kept.map((row) => userOf(ports.sealer, row)));
      const items = await Promise.all(
        users.flatMap((one) => (one === undefined ? [] : [rendered(ports, one)])),
      );
      return ok({ status: 200, body: { items }, next });
    },
  });
}

function show(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/users/{id}',
    operation: 'showUser',
    group,
    summary: 'Shows a user',
    permission: 'users:read',
    params,
    answers: { 200: { description: 'The user.', schema: user } },
    async handle({ tenant, params }) {
      const one = await ports.users.get(tenant, params.id as SubjectId);
      return one === undefined ? err({ code: 'not_found' }) : shownAs(ports, one);
    },
  });
}

function update(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'PATCH',
    path: '/v1/users/{id}',
    operation: 'updateUser',
    group,
    summary: 'Edits a user',
    description: `Members left out stay. ${endNote}`,
    permission: 'users:write',
    params,
    body: editUserBody,
    edits: 'always',
    answers: shown,
    problems: ['already_exists'],
    async handle({ tenant, requester, params, body, ifMatch }) {
      const known = await seen(ports, { tenant, id: params.id, ifMatch });
      if (!known.ok) return known;
      const { id, version } = known.value;
      const { roles, groups, ...edit } = body;
      const membership = { roles, groups };
      const done = await updateUser(ports, requester, { id, version, ...edit, membership });
      return edited(ports, done);
    },
  });
}

function putPassword(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/users/{id}/password',
    operation: 'setUserPassword',
    group,
    summary: 'Sets the password, and ends the sessions and tokens of the user',
    permission: 'users:write',
    params,
    body: z.strictObject({ password }).meta({ id: 'SetPassword' }),
    edits: 'always',
    answers: shown,
    async handle({ tenant, requester, params, body, ifMatch }) {
      const known = await seen(ports, { tenant, id: params.id, ifMatch });
      if (!known.ok) return known;
      const { id, version } = known.value;
      const input = { id, version, password: body.password };
      return edited(ports, await updateUser(ports, requester, input));
    },
  });
}

function removePassword(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/users/{id}/password',
    operation: 'removeUserPassword',
    group,
    summary: 'Takes the password away, and ends the sessions and tokens of the user',
    permission: 'users:write',
    params,
    edits: 'always',
    answers: shown,
    async handle({ tenant, requester, params, ifMatch }) {
      const known = await seen(ports, { tenant, id: params.id, ifMatch });
      if (!known.ok) return known;
      const { id, version } = known.value;
      return edited(ports, await updateUser(ports, requester, { id, version, password: null }));
    },
  });
}

function compare(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users/{id}/password/compare',
    operation: 'compareUserPassword',
    group,
    summary: 'Whether this is the password already, so that nothing has to be set',
    description: 'Changes nothing, but for a record in the audit trail.',
    permission: 'users:write',
    params,
    body: z.strictObject({ password }).meta({ id: 'ComparePassword' }),
    answers: {
      200: {
        description: 'The comparison.',
        schema: z.strictObject({ same: z.boolean() }).meta({ id: 'ComparedPassword' }),
      },
    },
    async handle({ requester, params, body }) {
      const id = params.id as SubjectId;
      const compared = await comparePassword(ports, requester, { id, password: body.password });
      if (!compared.ok) return err(userProblem(compared.refusal));
      return ok({ status: 200, body: { same: compared.value } });
    },
  });
}

function changeStatus(ports: UserPorts, what: 'disable' | 'enable'): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: `/v1/users/{id}/${what}`,
    operation: `${what}User`,
    group,
    summary:
      what === 'disable'
        ? 'Disables a user at once, sessions and tokens included'
        : 'Lets a disabled user sign in again',
    permission: 'users:write',
    params,
    edits: 'always',
    answers: shown,
    async handle({ tenant, requester, params, ifMatch }) {
      const known = await seen(ports, { tenant, id: params.id, ifMatch });
      if (!known.ok) return known;
      const { id, version } = known.value;
      const status = what === 'disable' ? 'disabled' : 'active';
      const done = await updateUser(ports, requester, { id, version, status });
      return edited(ports, done);
    },
  });
}

function remove(ports: UserPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/users/{id}',
    operation: 'deleteUser',
    group,
    summary: 'Deletes a user, with everything personal, and ends sessions and tokens',
    permission: 'users:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone; its id is never given again.' } },
    async handle({ tenant, requester, params, ifMatch }) {
      const known = await seen(ports, { tenant, id: params.id, ifMatch });
      if (!known.ok) return known;
      const { id, version } = known.value;
      const gone = await deleteUser(ports, requester, { id, version });
      if (!gone.ok) return err(editProblem(gone.refusal));
      return ok({ status: 204 });
    },
  });
}

/** The user as the caller has seen it. */
async function seen(
  ports: UserPorts,
  input: { readonly tenant: TenantId; readonly id: string; readonly ifMatch: IfMatch | undefined },
): Promise<Result<User, Problem>> {
  const { tenant, id, ifMatch } = input;
  const known = await ports.users.get(tenant, id as SubjectId);
  if (known === undefined) return err({ code: 'not_found' });
  if (ifMatch === undefined || !isMatching(ifMatch, known.version)) {
    return err({ code: 'version_mismatch' });
  }
  return ok(known);
}

async function rendered({ store }: UserPorts, one: User) {
  return renderUser(one, await membershipOf(store, one.tenant, one.id));
}

async function created(ports: UserPorts, one: User) {
  return ok({ status: 201, body: await rendered(ports, one), version: one.version });
}

async function shownAs(ports: UserPorts, one: User) {
  return ok({ status: 200, body: await rendered(ports, one), version: one.version });
}

async function edited(ports: UserPorts, result: Result<User, ChangeUserRefusal>) {
  return result.ok ? shownAs(ports, result.value) : err(editProblem(result.refusal));
}

function editProblem(refusal: ChangeUserRefusal): Problem | typeof repeated {
  // Somebody else was faster than the caller who had read the newest version.
  if (refusal.reason === 'version_conflict') return { code: 'version_mismatch' };
  return userProblem(refusal);
}

function userProblem(refusal: ChangeUserRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'username_taken':
      return { code: 'already_exists', detail: 'there is a user of this name' };
    case 'user_not_found':
      return { code: 'not_found' };
    case 'version_conflict':
      return { code: 'conflict' };
    case 'malformed_username':
      return invalid('/username', refusal.rule);
    case 'password_too_short':
      return invalid('/password', `must have ${refusal.charsMin} characters or more`);
    case 'password_too_long':
      return invalid('/password', `must have at most ${refusal.bytesMax} bytes`);
    case 'password_blocked':
      return invalid('/password', 'is among those that guessers try first');
    case 'role_unknown':
      return invalid('/roles', 'names a role that there is not');
    case 'group_unknown':
      return invalid('/groups', 'names a group that there is not');
    case 'malformed_hash':
      return invalid('/password_hash', 'is no hash of a password that is known here');
    case 'hash_too_costly':
      return invalid('/password_hash', 'would cost too much to check');
    case 'busy':
      return { code: 'unavailable', headers: { 'retry-after': '1' } };
    case 'refused_by_step':
      return repeated;
  }
}

function invalid(pointer: string, message: string): Problem {
  return { code: 'invalid_body', errors: [{ pointer, message }] };
}
