/** Status lists: who is in one, what ends a token in it, and how it is read. */

import { limits } from '@mintmark/core';
import { readStatusList } from '@mintmark/tokens';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

const api = 'https://api.example';

let bed: GrantBed;
let app: Credentials;

beforeEach(async () => {
  bed = await grantBed();
  app = await bed.addClient({ ...appRules, accessTokenStatusList: true });
});

interface Place {
  readonly idx: number;
  readonly uri: string;
}

function claimsOf(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1]!, 'base64url').toString());
}

function placeOf(token: unknown): Place {
  const { status } = claimsOf(token) as { status: { status_list: Place } };
  return status.status_list;
}

async function signIn(by = app) {
  const answer = await bed.redeem(await bed.code({}, by), {}, by);
  expect(answer.status).toBe(200);
  return answer.json;
}

const pathOf = ({ uri }: Place) => new URL(uri).pathname;

/** As a reader does who knows the issuer's keys and nothing else. */
async function statusOf(token: unknown, get = bed.get): Promise<number | undefined> {
  const place = placeOf(token);
  const answer = await get(pathOf(place));
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/statuslist+jwt', 'access-control-allow-origin': '*' },
  });
  const jwks = (await get('/.well-known/jwks.json')).json;
  const { payload } = await jwtVerify(answer.text, createLocalJWKSet(jwks as never), {
    ...{ typ: 'statuslist+jwt', subject: place.uri },
    currentDate: new Date(bed.clock.nowMs()),
  });
  const { iat = 0, exp = 0 } = payload;
  expect([payload['ttl'], exp - iat]).toEqual([60, 3600]);
  const list = readStatusList(payload['status_list'] as never);
  if (!list.ok) throw new Error(list.refusal.reason);
  expect([list.value.bits, list.value.size]).toEqual([2, limits.statusListEntries]);
  return list.value.at(place.idx);
}

async function revoke(kind: string, id: unknown): Promise<void> {
  const json = { target: { kind, id }, reason: 'leaked' };
  expect((await bed.manage('POST', '/v1/revocations', { json })).status).toBe(200);
}

describe('a token in a status list', () => {
  it('says where, and is good there', async () => {
    const { access_token } = await signIn();
    const { idx, uri } = placeOf(access_token);
    expect(uri).toMatch(/^https:\/\/issuer\.example\/oauth2\/status-lists\/[0-9A-Za-z]{17}$/);
    expect(idx).toBeLessThan(limits.statusListEntries);
    expect(await statusOf(access_token)).toBe(0);
  });

  const ends: readonly (readonly [string, (token: Record<string, unknown>) => Promise<void>])[] = [
    ['itself', (claims) => revoke('token', claims['jti'])],
    ['its family', (claims) => revoke('family', claims['mm_family'])],
    ['its user', (claims) => revoke('user', claims['sub'])],
    ['its client', (claims) => revoke('client', claims['client_id'])],
    ['its tenant', (claims) => revoke('tenant', claims['mm_tenant'])],
  ];

  it.each(ends)('is marked within a second when %s is revoked', async (_, end) => {
    const { access_token } = await signIn();
    expect(await statusOf(access_token)).toBe(0);
    await end(claimsOf(access_token));
    bed.clock.advanceMs(limits.statusListRebuildMs);
    expect(await statusOf(access_token)).toBe(1);
    expect(limits.statusListRebuildMs + limits.auditIntervalMs).toBeLessThan(1_000);
  });

  it('is marked when its signing key is, by a list of the new one', async () => {
    const { access_token } = await signIn();
    const { kid } = JSON.parse(
      Buffer.from(String(access_token).split('.')[0]!, 'base64url').toString(),
    );
    const ended = await bed.manage('POST', `/v1/signing-keys/${kid}/emergency`, {
      json: { reason: 'stolen' },
    });
    expect(ended.status).toBe(200);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    expect(await statusOf(access_token)).toBe(1);
  });

  it('is marked when its refresh token is used twice', async () => {
    const first = await signIn();
    const form = { token: String(first['refresh_token']) };
    expect((await bed.post('/oauth2/revoke', form, app)).status).toBe(200);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    expect(await statusOf(first['access_token'])).toBe(1);
  });

  it('leaves the others of its list as they are', async () => {
    const [one, two] = [await signIn(), await signIn()];
    expect(placeOf(one['access_token']).uri).toBe(placeOf(two['access_token']).uri);
    await revoke('token', claimsOf(one['access_token'])['jti']);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    expect(await statusOf(one['access_token'])).toBe(1);
    expect(await statusOf(two['access_token'])).toBe(0);
  });

  it('is in none where neither its client nor its resource asks', async () => {
    const { access_token } = await signIn(await bed.addClient(appRules));
    expect(claimsOf(access_token)).not.toHaveProperty('status');
    expect(await bed.store.statusEntries.count()).toBe(0);
  });

  it('is in one where its resource server asks, whoever it is for', async () => {
    const by = await bed.addClient(appRules);
    const server = await bed.manage('POST', '/v1/clients', {
      json: { client_name: 'api', resources: [api], access_token_status_list: true },
    });
    expect(server).toMatchObject({ status: 201, json: { access_token_status_list: true } });
    bed.clock.advanceMs(limits.resourceViewMs);
    expect(await statusOf((await signIn(by))['access_token'])).toBe(0);
    const path = `/v1/clients/${server.json['client_id']}`;
    const ifMatch = String(server.headers['etag']);
    const edited = await bed.manage('PATCH', path, { json: { resources: [] }, ifMatch });
    expect(edited.status).toBe(200);
    bed.clock.advanceMs(limits.resourceViewMs);
    expect(claimsOf((await signIn(by))['access_token'])).not.toHaveProperty('status');
  });

  it('is no business of opaque tokens', async () => {
    const by = await bed.addClient({
      ...appRules,
      accessTokenStatusList: true,
      accessTokenFormat: 'opaque',
    });
    expect(String((await signIn(by))['access_token'])).toMatch(/^mm_at_/);
    expect(await bed.store.statusEntries.count()).toBe(0);
  });

  it('is let go of an hour after it has ended', async () => {
    await signIn();
    bed.clock.advanceMs((600 + 3601) * 1000);
    for (let i = 0; i < 240; i++) await bed.authority.tick();
    expect(await bed.store.statusEntries.count()).toBe(0);
  });
});

