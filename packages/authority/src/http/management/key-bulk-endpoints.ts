/** `/v1/keys/bulk`: one change of many keys, previewed and then done to exactly those. */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import type { Caller } from '../../admin/caller.ts';
import { covers } from '../../admin/permission.ts';
import {
  type BulkAct,
  type BulkPorts,
  type BulkPreviewRefusal,
  type BulkRunRefusal,
  previewBulk,
  runBulk,
} from '../../apikeys/bulk-keys.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { assignNeeded, mayNameOwner } from './key-endpoints.ts';
import { key, keyStatus, renderKey } from './key-wire.ts';
import type { Problem } from './problem.ts';
import { line, moment, momentOut, renderMoment, scope } from './wire-schema.ts';

const reason = line({ min: 1, max: 500 });
const tag = line({ min: 1, max: 64 });
const owner = line({ min: 1, max: 255 });

const act = z.union([
  z.strictObject({ do: z.enum(['disable', 'enable']) }),
  z.strictObject({ do: z.enum(['quarantine', 'revoke']), reason }),
  z.strictObject({ do: z.enum(['set_expiry']), expires_at: moment }),
  z.strictObject({ do: z.enum(['add_tag', 'remove_tag']), tag }),
  z.strictObject({ do: z.enum(['set_owner']), owner }),
]);

const filter = z
  .strictObject({
    kind: z
      .enum(['key', 'pat'])
      .optional()
      .describe('`pat`: personal access tokens, held back or revoked; default API keys'),
    owner: owner.optional(),
    status: keyStatus.optional(),
    tag: tag.optional(),
    environment: line({ min: 1, max: 64 }).optional(),
    scope: scope.optional(),
    name_prefix: line({ min: 1, max: 200 }).optional(),
    created_before: moment.optional(),
    expires_before: moment.optional(),
    unused_since: moment.optional(),
    violating: z.boolean().optional(),
  })
  .refine(
    ({ kind: _, ...rest }) => Object.values(rest).some((one) => one !== undefined),
    'must say which keys are meant',
  );

export function keyBulkEndpoints(ports: BulkPorts): readonly PreparedEndpoint[] {
  return [preview(ports), run(ports)];
}

function preview(ports: BulkPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/bulk',
    operation: 'previewKeyBulk',
    group: 'keys',
    summary: 'Finds the keys of one change, and keeps them for an hour; changes nothing',
    description:
      'All conditions of `filter` must hold. Keys that the act would leave as they are do not ' +
      'count; those of other owners are left out without `keys:assign`, but to stop them. ' +
      'To revoke needs `revocations:write`, here and when it is run.',
    permission: 'keys:write',
    body: z.strictObject({ filter, act }).meta({ id: 'PreviewKeyBulk' }),
    answers: {
      200: {
        description: 'What would be changed.',
        schema: z.strictObject({
          id: z.string().describe('By which it is done: `/v1/keys/bulk/{id}/run`'),
          count: z.int(),
          left_out: z.int(),
          sample: z.array(key),
          expires_at: momentOut,
        }),
      },
    },
    problems: ['wrong_state'],
    async handle({ caller, requester, body, now }) {
      const { name_prefix, created_before, expires_before, unused_since, ...rest } = body.filter;
      const found = await previewBulk(ports, {
        requester,
        ...rightsOf(caller),
        act: actOf(body.act),
        filter: {
          ...rest,
          namePrefix: name_prefix,
          createdBefore: created_before,
          expiresBefore: expires_before,
          unusedSince: unused_since,
        },
      });
      if (!found.ok) return err(previewProblem(found.refusal));
      const { id, count, leftOut, sample, expiresAt } = found.value;
      const shown = sample.map((row) => renderKey(row, now));
      const expires_at = renderMoment(expiresAt);
      return ok({
        status: 200,
        body: { id, count, left_out: leftOut, sample: shown, expires_at },
      });
    },
  });
}

function actOf(wire: z.output<typeof act>): BulkAct {
  return 'expires_at' in wire ? { do: 'set_expiry', expiresAt: wire.expires_at } : wire;
}

function previewProblem(refusal: BulkPreviewRefusal): Problem {
  switch (refusal.reason) {
    case 'too_many':
      return { code: 'wrong_state', detail: `more than ${refusal.most} keys: narrow the filter` };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'revoking_not_allowed':
      return revokingNeeded;
    case 'tokens_not_allowed':
      return tokensNeeded;
    case 'act_not_for_tokens':
      return { code: 'wrong_state', detail: 'personal access tokens are quarantined or revoked' };
  }
}

function runProblem(refusal: BulkRunRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
      return { code: 'not_found' };
    case 'revoking_not_allowed':
      return revokingNeeded;
    case 'tokens_not_allowed':
      return tokensNeeded;
  }
}

const tokensNeeded: Problem = {
  code: 'insufficient_permission',
  detail: 'needs pats:write for the personal tokens of users',
};

const revokingNeeded: Problem = {
  code: 'insufficient_permission',
  detail: 'needs revocations:write to revoke',
};

/** As for one key: to revoke has a permission of its own. */
function rightsOf(caller: Caller) {
  return {
    mayNameOwner: (owner: string) => mayNameOwner(caller, owner),
    mayRevoke: covers(caller.permissions, 'revocations:write'),
    mayHoldTokens: covers(caller.permissions, 'pats:write'),
  };
}

function run(ports: BulkPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/bulk/{id}/run',
    operation: 'runKeyBulk',
    group: 'keys',
    summary: 'Does what was previewed, a part in each call, until `done` is `count`',
    description:
      'To exactly the keys of the preview; one that somebody changed since is passed over. For ' +
      'whoever previewed it.',
    permission: 'keys:write',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    answers: {
      200: {
        description: 'How far it went.',
        schema: z.strictObject({ count: z.int(), done: z.int(), changed: z.int() }),
      },
    },
    async handle({ caller, requester, params }) {
      const went = await runBulk(ports, {
        requester,
        id: params.id,
        ...rightsOf(caller),
      });
      if (!went.ok) return err(runProblem(went.refusal));
      return ok({ status: 200, body: { ...went.value } });
    },
  });
}
