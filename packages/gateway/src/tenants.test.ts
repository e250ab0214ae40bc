/** Routes that take the credentials of another tenant than the node's own. */
import type { TenantId } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from './conformance/ask.ts';
import { FakeFeed } from './conformance/fake-feed.ts';
import { createMint, type Mint } from './conformance/mint.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from './conformance/raw-upstream.ts';
import { openRig, type Rig, until } from './conformance/rig.ts';

interface Tenant extends Mint {
  readonly feed: FakeFeed;
}

let upstream: RawUpstream;
let rig: Rig;
let acme: Tenant;
let bank: Tenant;

async function addTenant(name: string): Promise<Tenant> {
  const feed = new FakeFeed();
  feed.tenant = name as TenantId;
  feed.issuer = `https://issuer.test/t/${name}`;
  rig.others.push(feed);
  return { feed, ...(await createMint(feed, rig.clock, 100 + rig.others.length)) };
}

const route = (name: string, tenant?: string) => ({
  name,
  match: { path_prefix: `/${name}` },
  upstream: upstream.url,
  ...(tenant && { tenant }),
});

beforeEach(async () => {
  upstream = await openRawUpstream(plainAnswer);
  rig = await openRig([route('own')]);
  acme = await addTenant('acme');
  bank = await addTenant('bank');
  rig.route(route('acme', 'acme'));
  rig.route(route('bank', 'bank'));
  await rig.caughtUp();
  await until(() => acme.feed.waiting === 1 && bank.feed.waiting === 1);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

const get = async (path: string, credential: string) =>
  (await ask(rig.listener.port, { path, headers: bearer(credential) })).status;

describe('a route that names a tenant', () => {
  it('is judged by the policies of both tenants, and each hears of its own', async () => {
    const version = { version: 1, uses: ['gateway'], entities: [] } as const;
    const byPath = (path: string) =>
      `permit(principal, action, resource) when { resource.path like "${path}" };`;
    const policy = (cedar: string) => ({ enforced: { ...version, cedar } });
    rig.policy('operator', policy(byPath('/acme*')));
    acme.feed.push({ type: 'policy', name: 'customer', policy: policy(byPath('*/x')) });
    await rig.caughtUp();
    await until(() => acme.feed.waiting === 1);
    expect(await get('/acme/x', acme.token())).toBe(200);
    expect(await get('/acme/y', acme.token())).toBe(403);
    // What a customer writes says nothing of the operator's own routes.
    expect(await get('/own/x', rig.token())).toBe(403);
    rig.policy('operator', null);
    await rig.caughtUp();
    expect(await get('/own/y', rig.token())).toBe(200);
    expect(await get('/bank/y', bank.token())).toBe(200);
    rig.timers.advance(1_000);
    await until(() => rig.reports.length >= 5);
    const told = rig.reports.flatMap((report) =>
      report.type === 'explained'
        ? report.answers.map(({ policy }) => [report.tenant, policy])
        : [],
    );
    expect(new Set(told.map(String))).toEqual(new Set(['default,operator', 'acme,customer']));
  });

  it('takes tokens and keys of that tenant, and of no other', async () => {
    const makers: readonly [string, Mint][] = [
      ['own', rig],
      ['acme', acme],
      ['bank', bank],
    ];
    for (const [owner, maker] of makers) {
      const credentials = [maker.token(), maker.key().text];
      await rig.caughtUp();
      await until(() => acme.feed.waiting === 1 && bank.feed.waiting === 1);
      for (const credential of credentials) {
        for (const path of ['own', 'acme', 'bank']) {
          const expected = path === owner ? 200 : 401;
          expect(`${owner} at ${path} ${await get(`/${path}`, credential)}`).toBe(
            `${owner} at ${path} ${expected}`,
          );
        }
      }
    }
  });

  it('takes no token that says it is of the tenant and was signed by another', async () => {
    const claims = { issuer: acme.feed.issuer, tenant: acme.feed.tenant };
    const forged = bank.token({ ...claims, audience: [acme.feed.issuer] });
    expect(await get('/acme', forged)).toBe(401);
  });

  it('takes no token of the right key that names another issuer or tenant', async () => {
    const audience = [acme.feed.issuer];
    expect(await get('/acme', acme.token({ issuer: bank.feed.issuer, audience }))).toBe(401);
    expect(await get('/acme', acme.token({ tenant: bank.feed.tenant, audience }))).toBe(401);
  });

  it('hears of revocations by that tenant’s feed', async () => {
    const token = acme.token({ tokenId: 't1' as never });
    expect(await get('/acme', token)).toBe(200);
    const expiresAt = 4_000_000_000 as never;
    const target = { kind: 'token', id: 't1' } as const;
    // The same id at another tenant is another token.
    bank.feed.push({ type: 'revocation', target, expiresAt });
    await until(() => bank.feed.waiting === 1);
    expect(await get('/acme', token)).toBe(200);
    acme.feed.push({ type: 'revocation', target, expiresAt });
    await until(() => acme.feed.waiting === 1);
    expect(await get('/acme', token)).toBe(401);
  });

  it('takes nothing of the tenant while it is disabled, and its keys afterwards', async () => {
    const key = acme.key().text;
    await until(() => acme.feed.waiting === 1);
    for (const [status, expected] of [
      ['disabled', 401],
      ['active', 200],
    ] as const) {
      acme.feed.push({ type: 'tenant', status });
      await until(() => acme.feed.waiting === 1);
      expect(await get('/acme', key)).toBe(expected);
    }
  });

  it('refuses while nothing is known of the tenant, and the others go on', async () => {
    rig.route(route('new', 'new'));
    await rig.caughtUp();
    expect(await get('/new', acme.token())).toBe(503);
    expect(await get('/acme', acme.token())).toBe(200);
  });

  it('asks the authority in the tenant’s name', async () => {
    const asked: string[] = [];
    rig.introspect = async (_, tenant) => {
      asked.push(tenant);
      return { active: false };
    };
    expect(await get('/acme', acme.secret('at').text)).toBe(401);
    expect(asked).toEqual(['acme']);
  });

  it('names the tenant’s issuer to clients that know nothing yet', async () => {
    const path = '/.well-known/oauth-protected-resource/acme';
    const { body } = await ask(rig.listener.port, { path });
    expect(JSON.parse(body)).toMatchObject({ authorization_servers: [acme.feed.issuer] });
  });

  it('records its decisions in the tenant’s name', async () => {
    await get('/acme', acme.token());
    await rig.close();
    const [decision] = rig.decisions;
    expect(decision).toMatchObject({ tenant: 'acme', verdict: 'allow' });
  });

  it('follows the tenant until no route names it any more', async () => {
    rig.feed.push({ type: 'route', name: 'bank', route: null });
    await rig.caughtUp();
    expect(await get('/bank', bank.token())).toBe(404);
    rig.route(route('bank', 'bank'));
    await rig.caughtUp();
    await until(() => bank.feed.snapshots === 2);
  });
});
