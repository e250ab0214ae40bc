/**
 * `POST /v1/keys/verify`: is this key good, for this use? Its answer is for the authenticated owner
 * of an API and so tells the reason; whoever calls that API learns a plain 401 from it.
 */
import type { Clock, DecisionEvent, DecisionSink, FailureBudget } from '@mintmark/core';
import { err, limits, ok } from '@mintmark/core';
import { subKeyName } from '@mintmark/tokens';
import { z } from 'zod';
import { type KeyVerdict, type VerifyKeyPorts, verifyKey } from '../../apikeys/verify-key.ts';
import { type Call, endpoint, type PreparedEndpoint } from './endpoint.ts';
import { budgetsLeft, renderLeft } from './key-budget-wire.ts';
import { planLimitLeft, renderPlanLeft } from './plan-wire.ts';
import { momentOut, renderMomentOrNull, scopes } from './wire-schema.ts';

export interface VerifyEndpointPorts {
  readonly keys: VerifyKeyPorts;
  /** Counts the use, as it counts the decisions of gateways. */
  readonly decisions: DecisionSink;
  readonly failures: FailureBudget;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

const question = z
  .strictObject({
    key: z.string().max(limits.subKeyCharsMax).describe('The key as it was presented'),
    scopes: scopes.optional().describe('What the use needs, all of it'),
    resource: z
      .string()
      .max(2048)
      .optional()
      .describe('API that is called, for sub-keys and personal access tokens'),
    route: z.string().max(256).optional().describe('Its route, for sub-keys that name some'),
    method: z.string().max(32).optional(),
    path: z.string().max(2048).optional(),
    address: z.string().max(64).optional().describe('Where the request came from'),
    cost: z.int().min(0).max(1_000_000).optional().describe('What the use costs; default 1'),
  })
  .meta({ id: 'VerifyKey' });

const verdict = z
  .strictObject({
    active: z.boolean(),
    code: z.enum([
      'ok',
      'malformed',
      'not_found',
      'revoked',
      'disabled',
      'quarantined',
      'awaiting_approval',
      'not_yet_valid',
      'expired',
      'address_not_allowed',
      'country_not_allowed',
      'insufficient_scope',
      'quota_exceeded',
      'uses_spent',
      'credits_spent',
      'resource_restricted',
      'route_restricted',
      'method_restricted',
      'path_restricted',
      'too_many_failures',
    ]),
    id: z.string().optional(),
    name: z.string().optional(),
    owner: z.string().optional(),
    scopes: z.array(z.string()).optional(),
    environment: z.string().nullable().optional(),
    plan: z.string().nullable().optional(),
    tags: z.array(z.string()).optional(),
    metadata: z.record(z.string(), z.json()).optional(),
    expires_at: momentOut.nullable().optional(),
    limits: budgetsLeft
      .extend({ plan: z.array(planLimitLeft).optional() })
      .optional()
      .describe('What is left, where it is counted'),
    successor: z.string().nullable().optional().describe('Set inside the overlap of a rotation'),
    sub_key: z
      .strictObject({ id: z.string(), label: z.string().optional() })
      .optional()
      .describe('What was presented, where its holder derived it from the key'),
  })
  .meta({ id: 'KeyVerdict' });

type Question = z.output<typeof question>;

export function keyVerifyEndpoint(ports: VerifyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/verify',
    operation: 'verifyKey',
    group: 'keys',
    summary: 'Says whether a key is good, and for what',
    permission: 'keys:verify',
    body: question,
    answers: { 200: { description: 'The verdict; a refused key is no error.', schema: verdict } },
    async handle(call) {
      const { body, tenant, now } = call;
      const { address } = body;
      if (address !== undefined && ports.failures.retryAfterSeconds(address) > 0) {
        return ok({ status: 200, body: { active: false, code: 'too_many_failures' } });
      }
      const startedMs = ports.clock.monotonicMs();
      const { key: text, scopes, cost } = body;
      const { resource: audience, route, method, path } = body;
      const use = { audience, route, method, path };
      const kinds = ['key', 'pat'] as const;
      const input = { tenant, text, kinds, now, address, scopes, cost, use };
      const found = await verifyKey(ports.keys, input);
      if (!found.active && found.code === 'busy') {
        const headers = { 'retry-after': '1' };
        return err({ code: 'unavailable', detail: 'slow_hashes_busy', headers });
      }
      if (address !== undefined && !('row' in found)) ports.failures.failed(address);
      await count(ports, call, found, ports.clock.monotonicMs() - startedMs);
      return ok({ status: 200, body: render(found, now) });
    },
  });
}

function leftOf({ budgets, planned }: Extract<KeyVerdict, { readonly row: unknown }>, now: number) {
  if (budgets?.[0] === undefined && planned === undefined) return {};
  const plan = planned?.map((left) => renderPlanLeft(left, now));
  return { limits: { ...renderLeft(budgets ?? []), ...(plan === undefined ? {} : { plan }) } };
}

function render(found: KeyVerdict, now: number): Readonly<Record<string, unknown>> {
  const code = found.active ? 'ok' : found.code;
  // Whoever could not prove the secret is told nothing of the key.
  if (!('row' in found)) return { active: false, code };
  const { row } = found;
  return {
    active: found.active,
    code,
    id: row.id,
    name: row.name,
    owner: row.owner,
    scopes: row.scopes,
    environment: row.environment,
    plan: row.plan,
    tags: row.tags ?? [],
    metadata: row.metadata,
    expires_at: renderMomentOrNull(row.expiresAt),
    ...leftOf(found, now),
    successor: row.successor,
    ...(found.subKey === undefined ? {} : { sub_key: subKeyName(found.subKey.links) }),
  };
}

/** The use as an event, like that of a gateway. Only what was proven is counted. */
async function count(
  ports: VerifyEndpointPorts,
  call: Call<unknown, unknown, Question>,
  found: KeyVerdict,
  judgedMs: number,
): Promise<void> {
  if (!('row' in found)) return;
  const { row } = found;
  const { body, tenant, now, requester } = call;
  const event: DecisionEvent = {
    type: 'decision',
    at: now,
    node: 'authority',
    tenant,
    route: body.route,
    method: body.method ?? '',
    path: (body.path ?? '').slice(0, 512),
    address: body.address ?? requester.address ?? '',
    credential: 'api_key',
    credentialId: row.id,
    authenticated: true,
    ...(body.scopes === undefined ? {} : { needed: body.scopes }),
    ...(row.successor === null ? {} : { rotated: true }),
    ...(found.subKey === undefined ? {} : { subKey: subKeyName(found.subKey.links) }),
    subject: row.owner,
    clientId: undefined,
    verdict: found.active ? 'allow' : 'deny',
    reason: found.active ? 'ok' : found.code,
    degraded: false,
    judgedMicros: Math.round(judgedMs * 1000),
  };
  await ports.decisions.accept([event]);
}
