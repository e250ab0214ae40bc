/** `/v1/least-privilege`: rights granted and never used, and taking them away on trial. */
import { err, limits, ok, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import {
  type EndTrialRefusal,
  grantedTo,
  grantedToClient,
  grantedToKey,
  type NarrowDeps,
  type NarrowRefusal,
  narrow,
  refusalsOf,
  removedBy,
  settleNarrowing,
  undoNarrowing,
} from '../../admin/narrow.ts';
import type { Row } from '../../store/tables.ts';
import {
  type Granted,
  type LeastPrivilege,
  leastPrivilegeOf,
} from '../../usage/least-privilege.ts';
import type { UsedPrivilege } from '../../usage/privilege-usage.ts';
import { type Answer, endpoint, type PreparedEndpoint, repeated } from './endpoint.ts';
import type { Problem } from './problem.ts';
import {
  momentOut,
  pageOf,
  queryInteger,
  renderMoment,
  renderMomentOrNull,
} from './wire-schema.ts';

export type LeastPrivilegePorts = NarrowDeps;

const group = 'least privilege';

const kind = z.enum(['key', 'client']);
const id = z.string().min(1).max(255);

const windowDays = queryInteger({ min: 1, max: 400 })
  .optional()
  .describe(`Days to look back; default ${limits.privilegeWindowDaysDefault}`);

const use = z.strictObject({ name: z.string(), uses: z.int(), last_used_at: momentOut });

const report = z
  .strictObject({
    kind,
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    granted: z.array(z.string()),
    used: z.array(use),
    unused: z.array(z.string()).describe('Granted, and not seen in use in the window'),
    routes: z.array(use).describe('Method and route, as gateways name it'),
    window_days: z.int(),
    measured_since: momentOut
      .nullable()
      .describe('Use before this moment is unknown; null: nothing was measured'),
    whole_window: z.boolean().describe('Whether all of the window was measured'),
    unmeasured_uses: z
      .int()
      .describe(
        'Uses in the window of which nobody said what they needed: the report is blind there',
      ),
    seen_by: z.string().describe('Where use is seen, and where it is not'),
  })
  .meta({ id: 'LeastPrivilege' });

const narrowing = z
  .strictObject({
    id: z.string(),
    kind,
    target: z.string(),
    status: z.enum(['trial', 'undone', 'settled']),
    former: z.array(z.string()),
    narrowed: z.array(z.string()),
    removed: z.array(z.string()),
    created_at: momentOut,
    trial_ends_at: momentOut,
    ended_at: momentOut.nullable(),
    refused: z
      .array(z.strictObject({ scope: z.string(), count: z.int() }))
      .describe('Refusals for the lack of what was taken away, while on trial'),
  })
  .meta({ id: 'Narrowing' });

const dayMs = 86_400_000;

export function leastPrivilegeEndpoints(ports: LeastPrivilegePorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), create(ports), listTrials(ports), undo(ports), settle(ports)];
}

function windowStart(now: UnixMs, days: number): UnixMs {
  return (now - days * dayMs) as UnixMs;
}

function renderUse({ name, allowed, lastUsedAt }: UsedPrivilege) {
  return { name, uses: allowed, last_used_at: renderMoment(lastUsedAt) };
}

function renderReport(found: LeastPrivilege, days: number): Readonly<Record<string, unknown>> {
  const { granted, used, unused, routes, measuredSince, wholeWindow, unmeasuredUses } = found;
  return {
    ...{ kind: granted.kind, id: granted.id, name: granted.name, owner: granted.owner },
    granted: granted.scopes,
    used: used.map(renderUse),
    unused,
    routes: routes.map(renderUse),
    window_days: days,
    measured_since: measuredSince === undefined ? null : rfc3339(measuredSince),
    whole_window: wholeWindow,
    unmeasured_uses: unmeasuredUses,
    seen_by:
      granted.kind === 'key'
        ? 'gateways and /v1/keys/verify; not whoever was told the scopes and judged by himself'
        : 'gateways; not resource servers that check tokens by themselves or by introspection',
  };
}

