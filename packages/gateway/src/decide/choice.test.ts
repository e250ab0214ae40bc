/** Routes that are chosen by what the credential says. */
import type { ClientId, TenantId } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { FakeFeed } from '../conformance/fake-feed.ts';
import { createMint } from '../conformance/mint.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
/** Heads of the requests that arrived there; it answers none of them while it is silent. */
let heads: string[];
let silent: boolean;
let rig: Rig;

const route = (name: string, match: Record<string, unknown>, more = {}) => ({
  ...{ name, match, upstream: `${upstream.url}/${name}` },
  ...more,
});

beforeEach(async () => {
  heads = [];
  silent = false;
  upstream = await openRawUpstream((socket, head) => {
    heads.push(head);
    if (!silent) plainAnswer(socket);
  });
  rig = await openRig([
    route('gold', { token: { plan: 'gold' } }, { scopes: ['gold:use'] }),
    route('sales', { token: { claims: { department: ['sales', 'retail'] } } }),
    route('writer', { token: { scopes: ['write'], client: 'app' } }),
    route('rest', {}, { scopes: ['read'] }),
    route('only', { path_prefix: '/only', token: { claims: { level: 3 } } }, { scopes: ['s'] }),
    route('staff', { path_prefix: '/open', token: { claims: { staff: true } } }),
    route('open', { path_prefix: '/open' }, { credential: 'none' }),
    route('basic', { path_prefix: '/basic', token: { plan: 'gold' } }, { accept_basic: true }),
    route('strict', { path_prefix: '/basic' }),
  ]);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

const send = (
  credential: string | undefined,
  path = '/x',
  headers: Record<string, string> = {},
) => {
  const all = credential === undefined ? headers : { ...bearer(credential), ...headers };
  return ask(rig.listener.port, { path, headers: all });
};
/** The route that served, as its upstream saw it, or the status. */
async function servedBy(credential: string | undefined, path = '/x', headers = {}) {
  const { status } = await send(credential, path, headers);
  return status === 200 ? heads.at(-1)?.split('/')[1] : status;
}

describe('a route that names attributes of the credential', () => {
  it('serves who has them, and the others go to the route that names none', async () => {
    expect(await servedBy(rig.token({}, { department: 'sales' }))).toBe('sales');
    expect(await servedBy(rig.token({}, { department: ['it', 'retail'] }))).toBe('sales');
    expect(await servedBy(rig.token({}, { department: 'it' }))).toBe('rest');
    const write = { scopes: ['write', 'read'] };
    expect(await servedBy(rig.token({ ...write, clientId: 'app' as ClientId }))).toBe('writer');
    expect(await servedBy(rig.token(write))).toBe('rest');
    const key = rig.key({ plan: 'gold', scopes: ['gold:use'] });
    await rig.caughtUp();
    expect(await servedBy(key.text)).toBe('gold');
  });

  it('goes by the plan that its tenant gave to a client, as it is now', async () => {
    const token = rig.token({ scopes: ['gold:use', 'read'] });
    expect(await servedBy(token)).toBe('rest');
    rig.feed.push(
      { type: 'plan', name: 'gold', plan: { name: 'gold', limits: [] } },
      { type: 'plan_holder', kind: 'client', id: 'client-1', plan: 'gold', raised: [] },
    );
    await rig.caughtUp();
    expect(await servedBy(token)).toBe('gold');
  });

  it('decides by the demands of the route that was chosen, and of no other', async () => {
    const key = rig.key({ plan: 'gold', scopes: ['read'] });
    await rig.caughtUp();
    const answer = await send(key.text);
    expect(answer.status).toBe(403);
    expect(answer.headers['www-authenticate']).toContain('scope="gold:use"');
    expect(await servedBy(rig.token({ scopes: [] }, { department: 'sales' }))).toBe('sales');
  });

  it('refuses who fits no route of the place, whatever a shorter prefix would allow', async () => {
    expect(await servedBy(rig.token({ scopes: ['s'] }, { level: 3 }), '/only')).toBe('only');
    const answer = await send(rig.token({}, { level: '3' }), '/only');
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'no_route_for_credential' });
    expect(JSON.stringify(answer.headers)).not.toContain('scope=');
  });

  it('says nothing of its routes to who presents nothing, or nothing good', async () => {
    for (const credential of [undefined, `${rig.token({}, { level: 3 }).slice(0, -8)}AAAAAAAA`]) {
      const answer = await send(credential, '/only');
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).not.toMatch(/scope=/);
    }
    const revoked = rig.token({}, { level: 3 });
    rig.revoke({ kind: 'client', id: 'client-1' as ClientId });
    await rig.caughtUp();
    const answer = await send(revoked, '/only');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).not.toMatch(/scope=/);
  });

  it('leaves who presents nothing to the route that asks for nothing', async () => {
    expect(await servedBy(undefined, '/open')).toBe('open');
    expect(await servedBy(rig.token({}, { staff: false }), '/open')).toBe('staff');
    expect(await servedBy(rig.token(), '/open')).toBe('open');
    expect(heads.at(-1)).not.toContain('x-mintmark-subject');
    expect(await servedBy('nonsense', '/open')).toBe(401);
  });

  it('takes a password only where the chosen route does', async () => {
    const basic = (text: string) => ({
      authorization: `Basic ${Buffer.from(`u:${text}`).toString('base64')}`,
    });
    const gold = rig.key({ plan: 'gold' });
    const other = rig.key();
    await rig.caughtUp();
    expect(await servedBy(undefined, '/basic', basic(gold.text))).toBe('basic');
    expect(await servedBy(undefined, '/basic', basic(other.text))).toBe(401);
    expect(await servedBy(other.text, '/basic')).toBe('strict');
  });

  it('cuts what its credential would not choose any more', async () => {
    silent = true;
    const key = rig.key({ plan: 'gold', scopes: ['gold:use', 'read'] });
    await rig.caughtUp();
    const answer = send(key.text);
    await until(() => heads.length === 1);
    rig.route(route('gold', { token: { plan: 'platinum' } }));
    rig.route(route('rest', {}, { scopes: ['other'] }));
    await rig.caughtUp();
    expect((await answer).status).toBe(503);
    expect(rig.gateway.metrics.value('mintmark_gateway_streams_cut_total', 'route_changed')).toBe(
      1,
    );
  });
});

