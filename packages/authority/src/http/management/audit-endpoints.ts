/**
 * `/v1/audit`: reading and verifying the trail. Records are of one tenant; the log in which they
 * are chained is the installation's, so that only its first tenant verifies and exports it.
 */
import {
  type AuditObject,
  base64urlEncode,
  type Clock,
  err,
  letOthersRun,
  limits,
  ok,
  type Timers,
} from '@mintmark/core';
import { z } from 'zod';
import { exportPage } from '../../admin/export-page.ts';
import { covers } from '../../admin/permission.ts';
import { auditHistory, withPersonal } from '../../audit/history.ts';
import type { PersonalSealer } from '../../audit/record.ts';
import { type AuditCursor, searchAudit } from '../../audit/search.ts';
import type { AuditItem } from '../../audit/trail.ts';
import { type AuditReport, verifyAudit } from '../../audit/verify.ts';
import type { Store } from '../../store/store.ts';
import { auditRecord, renderRecord } from './audit-wire.ts';
import type { Position } from './cursor.ts';
import { type AnyCall, type Call, endpoint, type PreparedEndpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';
import { moment, pageOf, queryInteger } from './wire-schema.ts';

export interface AuditPorts {
  readonly store: Pick<Store, 'auditLog' | 'auditPending' | 'auditHead'>;
  readonly sealer: Pick<PersonalSealer, 'open'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timers: Pick<Timers, 'after'>;
}

const group = 'audit';

const objectKinds = [
  'client',
  'user',
  'key',
  'token',
  'code',
  'family',
  'signing_key',
  'admin_key',
  'tenant',
  'policy',
  'api',
  'route',
  'revocation',
  'leak',
  'rotation',
  'threat_feed',
  'upstream_credential',
  'plan',
  'limit',
  'installation',
  'gateway',
] as const;

const personal = z.enum(['include']).optional();

export function auditEndpoints(ports: AuditPorts): readonly PreparedEndpoint[] {
  return [search(ports), history(ports), verify(ports), exportLog(ports)];
}

function search(ports: AuditPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/audit/events',
    operation: 'searchAudit',
    group,
    summary: 'Searches the audit trail, newest first',
    description:
      'A page may be short and still have a next one. ' +
      '`personal=include` needs the permission `audit:personal`.',
    permission: 'audit:read',
    query: z.strictObject({
      object_kind: z.enum(objectKinds).optional(),
      object_id: z.string().min(1).max(255).optional(),
      action: z.string().min(1).max(64).optional(),
      actor_kind: z.string().min(1).max(32).optional(),
      actor_id: z.string().min(1).max(255).optional(),
      from: moment.optional(),
      to: moment.optional(),
      personal,
    }),
    paged: true,
    answers: { 200: { description: 'A page of records.', schema: pageOf(auditRecord) } },
    async handle(call) {
      const { tenant, query, page } = call;
      const object = partyOf(query.object_kind, query.object_id);
      const actor = partyOf(query.actor_kind, query.actor_id);
      if (object === 'half' || actor === 'half') return err(halfParty);
      const after = page.after === undefined ? undefined : cursorOf(page.after);
      const found = await searchAudit(
        ports.store,
        {
          tenant,
          limit: page.limit,
          ...(object === undefined ? {} : { object: object as AuditObject }),
          ...(actor === undefined ? {} : { actor }),
          ...(query.action === undefined ? {} : { action: query.action }),
          ...(query.from === undefined ? {} : { from: query.from }),
          ...(query.to === undefined ? {} : { to: query.to }),
          ...(after === undefined ? {} : { after }),
        },
        () => letOthersRun(ports.timers),
      );
      const items = await shownItems(ports, call, found.items);
      if (items === undefined) return err(personalRefused);
      return ok({
        status: 200,
        body: { items },
        next: found.next === undefined ? undefined : positionOf(found.next),
      });
    },
  });
}

const halfParty: Problem = {
  code: 'invalid_request',
  detail: 'kind and id of an object or an actor go together',
};

const personalRefused: Problem = {
  code: 'insufficient_permission',
  detail: 'needs audit:personal to include personal data',
};

function partyOf(kind: string | undefined, id: string | undefined) {
  if (kind === undefined && id === undefined) return undefined;
  return kind === undefined || id === undefined ? 'half' : { kind, id };
}

function positionOf(cursor: AuditCursor): Position {
  return cursor.by === 'time' ? ['time', cursor.at, cursor.id] : ['index', cursor.index];
}

/** Only what `positionOf` made is ever opened. */
function cursorOf(position: Position): AuditCursor {
  const [by, at, id] = position;
  return by === 'time'
    ? { by: 'time', at: Number(at), id: String(id) }
    : { by: 'index', index: Number(at) };
}

