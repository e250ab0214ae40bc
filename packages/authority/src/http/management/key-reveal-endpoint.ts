/** `POST /v1/keys/{id}/reveal`: shows a recoverable key again. */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import { type RevealKeyRefusal, revealKey } from '../../apikeys/reveal-key.ts';
import { readReason } from '../../audit/reason.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { assignNeeded, mayNameOwner } from './key-endpoints.ts';
import { keyId } from './key-wire.ts';
import type { Problem } from './problem.ts';
import { line } from './wire-schema.ts';

export function keyRevealEndpoint(ports: Parameters<typeof revealKey>[0]): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/{id}/reveal',
    operation: 'revealKey',
    group: 'keys',
    summary: 'Shows a recoverable key again, on the record, and tells its owner',
    description: 'The key of another owner than oneself needs the permission `keys:assign` too.',
    permission: 'keys:reveal',
    params: keyId,
    body: z.strictObject({ reason: line({ min: 1, max: 500 }) }).meta({ id: 'RevealKey' }),
    answers: {
      200: {
        description: 'The key.',
        schema: z.strictObject({ id: z.string(), key: z.string() }),
      },
    },
    problems: ['wrong_state', 'conflict'],
    async handle({ caller, requester, params, body }) {
      const shown = await revealKey(ports, {
        requester,
        id: params.id,
        reason: readReason(body.reason),
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
      });
      if (!shown.ok) return err(revealProblem(shown.refusal));
      const { row, text: key } = shown.value;
      return ok({ status: 200, body: { id: row.id }, secret: { key } });
    },
  });
}

function revealProblem(refusal: RevealKeyRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'not_recoverable':
      return { code: 'wrong_state', detail: 'the key was not made to be shown again' };
    case 'not_active':
      return { code: 'wrong_state', detail: `the key is ${refusal.status}` };
    case 'not_allowed':
      return { code: 'wrong_state', detail: 'the tenant’s policy for keys does not allow it' };
  }
}
