import { type DecisionEvent, defaultTenant, type UnixMs } from '@mintmark/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { managementBed } from '../management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;
beforeAll(async () => {
  bed = await managementBed(1);
});

const event: DecisionEvent = {
  ...{ type: 'decision', at: 1_700_000_000_000 as UnixMs, node: 'edge', tenant: defaultTenant },
  ...{ route: 'payments', method: 'POST', path: '/payments/7', address: '192.0.2.7' },
  ...{ credential: 'jwt', credentialId: 'jti-1', authenticated: true, subject: 'ann' },
  ...{ clientId: 'app', needed: ['pay'], verdict: 'allow', reason: 'ok', degraded: false },
  judgedMicros: 80,
};

async function recordAt(route: string): Promise<Record<string, unknown>> {
  const query = `action=request.allow&object_kind=route&object_id=${route}&personal=include`;
  const found = await bed.call('GET', `/v1/audit/events?${query}`);
  const items = found.body['items'] as Record<string, unknown>[];
  expect(items).toHaveLength(1);
  return items[0]!;
}

describe('recordDecision', () => {
  it('puts who did what at which route into the audit trail', async () => {
    await bed.authority.decisions.record(event);
    expect(await recordAt('payments')).toMatchObject({
      action: 'request.allow',
      actor: { kind: 'user', id: 'ann' },
      object: { kind: 'route', id: 'payments' },
      result: 'ok',
      detail: { node: 'edge', method: 'POST', credential_id: 'jti-1', needed: ['pay'] },
      personal: { address: '192.0.2.7', note: 'POST /payments/7' },
    });
  });

  it.each([
    ['a key', { credential: 'api_key', credentialId: 'k1', subject: 'ops' }, 'key', 'k1'],
    ['a client', { subject: 'client:app' }, 'client', 'app'],
    [
      'nobody',
      { credential: 'none', subject: undefined, clientId: undefined },
      'anonymous',
      'anonymous',
    ],
  ])('names %s as the actor', async (_, change, kind, id) => {
    await bed.authority.decisions.record({
      ...event,
      ...change,
      route: `by-${kind}`,
    } as DecisionEvent);
    expect(await recordAt(`by-${kind}`)).toMatchObject({ actor: { kind, id } });
  });

  it('is asked over HTTP by gateways apart, and by nobody else', async () => {
    const wire = { ...event, route: 'far', tenant: 'another' };
    const call = (credential?: string) => {
      const options = credential === undefined ? {} : { credential };
      return bed.call('POST', '/v1/audited-decisions', { json: { event: wire }, ...options });
    };
    expect((await call()).status).toBe(204);
    // A gateway speaks for its own tenant.
    expect(await recordAt('far')).toMatchObject({ personal: { note: 'POST /payments/7' } });
    const made = await bed.call('POST', '/v1/admin-keys', {
      json: { name: 'reader', permissions: ['audit:read'] },
    });
    expect((await call(String(made.body['key']))).status).toBe(403);
    expect((await bed.call('POST', '/v1/audited-decisions', { json: {} })).status).toBe(422);
  });
});
