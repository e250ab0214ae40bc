/** Assertions of issuers outside (RFC 7523 §2.1): workloads and people that others vouch for. */

import { createHmac, KeyObject, sign as signWith } from 'node:crypto';
import { defaultTenant } from '@mintmark/core';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { bedConfig, callsOf } from './authority-bed.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const invalidGrant = { status: 400, json: { error: 'invalid_grant' } };
const build = 'https://builds.example';
const jwksUri = 'https://builds.example/jwks';
const workload = 'repo:acme/app:ref:refs/heads/main';

const keys = await generateKeyPair('RS256', { extractable: true });
const foreign = await generateKeyPair('RS256', { extractable: true });
const jwkOf = async ({ publicKey }: typeof keys, kid: string) => ({
  ...(await exportJWK(publicKey)),
  kid,
});

const rules: Partial<ClientRules> = {
  grantTypes: [grantType],
  authMethod: 'none',
  scopes: ['read', 'deploy'],
};

let bed: GrantBed;
let robot: Credentials;
let count = 0;

beforeEach(async () => {
  bed = await grantBed();
  robot = await bed.addClient(rules);
  bed.web.pages.set(jwksUri, { keys: [await jwkOf(keys, 'k1')] });
});

async function trust(change: Record<string, unknown> = {}, name = 'builds') {
  const wire = {
    ...{ issuer: build, jwks_uri: jwksUri, algorithms: ['RS256'] },
    rules: [{ subject: workload, clients: [robot.clientId] }],
    ...change,
  };
  const made = await bed.manage('PUT', `/v1/assertion-issuers/${name}`, { json: wire });
  expect(made.status, made.text).toBe(201);
}

const now = () => Math.floor(bed.clock.nowMs() / 1000);

function sign(
  claims: Record<string, unknown> = {},
  { header = {}, by = keys }: { header?: Record<string, unknown>; by?: typeof keys } = {},
): Promise<string> {
  count += 1;
  const whole = {
    ...{ iss: build, sub: workload, aud: bedConfig.issuer, jti: `j-${count}` },
    ...{ iat: now(), exp: now() + 300, ...claims },
  };
  return new SignJWT(JSON.parse(JSON.stringify(whole)))
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(by.privateKey);
}

function present(assertion: string, form: Record<string, string> = {}, by = robot) {
  const whole = { grant_type: grantType, assertion, client_id: by.clientId, ...form };
  return by.secret === '' ? bed.post('/oauth2/token', whole) : bed.post('/oauth2/token', whole, by);
}

const tokenOf = ({ json }: { readonly json: Record<string, unknown> }) =>
  decodeJwt(String(json['access_token']));

describe('a workload that a trusted issuer vouches for', () => {
  it('gets a token of its client, without any secret of ours', async () => {
    await trust();
    const given = await present(await sign(), { scope: 'deploy' });
    expect(given, given.text).toMatchObject({ status: 200, json: { scope: 'deploy' } });
    expect(tokenOf(given)).toMatchObject({ sub: robot.clientId, client_id: robot.clientId });
    // No longer than what vouches for it.
    expect(given.json['expires_in']).toBe(300);
    expect(await bed.records('token.issue')).toMatchObject([
      { detail: { assertion_issuer: 'builds', grant: grantType } },
    ]);
  });

  it('is bound to scopes and resources by its rule, whatever its client may', async () => {
    const rule = { subject: workload, clients: [robot.clientId] };
    await trust({
      rules: [{ ...rule, scopes: ['read', 'admin'], audiences: ['https://other.example'] }],
    });
    const given = await present(await sign());
    expect(given.json).toMatchObject({ scope: 'read' });
    expect(tokenOf(given)).toMatchObject({ aud: 'https://other.example' });
    expect(await present(await sign(), { scope: 'deploy' })).toMatchObject({
      json: { error: 'invalid_scope' },
    });
    expect(await present(await sign(), { resource: 'https://api.example' })).toMatchObject({
      json: { error: 'invalid_target' },
    });
  });

  it('is known by more claims than its name where the rule says so', async () => {
    const claims = { repository_owner_id: '42', protected: true };
    await trust({ rules: [{ subject: workload, clients: [robot.clientId], claims }] });
    expect((await present(await sign(claims))).status).toBe(200);
    for (const change of [
      { repository_owner_id: 42 },
      { protected: 'true' },
      { protected: null },
    ]) {
      expect(await present(await sign({ ...claims, ...change }))).toMatchObject(invalidGrant);
    }
    expect(await present(await sign({ repository_owner_id: '42' }))).toMatchObject(invalidGrant);
  });

  it('is not any other, nor through another client', async () => {
    await trust({
      rules: [{ subject: 'repo:acme/*:ref:refs/heads/main', clients: [robot.clientId] }],
    });
    const other = await bed.addClient(rules);
    expect((await present(await sign())).status).toBe(200);
    expect((await present(await sign({ sub: 'repo:acme/x:ref:refs/heads/main' }))).status).toBe(
      200,
    );
    for (const sub of ['repo:evil/app:ref:refs/heads/main', 'repo:acme/app:ref:refs/heads/dev']) {
      expect(await present(await sign({ sub }))).toMatchObject(invalidGrant);
    }
    expect(await present(await sign(), {}, other)).toMatchObject(invalidGrant);
    // The operator learns the reason; the other one is not told what is missing.
    expect((await present(await sign({ sub: 'x' }))).text).toBe('{"error":"invalid_grant"}');
  });
});

