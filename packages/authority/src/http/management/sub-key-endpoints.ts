/** `/v1/keys/{id}/sub-keys`: what was derived from a key and used. */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import { listSubKeys, type UsedSubKey } from '../../apikeys/list-sub-keys.ts';
import type { Store } from '../../store/store.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { keyId, keyStatus } from './key-wire.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

const subKey = z
  .strictObject({
    id: z.string().describe('By which it is revoked'),
    label: z.string().nullable().describe('As whoever made it called it'),
    status: keyStatus.describe('Of it or of its key; its own end stands in its text alone'),
    first_used_at: momentOut,
    last_used_at: momentOut,
    last_address: z.string(),
    uses_allowed: z.int(),
    uses_denied: z.int(),
  })
  .meta({ id: 'SubKey' });

export function subKeyEndpoint(ports: {
  readonly store: Pick<Store, 'keys' | 'usage' | 'revocations'>;
}): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/keys/{id}/sub-keys',
    operation: 'listSubKeys',
    group: 'keys',
    summary: 'Lists sub-keys of a key, as far as they were used',
    description: 'They are made without asking the server, which hears of one at its first use.',
    permission: 'keys:read',
    params: keyId,
    paged: true,
    answers: { 200: { description: 'A page of them, by their ids.', schema: pageOf(subKey) } },
    async handle({ tenant, params, page }) {
      const found = await listSubKeys(ports.store, { tenant, keyId: params.id, ...page });
      if (found === undefined) return err({ code: 'not_found' });
      const items = found.subKeys.map(render);
      return ok({ status: 200, body: { items }, next: found.next });
    },
  });
}

function render({ id, label, status, usage }: UsedSubKey): Readonly<Record<string, unknown>> {
  return {
    id,
    label: label ?? null,
    status,
    first_used_at: renderMoment(usage.firstUsedAt),
    last_used_at: renderMoment(usage.lastUsedAt),
    last_address: usage.lastAddress,
    uses_allowed: usage.allowed,
    uses_denied: usage.denied,
  };
}
