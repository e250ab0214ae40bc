/** `/v1/keys/{id}/spend` and `/top-up`: what uses of a key take from it, and what is added. */
import { err, feedHttp, ok } from '@mintmark/core';
import { z } from 'zod';
import { type TopUpRefusal, topUpKey } from '../../apikeys/edit-budgets.ts';
import { spendKey } from '../../apikeys/spend-key.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import { budgetsLeft, renderLeft, topUp } from './key-budget-wire.ts';
import { assignNeeded, mayNameOwner } from './key-endpoints.ts';
import { keyId } from './key-wire.ts';
import type { Problem } from './problem.ts';

type SpendEndpointPorts = Parameters<typeof spendKey>[0] & Parameters<typeof topUpKey>[0];

export function keySpendEndpoints(ports: SpendEndpointPorts): readonly PreparedEndpoint[] {
  return [spendOne(ports), add(ports)];
}

function spendOne(ports: SpendEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: feedHttp.spendPath('{id}').replace('%7Bid%7D', '{id}'),
    operation: 'spendKey',
    group: 'feed',
    summary: 'Takes the cost of one use of a key, for a gateway that let it through but for this',
    permission: 'decisions:write',
    params: keyId,
    body: z.strictObject({ cost: z.int().min(0).max(1_000_000) }).meta({ id: 'SpendKey' }),
    answers: {
      200: {
        description: 'Whether it was taken, all of it or nothing.',
        schema: z.strictObject({
          spent: z.boolean(),
          code: z.enum(['uses_spent', 'credits_spent', 'not_active']).optional(),
          retry_after_seconds: z.int().optional(),
        }),
      },
    },
    async handle({ tenant, params, body }) {
      const answer = await spendKey(ports, { tenant, id: params.id, cost: body.cost });
      if (answer.spent) return ok({ status: 200, body: { spent: true } });
      const { code, retryAfterSeconds } = answer;
      const body_ = { spent: false, code, retry_after_seconds: retryAfterSeconds };
      return ok({ status: 200, body: body_ });
    },
  });
}

function add(ports: SpendEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/{id}/top-up',
    operation: 'topUpKey',
    group: 'keys',
    summary: 'Adds to what a key may spend, whatever is spent at the same moment',
    description: 'The key of another owner than oneself needs the permission `keys:assign`.',
    permission: 'keys:write',
    params: keyId,
    body: topUp,
    creates: true,
    answers: {
      201: {
        description: 'What is left.',
        schema: z.strictObject({ id: z.string(), limits: budgetsLeft }),
      },
    },
    problems: ['wrong_state'],
    async handle({ caller, requester, params, body, remember }) {
      const { id } = params;
      const added = await topUpKey(ports, {
        requester,
        id,
        add: body,
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
        // What is left changes with every use: a repetition hears only that it was added.
        alongside: () => remember({ status: 201, body: { id, limits: {} } }),
      });
      if (!added.ok) return err(topUpProblem(added.refusal));
      return ok({ status: 201, body: { id, limits: renderLeft(added.value.budgets) } });
    },
  });
}

function topUpProblem(refusal: TopUpRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'not_found':
      return { code: 'not_found' };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'revoked':
      return { code: 'wrong_state', detail: 'the key is revoked' };
    case 'not_counted':
      return { code: 'wrong_state', detail: `the key’s ${refusal.name} are not counted` };
    case 'refused_by_step':
      return repeated;
  }
}
