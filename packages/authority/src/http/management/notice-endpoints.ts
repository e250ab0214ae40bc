/** `/v1/notices`: what owners of credentials were told, and what reached nobody. */
import { ok } from '@mintmark/core';
import { z } from 'zod';
import type { Store } from '../../store/store.ts';
import type { Row } from '../../store/tables.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

export interface NoticePorts {
  readonly store: Pick<Store, 'notices'>;
}

const status = z.enum(['waiting', 'told', 'kept', 'failed']);
const way = z.enum(['due', 'sent', 'none', 'failed']);

const notice = z
  .strictObject({
    id: z.string().describe('What is told, of what, on which occasion: nobody is told it twice'),
    kind: z.string(),
    owner: z.string().describe('As the credential has it'),
    about: z.strictObject({ kind: z.string(), id: z.string() }),
    facts: z.record(z.string(), z.string().nullable()),
    status: status.describe(
      'waiting: the next try comes; told; kept: there is no way to the owner; failed: given up',
    ),
    mail: way,
    webhook: way,
    attempts: z.int(),
    created_at: momentOut,
    next_attempt_at: momentOut.nullable(),
  })
  .meta({ id: 'Notice' });

export function noticeEndpoints({ store }: NoticePorts): readonly PreparedEndpoint[] {
  const list = endpoint({
    method: 'GET',
    path: '/v1/notices',
    operation: 'listNotices',
    group: 'notices',
    summary: 'Lists what owners of credentials were told, newest first',
    description: 'With `status=kept` and `status=failed`: what reached nobody. Kept for 90 days.',
    permission: 'notices:read',
    query: z.strictObject({ status: status.optional() }),
    paged: true,
    answers: { 200: { description: 'A page of notices.', schema: pageOf(notice) } },
    async handle({ tenant, query, page }) {
      const rows = await store.notices.list({
        where: { tenant, ...(query.status === undefined ? {} : { status: query.status }) },
        orderBy: [...(query.status === undefined ? [] : (['status'] as const)), 'createdAt', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const items = rows.slice(0, page.limit);
      const last = rows.length > page.limit ? items.at(-1) : undefined;
      const next = last && [...(query.status ? [last.status] : []), last.createdAt, last.id];
      return ok({ status: 200, body: { items: items.map(render) }, next });
    },
  });
  return [list];
}

function render(row: Row<'notices'>) {
  const { id, kind, owner, facts, status, mail, webhook, attempts, nextAttemptAt } = row;
  return {
    ...{ id, kind, owner, facts, status, mail, webhook, attempts },
    about: { kind: row.aboutKind, id: row.aboutId },
    created_at: renderMoment(row.createdAt),
    next_attempt_at: nextAttemptAt === null ? null : renderMoment(nextAttemptAt),
  };
}