describe('a person that a trusted issuer vouches for', () => {
  const person = (speaksFor: string, claim?: string) => ({
    rules: [{ subject: '*', clients: [robot.clientId], speaks_for: speaksFor, claim }],
  });

  it('is whom the claim names, by id or by any spelling of the name', async () => {
    await trust(person('user_id', 'mintmark_id'));
    const given = await present(await sign({ sub: 'x', mintmark_id: bed.user }));
    expect(tokenOf(given)).toMatchObject({ sub: bed.user, client_id: robot.clientId });
    await trust({ ...person('username'), issuer: 'https://partner.example' }, 'partner');
    const iss = 'https://partner.example';
    expect(tokenOf(await present(await sign({ iss, sub: 'ALICE' })))).toMatchObject({
      sub: bed.user,
    });
  });

  it('does not come into being by that, and is not a client', async () => {
    await trust(person('username'));
    expect(await present(await sign({ sub: 'nobody' }))).toMatchObject(invalidGrant);
    await trust({ ...person('user_id'), issuer: 'https://partner.example' }, 'partner');
    const iss = 'https://partner.example';
    for (const sub of ['nobody', robot.clientId]) {
      expect(await present(await sign({ iss, sub }))).toMatchObject(invalidGrant);
    }
    const { items } = (await bed.manage('GET', '/v1/users')).json as { items: unknown[] };
    expect(items).toHaveLength(1);
  });

  it('is there no more when disabled, or where the claim is missing', async () => {
    await trust(person('username', 'login'));
    expect(await present(await sign({ sub: 'alice' }))).toMatchObject(invalidGrant);
    expect(await present(await sign({ sub: 'a', login: 7 }))).toMatchObject(invalidGrant);
    expect((await present(await sign({ sub: 'a', login: 'alice' }))).status).toBe(200);
    const { version } = (await bed.store.users.get(defaultTenant, bed.user))!;
    const json = { status: 'disabled' };
    const path = `/v1/users/${bed.user}`;
    const done = await bed.manage('PATCH', path, { json, ifMatch: `"${version}"` });
    expect(done.status, done.text).toBe(200);
    expect(await present(await sign({ sub: 'a', login: 'alice' }))).toMatchObject(invalidGrant);
  });
});

describe('one assertion', () => {
  it('counts once on all nodes, and is not asked for where the operator says so', async () => {
    await trust();
    const other = callsOf(() => replica, bed.adminKey);
    const { authority: replica } = await bed.replica();
    const assertion = await sign();
    const form = { grant_type: grantType, assertion, client_id: robot.clientId };
    const sent = Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? bed : other).post('/oauth2/token', form),
    );
    const statuses = (await Promise.all(sent)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
    // The issuer's other name for the same thing changes nothing: the id is what counts.
    const jti = decodeJwt(assertion).jti;
    expect(await present(await sign({ jti }))).toMatchObject(invalidGrant);
    expect(await present(await sign({ jti: undefined }))).toMatchObject(invalidGrant);
    await trust({ issuer: 'https://cluster.example', single_use: false }, 'cluster');
    const again = await sign({ iss: 'https://cluster.example', jti: undefined });
    expect((await present(again)).status).toBe(200);
    expect((await present(again)).status).toBe(200);
  });

  it('of two issuers may have the same id', async () => {
    await trust();
    await trust({ issuer: 'https://cluster.example' }, 'cluster');
    expect((await present(await sign({ jti: 'same' }))).status).toBe(200);
    const other = await sign({ jti: 'same', iss: 'https://cluster.example' });
    expect((await present(other)).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another server', { aud: 'https://other.example' }],
    ['for this and another server', { aud: [bedConfig.issuer, 'https://other.example'] }],
    ['for nobody', { aud: undefined }],
    ['for an empty list', { aud: [] }],
    ['that has ended', { exp: 1_789_999_999 }],
    ['without end', { exp: undefined }],
    ['that ends too late', { exp: 1_790_003_601 }],
    ['made long ago to last', { iat: 1_789_990_000, exp: 1_790_000_300 }],
    ['of tomorrow', { iat: 1_790_080_000, exp: 1_790_080_300 }],
    ['that is not good yet', { nbf: 1_790_000_100 }],
    ['without subject', { sub: undefined }],
    ['with an id that is a number', { jti: 7 }],
    ['of an issuer that nobody trusts', { iss: 'https://builds.example/' }],
    ['without issuer', { iss: undefined }],
  ])('%s is refused', async (_what, claims) => {
    await trust();
    expect(await present(await sign(claims))).toMatchObject(invalidGrant);
  });

  it('for this server alone may say so in a list, or by a name of the operator’s', async () => {
    await trust();
    expect((await present(await sign({ aud: [bedConfig.issuer] }))).status).toBe(200);
    await trust({ issuer: 'https://partner.example', audiences: ['sts.mintmark'] }, 'partner');
    const iss = 'https://partner.example';
    expect((await present(await sign({ iss, aud: 'sts.mintmark' }))).status).toBe(200);
    expect(await present(await sign({ iss }))).toMatchObject(invalidGrant);
  });
});

