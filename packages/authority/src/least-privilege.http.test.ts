/** Rights granted and never used: measured, taken away on trial, given back, settled. */
import { type DecisionEvent, defaultTenant, rfc3339 } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;

const dayMs = 86_400_000;

let bed: Bed;

beforeEach(async () => {
  bed = await managementBed();
});

async function makeKey(scopes: readonly string[], owner = 'payments'): Promise<string> {
  const made = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes, owner } });
  return String(made.body['id']);
}

/** A request as a gateway reports it. */
async function used(more: Partial<DecisionEvent>): Promise<void> {
  await bed.authority.decisions.accept([
    {
      ...{ type: 'decision', at: bed.clock.nowMs(), node: 'gw', tenant: defaultTenant },
      ...{ route: 'orders', method: 'GET', path: '/orders', address: '192.0.2.1' },
      ...{ credential: 'api_key', credentialId: undefined, authenticated: true },
      ...{ subject: undefined, clientId: undefined, verdict: 'allow', reason: 'ok' },
      ...{ degraded: false, judgedMicros: 1 },
      ...more,
    } as DecisionEvent,
  ]);
  await rounds();
}

async function rounds(): Promise<void> {
  for (let i = 0; i < 4; i++) await bed.authority.tick();
}

async function report(id: string, kind = 'key'): Promise<Record<string, unknown>> {
  const shown = await bed.call('GET', `/v1/least-privilege/${kind}/${id}`);
  expect(shown.status, shown.text).toBe(200);
  return shown.body;
}

function narrow(id: string, json: Record<string, unknown> = {}, kind = 'key') {
  return bed.call('POST', `/v1/least-privilege/${kind}/${id}/narrow`, { json });
}

async function scopesOf(id: string): Promise<unknown> {
  return (await bed.call('GET', `/v1/keys/${id}`)).body['scopes'];
}

describe('the report', () => {
  it('says what was used, what was not, and since when there is anything to go by', async () => {
    const older = await makeKey(['read', 'write']);
    bed.clock.advanceMs(dayMs);
    expect(await report(older)).toMatchObject({ measured_since: null, unused: ['read', 'write'] });
    const since = rfc3339(bed.clock.nowMs());
    await used({ credentialId: older, needed: ['read'] });
    bed.clock.advanceMs(1_000);
    await used({ credentialId: older, needed: ['read'], method: 'PURGE' });
    expect(await report(older)).toMatchObject({
      granted: ['read', 'write'],
      used: [{ name: 'read', uses: 2, last_used_at: rfc3339(bed.clock.nowMs()) }],
      unused: ['write'],
      routes: [{ name: 'GET orders' }, { name: 'other orders' }],
      measured_since: since,
      whole_window: false,
      unmeasured_uses: 0,
    });
    bed.clock.advanceMs(1);
    const younger = await makeKey(['read']);
    expect(await report(younger)).toMatchObject({ whole_window: true, unused: ['read'] });
  });

  it('looks no further back than its window', async () => {
    const id = await makeKey(['read']);
    await used({ credentialId: id, needed: ['read'] });
    bed.clock.advanceMs(31 * dayMs);
    expect(await report(id)).toMatchObject({ used: [], unused: ['read'], whole_window: true });
    const wide = await bed.call('GET', `/v1/least-privilege/key/${id}?window_days=60`);
    expect(wide.body).toMatchObject({ unused: [], window_days: 60 });
  });

  it('counts uses of which nobody said what they needed', async () => {
    const made = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: ['read'] } });
    const { id, key } = made.body as { id: string; key: string };
    await bed.call('POST', '/v1/keys/verify', { json: { key } });
    await rounds();
    expect(await report(id)).toMatchObject({ unmeasured_uses: 1, used: [] });
    await bed.call('POST', '/v1/keys/verify', { json: { key, scopes: ['read'] } });
    await rounds();
    expect(await report(id)).toMatchObject({ used: [{ name: 'read', uses: 1 }] });
  });

  it('is of clients by all of their tokens', async () => {
    const { clientId } = await bed.addClient();
    const token = { credential: 'jwt', credentialId: 'jti', clientId } as const;
    await used({ ...token, needed: ['read'] });
    expect(await report(clientId, 'client')).toMatchObject({
      used: [{ name: 'read' }],
      unused: ['write'],
      seen_by: expect.stringContaining('not resource servers'),
    });
    const list = await bed.call('GET', '/v1/least-privilege?kind=client');
    expect(list.body['items']).toMatchObject([{ id: clientId }]);
  });

  it('lists keys in pages, and knows nothing of what is not there', async () => {
    for (let i = 0; i < 3; i++) {
      await makeKey(['read']);
      bed.clock.advanceMs(1);
    }
    const first = await bed.call('GET', '/v1/least-privilege?limit=2');
    expect(first.body['items']).toHaveLength(2);
    const rest = await bed.call('GET', `/v1/least-privilege?limit=2&cursor=${first.body['next']}`);
    expect(rest.body['items']).toHaveLength(1);
    expect((await bed.call('GET', '/v1/least-privilege/key/none')).status).toBe(404);
    expect((await narrow('none')).status).toBe(404);
  });
});

