/** `/v1/upstream-credentials`: what upstreams know gateways by. Secrets never come out. */
import { credentialSchemes, err, limits, ok, upstreamCredentialNamePattern } from '@mintmark/core';
import { z } from 'zod';
import {
  type CredentialRow,
  createCredential,
  deleteCredential,
  type PutCredentialRefusal,
  putCredential,
  type UpstreamCredentialPorts,
} from '../../upstreams/change-credential.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { line, momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'upstream credentials';
const path = '/v1/upstream-credentials';
const onePath = `${path}/{name}`;
const credentialName = z.string().regex(upstreamCredentialNamePattern);
const params = z.strictObject({ name: credentialName });

const form = {
  scheme: z
    .enum(credentialSchemes)
    .describe('Authorization as bearer token or by HTTP Basic, or a header of its own'),
  header: line({ min: 1, max: 64 }).optional().describe('Of the scheme header: its name'),
  username: line({ min: 1, max: 255 }).optional().describe('Of the scheme basic'),
};
const secret = line({ min: 1, max: limits.upstreamSecretCharsMax });

const created = z
  .strictObject({
    name: credentialName,
    ...form,
    secret: secret.describe('Token, password or value of the header. Kept sealed, never shown'),
  })
  .meta({ id: 'NewUpstreamCredential' });

const settings = z
  .strictObject({
    name: credentialName.optional(),
    ...form,
    secret: secret.optional().describe('Left out: it stays as it is'),
  })
  .meta({ id: 'UpstreamCredentialSettings' });

const shown = z
  .strictObject({ name: z.string(), ...form, created_at: momentOut, updated_at: momentOut })
  .meta({ id: 'UpstreamCredential' });

export function upstreamCredentialEndpoints(
  ports: UpstreamCredentialPorts,
): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), create(ports), put(ports), remove(ports)];
}

function render({ name, form, createdAt, updatedAt }: CredentialRow) {
  const dates = { created_at: renderMoment(createdAt), updated_at: renderMoment(updatedAt) };
  return { name, ...form, ...dates };
}

function list({ store }: UpstreamCredentialPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listUpstreamCredentials',
    group,
    summary: 'Lists what upstreams know gateways by, without secrets',
    permission: 'upstream_credentials:read',
    paged: true,
    answers: { 200: { description: 'A page of them.', schema: pageOf(shown) } },
    async handle({ tenant, page }) {
      const rows = await store.upstreamCredentials.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
}

function show({ store }: UpstreamCredentialPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: onePath,
    operation: 'showUpstreamCredential',
    group,
    summary: 'Shows how an upstream knows gateways, without the secret',
    permission: 'upstream_credentials:read',
    params,
    answers: { 200: { description: 'The credential.', schema: shown } },
    async handle({ tenant, params: { name } }) {
      const row = await store.upstreamCredentials.get(tenant, name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function create(ports: UpstreamCredentialPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path,
    operation: 'createUpstreamCredential',
    group,
    summary: 'Keeps a credential of an upstream, for routes that name it',
    permission: 'upstream_credentials:write',
    body: created,
    creates: true,
    answers: { 201: { description: 'Kept.', schema: shown } },
    problems: ['already_exists', 'wrong_state'],
    async handle({ requester, body: { name, secret: text, ...given }, remember }) {
      const made = await createCredential(ports, {
        ...{ requester, name, form: given, secret: text },
        alongside: (row) => remember({ status: 201, body: render(row) }),
      });
      if (made.ok) return ok({ status: 201, body: render(made.value), version: 1 });
      return err(putProblem(made.refusal));
    },
  });
}

function put(ports: UpstreamCredentialPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: onePath,
    operation: 'putUpstreamCredential',
    group,
    summary: 'Writes a credential of an upstream: keeps it, or replaces it',
    description: 'Replacing needs `If-Match`. Gateways send the new one within a second.',
    permission: 'upstream_credentials:write',
    params,
    body: settings,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: shown },
      201: { description: 'Kept.', schema: shown },
    },
    problems: ['wrong_state', 'already_exists'],
    async handle({ requester, params, body, ifMatch }) {
      const { name = params.name, secret: text, ...given } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putCredential(ports, {
        ...{ requester, name, form: given, secret: text },
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { value: row } = written;
      return ok({ status: row.version === 1 ? 201 : 200, body: render(row), version: row.version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutCredentialRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'malformed': {
      const { path: pointer, message } = refusal;
      return { code: 'invalid_body', errors: [{ pointer, message }] };
    }
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.upstreamCredentialsMax} of them` };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'refused_by_step':
      return repeated;
    case 'already_exists':
    case 'version_mismatch':
      return { code: refusal.reason };
  }
}

function remove(ports: UpstreamCredentialPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: onePath,
    operation: 'deleteUpstreamCredential',
    group,
    summary: 'Takes a credential of an upstream away; routes that name it refuse from then on',
    permission: 'upstream_credentials:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params: { name }, ifMatch }) {
      const removed = await deleteCredential(ports, {
        ...{ requester, name },
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return removed.ok ? ok({ status: 204 }) : err({ code: removed.refusal.reason });
    },
  });
}