function list(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/least-privilege',
    operation: 'listLeastPrivilege',
    group,
    summary: 'Lists keys or clients, newest first, with what they may and what they used',
    permission: 'privileges:read',
    query: z.strictObject({ kind: kind.optional(), window_days: windowDays }),
    paged: true,
    answers: { 200: { description: 'A page of reports.', schema: pageOf(report) } },
    async handle({ tenant, query, page, now }) {
      const { kind: of = 'key', window_days: days = limits.privilegeWindowDaysDefault } = query;
      const read = { ...page, tenant };
      const found = of === 'key' ? await keysOf(ports, read) : await clientsOf(ports, read);
      const input = { tenant, windowStart: windowStart(now, days) };
      const shown = found.items.slice(0, page.limit);
      const reports = await Promise.all(
        shown.map(({ granted }) => leastPrivilegeOf(ports.store, granted, input)),
      );
      const next = found.items.length > page.limit ? shown.at(-1)?.place : undefined;
      const items = reports.map((one) => renderReport(one, days));
      return ok({ status: 200, body: { items }, next });
    },
  });
}

interface Read {
  readonly tenant: TenantId;
  readonly limit: number;
  readonly after: readonly (string | number)[] | undefined;
}

type Listed = readonly { readonly granted: Granted; readonly place: (string | number)[] }[];

async function keysOf({ store }: LeastPrivilegePorts, read: Read): Promise<{ items: Listed }> {
  const { tenant, limit, after } = read;
  const rows = await store.keys.list({
    where: { tenant, kind: 'key' },
    orderBy: ['tenant', 'kind', 'createdAt', 'id'],
    descending: true,
    ...(after === undefined ? {} : { after }),
    limit: limit + 1,
  });
  return {
    items: rows.map((row) => {
      return { granted: grantedToKey(row), place: [row.tenant, row.kind, row.createdAt, row.id] };
    }),
  };
}

async function clientsOf({ store }: LeastPrivilegePorts, read: Read): Promise<{ items: Listed }> {
  const { tenant, limit, after } = read;
  const rows = await store.clients.list({
    where: { tenant },
    orderBy: ['tenant', 'createdAt', 'clientId'],
    descending: true,
    ...(after === undefined ? {} : { after }),
    limit: limit + 1,
  });
  return {
    items: rows.map((row) => {
      return { granted: grantedToClient(row), place: [row.tenant, row.createdAt, row.clientId] };
    }),
  };
}

function show(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/least-privilege/{kind}/{id}',
    operation: 'showLeastPrivilege',
    group,
    summary: 'Shows what one key or client may and what it used',
    permission: 'privileges:read',
    params: z.strictObject({ kind, id }),
    query: z.strictObject({ window_days: windowDays }),
    answers: { 200: { description: 'The report.', schema: report } },
    async handle({ tenant, params, query, now }) {
      const granted = await grantedTo(ports.store, { tenant, ...params });
      if (granted === undefined) return err({ code: 'not_found' });
      const { window_days: days = limits.privilegeWindowDaysDefault } = query;
      const input = { tenant, windowStart: windowStart(now, days) };
      const found = await leastPrivilegeOf(ports.store, granted, input);
      return ok({ status: 200, body: renderReport(found, days), version: granted.version });
    },
  });
}

function create(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/least-privilege/{kind}/{id}/narrow',
    operation: 'narrowPrivileges',
    group,
    summary: 'Takes away the scopes that were not used, on trial',
    description:
      'Refused where not all of the window was measured, unless `despite_unmeasured` is true. ' +
      'Issued tokens keep their scopes until they end.',
    permission: 'privileges:write',
    params: z.strictObject({ kind, id }),
    body: z
      .strictObject({
        trial_days: z.int().min(1).max(90).optional(),
        window_days: z.int().min(1).max(400).optional(),
        despite_unmeasured: z.boolean().optional(),
      })
      .meta({ id: 'NarrowPrivileges' }),
    bodyOptional: true,
    creates: true,
    answers: { 201: { description: 'It is narrowed, on trial.', schema: narrowing } },
    problems: ['wrong_state', 'conflict'],
    async handle({ tenant, requester, params, body, now, remember }) {
      const granted = await grantedTo(ports.store, { tenant, ...params });
      if (granted === undefined) return err({ code: 'not_found' });
      const { window_days: days = limits.privilegeWindowDaysDefault } = body;
      const input = { tenant, windowStart: windowStart(now, days) };
      const done = await narrow(ports, {
        requester,
        seen: await leastPrivilegeOf(ports.store, granted, input),
        trialDays: body.trial_days ?? limits.privilegeTrialDaysDefault,
        despite: body.despite_unmeasured === true,
        alongside: (row) => remember({ status: 201, body: renderNarrowing(row, new Map()) }),
      });
      if (!done.ok) return err(narrowProblem(done.refusal));
      return ok({ status: 201, body: renderNarrowing(done.value, new Map()) });
    },
  });
}

