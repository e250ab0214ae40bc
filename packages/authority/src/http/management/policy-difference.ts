/** What a version in shadow would have changed, as gateways counted it. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import type { PolicyPorts } from '../../policies/policy-row.ts';
import type { Row } from '../../store/tables.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { momentOut, queryInteger, renderMoment } from './wire-schema.ts';

const counts = {
  judged: z.int().describe('Requests that it was asked about'),
  newly_denied: z.int().describe('Allowed, and would be denied'),
  newly_allowed: z.int().describe('Denied, and would be allowed'),
  failed: z.int().describe('Requests at which one of its policies failed'),
};

const item = z.strictObject({
  route: z.string(),
  action: z.string(),
  against: z.int().nullable().describe('The enforced version beside it'),
  ...counts,
  denied_example: z.string().nullable().describe('A decision that shows it'),
  allowed_example: z.string().nullable(),
  first_at: momentOut,
  last_at: momentOut,
});

export function policyDifference(ports: Pick<PolicyPorts, 'store'>): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/policies/{name}/difference',
    operation: 'showPolicyDifference',
    group: 'policies',
    summary: 'Shows what a version in shadow would have changed, by route and action',
    description: 'Default: the version that stands in shadow, else the newest.',
    permission: 'policies:read',
    params: z.strictObject({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/) }),
    query: z.strictObject({
      version: queryInteger({ min: 1, max: limits.policyVersionsMax }).optional(),
    }),
    answers: {
      200: {
        description: 'The sums, and the thousand pairs with the most differences.',
        schema: z
          .strictObject({ name: z.string(), version: z.int(), ...counts, items: z.array(item) })
          .meta({ id: 'PolicyDifference' }),
      },
    },
    async handle({ tenant, params, query }) {
      const row = await ports.store.policies.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      const number = query.version ?? row.shadow ?? row.newest;
      const rows = await ports.store.policyTallies.list({
        where: { tenant, policy: row.name, number },
        limit: limits.tallyEntriesMax,
      });
      const ranked = [...rows].sort((a, b) => weightOf(b) - weightOf(a));
      const sum = (of: (row: Row<'policyTallies'>) => number) =>
        rows.reduce((total, one) => total + of(one), 0);
      const body = {
        ...{ name: row.name, version: number },
        judged: sum(({ judged }) => judged),
        newly_denied: sum(({ newlyDenied }) => newlyDenied),
        newly_allowed: sum(({ newlyAllowed }) => newlyAllowed),
        failed: sum(({ failed }) => failed),
        items: ranked.slice(0, limits.pageItemsMax).map(render),
      };
      return ok({ status: 200, body });
    },
  });
}

function weightOf({ newlyDenied, newlyAllowed }: Row<'policyTallies'>): number {
  return newlyDenied + newlyAllowed;
}

function render(row: Row<'policyTallies'>) {
  const { route, action, against, judged, newlyDenied, newlyAllowed, failed } = row;
  return {
    ...{ route, action, against: against === 0 ? null : against, judged, failed },
    newly_denied: newlyDenied,
    newly_allowed: newlyAllowed,
    denied_example: row.deniedExample,
    allowed_example: row.allowedExample,
    first_at: renderMoment(row.firstAt),
    last_at: renderMoment(row.lastAt),
  };
}
