/**
 * `/v1/pats`: people's personal access tokens, for those who run the installation; people have
 * theirs on their account page. `/v1/pat-policy`: what the organisation lets them be.
 */
import {
  defaultPatPolicy,
  err,
  limits,
  ok,
  type SubjectId,
  type TenantId,
  type Timers,
} from '@mintmark/core';
import { z } from 'zod';
import { type ListPorts, listKeys, type ShownKey } from '../../apikeys/list-keys.ts';
import {
  approvePat,
  type CreatePatRefusal,
  createPat,
  enablePat,
  type PatPorts,
  patNow,
} from '../../apikeys/personal-token.ts';
import { putPatPolicy } from '../../apikeys/put-pat-policy.ts';
import { type RevokeDeps, revoke } from '../../revocation/revoke.ts';
import type { Store } from '../../store/store.ts';
import type { Users } from '../../users/users.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { keyId, keyStatus } from './key-wire.ts';
import type { InputError, Problem } from './problem.ts';
import { roleNames } from './role-endpoints.ts';
import {
  line,
  moment,
  momentOut,
  pageOf,
  renderMoment,
  renderMomentOrNull,
  scopes,
} from './wire-schema.ts';

export interface PatEndpointPorts extends PatPorts {
  readonly clock: RevokeDeps['clock'];
  readonly keyPolicy: ListPorts['keyPolicy'];
  readonly store: PatPorts['store'] & Pick<Store, 'usage' | 'roles'>;
  readonly users: Pick<Users, 'get' | 'findByUsername'>;
  readonly timers: Pick<Timers, 'after'>;
}

const group = 'personal access tokens';

const audience = z
  .array(z.string().min(1).max(2048))
  .min(1)
  .max(limits.membershipsMax)
  .describe('Resources that it may be used at; left out: all');

const newPat = z
  .strictObject({
    user: z.string().min(1).max(1020).describe('Id or name of the user whose it is'),
    name: line({ min: 1, max: 200 }),
    scopes,
    audience: audience.optional(),
    expires_at: moment,
  })
  .meta({ id: 'CreatePersonalAccessToken' });

const pat = z
  .strictObject({
    id: z.string(),
    user: z.string().describe('Id of the user whose it is'),
    name: z.string(),
    status: keyStatus,
    scopes: z.array(z.string()).describe('What it was made for'),
    effective_scopes: z
      .array(z.string())
      .describe('What is left by its user’s rights and the policy'),
    audience: z.array(z.string()).nullable(),
    approved: z.boolean(),
    awaiting_approval: z.boolean().describe('Refused until an administrator approves it'),
    created_at: momentOut,
    expires_at: momentOut.describe('By the policy of now, too'),
    last_used_at: momentOut.nullable(),
  })
  .meta({ id: 'PersonalAccessToken' });

const onlyOnce = {
  token: z.string().optional().describe('In the first answer only'),
  secret_already_shown: z.literal(true).optional(),
};

const policyBody = z
  .strictObject({
    max_life_seconds: z
      .int()
      .min(60)
      .max(10 * 366 * 86_400)
      .optional()
      .describe('Also of those that are there, counted from their making; default 366 days'),
    allowed_scopes: scopes.nullable().optional().describe('Scopes that they may have; null: any'),
    requires_approval: z
      .boolean()
      .optional()
      .describe('Whether each is refused until an administrator approves it'),
    makers: roleNames
      .nullable()
      .optional()
      .describe('Roles of which a user needs one to make any; null: everybody may'),
  })
  .meta({ id: 'PersonalAccessTokenPolicySettings' });
const policyShown = z
  .strictObject({
    max_life_seconds: z.int(),
    allowed_scopes: z.array(z.string()).nullable(),
    requires_approval: z.boolean(),
    makers: z.array(z.string()).nullable(),
  })
  .meta({ id: 'PersonalAccessTokenPolicy' });

export function patEndpoints(ports: PatEndpointPorts): readonly PreparedEndpoint[] {
  return [
    ...[create(ports), list(ports), show(ports), approve(ports), enable(ports), end(ports)],
    ...[showPolicy(ports), writePolicy(ports)],
  ];
}

async function render({ store }: PatEndpointPorts, row: ShownKey) {
  const now = await patNow(store, row);
  const usage = await store.usage.get(row.tenant, 'key', row.id);
  return {
    id: row.id,
    user: row.owner,
    name: row.name,
    status: row.status,
    scopes: row.scopes,
    effective_scopes: now.scopes,
    audience: row.pat?.audience ?? null,
    approved: row.pat?.approved ?? false,
    awaiting_approval: now.awaitsApproval,
    created_at: renderMoment(row.createdAt),
    expires_at: renderMoment(now.expiresAt * 1000),
    last_used_at: renderMomentOrNull(usage?.lastUsedAt ?? null),
  };
}