function narrowProblem(refusal: NarrowRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'nothing_unused':
      return { code: 'wrong_state', detail: 'all that it may, it used' };
    case 'not_measured':
      return {
        code: 'wrong_state',
        detail: 'not all of its use was measured: see the report, or say despite_unmeasured',
      };
    case 'on_trial_already':
      return { code: 'wrong_state', detail: `narrowing ${refusal.narrowing} is on trial` };
    case 'changed_meanwhile':
      return { code: 'conflict' };
    case 'refused_by_step':
      return repeated;
  }
}

function renderNarrowing(
  row: Row<'narrowings'>,
  refused: ReadonlyMap<string, number>,
): Readonly<Record<string, unknown>> {
  return {
    id: row.id,
    kind: row.kind,
    target: row.targetId,
    status: row.status,
    former: row.former,
    narrowed: row.narrowed,
    removed: removedBy(row),
    created_at: renderMoment(row.createdAt),
    trial_ends_at: renderMoment(row.trialEndsAt),
    ended_at: renderMomentOrNull(row.endedAt),
    refused: [...refused].map(([scope, count]) => ({ scope, count })),
  };
}

function listTrials(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/narrowings',
    operation: 'listNarrowings',
    group,
    summary: 'Lists what was narrowed, with the refusals that came of it',
    permission: 'privileges:read',
    paged: true,
    answers: { 200: { description: 'A page of narrowings.', schema: pageOf(narrowing) } },
    async handle({ tenant, page }) {
      const rows = await ports.store.narrowings.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const shown = rows.slice(0, page.limit);
      const last = rows.length > page.limit ? shown.at(-1) : undefined;
      const items = await Promise.all(
        shown.map(async (row) => renderNarrowing(row, await refusalsOf(ports, row))),
      );
      return ok({ status: 200, body: { items }, next: last && [last.tenant, last.id] });
    },
  });
}

const ofOne = z.strictObject({ id });

function undo(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/narrowings/{id}/undo',
    operation: 'undoNarrowing',
    group,
    summary: 'Gives the former scopes back exactly, while on trial',
    description: 'Refused where the key or client was edited since: whoever did that has decided.',
    permission: 'privileges:write',
    params: ofOne,
    answers: { 200: { description: 'It is as before.', schema: narrowing } },
    problems: ['wrong_state'],
    async handle({ requester, params }) {
      const done = await undoNarrowing(ports, { requester, id: params.id });
      return done.ok ? ok(await answerOf(ports, done.value)) : err(endProblem(done.refusal));
    },
  });
}

function settle(ports: LeastPrivilegePorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/narrowings/{id}/settle',
    operation: 'settleNarrowing',
    group,
    summary: 'Ends a trial before its time: what was taken away stays away',
    permission: 'privileges:write',
    params: ofOne,
    answers: { 200: { description: 'It is settled.', schema: narrowing } },
    problems: ['wrong_state'],
    async handle({ tenant, requester, params }) {
      const row = await ports.store.narrowings.get(tenant, params.id);
      if (row === undefined) return err({ code: 'not_found' });
      const done = await settleNarrowing(ports, row, requester);
      return done.ok ? ok(await answerOf(ports, done.value)) : err(endProblem(done.refusal));
    },
  });
}

async function answerOf(ports: LeastPrivilegePorts, row: Row<'narrowings'>): Promise<Answer> {
  return { status: 200, body: renderNarrowing(row, await refusalsOf(ports, row)) };
}

function endProblem(refusal: EndTrialRefusal): Problem {
  switch (refusal.reason) {
    case 'narrowing_not_found':
      return { code: 'not_found' };
    case 'trial_over':
      return { code: 'wrong_state', detail: `its trial is over: it is ${refusal.status}` };
    case 'changed_meanwhile':
      return {
        code: 'wrong_state',
        detail: 'the key or client was edited since: nothing was given back; edit it',
      };
  }
}
