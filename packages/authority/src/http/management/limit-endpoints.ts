/** `/v1/limits`: which plan somebody has, what was raised for him, and what is left of it. */
import {
  assertNever,
  err,
  limits,
  NetworkFault,
  ok,
  planHolderKinds,
  planNamePattern,
} from '@mintmark/core';
import { z } from 'zod';
import {
  chargesOf,
  type GivePorts,
  type GiveRefusal,
  givePlan,
  type Holding,
  holdingOf,
  resetLimits,
} from '../../plans/give-plan.ts';
import { leftOf } from '../../plans/spend-plan.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { planLimitLeft, renderPlanLeft } from './plan-wire.ts';
import type { Problem } from './problem.ts';
import { line, moment, momentOut, renderMoment } from './wire-schema.ts';

const group = 'limits';
const path = '/v1/limits/{kind}/{id}';
const params = z.strictObject({
  kind: z.enum(planHolderKinds),
  id: z.string().min(1).max(512).describe('Of a tenant its own name'),
});
const reason = line({ min: 1, max: 500 });
const limitName = z.string().regex(/^[A-Za-z0-9._-]{1,32}$/);

const body = z
  .strictObject({
    plan: z.string().regex(planNamePattern).nullable().optional().describe('Null: none of its own'),
    raised: z
      .array(
        z.strictObject({
          limit: limitName.describe('A limit of the plan'),
          quota: z.int().min(1).max(limits.limitQuotaMax),
          until: moment.optional().describe('Left out: until it is taken back'),
        }),
      )
      .max(limits.routeLimitsMax)
      .optional(),
    reason: reason.describe('Kept in the audit trail'),
    holder: z.string().max(600).optional().describe('As `mintmark apply` calls it: kind/id'),
  })
  .meta({ id: 'LimitSettings' });

const resetBody = z
  .strictObject({
    limits: z.array(limitName).min(1).max(limits.routeLimitsMax).optional(),
    reason,
  })
  .meta({ id: 'ResetLimits' });

const shown = z
  .strictObject({
    kind: z.enum(planHolderKinds),
    id: z.string(),
    plan: z.string().nullable().describe('Of its own; of a key the member of the key'),
    raised: z.array(
      z.strictObject({
        limit: z.string(),
        quota: z.int(),
        until: momentOut.nullable(),
      }),
    ),
    limits: z.array(planLimitLeft),
    counted: z
      .enum(['in_common', 'by_each_process'])
      .describe('Without a cache each process counts what it sees, and tells of no other'),
  })
  .meta({ id: 'Limits' });

export function limitEndpoints(ports: GivePorts): readonly PreparedEndpoint[] {
  return [show(ports), give(ports), reset(ports)];
}

async function render(ports: GivePorts, holding: Holding) {
  const { holder, row, planName, held } = holding;
  const now = ports.clock.nowMs();
  const charges = held === undefined ? [] : chargesOf(held, now);
  return {
    ...{ kind: holder.kind, id: holder.id, plan: planName },
    raised: (row?.raised ?? []).map(({ limit, quota, until }) => ({
      ...{ limit, quota, until: until === undefined ? null : renderMoment(until) },
    })),
    limits: await leftNow(ports, charges, now),
    counted: ports.limits.isCommon ? 'in_common' : 'by_each_process',
  };
}

/** A count that cannot be reached is no reason to hide the plan. */
async function leftNow(ports: GivePorts, charges: ReturnType<typeof chargesOf>, now: number) {
  if (charges.length === 0) return [];
  try {
    const looks = await ports.limits.look(charges);
    return leftOf(charges, looks).map((left) => renderPlanLeft(left, now));
  } catch (fault) {
    if (!(fault instanceof NetworkFault)) throw fault;
    return charges.map(({ name, rule }) => {
      const quota = rule.kind === 'rate' ? rule.burst : rule.quota;
      return { name, quota, remaining: null, reset_at: null };
    });
  }
}

function show(ports: GivePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'showLimits',
    group,
    summary: 'Shows the plan of a key, client, user or tenant, and what is left of it',
    permission: 'limits:read',
    params,
    answers: { 200: { description: 'What it has.', schema: shown } },
    async handle({ tenant, params }) {
      const holding = await holdingOf(ports, { tenant, ...params });
      if (holding === undefined) return err({ code: 'not_found' });
      const version = holding.row?.version ?? 0;
      return ok({ status: 200, body: await render(ports, holding), version });
    },
  });
}

function give(ports: GivePorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path,
    operation: 'putLimits',
    group,
    summary: 'Gives a client, user or tenant a plan, and raises limits of it for one holder',
    description:
      'Replacing needs `If-Match`. The plan of a key is its member `plan`; here only its limits ' +
      'are raised. Gateways know within a second.',
    permission: 'limits:write',
    params,
    body,
    edits: 'existing',
    answers: { 200: { description: 'Given.', schema: shown } },
    problems: ['wrong_state'],
    async handle({ requester, params, body, ifMatch }) {
      const { plan = null, raised = [], reason: why, holder } = body;
      if (holder !== undefined && holder !== `${params.kind}/${params.id}`) return err(misnamed);
      const given = await givePlan(ports, {
        ...{ requester, ...params, plan, reason: why },
        raised: raised.map(({ limit, quota, until }) => ({
          ...{ limit, quota },
          ...(until === undefined ? {} : { until }),
        })),
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!given.ok) return err(giveProblem(given.refusal));
      const version = given.value.row?.version ?? 0;
      return ok({ status: 200, body: await render(ports, given.value), version });
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/holder', message: 'is not who is named in the path' }],
};

function giveProblem(refusal: GiveRefusal): Problem {
  const at = (pointer: string, message: string): Problem => ({
    ...{ code: 'invalid_body', errors: [{ pointer, message }] },
  });
  switch (refusal.reason) {
    case 'not_found':
    case 'version_mismatch':
      return { code: refusal.reason };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'key_plan':
      return at('/plan', 'the plan of a key is a member of the key');
    case 'plan_unknown':
      return at('/plan', 'there is no such plan');
    case 'limit_unknown':
      return at(`/raised/${refusal.place}/limit`, 'its plan has no such limit');
    default:
      return assertNever(refusal);
  }
}

function reset(ports: GivePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: `${path}/reset`,
    operation: 'resetLimits',
    group,
    summary: 'Lets the counts of a key, client, user or tenant begin anew',
    permission: 'limits:write',
    params,
    body: resetBody,
    answers: { 200: { description: 'What it has now.', schema: shown } },
    problems: ['wrong_state', 'unavailable'],
    async handle({ requester, params, body }) {
      const { limits: names, reason: why } = body;
      const asked = { requester, ...params, names, reason: why };
      try {
        const done = await resetLimits(ports, asked);
        if (done.ok) return ok({ status: 200, body: await render(ports, done.value) });
        if (done.refusal.reason === 'not_found') return err({ code: 'not_found' });
        return err({ code: 'wrong_state', detail: 'it has no plan of its own' });
      } catch (fault) {
        if (!(fault instanceof NetworkFault)) throw fault;
        return err({ code: 'unavailable', detail: fault.code });
      }
    },
  });
}