describe('narrowing', () => {
  async function measuredKey(): Promise<string> {
    const warm = await makeKey(['read']);
    await used({ credentialId: warm, needed: ['read'] });
    bed.clock.advanceMs(1_000);
    const id = await makeKey(['write', 'read', 'admin']);
    await used({ credentialId: id, needed: ['read'] });
    return id;
  }

  it('takes away what was not used and tells the owner, undone exactly', async () => {
    const id = await measuredKey();
    const done = await narrow(id, { trial_days: 7 });
    expect(done).toMatchObject({
      status: 201,
      body: { status: 'trial', removed: ['write', 'admin'], narrowed: ['read'], refused: [] },
    });
    expect(await scopesOf(id)).toEqual(['read']);
    expect((await bed.call('GET', '/v1/notices')).text).toContain('key.narrowed');
    const again = await narrow(id);
    expect(again).toMatchObject({ status: 409 });
    const undone = await bed.call('POST', `/v1/narrowings/${done.body['id']}/undo`);
    expect(undone).toMatchObject({ status: 200, body: { status: 'undone' } });
    expect(await scopesOf(id)).toEqual(['write', 'read', 'admin']);
    const over = await bed.call('POST', `/v1/narrowings/${done.body['id']}/undo`);
    expect(over.status).toBe(409);
    const history = await bed.call('GET', `/v1/audit/history/key/${id}`);
    expect(history.text).toContain('privilege.narrow');
    expect(history.text).toContain('privilege.undo');
  });

  it('counts refusals for what was taken away, once told to the owner', async () => {
    const id = await measuredKey();
    const denied = { credentialId: id, verdict: 'deny', reason: 'insufficient_scope' } as const;
    await used({ ...denied, needed: ['write'] });
    const done = await narrow(id);
    await rounds();
    bed.clock.advanceMs(1_000);
    await used({ ...denied, needed: ['write', 'other'] });
    await used({ ...denied, needed: ['write'] });
    await rounds();
    const { body } = await bed.call('GET', '/v1/narrowings');
    expect(body['items']).toMatchObject([
      { id: done.body['id'], refused: [{ scope: 'write', count: 2 }] },
    ]);
    const notices = (await bed.call('GET', '/v1/notices')).body['items'] as { kind: string }[];
    const told = notices.filter(({ kind }) => kind === 'key.narrowing_refused');
    expect(told).toHaveLength(1);
  });

  it('counts what a narrowed client asks for at the token endpoint', async () => {
    const client = await bed.addClient();
    const token = { credential: 'jwt', credentialId: 'jti', clientId: client.clientId } as const;
    await used({ ...token, needed: ['read'] });
    const done = await narrow(client.clientId, { despite_unmeasured: true }, 'client');
    expect(done.status, done.text).toBe(201);
    await rounds();
    bed.clock.advanceMs(1_000);
    const form = { grant_type: 'client_credentials', scope: 'write' };
    expect((await bed.post('/oauth2/token', form, client)).status).toBe(400);
    await rounds();
    const { body } = await bed.call('GET', '/v1/narrowings');
    expect(body['items']).toMatchObject([{ refused: [{ scope: 'write', count: 1 }] }]);
    await bed.call('POST', `/v1/narrowings/${done.body['id']}/undo`);
    expect((await bed.post('/oauth2/token', form, client)).status).toBe(200);
  });

  it('gives nothing back where somebody has edited the key since', async () => {
    const id = await measuredKey();
    const done = await narrow(id);
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    await bed.call('PATCH', `/v1/keys/${id}`, { json: { scopes: ['admin'] }, headers });
    const refused = await bed.call('POST', `/v1/narrowings/${done.body['id']}/undo`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await scopesOf(id)).toEqual(['admin']);
  });

  it('leaves alone what has used nothing at all', async () => {
    await measuredKey();
    const fresh = await makeKey(['read']);
    const refused = await narrow(fresh);
    expect(refused.status).toBe(409);
    expect(await scopesOf(fresh)).toEqual(['read']);
  });

  it('settles when its trial is over, and when it is told to', async () => {
    const id = await measuredKey();
    const done = await narrow(id, { trial_days: 1 });
    bed.clock.advanceMs(dayMs);
    await rounds();
    const { body } = await bed.call('GET', '/v1/narrowings');
    expect(body['items']).toMatchObject([{ status: 'settled', ended_at: expect.any(String) }]);
    const late = await bed.call('POST', `/v1/narrowings/${done.body['id']}/undo`);
    expect(late.status).toBe(409);
    expect(await scopesOf(id)).toEqual(['read']);
    const other = await measuredKey();
    const early = await narrow(other);
    const path = `/v1/narrowings/${early.body['id']}/settle`;
    expect((await bed.call('POST', path)).body).toMatchObject({ status: 'settled' });
    expect((await bed.call('POST', path)).status).toBe(409);
    expect((await bed.call('POST', '/v1/narrowings/none/settle')).status).toBe(404);
    expect((await bed.call('POST', '/v1/narrowings/none/undo')).status).toBe(404);
  });

  it('is refused where use was not measured, or all of it was used', async () => {
    const id = await makeKey(['read', 'write']);
    bed.clock.advanceMs(dayMs);
    const blind = await narrow(id);
    expect(blind).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await scopesOf(id)).toEqual(['read', 'write']);
    await used({ credentialId: id, needed: ['read', 'write'] });
    const all = await narrow(id, { despite_unmeasured: true });
    expect(all).toMatchObject({ status: 409, body: { detail: 'all that it may, it used' } });
  });

  it('is answered the same again under one Idempotency-Key', async () => {
    const id = await measuredKey();
    const headers = { 'idempotency-key': 'n1' };
    const path = `/v1/least-privilege/key/${id}/narrow`;
    const first = await bed.call('POST', path, { json: {}, headers });
    const again = await bed.call('POST', path, { json: {}, headers });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
  });
});
