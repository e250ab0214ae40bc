/** `/v1/tenant` and `/v1/nodes`: what this installation is made of. */
import { err, limits, ok, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import { readNodeName } from '../../revocation/node-name.ts';
import type { Store } from '../../store/store.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { renderTenant, tenantShape } from './tenant-wire.ts';
import { momentOut, pageOf, renderMoment } from './wire-schema.ts';

export interface InstallationPorts {
  readonly store: Pick<Store, 'tenants' | 'nodes'>;
  readonly issuerOf: (tenant: TenantId) => string;
}

const nodeShape = z
  .strictObject({
    node: z.string(),
    credential: z.string().nullable().describe('What it asks with; null within the authority'),
    position: z.int().describe('The newest feed position that it has acknowledged'),
    seen_at: momentOut,
    connected: z.boolean().describe('Whether its lease still runs'),
  })
  .meta({ id: 'Node' });

export function installationEndpoints(ports: InstallationPorts): readonly PreparedEndpoint[] {
  return [showTenant(ports), listNodes(ports)];
}

function showTenant({ store, issuerOf }: InstallationPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/tenant',
    operation: 'showTenant',
    group: 'installation',
    summary: 'Shows the tenant that the credential belongs to',
    permission: 'tenants:read',
    answers: { 200: { description: 'The tenant.', schema: tenantShape } },
    problems: ['not_found'],
    async handle({ tenant }) {
      const row = await store.tenants.get(tenant);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderTenant(row, issuerOf), version: row.version });
    },
  });
}

function listNodes({ store }: InstallationPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/nodes',
    operation: 'listNodes',
    group: 'installation',
    summary: 'Lists gateways and what they have heard',
    permission: 'nodes:read',
    paged: true,
    answers: { 200: { description: 'A page of nodes.', schema: pageOf(nodeShape) } },
    async handle({ tenant, page, now }) {
      const rows = await store.nodes.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const shown = rows.slice(0, page.limit);
      const last = rows.length > page.limit ? shown.at(-1) : undefined;
      const items = shown.map(({ node, position, seenAt }) => {
        const connected = now - seenAt <= limits.feedLeaseMs;
        return { ...readNodeName(node), position, seen_at: renderMoment(seenAt), connected };
      });
      const next = last === undefined ? undefined : [last.tenant, last.node];
      return ok({ status: 200, body: { items }, next });
    },
  });
}
