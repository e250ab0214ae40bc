/** `/v1/keys/{id}/acceptance`: lets a key break the tenant's policy, on the record. */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import {
  type AcceptRefusal,
  acceptViolations,
  withdrawAcceptance,
} from '../../apikeys/accept-violations.ts';
import { readReason } from '../../audit/reason.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { type KeyEndpointPorts, withViolations } from './key-endpoints.ts';
import { key, keyId } from './key-wire.ts';
import type { Problem } from './problem.ts';
import { line, moment } from './wire-schema.ts';

const path = '/v1/keys/{id}/acceptance';
const answers = { 200: { description: 'The key as it is now.', schema: key } };

export function keyAcceptanceEndpoints(ports: KeyEndpointPorts): readonly PreparedEndpoint[] {
  return [accept(ports), withdraw(ports)];
}

function accept(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path,
    operation: 'acceptKeyViolations',
    group: 'keys',
    summary: 'Lets a key be although it breaks the tenant’s policy, with a reason',
    description:
      'For the rules that it breaks now. Edits of the key are judged by the policy all the same.',
    permission: 'keys:accept',
    params: keyId,
    body: z
      .strictObject({
        reason: line({ min: 1, max: 500 }),
        until: moment.optional().describe('When it wants mending again; left out: it stays so'),
      })
      .meta({ id: 'AcceptKeyViolations' }),
    answers,
    problems: ['wrong_state', 'conflict'],
    async handle({ requester, params, body, now }) {
      const accepted = await acceptViolations(ports, {
        ...{ requester, id: params.id, until: body.until },
        reason: readReason(body.reason),
      });
      if (!accepted.ok) return err(problemOf(accepted.refusal));
      const { value: row } = accepted;
      const shown = await withViolations(ports, row, now);
      return ok({ status: 200, body: shown, version: row.version });
    },
  });
}

function withdraw(ports: KeyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path,
    operation: 'withdrawKeyAcceptance',
    group: 'keys',
    summary: 'Takes back that a key may break the tenant’s policy',
    permission: 'keys:accept',
    params: keyId,
    answers,
    problems: ['wrong_state', 'conflict'],
    async handle({ requester, params, now }) {
      const withdrawn = await withdrawAcceptance(ports, { requester, id: params.id });
      if (!withdrawn.ok) return err(problemOf(withdrawn.refusal));
      const { value: row } = withdrawn;
      const shown = await withViolations(ports, row, now);
      return ok({ status: 200, body: shown, version: row.version });
    },
  });
}

function problemOf(refusal: AcceptRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'revoked':
      return { code: 'wrong_state', detail: 'the key is revoked' };
    case 'nothing_broken':
      return { code: 'wrong_state', detail: 'the key breaks no rule' };
    case 'until_in_past':
      return {
        code: 'invalid_body',
        errors: [{ pointer: '/until', message: 'must be in the future' }],
      };
  }
}
