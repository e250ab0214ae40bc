/** `/v1/revocations`: end something now, and see when it has ended everywhere. */
import {
  err,
  ok,
  type Result,
  type RevocationTarget,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { z } from 'zod';
import { revocationProgress } from '../../admin/revocation-progress.ts';
import type { Requester } from '../../audit/requester.ts';
import type { EmergencyRefusal } from '../../keyring/keyring.ts';
import { type RevokeDeps, type RevokeRefusal, revoke } from '../../revocation/revoke.ts';
import type { Alongside } from '../../store/act.ts';
import type { Store } from '../../store/store.ts';
import type { Row } from '../../store/tables.ts';
import { endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import type { Problem } from './problem.ts';
import {
  line,
  moment,
  momentOut,
  pageOf,
  renderMoment,
  renderMomentOrNull,
} from './wire-schema.ts';

export interface RevocationPorts extends RevokeDeps {
  readonly store: Pick<Store, 'revocations' | 'nodes' | 'installation' | 'keys' | 'users' | 'acts'>;
  /** Ends a signing key with all that it signed, putting another in its place. */
  readonly endSigningKey: (input: {
    readonly requester: Requester;
    readonly kid: string;
    readonly reason: string;
    readonly alongside: Alongside<{ readonly revocation: string }>;
  }) => Promise<Result<{ readonly revocation: string }, EmergencyRefusal>>;
}

const group = 'revocations';

const targetKinds = [
  'token',
  'family',
  'client',
  'user',
  'tenant',
  'key',
  'sub_key',
  'signing_key',
] as const;

const target = z.strictObject({ kind: z.enum(targetKinds), id: line({ min: 1, max: 255 }) });

const question = z
  .strictObject({
    target,
    reason: line({ min: 1, max: 500 }),
    before: moment
      .optional()
      .describe('Only what was issued, or made, before this moment; not in the future'),
  })
  .meta({ id: 'Revoke' });

const made = {
  id: z.string(),
  effective_at: momentOut.describe('From this moment it holds on this node, durably'),
  feed_position: z.int(),
};

const shown = {
  ...made,
  target: z.strictObject({ kind: z.string(), id: z.string() }),
  reason: z.string(),
  actor: z.string(),
};

const revocation = z.strictObject(shown).meta({ id: 'Revocation' });

const progress = z
  .strictObject({
    ...shown,
    everywhere_at: momentOut
      .nullable()
      .describe('From this moment no node accepts the target; null while one still may'),
    nodes: z.array(
      z.strictObject({
        node: z.string(),
        credential: z.string().nullable().describe('What it asks with'),
        state: z.enum(['acknowledged', 'lease_ended', 'pending']),
        position: z.int(),
        seen_at: momentOut,
      }),
    ),
  })
  .meta({ id: 'RevocationProgress' });

export function revocationEndpoints(ports: RevocationPorts): readonly PreparedEndpoint[] {
  return [create(ports), list(ports), show(ports)];
}

function renderRevocation(row: Row<'revocations'>): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    effective_at: renderMoment(row.at),
    feed_position: row.position,
    target: { kind: row.targetKind, id: row.targetId },
    reason: row.reason,
    actor: row.actor,
  };
}

