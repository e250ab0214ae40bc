/** `/v1/revocations`: end something now, and see when it has ended everywhere. */
import {
  err,
  limits,
  ok,
  type RevocationTarget,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { z } from 'zod';
import { revocationProgress } from '../../admin/revocation-progress.ts';
import { type UndoRefusal, undoRevocation } from '../../admin/undo-revocation.ts';
import { readReason } from '../../audit/reason.ts';
import type { EmergencyRefusal } from '../../keyring/keyring.ts';
import { readPreviewToken } from '../../revocation/preview-token.ts';
import { type RevokeRefusal, revoke } from '../../revocation/revoke.ts';
import { beginQuery, continueQuery } from '../../revocation/revoke-query.ts';
import { cutPage } from './cut-page.ts';
import { type Call, endpoint, type Outcome, type PreparedEndpoint, repeated } from './endpoint.ts';
import type { Problem } from './problem.ts';
import {
  askedMembers,
  beyondPreview,
  oneOf,
  previewEndpoint,
  type RevocationPorts,
  runDeps,
} from './revocation-preview-endpoint.ts';
import {
  made,
  type query,
  reason,
  renderRevocation,
  renderRun,
  runMembers,
  selectorOfQuery,
  shown,
} from './revocation-wire.ts';
import { momentOut, pageOf, renderMoment, renderMomentOrNull } from './wire-schema.ts';

const group = 'revocations';

const question = z
  .strictObject({
    ...askedMembers,
    reason,
    preview: z
      .string()
      .max(512)
      .optional()
      .describe('Of the preview: where more would end than it showed, nothing does'),
  })
  .refine((body) => (body.target === undefined) !== (body.query === undefined), oneOf)
  .meta({ id: 'Revoke' });

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
  return [create(ports), previewEndpoint(ports), list(ports), show(ports), undo(ports)];
}

type Asked = z.output<typeof question>;
type AskedCall = Pick<
  Call<undefined, undefined, Asked>,
  'tenant' | 'requester' | 'body' | 'remember'
>;

