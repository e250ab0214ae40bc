/** `/v1/limit-changes`: how limits that adapt changed, and why; and what gateways tell and ask. */
import {
  err,
  feedHttp,
  type LimitObservation,
  type LimitObservationSink,
  type LimitProfileSource,
  limits,
  ok,
} from '@mintmark/core';
import { z } from 'zod';
import { type ChangeRow, changeOf } from '../../adaptive/change.ts';
import { type UndoPorts, undoLimitChange } from '../../adaptive/undo-change.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import {
  line,
  momentOut,
  pageOf,
  queryInteger,
  renderMoment,
  renderMomentOrNull,
} from './wire-schema.ts';

export interface LimitChangePorts extends UndoPorts {
  readonly observations: LimitObservationSink;
  readonly profiles: LimitProfileSource;
}

const group = 'limits';
const path = '/v1/limit-changes';
const onePath = `${path}/{id}`;
const params = z.strictObject({ id: z.string().regex(/^[0-9A-Za-z]{1,32}$/) });

const span = z.strictObject({
  basis: z.enum(['static', 'learned']).describe('`static`: the quota of the route'),
  low: z.int().describe('The lowest ceiling of the week'),
  high: z.int(),
});

const shown = z
  .strictObject({
    ...{ id: z.string(), at: momentOut, route: z.string(), limit: z.string() },
    caller: z.string().describe('Whose requests count together: kind and ids, as JSON'),
    mode: z.enum(['shadow', 'enforce']),
    status: z.enum(['in_force', 'superseded', 'undone']),
    ...{ before: span, after: span },
    until: momentOut.describe('It is judged anew then'),
    reasons: z
      .array(z.strictObject({ reason: z.string(), words: z.string(), value: z.number() }))
      .describe('How the highest ceiling came to its value, step by step'),
    evidence: z.strictObject({
      busiest: z.number().describe('What is usual in its busiest hour'),
      growth_bound: z.number().describe('What growth allowed at most'),
      denied: z.int().describe('Requests that the limit denied since the change before'),
      would_deny: z.int().describe('Requests that it would have denied (shadow)'),
    }),
    undone: z
      .strictObject({
        at: momentOut,
        by: z.string(),
        until: momentOut,
        reason: z.string().nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'LimitChange' });

export function limitChangeEndpoints(ports: LimitChangePorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), undo(ports), accept(ports), readPage(ports)];
}

function render(row: ChangeRow): Readonly<Record<string, unknown>> {
  const { id, at, route, limitName: limit, caller, status } = row;
  const { mode, before, after, reasons, evidence, until } = changeOf(row);
  const { busiest, bound, denied, wouldDeny } = evidence;
  const { undoneAt, undoneBy: by, undoneUntil, undoneReason: reason } = row;
  return {
    ...{ id, at: renderMoment(at), route, limit, caller, mode, status },
    ...{ before, after, until: renderMoment(until), reasons },
    evidence: { busiest, growth_bound: bound, denied, would_deny: wouldDeny },
    undone:
      undoneAt === null
        ? null
        : { at: renderMoment(undoneAt), by, until: renderMomentOrNull(undoneUntil), reason },
  };
}

function list(ports: LimitChangePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listLimitChanges',
    group,
    summary: 'Lists changes of limits that adapt, newest first',
    permission: 'limit_changes:read',
    paged: true,
    answers: { 200: { description: 'A page of changes.', schema: pageOf(shown) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.limitChanges.list({
        where: { tenant },
        orderBy: ['tenant', 'at', 'id'],
        ...(page.after === undefined ? {} : { after: page.after }),
        descending: true,
        limit: page.limit + 1,
      });
      const { shown: items, next } = cutPage(page, rows, (last) => [last.tenant, last.at, last.id]);
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
}

function show(ports: LimitChangePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: onePath,
    operation: 'explainLimitChange',
    group,
    summary: 'Says why a limit changed: what it was, what it is, and what that rests on',
    permission: 'limit_changes:read',
    params,
    answers: { 200: { description: 'The change.', schema: shown } },
    async handle({ tenant, params: { id } }) {
      const row = await ports.store.limitChanges.get(tenant, id);
      return row === undefined
        ? err({ code: 'not_found' })
        : ok({ status: 200, body: render(row) });
    },
  });
}

function undo(ports: LimitChangePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: `${onePath}/undo`,
    operation: 'undoLimitChange',
    group,
    summary: 'Takes a change back: the limit is what it was, and stays so for the time given',
    permission: 'limit_changes:write',
    params,
    body: z.strictObject({
      for_seconds: z
        .int()
        .min(60)
        .max(limits.limitUndoSecondsMax)
        .optional()
        .describe(`How long it stays undone; ${limits.limitUndoSecondsDefault} if not given`),
      reason: line({ min: 1, max: 256 }).optional(),
    }),
    bodyOptional: true,
    answers: { 200: { description: 'It is undone.', schema: shown } },
    problems: ['wrong_state'],
    async handle({ requester, params: { id }, body }) {
      const { for_seconds: seconds, reason } = body;
      const undone = await undoLimitChange(ports, { requester, id, seconds, reason });
      if (undone.ok) return ok({ status: 200, body: render(undone.value) });
      if (undone.refusal.reason === 'not_found') return err({ code: 'not_found' });
      return err({ code: 'wrong_state', detail: 'it is not the change that is in force' });
    },
  });
}

const count = z.int().min(0);
const observation = z.object({
  ...{ tenant: z.string().max(64), route: z.string().max(64), limit: z.string().max(32) },
  caller: line({ min: 1, max: limits.adaptiveCallerCharsMax }),
  ...{ hour: count, peak: count, denied: count, wouldDeny: count },
});

function accept({ observations }: LimitChangePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: feedHttp.limitObservationsPath,
    operation: 'acceptLimitObservations',
    group: 'feed',
    summary: 'Takes what callers of adaptive limits did at a gateway, to be learned from',
    permission: 'decisions:write',
    body: z.strictObject({
      observations: z.array(observation).max(limits.adaptiveObservationBatchMax),
    }),
    answers: { 204: { description: 'Taken.' } },
    async handle({ tenant, body }) {
      // A gateway speaks for its own tenant and for no other.
      const own = body.observations.map((one): LimitObservation => ({ ...one, tenant }));
      await observations.accept(own);
      return ok({ status: 204 });
    },
  });
}

function readPage({ profiles }: LimitChangePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: feedHttp.limitProfilesPath,
    operation: 'readLimitProfiles',
    group: 'feed',
    summary: 'What callers of adaptive limits usually do, as far as it changed after a number',
    permission: 'feed:read',
    query: z.strictObject({
      after: queryInteger({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      place: line({ min: 1, max: 2_048 }).optional(),
    }),
    answers: {
      200: {
        description: 'Profiles in the order of their numbers, and where they go on.',
        schema: z.strictObject({
          newest: z.int(),
          profiles: z.array(
            z.strictObject({
              ...{ route: z.string(), limit: z.string(), caller: z.string() },
              profile: z.string().nullable(),
            }),
          ),
          next: z.string().optional(),
        }),
      },
    },
    async handle({ tenant, query: { after, place: cursor } }) {
      const page = await profiles.read({ tenant, after, cursor });
      return ok({ status: 200, text: JSON.stringify(page) });
    },
  });
}
