import { defaultTenant } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

const places: Readonly<Record<string, string>> = { '192.0.2.1': 'DE', '198.51.100.1': 'FR' };

beforeEach(async () => {
  bed = await managementBed(1, undefined, { countryOf: (address) => places[address] });
});

async function made(json: Record<string, unknown>) {
  const body = { name: 'ci', scopes: ['read'], ...json };
  const answer = await bed.call('POST', '/v1/keys', { json: body });
  expect(answer.text).toContain('mm_key_');
  return { id: String(answer.body['id']), key: String(answer.body['key']) };
}

async function verified(key: string, more: Record<string, unknown> = {}) {
  const { status, body } = await bed.call('POST', '/v1/keys/verify', { json: { key, ...more } });
  expect(status).toBe(200);
  return body;
}

describe('uses and credits', () => {
  const refill = { amount: 10, every: 'month', on: 31, at: '06:30' };

  it('are spent by verification, which says what is left and when there will be more', async () => {
    const { id, key } = await made({
      uses: { remaining: 3 },
      credits: { remaining: 10, refill },
    });
    // The bed stands at 2026-09-21T14:13:20Z.
    const refill_at = '2026-09-30T06:30:00.000Z';
    expect(await verified(key, { cost: 7 })).toMatchObject({
      active: true,
      limits: { uses: { remaining: 2, refill_at: null }, credits: { remaining: 3, refill_at } },
    });
    expect(await verified(key, { cost: 4 })).toMatchObject({
      active: false,
      code: 'credits_spent',
      limits: { uses: { remaining: 2 }, credits: { remaining: 3, refill_at } },
    });
    // A denial for another reason costs nothing, and neither does a look.
    expect((await verified(key, { scopes: ['other'] }))['code']).toBe('insufficient_scope');
    expect(await verified(key, { cost: 0 })).toMatchObject({ limits: { uses: { remaining: 2 } } });
    expect((await verified(key))['code']).toBe('ok');
    expect((await verified(key))['code']).toBe('ok');
    expect((await verified(key))['code']).toBe('uses_spent');
    const shown = await bed.call('GET', `/v1/keys/${id}`);
    expect(shown.body).toMatchObject({
      uses: { remaining: 0, refill: null, refill_at: null },
      credits: { remaining: 1, refill, refill_at },
    });
    // A gateway that asks whether it is good spends nothing.
    const asked = { tenant: defaultTenant, credential: key, address: '192.0.2.1' };
    expect(await bed.authority.introspector.introspect(asked)).toMatchObject({
      active: true,
      metered: true,
    });
  });

  it('are edited, taken away and topped up', async () => {
    const { id, key } = await made({ uses: { remaining: 1 } });
    const path = `/v1/keys/${id}`;
    const topUp = (json: Record<string, unknown>, headers = {}) =>
      bed.call('POST', `${path}/top-up`, { json, headers });
    const headers = { 'idempotency-key': 'payment-1' };
    expect(await topUp({ uses: 4 }, headers)).toMatchObject({
      status: 201,
      body: { limits: { uses: { remaining: 5 } } },
    });
    expect((await topUp({ uses: 4 }, headers)).status).toBe(201);
    expect((await bed.call('GET', path)).body['uses']).toMatchObject({ remaining: 5 });
    expect((await topUp({ credits: 4 })).status).toBe(409);
    expect((await topUp({})).status).toBe(422);
    expect((await bed.call('POST', '/v1/keys/none/top-up', { json: { uses: 1 } })).status).toBe(
      404,
    );
    const credential = await bed.credential('keys:write');
    const json = { uses: 1 };
    const others = await bed.call('POST', `${path}/top-up`, { json, credential });
    expect(others.status).toBe(403);

    const patch = { credits: { remaining: 2 }, uses: null };
    const edited = { json: patch, headers: await bed.ifMatch(path) };
    expect((await bed.call('PATCH', path, edited)).status).toBe(200);
    expect((await bed.call('GET', path)).body).toMatchObject({
      uses: null,
      credits: { remaining: 2 },
    });
    expect(await verified(key, { cost: 2 })).toMatchObject({
      limits: { credits: { remaining: 0 } },
    });
  });

  it.each([
    { uses: { remaining: -1 } },
    { uses: { remaining: 1, refill: { amount: 1, every: 'year' } } },
    { uses: { remaining: 1, refill: { amount: 1, every: 'week', on: 8 } } },
    { uses: { remaining: 1, refill: { amount: 1, every: 'day', on: 2 } } },
    { credits: { remaining: 1, refill: { amount: 1, every: 'day', at: '24:00' } } },
    { credits: { remaining: 1e15 } },
  ])('are not %j', async (json) => {
    const answer = await bed.call('POST', '/v1/keys', { json: { name: 'a', scopes: [], ...json } });
    expect(answer.status).toBe(422);
  });

  it('are spent by gateways with their own credential, and by nobody else', async () => {
    const { id } = await made({ uses: { remaining: 1 } });
    const spend = async (credential: string, of = id) => {
      const json = { cost: 1 };
      return bed.call('POST', `/v1/keys/${of}/spend`, { json, credential });
    };
    const gateway = await bed.credential('feed:read', 'decisions:write');
    expect((await spend(gateway)).body).toEqual({ spent: true });
    expect((await spend(gateway)).body).toEqual({ spent: false, code: 'uses_spent' });
    expect((await spend(gateway, 'none')).body).toEqual({ spent: false, code: 'not_active' });
    expect((await spend(await bed.credential('keys:verify'))).status).toBe(403);
    const within = bed.authority.introspector;
    const input = { tenant: defaultTenant, keyId: id, cost: 1 };
    expect(await within.spend(input)).toMatchObject({ spent: false, code: 'uses_spent' });
    const nowhere = { ...input, tenant: 'nobody' as never };
    expect(await within.spend(nowhere)).toMatchObject({ spent: false, code: 'not_active' });
  });
});

describe('countries', () => {
  it('are judged by the address that the caller names, closed where none is known', async () => {
    const { id, key } = await made({ allowed_countries: ['DE'] });
    const from = async (address?: string) =>
      (await verified(key, address === undefined ? {} : { address }))['code'];
    expect(await from('192.0.2.1')).toBe('ok');
    for (const address of ['198.51.100.1', '10.0.0.1', undefined]) {
      expect(await from(address)).toBe('country_not_allowed');
    }
    const path = `/v1/keys/${id}`;
    const json = { allowed_countries: null, denied_countries: ['DE'] };
    const edited = await bed.call('PATCH', path, { json, headers: await bed.ifMatch(path) });
    expect(edited.body).toMatchObject(json);
    expect(await from('192.0.2.1')).toBe('country_not_allowed');
    expect(await from('198.51.100.1')).toBe('ok');
    const rotated = await bed.call('POST', `${path}/rotate`);
    expect(rotated.body).toMatchObject({ denied_countries: ['DE'] });
  });

  it.each([['de'], ['DEU'], ['']])('are not written %j', async (code) => {
    const json = { name: 'a', scopes: [], allowed_countries: [code] };
    expect((await bed.call('POST', '/v1/keys', { json })).status).toBe(422);
  });
});
