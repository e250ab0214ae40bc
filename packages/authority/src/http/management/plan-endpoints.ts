/** `/v1/plans`: how much whoever has one may ask for. A plan is written as a whole. */
import { err, limits, ok, planNamePattern } from '@mintmark/core';
import { z } from 'zod';
import {
  type CreatePlanRefusal,
  createPlan,
  deletePlan,
  type PlanPorts,
  type PutPlanRefusal,
  putPlan,
} from '../../plans/put-plan.ts';
import type { Row } from '../../store/tables.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { limitProperties } from './limit-schema.ts';
import type { Problem } from './problem.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'plans';
const planName = z.string().regex(planNamePattern);
const params = z.strictObject({ name: planName });

const names = {
  type: 'array',
  minItems: 1,
  maxItems: limits.planNamesMax,
  items: { type: 'string', pattern: planNamePattern.source },
} as const;

const planSchema = {
  type: 'object',
  required: ['limits'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: planNamePattern.source },
    description: { type: 'string', maxLength: 500 },
    limits: {
      type: 'array',
      maxItems: limits.routeLimitsMax,
      description: 'All of them hold; a request that one denies spends of none',
      items: {
        type: 'object',
        required: ['name', 'quota'],
        additionalProperties: false,
        properties: {
          ...limitProperties,
          routes: { ...names, description: 'Only requests of these routes count' },
          apis: { ...names, description: 'Only requests of routes of these APIs count' },
        },
      },
    },
  },
} as const;

/** The parser is `parsePlan` of core, which gateways use too; this is how it is described. */
const body = z.record(z.string(), z.unknown()).meta({ id: 'PlanSettings', wire: planSchema });

const plan = z
  .looseObject({ name: z.string(), limits: z.array(z.looseObject({})), updated_at: momentOut })
  .meta({ id: 'Plan' });

export function planEndpoints(ports: PlanPorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), create(ports), put(ports), remove(ports)];
}

function render(row: Row<'plans'>): Readonly<Record<string, unknown>> {
  return { ...row.plan, updated_at: renderMoment(row.updatedAt) };
}

function list(ports: PlanPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/plans',
    operation: 'listPlans',
    group,
    summary: 'Lists plans by name',
    permission: 'plans:read',
    paged: true,
    answers: { 200: { description: 'A page of plans.', schema: pageOf(plan) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.plans.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: shown.map(render) }, next });
    },
  });
}

function show(ports: PlanPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/plans/{name}',
    operation: 'showPlan',
    group,
    summary: 'Shows a plan',
    permission: 'plans:read',
    params,
    answers: { 200: { description: 'The plan.', schema: plan } },
    async handle({ tenant, params: { name } }) {
      const row = await ports.store.plans.get(tenant, name);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

function create(ports: PlanPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/plans',
    operation: 'createPlan',
    group,
    summary: 'Makes a plan that there is not yet',
    permission: 'plans:write',
    body,
    creates: true,
    answers: { 201: { description: 'Made.', schema: plan } },
    problems: ['wrong_state', 'already_exists'],
    async handle({ requester, body, remember }) {
      const name = planName.safeParse(body['name']);
      if (!name.success) return err(unnamed);
      const made = await createPlan(ports, {
        ...{ requester, name: name.data, wire: body },
        alongside: (row) => remember({ status: 201, body: render(row) }),
      });
      if (!made.ok) return err(createProblem(made.refusal));
      const { value: row } = made;
      return ok({ status: 201, body: render(row), version: row.version });
    },
  });
}

function put(ports: PlanPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/plans/{name}',
    operation: 'putPlan',
    group,
    summary: 'Writes a plan: makes it, or replaces it as a whole',
    description:
      'Replacing needs `If-Match`. What was spent stays spent: a count goes on under the name of ' +
      'its limit. Gateways know the new plan within a second.',
    permission: 'plans:write',
    params,
    body,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: plan },
      201: { description: 'Made.', schema: plan },
    },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      const { name = params.name, updated_at: _shown, ...wire } = body;
      if (name !== params.name) return err(misnamed);
      const written = await putPlan(ports, {
        ...{ requester, name: params.name, wire },
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

const unnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'a plan has a name' }],
};

function putProblem(refusal: PutPlanRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { path, message } = refusal.refusal;
      return { code: 'invalid_body', errors: [{ pointer: path, message }] };
    }
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.plansMax} plans` };
  }
}

function createProblem(refusal: CreatePlanRefusal): Problem | typeof repeated {
  if (refusal.reason === 'refused_by_step') return repeated;
  return refusal.reason === 'already_exists' ? { code: refusal.reason } : putProblem(refusal);
}

function remove(ports: PlanPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/plans/{name}',
    operation: 'deletePlan',
    group,
    summary: 'Takes a plan away',
    description: 'Whoever had it is held by the plan of the next who has one for him, or by none.',
    permission: 'plans:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    async handle({ requester, params, ifMatch }) {
      const gone = await deletePlan(ports, {
        ...{ requester, name: params.name },
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      return gone.ok ? ok({ status: 204 }) : err({ code: gone.refusal.reason });
    },
  });
}