describe('keys', () => {
  it('of another issuer do not count, whatever kid they name', async () => {
    await trust();
    bed.web.pages.set('https://other.example/jwks', { keys: [await jwkOf(foreign, 'k2')] });
    await trust(
      { issuer: 'https://other.example', jwks_uri: 'https://other.example/jwks' },
      'other',
    );
    const kid = (name: string) => ({ header: { kid: name }, by: foreign });
    expect((await present(await sign({ iss: 'https://other.example' }, kid('k2')))).status).toBe(
      200,
    );
    expect(await present(await sign({}, kid('k2')))).toMatchObject(invalidGrant);
    expect(await present(await sign({}, kid('k1')))).toMatchObject(invalidGrant);
    expect(await present(await sign({ iss: 'https://other.example' }))).toMatchObject(invalidGrant);
  });

  it('of a client do not speak for an issuer, nor an issuer for a client', async () => {
    await trust();
    const keyed = await bed.addClient({
      ...rules,
      authMethod: 'client_secret_basic',
      jwks: { keys: [await jwkOf(foreign, 'c1')] },
    });
    const asIssuer = await sign({}, { header: { kid: 'c1' }, by: foreign });
    expect(await present(asIssuer, {}, keyed)).toMatchObject(invalidGrant);
    const asClient = await sign({ iss: keyed.clientId, sub: keyed.clientId });
    expect(await present(asClient, {}, keyed)).toMatchObject(invalidGrant);
  });

  it('are those of now: a rotated one is fetched, and one that went away is no good', async () => {
    await trust();
    expect((await present(await sign())).status).toBe(200);
    bed.web.pages.set(jwksUri, { keys: [await jwkOf(foreign, 'k9')] });
    bed.clock.advanceMs(60_000);
    const rotated = await sign({}, { header: { kid: 'k9' }, by: foreign });
    expect((await present(rotated)).status).toBe(200);
    expect(await present(await sign())).toMatchObject(invalidGrant);
    // Whoever makes up key ids causes no fetch each.
    const before = bed.web.asked.length;
    for (let i = 0; i < 20; i++) await present(await sign({}, { header: { kid: `x${i}` } }));
    expect(bed.web.asked.length - before).toBeLessThanOrEqual(1);
  });

  it('that cannot be had vouch for nobody', async () => {
    await trust({ jwks_uri: 'https://builds.example/gone' });
    expect(await present(await sign())).toMatchObject(invalidGrant);
  });

  it('may stand in the definition itself', async () => {
    await trust({ jwks_uri: undefined, jwks: { keys: [await jwkOf(keys, 'k1')] } });
    expect((await present(await sign())).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ['none', { alg: 'none' }],
    ['NONE', { alg: 'NONE' }],
    ['HS256 by the public key', { alg: 'HS256' }],
    ['an algorithm that the issuer may not use', { alg: 'PS256' }],
    ['an access token', { typ: 'at+jwt' }],
    ['a client authentication', { typ: 'client-authentication+jwt' }],
    ['a DPoP proof', { typ: 'dpop+jwt' }],
    ['critical extensions', { crit: ['exp'] }],
  ])('signed as %s is refused', async (_what, header) => {
    await trust();
    const good = await sign();
    const [, payload = ''] = good.split('.');
    const head = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'k1', ...header }));
    const input = `${head.toString('base64url')}.${payload}`;
    const pem = KeyObject.from(keys.publicKey).export({ type: 'spki', format: 'pem' });
    const hmac = createHmac('sha256', pem).update(input).digest('base64url');
    const rsa = signWith('sha256', Buffer.from(input), KeyObject.from(keys.privateKey));
    const signatures = { none: '', NONE: '', HS256: hmac } as Record<string, string>;
    const signature = signatures[String(header['alg'])] ?? rsa.toString('base64url');
    expect(await present(`${input}.${signature}`)).toMatchObject(invalidGrant);
    // What the test changes is what is refused: as it was it passes.
    expect((await present(good)).status).toBe(200);
  });
});

