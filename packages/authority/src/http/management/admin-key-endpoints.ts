/** `/v1/admin-keys`: the credentials of administrators, of automation, and of gateways. */
import { err, limits, ok, type Timers } from '@mintmark/core';
import { z } from 'zod';
import { type CreateAdminKeyRefusal, createAdminKey } from '../../admin/create-admin-key.ts';
import { grantablePermissions } from '../../admin/permission.ts';
import { type RevokeAdminKeyRefusal, revokeAdminKey } from '../../admin/revoke-admin-key.ts';
import type { KeyPorts } from '../../apikeys/key-change.ts';
import { listKeys, type ShownKey } from '../../apikeys/list-keys.ts';
import type { Store } from '../../store/store.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { keyId, keySettings } from './key-wire.ts';
import type { Problem } from './problem.ts';
import { momentOut, pageOf, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export type AdminKeyPorts = Omit<KeyPorts, 'sealer'> & {
  readonly store: Pick<Store, 'usage'>;
  readonly timers: Pick<Timers, 'after'>;
};

const group = 'admin keys';

const permission = z.enum(grantablePermissions as [string, ...string[]]);

const shown = {
  id: z.string(),
  name: z.string(),
  status: z.enum(['active', 'disabled', 'revoked']),
  permissions: z.array(z.string()),
  allowed_addresses: z.array(z.string()).nullable(),
  created_by: z.string(),
  created_at: momentOut,
  expires_at: momentOut.nullable(),
};

const adminKey = z.strictObject(shown).meta({ id: 'AdminKey' });

const newAdminKey = z
  .strictObject({
    ...shown,
    key: z.string().optional().describe('The key itself, in this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewAdminKey' });

export function adminKeyEndpoints(ports: AdminKeyPorts): readonly PreparedEndpoint[] {
  return [create(ports), list(ports), show(ports), revoke(ports)];
}

function renderAdminKey(row: ShownKey): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    permissions: row.scopes,
    allowed_addresses: row.allowedAddresses,
    created_by: row.owner,
    created_at: renderMoment(row.createdAt),
    expires_at: renderMomentOrNull(row.expiresAt),
  };
}

function create(ports: AdminKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/admin-keys',
    operation: 'createAdminKey',
    group,
    summary: 'Makes an admin key and shows it once',
    description:
      'It can hold no permission that its maker does not hold, and works no longer and from ' +
      'nowhere else than its maker.',
    permission: 'admin_keys:write',
    body: z
      .strictObject({
        name: keySettings.name,
        permissions: z.array(permission).max(limits.scopesMax),
        allowed_addresses: keySettings.allowed_addresses,
        expires_at: keySettings.expires_at,
      })
      .meta({ id: 'CreateAdminKey' }),
    creates: true,
    answers: {
      201: { description: 'The key, its text in this answer only.', schema: newAdminKey },
    },
    async handle({ caller, requester, body, remember }) {
      const made = await createAdminKey(ports, {
        requester,
        held: caller.permissions,
        bounds: caller.bounds,
        name: body.name,
        permissions: [...new Set(body.permissions)],
        allowedAddresses: body.allowed_addresses,
        expiresAt: body.expires_at,
        alongside: (row) =>
          remember({ status: 201, body: renderAdminKey(row), secret: { key: '' } }),
      });
      if (!made.ok) return err(createProblem(made.refusal));
      const { row, text } = made.value;
      const { version } = row;
      return ok({ status: 201, body: renderAdminKey(row), secret: { key: text }, version });
    },
  });
}

function createProblem(refusal: CreateAdminKeyRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'id_taken':
      return { code: 'conflict', detail: 'the fresh id was taken; try again' };
    case 'permission_not_held':
      return {
        code: 'insufficient_permission',
        detail: `needs ${refusal.permission} to give it to another key`,
      };
    case 'beyond_maker':
      return {
        code: 'insufficient_permission',
        detail: `${refusal.setting} must be given, within that of the key that makes it`,
      };
    case 'refused_by_step':
      return repeated;
  }
}

function list(ports: AdminKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/admin-keys',
    operation: 'listAdminKeys',
    group,
    summary: 'Lists admin keys, newest first',
    permission: 'admin_keys:read',
    paged: true,
    answers: { 200: { description: 'A page of admin keys.', schema: pageOf(adminKey) } },
    async handle({ tenant, page }) {
      const found = await listKeys(ports, { tenant, kind: 'admin', ...page });
      return ok({ status: 200, body: { items: found.rows.map(renderAdminKey) }, next: found.next });
    },
  });
}

function show(ports: AdminKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/admin-keys/{id}',
    operation: 'showAdminKey',
    group,
    summary: 'Shows an admin key, never the key itself',
    permission: 'admin_keys:read',
    params: keyId,
    answers: { 200: { description: 'The admin key.', schema: adminKey } },
    async handle({ tenant, params }) {
      const row = await ports.store.keys.get(tenant, params.id);
      if (row === undefined || row.kind !== 'admin') return err({ code: 'not_found' });
      return ok({ status: 200, body: renderAdminKey(row), version: row.version });
    },
  });
}

function revoke(ports: AdminKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/admin-keys/{id}',
    operation: 'revokeAdminKey',
    group,
    summary: 'Ends an admin key for good',
    description:
      'It can hold no permission that whoever ends it does not hold. ' +
      'The last key that can make administrators stays.',
    permission: 'admin_keys:write',
    params: keyId,
    edits: 'always',
    answers: { 200: { description: 'The key as it is now.', schema: adminKey } },
    problems: ['wrong_state'],
    async handle({ caller, requester, params, ifMatch }) {
      const revoked = await revokeAdminKey(ports, {
        requester,
        held: caller.permissions,
        id: params.id,
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      if (!revoked.ok) return err(revokeProblem(revoked.refusal));
      const { version } = revoked.value;
      return ok({ status: 200, body: renderAdminKey(revoked.value), version });
    },
  });
}

function revokeProblem(refusal: RevokeAdminKeyRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'version_mismatch':
      return { code: refusal.reason };
    case 'permission_not_held':
      return { code: 'insufficient_permission', detail: `the key holds ${refusal.permission}` };
    case 'last_one':
      return { code: 'wrong_state', detail: 'no other key could make administrators as it can' };
  }
}
