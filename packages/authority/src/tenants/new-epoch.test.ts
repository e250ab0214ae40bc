import { defaultTenant } from '@mintmark/core';
import { beforeEach, expect, test } from 'vitest';
import { openAuthority } from '../authority.ts';
import { authorityBed, bedConfig } from '../authority-bed.ts';
import { addTenant } from '../tenant-bed.ts';
import { beginNewEpoch } from './new-epoch.ts';

const actor = { kind: 'system', id: 'restore' } as const;

type Bed = Awaited<ReturnType<typeof authorityBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await authorityBed();
});

function begin(credentials: 'refuse' | 'accept') {
  const { clock, entropy } = bed.ports;
  const { recorder, peppers } = bed.registry;
  const deps = { store: bed.store, recorder, peppers, clock, entropy };
  return beginNewEpoch(deps, { credentials, actor });
}

test('refuses tokens of before, those of the lost time included, and takes new ones', async () => {
  const client = await bed.addClient();
  const form = { grant_type: 'client_credentials' };
  const old = (await bed.post('/oauth2/token', form, client)).json['access_token'] as string;
  // Changes of the lost time moved the feed on; the restored data has forgotten them.
  const head = await bed.store.feedHead.get(defaultTenant);
  const key = (await begin('refuse')).adminKey ?? '';
  await bed.restart();
  const json = { status: 'active' };
  const path = `/v1/clients/${client.clientId}`;
  expect(await bed.manage('PATCH', path, { key, json, ifMatch: '*' })).toMatchObject({
    status: 200,
  });
  const isActive = async (token: string) =>
    (await bed.post('/oauth2/introspect', { token }, client)).json['active'];
  expect(await isActive(old)).toBe(false);
  const fresh = (await bed.post('/oauth2/token', form, client)).json['access_token'] as string;
  expect(await isActive(fresh)).toBe(true);
  const revocation = await bed.store.revocations.list({ limit: 10 });
  expect(revocation).toMatchObject([{ targetKind: 'tenant', targetId: defaultTenant }]);
  expect(revocation[0]?.position).toBeGreaterThan((head?.position ?? 0) + 1e12);
});

test('names the time that nothing is known of, and records who began it', async () => {
  await bed.authority.tick();
  const before = bed.clock.nowMs();
  bed.clock.advanceMs(3_600_000);
  const begun = await begin('accept');
  expect(begun.knownUntil).toBe(before);
  expect(begun.now).toBe(before + 3_600_000);
  const [record] = await bed.store.auditPending.list({ limit: 10 });
  expect(JSON.parse(Buffer.from(record!.leaf).toString())).toMatchObject({
    action: 'installation.restore',
    actor,
    detail: { epoch: begun.epoch, credentials: 'accept' },
  });
});

test('changes the epoch, so that every node takes a new snapshot', async () => {
  const before = (await bed.authority.feed.snapshot(defaultTenant)).epoch;
  await begin('accept');
  const after = await openAuthority(bedConfig, bed.ports);
  const asked = { tenant: defaultTenant, epoch: before, after: 0, node: 'n1' };
  expect(await after.feed.delta(asked)).toBe('resync');
});

test('takes no credential of before, for it may have been ended in the lost time', async () => {
  const client = await bed.addClient();
  const { id, key } = (await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } }))
    .json;
  const jwks = async () =>
    ((await bed.get('/.well-known/jwks.json')).json['keys'] as { kid: string }[]).map(
      ({ kid }) => kid,
    );
  const [stolen] = await jwks();
  const { adminKey } = await begin('refuse');
  await bed.restart();
  expect((await bed.manage('GET', '/v1/keys')).status).toBe(401);
  expect(
    (await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client)).status,
  ).toBe(401);
  const kids = await jwks();
  expect(kids).toHaveLength(1);
  expect(kids).not.toContain(stolen);
  expect(await bed.store.signingKeys.get(defaultTenant, stolen!)).toMatchObject({
    status: 'compromised',
    sealedPrivate: new Uint8Array(0),
  });
  const asked = { key: adminKey!, json: { key } };
  expect((await bed.manage('POST', '/v1/keys/verify', asked)).json).toMatchObject({
    code: 'disabled',
    id,
  });
});

test('lets a key of before be enabled again, long after the start', async () => {
  const { id, key } = (await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } }))
    .json;
  bed.clock.advanceMs(3_600_000);
  const { adminKey } = await begin('refuse');
  await bed.restart();
  for (let i = 0; i < 5; i++) await bed.authority.tick();
  const asked = { key: adminKey!, json: { status: 'active' }, ifMatch: '*' };
  expect((await bed.manage('PATCH', `/v1/keys/${id}`, asked)).json).toMatchObject({
    status: 'active',
  });
  const verify = { key: adminKey!, json: { key } };
  expect((await bed.manage('POST', '/v1/keys/verify', verify)).json).toMatchObject({
    active: true,
    id,
  });
});

test('disables every other tenant until it is enabled; what was minted stays ended', async () => {
  const acme = await addTenant(bed, 'acme');
  const client = await acme.addClient({ access_token_format: 'opaque' });
  const { access_token: token = '' } = await acme.tokens(
    { grant_type: 'client_credentials' },
    client,
  );
  const app = await acme.addApp();
  await acme.addAlice();
  const browser = acme.browse();
  await acme.signIn(browser, app);
  const { adminKey: key = '' } = await begin('refuse');
  await bed.restart();
  const metadata = acme.at('/.well-known/openid-configuration');
  expect((await bed.get(metadata)).status).toBe(404);
  const asked = { key, ifMatch: '*' };
  const enabled = { ...asked, json: { status: 'active' } };
  expect((await bed.manage('PATCH', '/v1/tenants/acme', enabled)).status).toBe(200);
  expect((await bed.get(metadata)).status).toBe(200);
  expect((await browser.open(acme.at('/account'))).url).toContain('/login');
  const made = await bed.manage('POST', '/v1/tenants/acme/admin-keys', {
    ...{ key, json: { name: 'after the restore' } },
  });
  const inspected = await bed.manage('POST', acme.at('/v1/tokens/inspect'), {
    ...{ key: String(made.json['admin_key']), json: { token } },
  });
  expect(inspected.json).toEqual({ active: false, reason: 'revoked' });
});

test('leaves everything as it was where the operator vouches for the lost time', async () => {
  const client = await bed.addClient();
  expect((await begin('accept')).adminKey).toBeUndefined();
  await bed.restart();
  expect((await bed.manage('GET', '/v1/keys')).status).toBe(200);
  const form = { grant_type: 'client_credentials' };
  expect((await bed.post('/oauth2/token', form, client)).status).toBe(200);
});
