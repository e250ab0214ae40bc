/** `/v1/assertion-issuers`: who outside may vouch for whom. Written and replaced as a whole. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { deleteAssertionIssuer } from '../../admin/delete-assertion-issuer.ts';
import {
  type AssertionIssuerPorts,
  type AssertionIssuerRow,
  type PutAssertionIssuerRefusal,
  putAssertionIssuer,
} from '../../admin/put-assertion-issuer.ts';
import { assertionIssuerSchema } from '../../federation/assertion-issuer.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'assertion issuers';
const path = '/v1/assertion-issuers';
const onePath = `${path}/{name}`;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const params = z.strictObject({ name });

const body = assertionIssuerSchema
  .extend({ name: name.optional() })
  .meta({ id: 'AssertionIssuerSettings' });

const shown = z
  .looseObject({ name: z.string(), issuer: z.string(), updated_at: momentOut })
  .meta({ id: 'AssertionIssuer' });

export function assertionIssuerEndpoints(ports: AssertionIssuerPorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), put(ports), remove(ports)];
}

function render(row: AssertionIssuerRow): Readonly<Record<string, unknown>> {
  return { name: row.name, ...row.definition, updated_at: renderMoment(row.updatedAt) };
}

function list(ports: AssertionIssuerPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listAssertionIssuers',
    group,
    summary: 'Lists issuers whose assertions are grants, by name',
    permission: 'assertion_issuers:read',
    paged: true,
    answers: { 200: { description: 'A page of issuers.', schema: pageOf(shown) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.assertionIssuers.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
}

function show(ports: AssertionIssuerPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: onePath,
    operation: 'showAssertionIssuer',
    group,
    summary: 'Shows an issuer whose assertions are grants',
    permission: 'assertion_issuers:read',
    params,
    answers: { 200: { description: 'The issuer.', schema: shown } },
    async handle({ tenant, params: { name: one } }) {
      const row = await ports.store.assertionIssuers.get(tenant, one);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function put(ports: AssertionIssuerPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: onePath,
    operation: 'putAssertionIssuer',
    group,
    summary: 'Writes an issuer whose assertions are grants: makes it, or replaces it as a whole',
    description: 'Replacing needs `If-Match`. Its rules say whom it may vouch for (RFC 7523 §2.1).',
    permission: 'assertion_issuers:write',
    params,
    body,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: shown },
      201: { description: 'Made.', schema: shown },
    },
    problems: ['wrong_state'],
    async handle({ requester, params: { name: one }, body: given, ifMatch }) {
      const { name: named = one, ...definition } = given;
      if (named !== one) return err(misnamed);
      const written = await putAssertionIssuer(ports, {
        requester,
        name: one,
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
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutAssertionIssuerRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { pointer, message } = refusal;
      return { code: 'invalid_body', errors: [{ pointer, message }] };
    }
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'issuer_taken':
      return { code: 'wrong_state', detail: 'another name stands for this issuer' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.assertionIssuersMax} issuers` };
  }
}

function remove(ports: AssertionIssuerPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: onePath,
    operation: 'deleteAssertionIssuer',
    group,
    summary: 'Trusts an issuer no more',
    permission: 'assertion_issuers:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params: { name: one }, ifMatch }) {
      const removed = await deleteAssertionIssuer(ports, {
        requester,
        name: one,
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return removed.ok ? ok({ status: 204 }) : err({ code: removed.refusal.reason });
    },
  });
}