function create(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/revocations',
    operation: 'revoke',
    group,
    summary:
      'Ends a token, a key, all of a family, client, user, tenant or signing key, or a query',
    description:
      'Answers once it holds here and is durable; connected nodes follow within a second. ' +
      'The API keys of a user or tenant end too. A query needs the `preview` of ' +
      '`/v1/revocations/preview`; where much matches, it answers `running` and goes on by itself.',
    permission: 'revocations:write',
    body: question,
    creates: true,
    answers: {
      200: { description: 'It holds.', schema: z.strictObject({ ...made, ...runMembers }) },
    },
    problems: ['not_found', 'wrong_state', 'invalid_request', 'preview_outdated'],
    async handle(call) {
      const { tenant, body, now } = call;
      const more = await beyondPreview(ports, { tenant, body, now });
      if (more !== undefined) return err(more);
      if (body.query !== undefined) return endQuery(ports, call, body.query);
      const { target: named } = body;
      if (named === undefined) throw new Error('the schema lets neither through');
      const { kind, id } = named;
      if (kind === 'signing_key') return endSigningKey(ports, call, id);
      const { code, note } = readReason(body.reason);
      const revoked = await revoke(ports, {
        requester: call.requester,
        target: { kind, id } as RevocationTarget,
        ...{ reason: code, note },
        before: body.before === undefined ? undefined : ((body.before / 1000) as UnixSeconds),
        // The position is the commit's to give: a replay reads it from the row.
        alongside: (one) => call.remember({ status: 200, body: { id: one.id } }),
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

async function endSigningKey(
  ports: RevocationPorts,
  call: AskedCall,
  kid: string,
): Promise<Outcome> {
  const { tenant, requester, body, remember } = call;
  if (body.before !== undefined) return err(notBefore('signing_key'));
  const ended = await ports.endSigningKey({
    requester,
    kid,
    reason: readReason(body.reason),
    alongside: (one) => remember({ status: 200, body: { id: one.revocation } }),
  });
  if (!ended.ok) return err(signingKeyProblem(ended.refusal));
  return ok(await answerOf(ports, tenant, ended.value.revocation));
}

async function endQuery(
  ports: RevocationPorts,
  { tenant, requester, body, remember }: AskedCall,
  given: z.output<typeof query>,
): Promise<Outcome> {
  const seen = body.preview === undefined ? undefined : readPreviewToken(body.preview);
  if (seen === undefined) {
    const detail = 'a query needs the `preview` that POST /v1/revocations/preview gives';
    return err({ code: 'invalid_request', detail } as const);
  }
  if (body.before !== undefined) return err(notBefore('query'));
  const deps = runDeps(ports);
  const begun = await beginQuery(deps, {
    requester,
    selector: selectorOfQuery(given, seen.at),
    reason: readReason(body.reason),
    alongside: (one) => remember({ status: 200, body: { id: one.id } }),
  });
  if (begun === 'refused_by_step') return err(repeated);
  const row = await ports.store.revocations.get(tenant, begun.id);
  if (row !== undefined) {
    await continueQuery(deps, row, { pagesMax: limits.revocationRunPagesAtOnce });
  }
  return ok(await answerOf(ports, tenant, begun.id));
}

async function answerOf(ports: RevocationPorts, tenant: TenantId, id: string) {
  const row = await ports.store.revocations.get(tenant, id);
  if (row === undefined) throw new Error(`revocation ${id} was made and is not there`);
  const { at, position } = row;
  const holds = { effective_at: renderMoment(at), feed_position: position };
  return { status: 200, body: { id, ...holds, ...renderRun(row) } };
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
      const { shown: items, next } = cutPage(page, rows, (last) => [last.tenant, last.at, last.id]);
      const rendered = await Promise.all(items.map((row) => renderRevocation(ports.sealer, row)));
      return ok({ status: 200, body: { items: rendered }, next });
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
          ...(await renderRevocation(ports.sealer, found.revocation)),
          everywhere_at: renderMomentOrNull(found.everywhereAt ?? null),
          nodes: found.nodes.map(({ seenAt, ...node }) => {
            return { ...node, seen_at: renderMoment(seenAt) };
          }),
        },
      });
    },
  });
}

function undo(ports: RevocationPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/revocations/{id}/undo',
    operation: 'undoRevocation',
    group,
    summary: 'Enables again what was disabled with a revocation; tokens and keys stay refused',
    description:
      'It needs the permission to enable that by an edit: `clients:write`, `users:write`.',
    permission: 'revocations:write',
    params: z.strictObject({ id: z.string().min(1).max(64) }),
    body: z.strictObject({ reason }).meta({ id: 'UndoRevocation' }),
    answers: {
      200: {
        description: 'It is enabled again.',
        schema: z.strictObject({
          enabled: z.strictObject({ kind: z.enum(['client', 'user']), id: z.string() }),
          at: momentOut,
        }),
      },
    },
    problems: ['wrong_state'],
    async handle({ requester, caller: { permissions }, params: { id }, body }) {
      const why = readReason(body.reason);
      const undone = await undoRevocation(ports, { requester, permissions, id, reason: why });
      if (!undone.ok) return err(undoProblem(undone.refusal));
      const { enabled, at } = undone.value;
      return ok({ status: 200, body: { enabled, at: renderMoment(at) } });
    },
  });
}

function undoProblem(refusal: UndoRefusal): Problem {
  switch (refusal.reason) {
    case 'revocation_not_found':
      return { code: 'not_found' };
    case 'not_undoable':
      return { code: 'wrong_state', detail: `cannot be undone: ${refusal.why}` };
    case 'not_permitted':
      return { code: 'insufficient_permission', detail: `needs ${refusal.needs} to enable it` };
    case 'undone_already':
      return { code: 'wrong_state', detail: 'it was undone before' };
    case 'changed_since':
      return { code: 'wrong_state', detail: `the ${refusal.kind} was changed since: edit it` };
  }
}
