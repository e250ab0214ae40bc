/** `/v1/apis`: what can be done at routes that name an API, so that policies name operations. */
import { type ApiView, err, type JsonObject, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { type ApiPorts, deleteApi, type PutApiRefusal, putApi } from '../../policies/put-api.ts';
import type { Row } from '../../store/tables.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'policies';
const params = z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/) });

const operation = z.looseObject({
  operation: z.string().describe('The action of policies: `operationId`, else `GET /path`'),
  method: z.string(),
  path: z.string().describe('A template as OpenAPI writes it: `/pets/{id}`'),
  request: z
    .looseObject({})
    .optional()
    .describe('What a request of it may hold: `mintmark api put --requests` writes it'),
});
const settings = z
  .looseObject({
    base_path: z.string().optional().describe('In front of every path, as the API is asked'),
    unlisted: z
      .enum(['refuse', 'by_method'])
      .optional()
      .describe('What is none of its operations: refused (default), or judged by its method'),
    operations: z.array(operation),
    schemas: z.looseObject({}).optional().describe('JSON Schemas that requests refer to'),
  })
  .meta({ id: 'ApiSettings' });
const api = z
  .looseObject({ name: z.string(), operations: z.array(operation), updated_at: momentOut })
  .meta({ id: 'Api' });

export function apiEndpoints(ports: ApiPorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), put(ports), remove(ports)];
}

function render({ name, api, updatedAt }: Row<'apis'>) {
  return { name, ...renderView(api), updated_at: renderMoment(updatedAt) };
}

/** Without what is so by default, so that a file that says no more is the same. */
function renderView({ basePath, unlisted, operations, schemas }: ApiView) {
  return {
    ...(basePath === '' ? {} : { base_path: basePath }),
    ...(unlisted === 'refuse' ? {} : { unlisted }),
    operations,
    ...(schemas === undefined ? {} : { schemas }),
  };
}

function list(ports: ApiPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/apis',
    operation: 'listApis',
    group,
    summary: 'Lists APIs by name',
    permission: 'policies:read',
    paged: true,
    answers: { 200: { description: 'A page of APIs.', schema: pageOf(api) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.apis.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: shown.map(render) }, next });
    },
  });
}

function show(ports: ApiPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/apis/{name}',
    operation: 'showApi',
    group,
    summary: 'Shows an API',
    permission: 'policies:read',
    params,
    answers: { 200: { description: 'The API.', schema: api } },
    async handle({ tenant, params }) {
      const row = await ports.store.apis.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function put(ports: ApiPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/apis/{name}',
    operation: 'putApi',
    group,
    summary: 'Writes an API: makes it, or replaces it as a whole',
    description:
      'Replacing needs `If-Match`. `mintmark api put` reads the operations out of an OpenAPI ' +
      'description. Routes use it that name it in `api`.',
    permission: 'policies:write',
    params,
    body: settings,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: api },
      201: { description: 'Made.', schema: api },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      // An API that was shown may be sent again as it is.
      const { name = params.name, updated_at: _shown, ...wire } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putApi(ports, {
        ...{ requester, name: params.name, wire: wire as unknown as JsonObject },
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: render(row), version: row.version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutApiRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { pointer, message } = refusal.refusal;
      return { code: 'invalid_body', errors: [{ pointer, message }] };
    }
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.apisMax} APIs` };
  }
}

function remove(ports: ApiPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/apis/{name}',
    operation: 'deleteApi',
    group,
    summary: 'Takes an API away that no route names',
    permission: 'policies:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['wrong_state'],
    async handle({ requester, params, ifMatch }) {
      const gone = await deleteApi(ports, {
        ...{ requester, name: params.name },
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      if (gone.ok) return ok({ status: 204 });
      const { reason } = gone.refusal;
      if (reason !== 'in_use') return err({ code: reason });
      return err({ code: 'wrong_state', detail: 'a route names it' });
    },
  });
}