function create(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/revocations',
    operation: 'revoke',
    group,
    summary: 'Ends a token, a key, or all of a family, client, user, tenant or signing key',
    description:
      'Answers once it holds here and is durable; connected nodes follow within a second. ' +
      'The API keys of a user or tenant end too.',
    permission: 'revocations:write',
    body: question,
    creates: true,
    answers: { 200: { description: 'It holds.', schema: z.strictObject(made) } },
    problems: ['not_found', 'wrong_state', 'invalid_request'],
    async handle({ tenant, requester, body, remember }) {
      const { reason, before } = body;
      const { kind, id } = body.target;
      if (kind === 'signing_key') {
        if (before !== undefined) return err(notBefore(kind));
        const ended = await ports.endSigningKey({
          requester,
          kid: id,
          reason,
          alongside: (one) => remember({ status: 200, body: { id: one.revocation } }),
        });
        if (!ended.ok) return err(signingKeyProblem(ended.refusal));
        return ok(await answerOf(ports, tenant, ended.value.revocation));
      }
      const revoked = await revoke(ports, {
        requester,
        target: { kind, id } as RevocationTarget,
        reason,
        before: before === undefined ? undefined : ((before / 1000) as UnixSeconds),
        // The position is the commit's to give: a replay reads it from the row.
        alongside: (one) => remember({ status: 200, body: { id: one.id } }),
      });
      if (!revoked.ok) return err(revokeProblem(revoked.refusal));
      const { position, effectiveAt } = revoked.value;
      return ok({
        status: 200,
        body: {
          id: revoked.value.id,
          effective_at: renderMoment(effectiveAt),
          feed_position: position,
        },
      });
    },
    replay: async (tenant, remembered) =>
      ok(await answerOf(ports, tenant, String(remembered['id']))),
  });
}

async function answerOf(ports: RevocationPorts, tenant: TenantId, id: string) {
  const row = await ports.store.revocations.get(tenant, id);
  if (row === undefined) throw new Error(`revocation ${id} was made and is not there`);
  const { effective_at, feed_position } = renderRevocation(row);
  return { status: 200, body: { id, effective_at, feed_position } };
}

function signingKeyProblem({ reason }: EmergencyRefusal): Problem | typeof repeated {
  switch (reason) {
    case 'key_not_found':
      return { code: 'not_found', detail: 'no such signing key' };
    case 'key_not_trusted':
      return { code: 'wrong_state', detail: 'the key is not trusted any more' };
    case 'refused_by_step':
      return repeated;
  }
}

function notBefore(kind: string): Problem {
  return { code: 'invalid_request', detail: `a ${kind} ends as a whole: leave \`before\` out` };
}

function revokeProblem(refusal: RevokeRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'target_not_found':
      return { code: 'not_found', detail: `there is no such ${refusal.kind}` };
    case 'unsupported_target':
      return { code: 'wrong_state', detail: `a ${refusal.kind} does not end this way` };
    case 'before_not_applicable':
      return notBefore(refusal.kind);
    case 'before_in_future':
      return { code: 'invalid_request', detail: '`before` lies in the future' };
    case 'refused_by_step':
      return repeated;
  }
}

function list(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/revocations',
    operation: 'listRevocations',
    group,
    summary: 'Lists revocations, newest first',
    permission: 'revocations:read',
    paged: true,
    answers: { 200: { description: 'A page of revocations.', schema: pageOf(revocation) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.revocations.list({
        where: { tenant },
        orderBy: ['tenant', 'at', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const items = rows.slice(0, page.limit);
      const last = rows.length > page.limit ? items.at(-1) : undefined;
      const next = last === undefined ? undefined : [last.tenant, last.at, last.id];
      return ok({ status: 200, body: { items: items.map(renderRevocation) }, next });
    },
  });
}

function show(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/revocations/{id}',
    operation: 'showRevocation',
    group,
    summary: 'Shows a revocation with the acknowledgement of each node',
    permission: 'revocations:read',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    answers: { 200: { description: 'How far it has come.', schema: progress } },
    async handle({ tenant, params, now }) {
      const found = await revocationProgress(ports.store, { tenant, id: params.id, now });
      if (found === undefined) return err({ code: 'not_found' });
      return ok({
        status: 200,
        body: {
          ...renderRevocation(found.revocation),
          everywhere_at: renderMomentOrNull(found.everywhereAt ?? null),
          nodes: found.nodes.map(({ seenAt, ...node }) => {
            return { ...node, seen_at: renderMoment(seenAt) };
          }),
        },
      });
    },
  });
}
