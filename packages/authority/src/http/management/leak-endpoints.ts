/** `/v1/leaks` and `/v1/leak-policy`: leaked credentials, and what is done about them. */
import { err, letOthersRun, limits, ok, type TenantId, type Timers } from '@mintmark/core';
import { z } from 'zod';
import { auditHistory } from '../../audit/history.ts';
import { readReason } from '../../audit/reason.ts';
import type { TrailStore } from '../../audit/trail.ts';
import {
  type LeakPolicyPorts,
  leakPolicyOf,
  leakPolicySchema,
  putLeakPolicy,
} from '../../leaks/leak-policy.ts';
import type { ProvenToken } from '../../leaks/prove-token.ts';
import { type ReleaseLeakRefusal, releaseLeak, reportLeak } from '../../leaks/report-leak.ts';
import { aboutOf, type LeakRow, type RespondDeps } from '../../leaks/respond.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { isMatching } from './etag.ts';
import { assignNeeded, mayNameOwner } from './key-endpoints.ts';
import type { Problem } from './problem.ts';
import { line, momentOut, pageOf, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export interface LeakPorts extends RespondDeps {
  readonly store: RespondDeps['store'] & LeakPolicyPorts['store'] & TrailStore;
  readonly timers: Pick<Timers, 'after'>;
  /** What the token is, of this tenant alone. */
  readonly prove: (tenant: TenantId, text: string) => Promise<ProvenToken | 'busy' | undefined>;
}

const group = 'leaks';
const params = z.strictObject({ id: z.string().min(1).max(64) });

const shown = {
  id: z.string(),
  kind: z.enum([
    'key',
    'sub_key',
    'admin_key',
    'client_secret',
    'registration_token',
    'access_token',
    'refresh_token',
  ]),
  credential: z
    .string()
    .describe('Its public id; of a client secret or registration token, client and secret'),
  owner: z.string(),
  name: z.string(),
  status: z
    .enum(['open', 'held', 'revoked', 'observed', 'kept', 'released', 'ended'])
    .describe(
      '`held`: refused, and can be released. `observed`: dry run. `kept`: the last admin key. ' +
        '`ended`: it was worth nothing any more',
    ),
  sightings: z.array(
    z.strictObject({
      by: z.string(),
      url: z.string().nullable(),
      source: z.string().nullable(),
      at: momentOut,
    }),
  ),
  steps: z.array(z.strictObject({ step: z.string(), outcome: z.string(), at: momentOut })),
  created_at: momentOut,
  updated_at: momentOut,
  revoke_at: momentOut.nullable().describe('When it is revoked unless it is released'),
};

const leak = z.strictObject(shown).meta({ id: 'Leak' });
const leakWithEvidence = z
  .strictObject({
    ...shown,
    attempts: z.int().describe('Uses of the key while it was held back, as far as they are noted'),
    evidence: z
      .array(z.looseObject({ at: momentOut }))
      .describe('Of those, records of the audit trail, newest first'),
  })
  .meta({ id: 'LeakWithEvidence' });

const policy = leakPolicySchema.meta({ id: 'LeakPolicy' });

export function leakEndpoints(ports: LeakPorts): readonly PreparedEndpoint[] {
  return [report(ports), list(ports), show(ports), release(ports), ...policyEndpoints(ports)];
}

function render(row: LeakRow): Readonly<Record<string, unknown>> {
  const { id, kind, credential, owner, name, status } = row;
  return {
    ...{ id, kind, credential, owner, name, status },
    sightings: row.sightings.map((one) => ({ ...one, at: renderMoment(one.at) })),
    steps: row.steps.map((one) => ({ ...one, at: renderMoment(one.at) })),
    created_at: renderMoment(row.createdAt),
    updated_at: renderMoment(row.updatedAt),
    revoke_at: status === 'held' ? renderMomentOrNull(row.dueAt) : null,
  };
}

function report(ports: LeakPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/leaks',
    operation: 'reportLeak',
    group,
    summary: 'Reports a leaked token: what the policy says is done before the answer',
    description: 'The token is compared and never kept. Reported again, the same leak is shown.',
    permission: 'leaks:write',
    body: z
      .strictObject({
        token: z.string().min(1).max(limits.tokenCharsMax),
        url: z.url().max(2048).optional().describe('Where it was found'),
        source: line({ min: 1, max: 255 }).optional().describe('What found it'),
      })
      .meta({ id: 'ReportLeak' }),
    answers: { 200: { description: 'The leak as it is now.', schema: leak } },
    problems: ['not_found', 'conflict'],
    async handle({ requester, tenant, body }) {
      const proven = await ports.prove(tenant, body.token);
      if (proven === 'busy') return err({ code: 'conflict', detail: 'busy; try again' });
      if (proven === undefined) return err(notOurs);
      const { kind, id } = requester.actor;
      const seen = { by: `${kind}:${id}`, url: body.url ?? null, source: body.source ?? null };
      const row = await reportLeak(ports, { requester, proven, seen });
      return ok({ status: 200, body: render(row), version: row.version });
    },
  });
}