describe('/v1/assertion-issuers', () => {
  const path = '/v1/assertion-issuers/builds';
  const wire = () => ({
    ...{ issuer: build, jwks_uri: jwksUri, algorithms: ['RS256'] },
    rules: [{ subject: workload, clients: ['c'] }],
  });

  it('are written, shown, listed, replaced and deleted, and each change is on record', async () => {
    const made = await bed.manage('PUT', path, { json: wire() });
    expect(made).toMatchObject({ status: 201, json: { name: 'builds', ...wire() } });
    const shown = await bed.manage('GET', path);
    expect(shown).toMatchObject({ status: 200, json: wire() });
    const list = await bed.manage('GET', '/v1/assertion-issuers');
    expect(list.json['items']).toMatchObject([{ name: 'builds', issuer: build }]);
    const ifMatch = String(shown.headers['etag']);
    expect((await bed.manage('PUT', path, { json: wire() })).status).toBe(428);
    const json = { ...wire(), name: 'builds', single_use: false };
    expect(await bed.manage('PUT', path, { json, ifMatch })).toMatchObject({
      status: 200,
      json: { single_use: false },
    });
    expect((await bed.manage('PUT', path, { json, ifMatch })).status).toBe(412);
    expect((await bed.manage('DELETE', path, { ifMatch })).status).toBe(412);
    expect((await bed.manage('DELETE', path, { ifMatch: '*' })).status).toBe(204);
    expect((await bed.manage('DELETE', path, { ifMatch: '*' })).status).toBe(404);
    expect((await bed.manage('GET', path)).status).toBe(404);
    for (const action of ['create', 'update', 'delete']) {
      expect(await bed.records(`assertion_issuer.${action}`)).toHaveLength(1);
    }
  });

  it('end with their trust at once', async () => {
    await trust();
    expect((await present(await sign())).status).toBe(200);
    await bed.manage('DELETE', path, { ifMatch: '*' });
    expect(await present(await sign())).toMatchObject(invalidGrant);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no keys', { jwks_uri: undefined }, '/jwks'],
    ['keys twice', { jwks: { keys: [] } }, '/jwks'],
    ['no good key', { jwks_uri: undefined, jwks: { keys: [] } }, '/jwks'],
    ['keys without TLS', { jwks_uri: 'http://builds.example/jwks' }, '/jwks_uri'],
    ['a shared secret', { algorithms: ['HS256'] }, '/algorithms/0'],
    ['no algorithm', { algorithms: [] }, '/algorithms'],
    ['this very server', { issuer: bedConfig.issuer }, '/issuer'],
    ['no rule', { rules: [] }, '/rules'],
    ['a rule for no client', { rules: [{ subject: 'a', clients: [] }] }, '/rules/0/clients'],
    ['half a star', { rules: [{ subject: 'a*', clients: ['c'] }] }, '/rules/0/subject'],
    ['what it does not know', { rule: [] }, '/rule'],
    ['another name', { name: 'other' }, '/name'],
  ])('refuse %s, and say where', async (_what, change, pointer) => {
    const answer = await bed.manage('PUT', path, { json: { ...wire(), ...change } });
    expect(answer, answer.text).toMatchObject({ status: 422, json: { errors: [{ pointer }] } });
  });

  it('keep their issuer, which has one name', async () => {
    await bed.manage('PUT', path, { json: wire() });
    const json = { ...wire(), issuer: 'https://other.example' };
    expect(await bed.manage('PUT', path, { json, ifMatch: '*' })).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/issuer' }] },
    });
    expect(await bed.manage('PUT', '/v1/assertion-issuers/again', { json: wire() })).toMatchObject({
      status: 409,
      json: { code: 'wrong_state' },
    });
  });

  it('are bounded', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({
      ...{ tenant: defaultTenant, name: `i${i}`, issuer: `https://${i}.example` },
      ...{ definition: wire(), updatedAt: 0, version: 1 },
    }));
    const step = { do: 'insertMany', table: 'assertionIssuers', rows } as const;
    await bed.store.acts.run({ steps: [step], audit: null });
    expect(await bed.manage('PUT', path, { json: wire() })).toMatchObject({ status: 409 });
  });

  it('are an administrator’s to write', async () => {
    const json = { name: 'x', permissions: ['clients:*', 'users:*'] };
    const { key } = (await bed.manage('POST', '/v1/admin-keys', { json })).json;
    const by = { key: String(key), json: wire() };
    expect((await bed.manage('PUT', path, by)).status).toBe(403);
  });
});
