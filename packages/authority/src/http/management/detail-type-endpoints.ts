/**
 * `/v1/authorization-details-types`: what clients may ask for in detail (RFC 9396). A type is
 * written and replaced as a whole.
 */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import {
  type DetailTypePorts,
  deleteDetailType,
  type PutDetailTypeRefusal,
  putDetailType,
} from '../../admin/put-detail-type.ts';
import { detailTypePattern } from '../../details/detail-type.ts';
import type { Row } from '../../store/tables.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'authorization details';
const path = '/v1/authorization-details-types';
const params = z.strictObject({ type: z.string().regex(detailTypePattern) });

const members = {
  schema: z
    .record(z.string(), z.unknown())
    .describe(
      'JSON Schema of an object of the type, without `type`; what it does not name is refused',
    ),
  words: z
    .record(z.string(), z.string())
    .describe(
      'What a person is asked, by language (`en` at least), with places like {amount.value}',
    ),
  labels: z
    .record(z.string(), z.record(z.string(), z.string()))
    .optional()
    .describe('What other members are called, by path and language'),
  remember_consent: z
    .boolean()
    .optional()
    .describe('False where the person is asked each time, as for a payment'),
};
// Judged by `details/detail-type.ts`, which knows the path of what is wrong.
const body = z.looseObject(members).meta({ id: 'AuthorizationDetailsTypeSettings' });
const detailType = z
  .looseObject({ type: z.string(), ...members, updated_at: momentOut })
  .meta({ id: 'AuthorizationDetailsType' });

export function detailTypeEndpoints(ports: DetailTypePorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), put(ports), remove(ports)];
}

function render({ type, definition, updatedAt }: Row<'detailTypes'>) {
  return { type, ...definition, updated_at: renderMoment(updatedAt) };
}

function list(ports: DetailTypePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listAuthorizationDetailsTypes',
    group,
    summary: 'Lists types of authorization details by name',
    permission: 'clients:read',
    paged: true,
    answers: { 200: { description: 'A page of types.', schema: pageOf(detailType) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.detailTypes.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.type]);
      return ok({ status: 200, body: { items: shown.map(render) }, next });
    },
  });
}

function show(ports: DetailTypePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: `${path}/{type}`,
    operation: 'showAuthorizationDetailsType',
    group,
    summary: 'Shows a type of authorization details',
    permission: 'clients:read',
    params,
    answers: { 200: { description: 'The type.', schema: detailType } },
    async handle({ tenant, params }) {
      const row = await ports.store.detailTypes.get(tenant, params.type);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function put(ports: DetailTypePorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: `${path}/{type}`,
    operation: 'putAuthorizationDetailsType',
    group,
    summary: 'Writes a type of authorization details: makes it, or replaces it as a whole',
    description:
      'Replacing needs `If-Match`. Clients use it that name it in `authorization_details_types`.',
    permission: 'clients:write',
    params,
    body,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: detailType },
      201: { description: 'Made.', schema: detailType },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      // A type that was shown may be sent again as it is.
      const { type = params.type, updated_at: _shown, ...definition } = body;
      if (type !== params.type) return err(misnamed);
      const written = await putDetailType(ports, {
        requester,
        type: params.type,
        definition,
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
  errors: [{ pointer: '/type', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutDetailTypeRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed':
      return { code: 'invalid_body', errors: [refusal.fault] };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.detailTypesMax} types` };
  }
}

function remove(ports: DetailTypePorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: `${path}/{type}`,
    operation: 'deleteAuthorizationDetailsType',
    group,
    summary: 'Takes a type of authorization details away',
    permission: 'clients:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params, ifMatch }) {
      const gone = await deleteDetailType(ports, {
        requester,
        type: params.type,
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return gone.ok ? ok({ status: 204 }) : err({ code: gone.refusal.reason });
    },
  });
}