const notOurs: Problem = { code: 'not_found', detail: 'the token is none of this tenant' };

function list(ports: LeakPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/leaks',
    operation: 'listLeaks',
    group,
    summary: 'Lists leaked credentials, newest first',
    permission: 'leaks:read',
    paged: true,
    answers: { 200: { description: 'A page of leaks.', schema: pageOf(leak) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.leaks.list({
        where: { tenant },
        orderBy: ['tenant', 'createdAt', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [
        last.tenant,
        last.createdAt,
        last.id,
      ]);
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
}

function show(ports: LeakPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/leaks/{id}',
    operation: 'showLeak',
    group,
    summary: 'Shows a leak: where it was seen, what was done, who tried the key since',
    permission: 'leaks:read',
    params,
    answers: { 200: { description: 'The leak.', schema: leakWithEvidence } },
    async handle({ tenant, params: { id } }) {
      const row = await ports.store.leaks.get(tenant, id);
      if (row === undefined) return err({ code: 'not_found' });
      const body = { ...render(row), ...(await evidenceOf(ports, row)) };
      return ok({ status: 200, body, version: row.version });
    },
  });
}

/** What was tried with the key while it was held back: from its own history. */
async function evidenceOf({ store, timers }: LeakPorts, row: LeakRow) {
  if (row.kind !== 'key') return { attempts: 0, evidence: [] };
  const tenant = row.tenant as TenantId;
  const found = await auditHistory(store, tenant, aboutOf(row), () => letOthersRun(timers));
  const records = found.items.flatMap(({ leaf }) => {
    const isAttempt = leaf?.result === 'quarantined_key_used' && leaf.object.id === row.credential;
    return isAttempt ? [leaf] : [];
  });
  const attempts = records.reduce((sum, { detail }) => sum + Number(detail?.['count'] ?? 1), 0);
  const evidence = records
    .slice(-limits.leakSightingsMax)
    .reverse()
    .map(({ time, detail }) => ({ at: time, ...detail }));
  return { attempts, evidence };
}

function release(ports: LeakPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/leaks/{id}/release',
    operation: 'releaseLeak',
    group,
    summary: 'Lets a credential go that was held back: it works again as before',
    description: 'The key of another owner than oneself needs the permission `keys:assign`.',
    permission: 'leaks:write',
    params,
    body: z.strictObject({ reason: line({ min: 1, max: 500 }) }).meta({ id: 'ReleaseLeak' }),
    answers: { 200: { description: 'The leak as it is now.', schema: leak } },
    problems: ['wrong_state', 'conflict'],
    async handle({ caller, requester, params: { id }, body }) {
      const released = await releaseLeak(ports, {
        requester,
        id,
        reason: readReason(body.reason),
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
      });
      if (!released.ok) return err(releaseProblem(released.refusal));
      const { version } = released.value;
      return ok({ status: 200, body: render(released.value), version });
    },
  });
}

function releaseProblem(refusal: ReleaseLeakRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'not_held':
      return { code: 'wrong_state', detail: `the leak is ${refusal.status}` };
  }
}

function policyEndpoints(ports: LeakPorts): PreparedEndpoint[] {
  const answers = { 200: { description: 'The policy.', schema: policy } };
  const path = '/v1/leak-policy';
  return [
    endpoint({
      method: 'GET',
      path,
      operation: 'showLeakPolicy',
      group,
      summary: 'Shows what is done about leaked credentials',
      permission: 'leaks:read',
      answers,
      async handle({ tenant }) {
        const kept = await leakPolicyOf(ports.store, tenant);
        return ok({ status: 200, body: kept.policy, version: kept.version });
      },
    }),
    endpoint({
      method: 'PUT',
      path,
      operation: 'putLeakPolicy',
      group,
      summary: 'Says what is done about leaked credentials',
      permission: 'leaks:write',
      body: policy,
      edits: 'always',
      answers,
      async handle({ requester, body, ifMatch }) {
        const put = await putLeakPolicy(ports, {
          requester,
          policy: body,
          isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
        });
        if (!put.ok) return err({ code: put.refusal.reason });
        return ok({ status: 200, body: put.value.policy, version: put.value.version });
      },
    }),
  ];
}
