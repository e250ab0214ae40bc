/** `/v1/clients`: who may ask for tokens, and the secrets they do it with. */
import {
  type ClientId,
  err,
  freshId,
  type JwsAlgorithm,
  limits,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { z } from 'zod';
import { areTight, type Caller } from '../../admin/caller.ts';
import { firstNotHeld, isGrantable } from '../../admin/permission.ts';
import { approve, decidedScopes } from '../../clients/approval.ts';
import { ruleFaults } from '../../clients/check-rules.ts';
import { type Client, clientOf, rulesOnly } from '../../clients/client.ts';
import { type ClientAuthMethod, type ClientRules, usesSecret } from '../../clients/client-rules.ts';
import { editedRules, freshRules } from '../../clients/fresh-rules.ts';
import {
  createClient,
  deleteClient,
  type RegistryDeps,
  type RegistryRefusal,
  rotateClientSecret,
  updateClient,
} from '../../clients/registry.ts';
import { grantTypesKnown } from '../../grants/run-grant.ts';
import { clientId } from './client-members.ts';
import {
  approveBody,
  client,
  editClientBody,
  givenRules,
  newClient,
  newClientBody,
  renderClient,
  rotatedSecret,
  wireNameOf,
} from './client-wire.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { type IfMatch, isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { pageOf, renderMoment } from './wire-schema.ts';

export interface ClientPorts extends RegistryDeps {
  /** What a client's tokens are signed with where it names no algorithm. */
  readonly defaultAlgorithm: JwsAlgorithm;
  readonly authMethods: readonly ClientAuthMethod[];
  /** Whether there is a key that requests may be encrypted to. */
  readonly encryptedRequests?: boolean | undefined;
  /** Audience of the access tokens that this very API takes. */
  readonly managementAudience: (tenant: TenantId) => string;
}

const group = 'clients';
const params = z.strictObject({ client_id: clientId });
const managementNote =
  'Where its tokens are for this API, it can hold no permission that the caller does not hold, ' +
  'and an admin key that ends, or works from some addresses only, makes none.';

export function clientEndpoints(ports: ClientPorts): readonly PreparedEndpoint[] {
  return [
    ...[create(ports), list(ports), show(ports), update(ports), remove(ports), rotate(ports)],
    approval(ports),
  ];
}

function create(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/clients',
    operation: 'createClient',
    group,
    summary: 'Registers a client; its secret, where it has one, is shown once',
    description: managementNote,
    permission: 'clients:write',
    body: newClientBody,
    creates: true,
    answers: { 201: { description: 'The client, its secret this once.', schema: newClient } },
    problems: ['already_exists', 'wrong_state'],
    async handle({ caller, requester, body, remember }) {
      const { client_id, client_secret, client_secret_hash, ...wire } = body;
      if (client_secret !== undefined && client_secret_hash !== undefined) return err(twoSecrets);
      const id = (client_id ?? freshId(ports.entropy)) as ClientId;
      const rules = freshRules(givenRules(wire), {
        clientId: id,
        owner: caller.actor.id,
        algorithm: ports.defaultAlgorithm,
      });
      const excess = faultOf(ports, rules) ?? excessOf(ports, caller, rules);
      if (excess !== undefined) return err(excess);
      const made = await createClient(ports, requester, {
        clientId: id,
        secret: client_secret,
        secretHash: client_secret_hash,
        rules,
        alongside: (one) =>
          remember({
            status: 201,
            body: renderClient(one),
            ...(usesSecret(one) && client_secret_hash === undefined
              ? { secret: { client_secret: '' } }
              : {}),
          }),
      });
      if (!made.ok) return err(clientProblem(made.refusal));
      const { client: one, secret } = made.value;
      return ok({
        status: 201,
        body: renderClient(one),
        ...(secret === undefined ? {} : { secret: { client_secret: secret } }),
        version: one.version,
      });
    },
  });
}

const twoSecrets: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/client_secret_hash', message: 'stands in place of client_secret' }],
};

/** What the client's members, each by itself and together, have wrong. */
function faultOf(ports: ClientPorts, rules: ClientRules): Problem | undefined {
  const { authMethods, encryptedRequests } = ports;
  const faults = ruleFaults(rules, { grantTypes: grantTypesKnown, authMethods, encryptedRequests });
  if (faults.length === 0) return undefined;
  const errors = faults.map(({ member, message }) => ({
    pointer: `/${wireNameOf(member)}`,
    message,
  }));
  return { code: 'invalid_body', errors };
}