/** @returns undefined where personal data was asked for by somebody who may not see it */
async function shownItems(
  ports: AuditPorts,
  call: Pick<Call<unknown, { readonly personal?: 'include' | undefined }, unknown>, 'query'> &
    Pick<AnyCall, 'caller' | 'tenant'>,
  items: readonly AuditItem[],
): Promise<readonly Readonly<Record<string, unknown>>[] | undefined> {
  const { caller, tenant, query } = call;
  if (query.personal === undefined) return items.map(renderRecord);
  if (!covers(caller.permissions, 'audit:personal')) return undefined;
  const opened = await withPersonal(ports.store, ports.sealer, { tenant, items });
  return opened.map(renderRecord);
}

function history(ports: AuditPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/audit/history/{kind}/{id}',
    operation: 'auditHistory',
    group,
    summary: 'The whole life of one thing, oldest first, across its rotations',
    permission: 'audit:read',
    params: z.strictObject({ kind: z.enum(objectKinds), id: z.string().min(1).max(255) }),
    query: z.strictObject({ personal }),
    answers: {
      200: {
        description: 'Its records.',
        schema: z
          .strictObject({
            items: z.array(auditRecord),
            complete: z.boolean().describe('False where there was more than one answer holds'),
          })
          .meta({ id: 'AuditHistory' }),
      },
    },
    async handle(call) {
      const { tenant, params } = call;
      const found = await auditHistory(ports.store, tenant, params, () =>
        letOthersRun(ports.timers),
      );
      const items = await shownItems(ports, call, found.items);
      if (items === undefined) return err(personalRefused);
      if (items.length === 0) return err({ code: 'not_found' });
      return ok({ status: 200, body: { items, complete: found.complete } });
    },
  });
}

const report = z
  .strictObject({
    ok: z.boolean(),
    head: z.strictObject({ size: z.int(), chain: z.string().describe('base64url') }),
    problems: z.array(z.looseObject({ problem: z.string() })),
    problems_total: z.int(),
    unsequenced: z.strictObject({ count: z.int(), oldest_age_seconds: z.number() }),
    personal: z.strictObject({ verified: z.int(), erased: z.int(), unreadable: z.int() }),
  })
  .meta({ id: 'AuditReport' });

function verify(ports: AuditPorts): PreparedEndpoint {
  // Whoever asks while a verification is under way gets the same one: it reads the whole log.
  let running: Promise<AuditReport> | undefined;
  return endpoint({
    method: 'GET',
    path: '/v1/audit/verify',
    operation: 'verifyAudit',
    operatorOnly: true,
    group,
    summary: 'Verifies the whole log: chain, columns, commitments',
    permission: 'audit:read',
    answers: { 200: { description: 'What was found; problems are no error.', schema: report } },
    async handle() {
      running ??= verifyAudit(ports).finally(() => {
        running = undefined;
      });
      const found = await running;
      const { unsequenced, head } = found;
      return ok({
        status: 200,
        body: {
          ok: found.ok,
          head: { size: head.size, chain: base64urlEncode(head.chain) },
          problems: found.problems,
          problems_total: found.problemsTotal,
          unsequenced: {
            count: unsequenced.count,
            oldest_age_seconds: unsequenced.oldestAgeMs / 1000,
          },
          personal: found.personal,
        },
      });
    },
  });
}

function exportLog(ports: AuditPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/audit/export',
    operation: 'exportAudit',
    operatorOnly: true,
    group,
    summary: 'A page of the log that can be verified offline',
    description:
      'NDJSON; each page is an export by itself. `Link` with `rel="next"` leads on while ' +
      'there is more. `personal=include` needs the permission `audit:personal`.',
    permission: 'audit:read',
    query: z.strictObject({
      after: queryInteger({ min: 0, max: Number.MAX_SAFE_INTEGER }).optional(),
      limit: queryInteger({ min: 1, max: limits.pageItemsMax }).optional(),
      personal,
    }),
    answers: {
      200: {
        description: 'The heads that the page stands between, then a leaf a line.',
        contentType: 'application/x-ndjson',
        schema: z.string(),
      },
    },
    async handle({ caller, query }) {
      const { after = 0, limit = limits.pageItemsMax } = query;
      const open = query.personal === 'include';
      if (open && !covers(caller.permissions, 'audit:personal')) return err(personalRefused);
      const { store, clock, sealer } = ports;
      const page = await exportPage(open ? { store, clock, sealer } : { store, clock }, {
        after,
        limit,
      });
      if (page === undefined) return err({ code: 'invalid_request', detail: 'after: not so many' });
      const next = `after=${page.size}&limit=${limit}${open ? '&personal=include' : ''}`;
      const link = { link: `</v1/audit/export?${next}>; rel="next"` };
      return ok({ status: 200, text: page.text, ...(page.more ? { headers: link } : {}) });
    },
  });
}
