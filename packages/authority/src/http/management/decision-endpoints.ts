/** `/v1/decisions`: why decisions were as they were; and where gateways report on policies. */
import {
  assertNever,
  err,
  feedHttp,
  limits,
  ok,
  type PolicyReport,
  type PolicyReportSink,
  policyUses,
  type UnixMs,
} from '@mintmark/core';
import { z } from 'zod';
import {
  type Explained,
  type ExplainPorts,
  type ExplainRefusal,
  explainDecision,
} from '../../policies/explain-decision.ts';
import type { Row } from '../../store/tables.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { line, momentMax, momentOut, pageOf, renderMoment } from './wire-schema.ts';

export interface DecisionPorts extends ExplainPorts {
  readonly reports: PolicyReportSink;
}

const group = 'policies';
const verdict = z.enum(['allow', 'deny']);
const surface = z.enum(policyUses);

const summary = z
  .strictObject({
    ...{ id: z.string(), at: momentOut, node: z.string(), surface, decision: verdict },
    reason: z.string().describe('`ok`, `policy_denied`, or why it was refused without a policy'),
    differs: z.boolean().describe('Whether a version in shadow would have decided otherwise'),
    ...{ principal: z.string(), action: z.string(), resource: z.string() },
  })
  .meta({ id: 'Decision' });

const answer = z.strictObject({
  ...{ policy: z.string(), version: z.int(), stage: z.enum(['enforce', 'shadow']) },
  decision: verdict,
  determining: z.array(
    z.strictObject({
      ...{ id: z.string(), effect: z.enum(['permit', 'forbid']), line: z.int(), text: z.string() },
      annotations: z.record(z.string(), z.string()),
    }),
  ),
  errors: z.array(z.strictObject({ policy: z.string(), message: z.string() })),
});

const explanation = z
  .strictObject({
    ...summary.shape,
    request: z.record(z.string(), z.unknown()).describe('What was asked, in Cedar’s JSON'),
    policies: z.array(answer),
  })
  .meta({ id: 'DecisionExplanation' });

export function decisionEndpoints(ports: DecisionPorts): readonly PreparedEndpoint[] {
  return [list(ports), explain(ports), accept(ports)];
}

function renderSummary({ id, at, decision }: Row<'decisions'>) {
  const { node, surface, verdict, reason, differs, principal, action, resource } = decision;
  return {
    ...{ id, at: renderMoment(at), node, surface, decision: verdict, reason, differs },
    ...{ principal, action, resource },
  };
}

function renderExplained({ row, answers }: Explained) {
  const policies = answers.map(({ policy, version, stage, verdict, determining, errors }) => {
    return { policy, version, stage, decision: verdict, determining, errors };
  });
  return { ...renderSummary(row), request: row.decision.request, policies };
}

function list(ports: DecisionPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.decisionsPath,
    operation: 'listDecisions',
    group,
    summary: 'Lists decisions that were kept, newest first',
    permission: 'decisions:read',
    paged: true,
    answers: { 200: { description: 'A page of decisions.', schema: pageOf(summary) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.decisions.list({
        where: { tenant },
        orderBy: ['tenant', 'at', 'id'],
        ...(page.after === undefined ? {} : { after: page.after }),
        descending: true,
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.at, last.id]);
      return ok({ status: 200, body: { items: shown.map(renderSummary) }, next });
    },
  });
}

function explain(ports: DecisionPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: `${feedHttp.decisionsPath}/{id}`,
    operation: 'explainDecision',
    group,
    summary: 'Says why a decision was as it was',
    description:
      'What was asked, which policies decided, what they say of themselves, what failed.',
    permission: 'decisions:read',
    params: z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,32}$/) }),
    answers: { 200: { description: 'The explanation.', schema: explanation } },
    async handle({ tenant, params }) {
      const found = await explainDecision(ports, { tenant, id: params.id });
      if (!found.ok) {
        return err({ code: 'decision_not_kept', detail: whyNot(ports, found.refusal) });
      }
      return ok({ status: 200, body: renderExplained(found.value) });
    },
  });
}

/** There may well have been a decision: what became of it, as far as its name tells. */
function whyNot({ keptSeconds }: ExplainPorts, refusal: ExplainRefusal): string {
  if (refusal.reason === 'no_name') return 'Decisions have names of 21 or 22 letters and digits.';
  const made = `It was made at ${renderMoment((refusal.at * 1000) as UnixMs)}`;
  switch (refusal.reason) {
    case 'no_room':
      return `${made}, when its node had kept as many as it may: decisions.kept_per_second.`;
    case 'too_old':
      return `${made}, and is kept for ${keptSeconds / 86_400} days: decisions.kept_days.`;
    case 'too_young':
      return `${made}, a moment ago: it may be on its way here. Ask again.`;
    case 'not_reported':
      return `${made} by its name. Its report was lost on the way here, or the name is made up.`;
    default:
      return assertNever(refusal);
  }
}

const moment = z.int().min(0).max(momentMax);
const text = z.string().max(limits.routePathCharsMax);
const policyName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const decisionId = z.string().regex(/^[0-9A-Za-z]{1,32}$/);
const texts = z.array(text).max(1_000);

const explained = z.object({
  type: z.literal('explained'),
  ...{ id: decisionId, tenant: z.string().max(64), at: moment, node: line({ min: 0, max: 128 }) },
  ...{ surface, verdict, reason: line({ min: 1, max: 64 }), differs: z.boolean() },
  ...{ principal: text, action: text, resource: text, request: z.record(z.string(), z.json()) },
  answers: z
    .array(
      z.object({
        ...{ policy: policyName, version: z.int().min(0), stage: z.enum(['enforce', 'shadow']) },
        ...{ verdict, reasons: texts },
        errors: z.array(z.object({ policy: text, message: text })).max(1_000),
      }),
    )
    .max(2 * limits.policiesMax),
});

const count = z.int().min(0);
const tally = z.object({
  type: z.literal('tally'),
  ...{ tenant: z.string().max(64), at: moment, policy: policyName },
  ...{ version: count, against: count, route: text, action: text },
  ...{ judged: count, newlyDenied: count, newlyAllowed: count, failed: count },
  ...{ deniedExample: decisionId.optional(), allowedExample: decisionId.optional() },
});

function accept({ reports }: DecisionPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: feedHttp.policyReportsPath,
    operation: 'acceptPolicyReports',
    group: 'feed',
    summary: 'Takes what policies said at a gateway, to be explained and counted',
    permission: 'decisions:write',
    body: z.strictObject({
      reports: z
        .array(z.discriminatedUnion('type', [explained, tally]))
        .max(limits.policyReportBatchMax),
    }),
    answers: { 204: { description: 'Taken.' } },
    async handle({ tenant, body }) {
      // A gateway speaks for its own tenant and for no other.
      const own = body.reports.map((report) => ({ ...report, tenant }));
      await reports.accept(own as unknown as readonly PolicyReport[]);
      return ok({ status: 204 });
    },
  });
}
