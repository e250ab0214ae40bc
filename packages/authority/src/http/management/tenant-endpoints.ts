/** `/v1/tenants`: the tenants of the installation, for its operator. */
import { err, ok, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import {
  type ChangeTenantDeps,
  createTenant,
  createTenantAdministrator,
  deleteTenant,
  listTenants,
  type TenantRefusal,
  updateTenant,
} from '../../tenants/change-tenant.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import {
  newTenantShape,
  renderTenant,
  settings,
  settingsOf,
  tenantName,
  tenantOf,
  tenantShape,
} from './tenant-wire.ts';
import { line, pageOf } from './wire-schema.ts';

export interface TenantPorts extends ChangeTenantDeps {
  readonly issuerOf: (tenant: TenantId) => string;
}

const group = 'tenants';
const params = z.strictObject({ tenant: tenantName });
const displayName = line({ min: 1, max: 200 });

export function tenantEndpoints(ports: TenantPorts): readonly PreparedEndpoint[] {
  return [create(ports), list(ports), show(ports), update(ports), remove(ports), admin(ports)];
}

function create(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/tenants',
    operation: 'createTenant',
    group,
    summary: 'Makes a tenant, and the key of its first administrator',
    description:
      'The tenant has an issuer, signing keys, users, clients and administrators of its own. ' +
      'Its management API is under its issuer. Its name is never given again.',
    permission: 'tenants:write',
    operatorOnly: true,
    body: z
      .strictObject({
        tenant: tenantName,
        name: displayName.optional(),
        settings: settings.optional(),
      })
      .meta({ id: 'CreateTenant' }),
    creates: true,
    answers: { 201: { description: 'The tenant, with its key.', schema: newTenantShape } },
    problems: ['already_exists'],
    async handle({ requester, body, remember }) {
      const made = await createTenant(ports, {
        requester,
        tenant: tenantOf(body.tenant),
        name: body.name ?? body.tenant,
        settings: settingsOf(body.settings ?? {}),
        alongside: (row) =>
          remember({
            status: 201,
            body: renderTenant(row, ports.issuerOf),
            secret: { admin_key: '' },
          }),
      });
      if (!made.ok) return err(problemOf(made.refusal));
      const { row, adminKey } = made.value;
      const secret = { admin_key: adminKey };
      const shown = renderTenant(row, ports.issuerOf);
      return ok({ status: 201, body: shown, secret, version: row.version });
    },
  });
}

function list(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/tenants',
    operation: 'listTenants',
    group,
    summary: 'Lists tenants by name',
    permission: 'tenants:read',
    operatorOnly: true,
    paged: true,
    answers: { 200: { description: 'A page of tenants.', schema: pageOf(tenantShape) } },
    async handle({ page }) {
      const { rows, next } = await listTenants(ports.store, page);
      const items = rows.map((row) => renderTenant(row, ports.issuerOf));
      return ok({ status: 200, body: { items }, next });
    },
  });
}

function show(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/tenants/{tenant}',
    operation: 'readTenant',
    group,
    summary: 'Shows a tenant',
    permission: 'tenants:read',
    operatorOnly: true,
    params,
    answers: { 200: { description: 'The tenant.', schema: tenantShape } },
    async handle({ params: { tenant } }) {
      const row = await ports.store.tenants.get(tenant);
      if (row === undefined || row.status === 'deleted') return err({ code: 'not_found' });
      return ok({ status: 200, body: renderTenant(row, ports.issuerOf), version: row.version });
    },
  });
}

function update(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'PATCH',
    path: '/v1/tenants/{tenant}',
    operation: 'updateTenant',
    group,
    summary: 'Changes a tenant; disabling it ends everything of it at once',
    description:
      'Sessions and tokens of a disabled tenant are over for good; its API keys and its ' +
      'administrators are refused until it is enabled again. `settings` is replaced as a whole.',
    permission: 'tenants:write',
    operatorOnly: true,
    params,
    body: z
      .strictObject({
        name: displayName.optional(),
        status: z.enum(['active', 'disabled']).optional(),
        settings: settings.optional(),
      })
      .meta({ id: 'UpdateTenant' }),
    edits: 'always',
    answers: { 200: { description: 'The tenant as it is now.', schema: tenantShape } },
    problems: ['wrong_state'],
    async handle({ requester, params: { tenant }, body, ifMatch }) {
      const done = await updateTenant(ports, {
        requester,
        tenant: tenantOf(tenant),
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
        name: body.name,
        status: body.status,
        settings: body.settings && settingsOf(body.settings),
      });
      if (!done.ok) return err(problemOf(done.refusal));
      const { version } = done.value;
      return ok({ status: 200, body: renderTenant(done.value, ports.issuerOf), version });
    },
  });
}

function remove(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/tenants/{tenant}',
    operation: 'deleteTenant',
    group,
    summary: 'Deletes a disabled tenant with everything in it',
    description: 'Its audit records stay, and its name stays taken.',
    permission: 'tenants:write',
    operatorOnly: true,
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['wrong_state'],
    async handle({ requester, params: { tenant }, ifMatch }) {
      const done = await deleteTenant(ports, {
        requester,
        tenant: tenantOf(tenant),
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return done.ok ? ok({ status: 204 }) : err(problemOf(done.refusal));
    },
  });
}

const newAdministrator = z
  .strictObject({
    tenant: z.string(),
    id: z.string(),
    admin_key: z.string().optional().describe('The key itself, in this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewTenantAdministrator' });

function admin(ports: TenantPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/tenants/{tenant}/admin-keys',
    operation: 'createTenantAdministrator',
    group,
    summary: 'Makes another administrator of a tenant, where it has lost its own',
    permission: 'tenants:write',
    operatorOnly: true,
    params,
    body: z.strictObject({ name: displayName }).meta({ id: 'CreateTenantAdministrator' }),
    creates: true,
    answers: { 201: { description: 'The key, this once.', schema: newAdministrator } },
    problems: ['wrong_state'],
    async handle({ requester, params: { tenant }, body, remember }) {
      const made = await createTenantAdministrator(ports, {
        requester,
        tenant: tenantOf(tenant),
        name: body.name,
        alongside: ({ id }) =>
          remember({ status: 201, body: { tenant, id }, secret: { admin_key: '' } }),
      });
      if (!made.ok) return err(problemOf(made.refusal));
      const { id, adminKey } = made.value;
      return ok({ status: 201, body: { tenant, id }, secret: { admin_key: adminKey } });
    },
  });
}

function problemOf(refusal: TenantRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'tenant_exists':
      return { code: 'already_exists', detail: 'the name is taken, or was once' };
    case 'tenant_not_found':
      return { code: 'not_found' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'first_tenant':
      return { code: 'wrong_state', detail: 'the first tenant is the installation’s own' };
    case 'tenant_not_disabled':
      return { code: 'wrong_state', detail: 'disable it first' };
    case 'tenant_not_active':
      return { code: 'wrong_state', detail: 'there is no such tenant that is active' };
    case 'refused_by_step':
      return repeated;
  }
}