/**
 * A client whose tokens are for this API is an administrator under another name: whoever makes it,
 * changes it or takes its secret could act with its scopes, and must hold them already.
 */
function excessOf(ports: ClientPorts, caller: Caller, rules: ClientRules): Problem | undefined {
  if (!rules.audiences.includes(ports.managementAudience(caller.tenant))) return undefined;
  const granted = rules.scopes.filter(isGrantable);
  if (granted.length > 0 && areTight(caller.bounds)) {
    return { code: 'insufficient_permission', detail: 'its tokens would go beyond this key' };
  }
  const excess = firstNotHeld(caller.permissions, granted);
  if (excess === undefined) return undefined;
  return { code: 'insufficient_permission', detail: `its tokens could do ${excess} on this API` };
}

function clientProblem(refusal: RegistryRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'client_exists':
      return { code: 'already_exists', detail: 'there is a client of this id' };
    case 'client_not_found':
      return { code: 'not_found' };
    case 'version_conflict':
      return { code: 'conflict' };
    case 'secret_too_short': {
      const message = `must have ${refusal.charsMin} characters or more`;
      return { code: 'invalid_body', errors: [{ pointer: '/client_secret', message }] };
    }
    case 'malformed_hash':
    case 'hash_too_costly': {
      const pointer = '/client_secret_hash';
      return { code: 'invalid_body', errors: [{ pointer, message: refusal.reason }] };
    }
    case 'secret_not_used':
      return { code: 'wrong_state', detail: 'its authentication method uses no secret' };
    case 'refused_by_step':
      return repeated;
  }
}

/** Of an edit: somebody else was faster than the caller who had read the newest version. */
function editProblem(refusal: RegistryRefusal): Problem | typeof repeated {
  if (refusal.reason === 'version_conflict') return { code: 'version_mismatch' };
  return clientProblem(refusal);
}

function list(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/clients',
    operation: 'listClients',
    group,
    summary: 'Lists clients, newest first',
    permission: 'clients:read',
    paged: true,
    answers: { 200: { description: 'A page of clients.', schema: pageOf(client) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.clients.list({
        where: { tenant },
        orderBy: ['tenant', 'createdAt', 'clientId'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [
        last.tenant,
        last.createdAt,
        last.clientId,
      ]);
      const items = shown.map((row) => renderClient(clientOf(row)));
      return ok({ status: 200, body: { items }, next });
    },
  });
}

function show(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/clients/{client_id}',
    operation: 'showClient',
    group,
    summary: 'Shows a client, never its secrets',
    permission: 'clients:read',
    params,
    answers: { 200: { description: 'The client.', schema: client } },
    async handle({ tenant, params }) {
      const row = await ports.store.clients.get(tenant, params.client_id);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderClient(clientOf(row)), version: row.version });
    },
  });
}

/** The client, where it is still the version that the caller has seen. */
async function clientToEdit(
  { store }: ClientPorts,
  of: { readonly tenant: TenantId; readonly id: string; readonly ifMatch: IfMatch | undefined },
): Promise<Result<Client, { readonly code: 'not_found' | 'version_mismatch' }>> {
  const row = await store.clients.get(of.tenant, of.id);
  if (row === undefined) return err({ code: 'not_found' });
  const isSeen = of.ifMatch !== undefined && isMatching(of.ifMatch, row.version);
  return isSeen ? ok(clientOf(row)) : err({ code: 'version_mismatch' });
}

function update(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'PATCH',
    path: '/v1/clients/{client_id}',
    operation: 'updateClient',
    group,
    summary: 'Edits, disables or enables a client',
    description: `Members left out stay. Disabling it ends its tokens. ${managementNote}`,
    permission: 'clients:write',
    params,
    body: editClientBody,
    edits: 'always',
    answers: { 200: { description: 'The client as it is now.', schema: client } },
    async handle({ tenant, caller, requester, params, body, ifMatch }) {
      const found = await clientToEdit(ports, { tenant, id: params.client_id, ifMatch });
      if (!found.ok) return found;
      const known = found.value;
      const { status = known.status, ...wire } = body;
      const edited = editedRules(rulesOnly(known), givenRules(wire));
      const isDecided = known.source !== 'administrator' && wire.scope !== undefined;
      const rules = isDecided ? decidedScopes(edited) : edited;
      const excess = faultOf(ports, rules) ?? excessOf(ports, caller, rules);
      if (excess !== undefined) return err(excess);
      const done = await updateClient(ports, requester, {
        clientId: known.clientId,
        version: known.version,
        rules,
        status,
      });
      if (!done.ok) return err(editProblem(done.refusal));
      return ok({ status: 200, body: renderClient(done.value), version: done.value.version });
    },
  });
}