describe('a status list', () => {
  it('is the same text while it says the same, and readers are told so', async () => {
    const { access_token } = await signIn();
    const path = pathOf(placeOf(access_token));
    const first = await bed.get(path);
    expect(first.headers['cache-control']).toBe('public, max-age=60');
    const etag = String(first.headers['etag']);
    bed.clock.advanceMs(60_000);
    // Something else of the tenant ends meanwhile.
    await revoke('client', (await bed.addClient()).clientId);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    expect(await bed.get(path, { 'if-none-match': `W/${etag}` })).toMatchObject({
      status: 304,
      text: '',
    });
    await revoke('token', claimsOf(access_token)['jti']);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    const changed = await bed.get(path, { 'if-none-match': etag });
    expect(changed.status).toBe(200);
    bed.clock.advanceMs(1_800_000);
    // Half its life is over: it is signed again.
    expect((await bed.get(path)).headers['etag']).not.toBe(changed.headers['etag']);
  });

  it('knows other processes’ tokens and revocations', async () => {
    const there = await bed.replica();
    const { access_token } = await signIn();
    expect(await statusOf(access_token, there.get)).toBe(0);
    const form = { token: String(access_token) };
    expect((await bed.post('/oauth2/revoke', form, app)).status).toBe(200);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    await there.authority.tick();
    expect(await statusOf(access_token, there.get)).toBe(1);
  });

  it.each([
    ['that nobody filled', 'x'.repeat(17), {}, 404],
    ['of no name', 'x', {}, 404],
    ['in another form', undefined, { accept: 'application/statuslist+cwt' }, 406],
    ['of another time', '?time=1', {}, 501],
  ])('%s is not there', async (_, name, headers, status) => {
    const path = pathOf(placeOf((await signIn())['access_token']));
    const asked =
      name === undefined ? path : name.startsWith('?') ? path + name : path.replace(/\w+$/, name);
    expect((await bed.get(asked, headers)).status).toBe(status);
  });

  it('has one path only', async () => {
    const path = pathOf(placeOf((await signIn())['access_token']));
    expect((await bed.get(path.replace(/(\w+)$/, 'x/$1'))).status).toBe(404);
  });

  it('is never an access token', async () => {
    const { access_token } = await signIn();
    const { text } = await bed.get(pathOf(placeOf(access_token)));
    const authorization = `Bearer ${text}`;
    expect((await bed.get('/oauth2/userinfo', { authorization })).status).toBe(401);
    expect(await bed.isActive(text, app)).toBe(false);
  });
});