async function userIdOf({ users }: PatEndpointPorts, tenant: TenantId, user: string) {
  const found =
    (await users.get(tenant, user as SubjectId)) ?? (await users.findByUsername(tenant, user));
  return found?.id;
}

function create(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/pats',
    operation: 'createPersonalAccessToken',
    group,
    summary: 'Makes a personal access token in the name of a user, within what that user may',
    permission: 'pats:write',
    body: newPat,
    creates: true,
    answers: {
      201: {
        description: 'The token, in this answer only.',
        schema: pat.extend(onlyOnce).meta({ id: 'CreatedPersonalAccessToken' }),
      },
    },
    problems: ['wrong_state', 'conflict'],
    async handle({ tenant, requester, body, remember }) {
      const userId = await userIdOf(ports, tenant, body.user);
      if (userId === undefined) return err(invalid('/user', 'is nobody here'));
      const { name, expires_at: expiresAt } = body;
      const settings = {
        ...{ name, expiresAt, scopes: [...new Set(body.scopes)] },
        audience: body.audience ?? null,
      };
      const made = await createPat(ports, {
        requester,
        userId,
        settings,
        alongside: (row) => remember({ status: 201, body: { id: row.id } }),
      });
      if (!made.ok) return err(createProblem(made.refusal));
      const { row, text } = made.value;
      return ok({ status: 201, body: await render(ports, row), secret: { token: text } });
    },
    async replay(tenant, remembered) {
      const row = await ports.store.keys.get(tenant, String(remembered['id']));
      if (row?.kind !== 'pat') return err({ code: 'not_found', detail: 'gone since' });
      const body = { ...(await render(ports, row)), secret_already_shown: true };
      return ok({ status: 201, body });
    },
  });
}

function createProblem(refusal: CreatePatRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'user_not_found':
      return invalid('/user', 'is nobody here');
    case 'user_disabled':
      return { code: 'wrong_state', detail: 'the user is disabled' };
    case 'not_a_maker':
      return { code: 'wrong_state', detail: 'the policy lets this user make none' };
    case 'in_the_past':
      return invalid('/expires_at', 'is over already');
    case 'scope_not_held':
      return invalid('/scopes', `the user has not ${refusal.scope}`);
    case 'scope_not_allowed':
      return invalid('/scopes', `the policy does not allow ${refusal.scope}`);
    case 'life_too_long':
      return invalid('/expires_at', `must be within ${refusal.maxLifeSeconds} seconds`);
    case 'too_many':
      return { code: 'wrong_state', detail: `the user has ${refusal.max} already` };
    case 'refused_by_step':
      return repeated;
  }
}

function invalid(pointer: string, message: string): Problem {
  return { code: 'invalid_body', errors: [{ pointer, message }] };
}

function list(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/pats',
    operation: 'listPersonalAccessTokens',
    group,
    summary: 'Lists personal access tokens, newest first',
    description: 'A page may be short and still have a next one.',
    permission: 'pats:read',
    query: z.strictObject({
      user: z.string().min(1).max(1020).optional().describe('Id or name of the user'),
      awaiting_approval: z.enum(['true']).optional().describe('Those that wait, alone'),
    }),
    paged: true,
    answers: { 200: { description: 'A page of tokens.', schema: pageOf(pat) } },
    async handle({ tenant, query, page }) {
      const { user } = query;
      const owner = user === undefined ? undefined : await userIdOf(ports, tenant, user);
      if (user !== undefined && owner === undefined)
        return ok({ status: 200, body: { items: [] } });
      const found = await listKeys(ports, { tenant, kind: 'pat', filter: { owner }, ...page });
      const items = await Promise.all(found.rows.map((row) => render(ports, row)));
      const kept = items.filter(
        (one) =>
          query.awaiting_approval === undefined ||
          (one.awaiting_approval && one.status === 'active'),
      );
      return ok({ status: 200, body: { items: kept }, next: found.next });
    },
  });
}

function show(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/pats/{id}',
    operation: 'showPersonalAccessToken',
    group,
    summary: 'Shows a personal access token, never its text',
    permission: 'pats:read',
    params: keyId,
    answers: { 200: { description: 'The token.', schema: pat } },
    async handle({ tenant, params }) {
      const row = await ports.store.keys.get(tenant, params.id);
      if (row?.kind !== 'pat') return err({ code: 'not_found' });
      return ok({ status: 200, body: await render(ports, row), version: row.version });
    },
  });
}