it('is chosen by the tenant whose credential it is', async () => {
  const feed = new FakeFeed();
  feed.tenant = 'acme' as TenantId;
  feed.issuer = 'https://issuer.test/t/acme';
  rig.others.push(feed);
  const acme = await createMint(feed, rig.clock, 101);
  rig.route(route('tenants', { path_prefix: '/t', token: { tenant: 'acme' } }));
  rig.route(route('own', { path_prefix: '/t' }));
  await rig.caughtUp();
  await until(() => feed.waiting === 1);
  expect(await servedBy(acme.token(), '/t')).toBe('tenants');
  expect(await servedBy(rig.token(), '/t')).toBe('own');
  const key = acme.key();
  await until(() => feed.waiting === 1);
  expect(await servedBy(key.text, '/t')).toBe('tenants');
  // A token that names an issuer signs with the keys of that one, or with none.
  expect(await servedBy(rig.token({ issuer: feed.issuer }), '/t')).toBe(401);
  // Whose it is only the authority knows: it is asked for one after the other.
  const opaque = rig.secret('at');
  const tenants: string[] = [];
  rig.introspect = async (_credential, tenant) => {
    tenants.push(tenant);
    if (tenant === 'acme') return { active: false };
    return {
      ...{ active: true, kind: 'opaque', id: 'o-1', subject: 's', clientId: 'c' as ClientId },
      ...{ scopes: [], audience: ['https://issuer.test'], issuedAt: 0 as never, position: 99 },
      ...{ expiresAt: undefined, family: undefined, binding: undefined },
    };
  };
  expect(await servedBy(opaque.text, '/t')).toBe('own');
  expect(tenants).toEqual(['acme', 'default']);
});
