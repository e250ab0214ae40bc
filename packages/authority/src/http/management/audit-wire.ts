/** Audit records on the wire. */
import { z } from 'zod';
import type { AuditItem } from '../../audit/trail.ts';
import { momentOut, renderMoment } from './wire-schema.ts';

const party = z.strictObject({ kind: z.string(), id: z.string() });

export const auditRecord = z
  .strictObject({
    id: z.string(),
    index: z.int().nullable().describe('Place in the log; null while it waits for its place'),
    time: momentOut,
    actor: party.optional(),
    action: z.string().optional(),
    object: party.optional(),
    related: party.optional(),
    result: z.string().optional(),
    why: z.string().optional(),
    detail: z.record(z.string(), z.json()).optional(),
    request_id: z.string().optional(),
    personal: z
      .record(z.string(), z.json())
      .optional()
      .describe('From where; only where asked for, and for as long as it is kept'),
    unreadable: z
      .literal(true)
      .optional()
      .describe('The stored bytes are no record; `audit verify` tells more'),
  })
  .meta({ id: 'AuditRecord' });

export function renderRecord(item: AuditItem): Readonly<Record<string, unknown>> {
  const { id, at, leaf, personal } = item;
  const place = { id, index: item.index ?? null, time: renderMoment(at) };
  if (leaf === undefined) return { ...place, unreadable: true };
  return {
    ...place,
    actor: leaf.actor,
    action: leaf.action,
    object: leaf.object,
    related: leaf.related,
    result: leaf.result,
    why: leaf.why,
    detail: leaf.detail,
    request_id: leaf.requestId,
    ...(personal === undefined ? {} : { personal: JSON.parse(personal.text) }),
  };
}