function approve(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/pats/{id}/approve',
    operation: 'approvePersonalAccessToken',
    group,
    summary: 'Lets a token be used that waits for it; its user is told',
    permission: 'pats:approve',
    params: keyId,
    answers: { 200: { description: 'The token as it is now.', schema: pat } },
    problems: ['wrong_state'],
    async handle({ requester, params }) {
      const approved = await approvePat(ports, { requester, id: params.id });
      if (!approved.ok) return err({ code: approved.refusal.reason });
      const row = approved.value;
      return ok({ status: 200, body: await render(ports, row), version: row.version });
    },
  });
}

function enable(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/pats/{id}/enable',
    operation: 'enablePersonalAccessToken',
    group,
    summary: 'Lets a token work again that was disabled because nobody used it',
    permission: 'pats:write',
    params: keyId,
    answers: { 200: { description: 'The token as it is now.', schema: pat } },
    problems: ['wrong_state'],
    async handle({ requester, params }) {
      const enabled = await enablePat(ports, { requester, id: params.id });
      if (!enabled.ok) return err({ code: enabled.refusal.reason });
      const row = enabled.value;
      return ok({ status: 200, body: await render(ports, row), version: row.version });
    },
  });
}

function end(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/pats/{id}/revoke',
    operation: 'revokePersonalAccessToken',
    group,
    summary: 'Revokes a personal access token, for good',
    permission: 'pats:write',
    params: keyId,
    answers: { 204: { description: 'It is refused from now on.' } },
    async handle({ tenant, requester, params }) {
      const row = await ports.store.keys.get(tenant, params.id);
      if (row?.kind !== 'pat') return err({ code: 'not_found' });
      const target = { kind: 'key', id: row.id } as const;
      const done = await revoke(ports, {
        requester,
        target,
        reason: 'revoked by an administrator',
      });
      return done.ok ? ok({ status: 204 }) : err({ code: 'not_found' });
    },
  });
}

function showPolicy({ store }: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/pat-policy',
    operation: 'showPersonalAccessTokenPolicy',
    group,
    summary: 'Shows what personal access tokens may be',
    permission: 'pats:read',
    answers: { 200: { description: 'The policy.', schema: policyShown } },
    async handle({ tenant }) {
      const row = await store.patPolicies.get(tenant);
      const body = renderPolicy(row?.policy ?? defaultPatPolicy);
      return ok({ status: 200, body, version: etagVersion(row?.version ?? 0) });
    },
  });
}

function writePolicy(ports: PatEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/pat-policy',
    operation: 'putPersonalAccessTokenPolicy',
    group,
    summary: 'Says what personal access tokens may be',
    description:
      'Holds within a second for tokens that are there too: life, scopes and approval are judged ' +
      'at each use, `makers` when one is made. Members left out have their defaults.',
    permission: 'pats:approve',
    body: policyBody,
    edits: 'always',
    answers: { 200: { description: 'The policy.', schema: policyShown } },
    async handle({ tenant, requester, body, ifMatch }) {
      const version = (await ports.store.patPolicies.get(tenant))?.version ?? 0;
      if (ifMatch === undefined || !isMatching(ifMatch, etagVersion(version))) {
        return err({ code: 'version_mismatch' });
      }
      const unknown = await unknownRoles(ports, tenant, body.makers ?? []);
      if (unknown.length > 0) return err({ code: 'invalid_body', errors: unknown });
      const policy = {
        maxLifeSeconds: body.max_life_seconds ?? defaultPatPolicy.maxLifeSeconds,
        allowedScopes: body.allowed_scopes ?? null,
        requiresApproval: body.requires_approval ?? false,
        makers: body.makers ?? null,
      };
      const written = await putPatPolicy(ports, requester, { policy, version });
      if (!written.ok) return err({ code: 'version_mismatch' });
      const { value: row } = written;
      return ok({ status: 200, body: renderPolicy(row.policy), version: etagVersion(row.version) });
    },
  });
}

/** With a name that is nobody's, no one could make a token, and nobody would see why. */
async function unknownRoles(
  { store }: PatEndpointPorts,
  tenant: TenantId,
  names: readonly string[],
): Promise<readonly InputError[]> {
  const rows = await Promise.all(names.map((name) => store.roles.get(tenant, name)));
  return rows.flatMap((row, index) =>
    row === undefined ? [{ pointer: `/makers/${index}`, message: 'no such role' }] : [],
  );
}

/** The defaults, which have no row, are a version too. */
function etagVersion(version: number): number {
  return version + 1;
}

function renderPolicy(policy: typeof defaultPatPolicy) {
  return {
    max_life_seconds: policy.maxLifeSeconds,
    allowed_scopes: policy.allowedScopes,
    requires_approval: policy.requiresApproval,
    makers: policy.makers,
  };
}
