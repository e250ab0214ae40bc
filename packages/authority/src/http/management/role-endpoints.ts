/** `/v1/roles` and `/v1/groups`: written and replaced as a whole, at the place of their name. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import {
  type DeleteRoleRefusal,
  deleteGroup,
  deleteRole,
  type PutRoleRefusal,
  putGroup,
  putRole,
  type RoleDeps,
} from '../../roles/change-role.ts';
import type { Row } from '../../store/tables.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { line, momentOut, pageOf, renderMoment, scopes } from './wire-schema.ts';

/** As roles and groups are called, and as users name those that they have. */
const roleName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$/, 'must be 1–128 letters, digits and . _ : / @ -');
export const roleNames = z.array(roleName).max(limits.membershipsMax);

const params = z.strictObject({ name: roleName });
const description = line({ min: 0, max: 500 }).optional();
const exclusive = z
  .boolean()
  .optional()
  .describe('Clients get its scopes only for users who have them by a role; default false');

const roleBody = z
  .strictObject({ name: roleName.optional(), description, scopes, exclusive })
  .meta({ id: 'RoleSettings' });
const role = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    scopes: z.array(z.string()),
    exclusive: z.boolean(),
    updated_at: momentOut,
  })
  .meta({ id: 'Role' });

const groupBody = z
  .strictObject({ name: roleName.optional(), description, roles: roleNames })
  .meta({ id: 'GroupSettings' });
const group = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    roles: z.array(z.string()),
    updated_at: momentOut,
  })
  .meta({ id: 'Group' });

export function roleEndpoints(ports: RoleDeps): readonly PreparedEndpoint[] {
  return [
    ...[listRoles(ports), showRole(ports), writeRole(ports), removeRole(ports)],
    ...[listGroups(ports), showGroup(ports), writeGroup(ports), removeGroup(ports)],
  ];
}

function renderRole({ name, description, scopes, exclusive, updatedAt }: Row<'roles'>) {
  const updated_at = renderMoment(updatedAt);
  return { name, description, scopes, exclusive: exclusive === 1, updated_at };
}

function renderGroup({ name, description, roles, updatedAt }: Row<'groups'>) {
  return { name, description, roles, updated_at: renderMoment(updatedAt) };
}

function listRoles({ store }: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/roles',
    operation: 'listRoles',
    group: 'roles',
    summary: 'Lists roles by name',
    permission: 'roles:read',
    paged: true,
    answers: { 200: { description: 'A page of roles.', schema: pageOf(role) } },
    async handle({ tenant, page }) {
      const after = page.after === undefined ? {} : { after: page.after };
      const rows = await store.roles.list({ where: { tenant }, ...after, limit: page.limit + 1 });
      return ok({ status: 200, ...pageBody(rows, page.limit, renderRole) });
    },
  });
}

function listGroups({ store }: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/groups',
    operation: 'listGroups',
    group: 'roles',
    summary: 'Lists groups by name',
    permission: 'roles:read',
    paged: true,
    answers: { 200: { description: 'A page of groups.', schema: pageOf(group) } },
    async handle({ tenant, page }) {
      const after = page.after === undefined ? {} : { after: page.after };
      const rows = await store.groups.list({ where: { tenant }, ...after, limit: page.limit + 1 });
      return ok({ status: 200, ...pageBody(rows, page.limit, renderGroup) });
    },
  });
}

function pageBody<R extends { readonly tenant: string; readonly name: string }>(
  rows: readonly R[],
  limit: number,
  render: (row: R) => unknown,
) {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const next = last === undefined ? undefined : [last.tenant, last.name];
  return { body: { items: shown.map(render) }, next };
}

function showRole({ store }: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/roles/{name}',
    operation: 'showRole',
    group: 'roles',
    summary: 'Shows a role',
    permission: 'roles:read',
    params,
    answers: { 200: { description: 'The role.', schema: role } },
    async handle({ tenant, params }) {
      const row = await store.roles.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderRole(row), version: row.version });
    },
  });
}

function showGroup({ store }: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/groups/{name}',
    operation: 'showGroup',
    group: 'roles',
    summary: 'Shows a group',
    permission: 'roles:read',
    params,
    answers: { 200: { description: 'The group.', schema: group } },
    async handle({ tenant, params }) {
      const row = await store.groups.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderGroup(row), version: row.version });
    },
  });
}

const endNote = 'Whatever its users hold has the new scopes, and no others, within a second.';

function writeRole(ports: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/roles/{name}',
    operation: 'putRole',
    group: 'roles',
    summary: 'Writes a role: makes it, or replaces it as a whole',
    description: `Replacing needs \`If-Match\`. ${endNote}`,
    permission: 'roles:write',
    params,
    body: roleBody,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: role },
      201: { description: 'Made.', schema: role },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      const { name = params.name, description = '', scopes, exclusive = false } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putRole(ports, requester, {
        ...{ name, description, scopes: [...new Set(scopes)], exclusive: exclusive ? 1 : 0 },
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: renderRole(row), version: row.version });
    },
  });
}

function writeGroup(ports: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/groups/{name}',
    operation: 'putGroup',
    group: 'roles',
    summary: 'Writes a group: makes it, or replaces it as a whole',
    description: `Replacing needs \`If-Match\`. ${endNote}`,
    permission: 'roles:write',
    params,
    body: groupBody,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: group },
      201: { description: 'Made.', schema: group },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      const { name = params.name, description = '', roles } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putGroup(ports, requester, {
        ...{ name, description, roles: [...new Set(roles)] },
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: renderGroup(row), version: row.version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutRoleRefusal): Problem {
  switch (refusal.reason) {
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `there are ${refusal.max} already` };
    case 'role_unknown':
      return {
        code: 'invalid_body',
        errors: [{ pointer: '/roles', message: 'names a role that there is not' }],
      };
  }
}

function removeRole(ports: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/roles/{name}',
    operation: 'deleteRole',
    group: 'roles',
    summary: 'Takes a role away, and from everybody who has it',
    permission: 'roles:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['wrong_state'],
    async handle({ requester, params, ifMatch }) {
      const isSeen = (version: number) => ifMatch !== undefined && isMatching(ifMatch, version);
      const gone = await deleteRole(ports, requester, { name: params.name, isSeen });
      return gone.ok ? ok({ status: 204 }) : err(deleteProblem(gone.refusal));
    },
  });
}

function removeGroup(ports: RoleDeps): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/groups/{name}',
    operation: 'deleteGroup',
    group: 'roles',
    summary: 'Takes a group away, and what it gave from everybody who is in it',
    permission: 'roles:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params, ifMatch }) {
      const isSeen = (version: number) => ifMatch !== undefined && isMatching(ifMatch, version);
      const gone = await deleteGroup(ports, requester, { name: params.name, isSeen });
      return gone.ok ? ok({ status: 204 }) : err(deleteProblem(gone.refusal));
    },
  });
}

function deleteProblem(refusal: DeleteRoleRefusal): Problem {
  if (refusal.reason !== 'in_use') return { code: refusal.reason };
  return { code: 'wrong_state', detail: `the group ${refusal.group} has it` };
}