function approval(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/clients/{client_id}/approve',
    operation: 'approveClient',
    group,
    summary: 'Gives a client that registered itself what waits for an administrator',
    description: `All of it, or the scopes and grants that are named. ${managementNote}`,
    permission: 'clients:write',
    params,
    body: approveBody,
    bodyOptional: true,
    edits: 'always',
    answers: { 200: { description: 'The client as it is now.', schema: client } },
    problems: ['wrong_state'],
    async handle({ tenant, caller, requester, params, body, ifMatch }) {
      const found = await clientToEdit(ports, { tenant, id: params.client_id, ifMatch });
      if (!found.ok) return found;
      const known = found.value;
      const isPart = body.scopes !== undefined || body.grant_types !== undefined;
      const { scopes = isPart ? [] : known.pendingScopes } = body;
      const { grant_types: grantTypes = isPart ? [] : known.pendingGrantTypes } = body;
      const rules = approve(rulesOnly(known), { scopes, grantTypes });
      const excess = faultOf(ports, rules) ?? excessOf(ports, caller, rules);
      if (excess !== undefined) return err(excess);
      const given = rules.approvedScopes.length + rules.approvedGrantTypes.length;
      if (given === known.approvedScopes.length + known.approvedGrantTypes.length) {
        return err({ code: 'wrong_state', detail: 'nothing of it waits for an approval' });
      }
      const { clientId, version, status } = known;
      const detail = { scopes: rules.approvedScopes, grant_types: rules.approvedGrantTypes };
      const done = await updateClient(ports, requester, {
        ...{ clientId, version, rules, status },
        recorded: { action: 'client.approve', detail },
      });
      if (!done.ok) return err(editProblem(done.refusal));
      return ok({ status: 200, body: renderClient(done.value), version: done.value.version });
    },
  });
}

function remove(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/clients/{client_id}',
    operation: 'deleteClient',
    group,
    summary: 'Deletes a client, its secrets and its tokens',
    permission: 'clients:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone, and so are its tokens.' } },
    async handle({ tenant, requester, params, ifMatch }) {
      const found = await clientToEdit(ports, { tenant, id: params.client_id, ifMatch });
      if (!found.ok) return found;
      const gone = await deleteClient(ports, requester, {
        clientId: found.value.clientId,
        version: found.value.version,
      });
      return gone.ok ? ok({ status: 204 }) : err(editProblem(gone.refusal));
    },
  });
}

function rotate(ports: ClientPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/clients/{client_id}/secrets/rotate',
    operation: 'rotateClientSecret',
    group,
    summary: 'Makes a new secret; those before it work on for an overlap',
    description: managementNote,
    permission: 'clients:write',
    params,
    body: z
      .strictObject({
        overlap_seconds: z.int().min(0).max(limits.keyOverlapSecondsMax).optional(),
      })
      .meta({ id: 'RotateClientSecret' }),
    bodyOptional: true,
    creates: true,
    answers: { 201: { description: 'The secret, shown once.', schema: rotatedSecret } },
    problems: ['wrong_state'],
    async handle({ tenant, caller, requester, params, body, remember }) {
      const row = await ports.store.clients.get(tenant, params.client_id);
      if (row === undefined) return err({ code: 'not_found' });
      const excess = excessOf(ports, caller, clientOf(row));
      if (excess !== undefined) return err(excess);
      const bodyOf = (previousExpiresAt: number) => ({
        client_id: params.client_id,
        previous_expires_at: renderMoment(previousExpiresAt),
      });
      const rotated = await rotateClientSecret(ports, requester, {
        clientId: params.client_id as ClientId,
        version: row.version,
        overlapSeconds: body.overlap_seconds ?? limits.keyOverlapSecondsDefault,
        alongside: ({ previousExpiresAt }) =>
          remember({ status: 201, body: bodyOf(previousExpiresAt), secret: { client_secret: '' } }),
      });
      if (!rotated.ok) return err(clientProblem(rotated.refusal));
      const { secret, previousExpiresAt } = rotated.value;
      return ok({
        status: 201,
        body: bodyOf(previousExpiresAt),
        secret: { client_secret: secret },
      });
    },
  });
}
