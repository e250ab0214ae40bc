import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import {
  createFailureBudget,
  defaultTenant,
  limits,
  nowSeconds,
  seededEntropy,
  type UnixSeconds,
} from '@mintmark/core';
import { deriveSubKey } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { handleLeakReport } from './http/leaks.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { managementBed } from './management-bed.ts';
import { addTenant, holdingsIn } from './tenant-bed.ts';

const keysUrl = 'https://keys.example/secret_scanning';
const github = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keyId = 'f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d';

let bed: Awaited<ReturnType<typeof managementBed>>;
/** How often others had their turn. */
let turns: number;

beforeEach(async () => {
  turns = 0;
  const after = (ms: number, run: () => void) => {
    // What asks for its turn gets it; nothing else rings.
    if (ms === 0) {
      turns++;
      queueMicrotask(run);
    }
    return () => undefined;
  };
  const timers = { after, every: () => () => undefined };
  bed = await managementBed(1, undefined, { timers }, { githubKeys: { url: keysUrl } });
  publish(github.publicKey);
});

function publish(key: KeyObject): void {
  const pem = key.export({ type: 'spki', format: 'pem' });
  const public_keys = [{ key_identifier: keyId, key: pem, is_current: true }];
  bed.web.pages.set(keysUrl, { public_keys });
}

interface Sent {
  readonly by?: KeyObject;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
}

async function fromGithub(json: unknown, sent: Sent = {}) {
  const body = typeof json === 'string' ? json : JSON.stringify(json);
  const signature = sign('sha256', Buffer.from(body), sent.by ?? github.privateKey);
  const headers = sent.headers ?? {
    'github-public-key-identifier': sent.id ?? keyId,
    'github-public-key-signature': signature.toString('base64'),
    'content-type': 'application/json',
  };
  const request = buildRequest('POST', sent.path ?? '/leaks/github', { headers, body });
  return answered(await bed.authority.handle(request));
}

async function fromAnybody(json: unknown, remoteAddress = '203.0.113.9') {
  const request = buildRequest('POST', '/leaks/report', { json, remoteAddress });
  return answered(await bed.authority.handle(request));
}

function answered({ status, body }: { status: number; body: string | Uint8Array | undefined }) {
  const text = Buffer.from(body ?? '').toString();
  return { status, text, json: text === '' ? undefined : JSON.parse(text) };
}

async function newKey(owner = 'team-a') {
  const json = { name: 'ci', scopes: ['read'], owner };
  const { body } = await bed.call('POST', '/v1/keys', { json });
  return { id: String(body['id']), key: String(body['key']) };
}

async function keyStatus(id: string) {
  return (await bed.call('GET', `/v1/keys/${id}`)).body['status'];
}

async function verdict(key: string) {
  return (await bed.call('POST', '/v1/keys/verify', { json: { key } })).body['code'];
}

async function leaks() {
  return (await bed.call('GET', '/v1/leaks')).body['items'] as Record<string, never>[];
}

async function putPolicy(json: unknown) {
  const headers = await bed.ifMatch('/v1/leak-policy');
  return bed.call('PUT', '/v1/leak-policy', { json, headers });
}

const seen = { type: 'mintmark_key', url: 'https://github.com/a/b', source: 'commit' };

describe('POST /leaks/github', () => {
  it('holds a key back before it answers, and labels what is ours', async () => {
    const { id, key } = await newKey();
    const made = key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    const { status, json, text } = await fromGithub([
      { token: key, ...seen },
      { token: made, ...seen },
    ]);
    expect(status).toBe(200);
    expect(json).toEqual([
      {
        token_hash: hash('sha256', key, 'base64'),
        token_type: 'mintmark_key',
        label: 'true_positive',
      },
      {
        token_hash: hash('sha256', made, 'base64'),
        token_type: 'mintmark_key',
        label: 'false_positive',
      },
    ]);
    expect(text).not.toContain(key);
    expect([await keyStatus(id), await verdict(key)]).toEqual(['quarantined', 'quarantined']);
  });

  it('changes nothing where the same report comes again', async () => {
    const { key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    const before = await leaks();
    const records = await bed.store.auditPending.count();
    expect((await fromGithub([{ token: key, ...seen }])).json[0].label).toBe('true_positive');
    expect(await leaks()).toEqual(before);
    expect(await bed.store.auditPending.count()).toBe(records);
    await fromGithub([{ token: key, ...seen, url: 'https://github.com/c/d' }]);
    expect((await leaks())[0]?.['sightings']).toHaveLength(2);
  });

  it.each([
    ['without a signature', { headers: {} }, 401, 'signature_missing'],
    [
      'by another key',
      { by: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
      401,
      'bad_signature',
    ],
    ['by a key that nobody published', { id: 'other' }, 401, 'unknown_key'],
  ])('refuses a report %s', async (_what, sent, status, error) => {
    const { id, key } = await newKey();
    const refused = await fromGithub([{ token: key, ...seen }], sent);
    expect([refused.status, refused.json]).toEqual([status, { error }]);
    expect(await keyStatus(id)).toBe('active');
  });

  it.each([
    ['no JSON', '{', 400, 'malformed_report'],
    ['no list', '{"token":"x"}', 400, 'malformed_report'],
    ['no token', '[{}]', 400, 'malformed_report'],
    [
      'too many tokens',
      JSON.stringify(Array(limits.leakGithubTokensMax + 1).fill({ token: 'x' })),
      413,
      'too_many_tokens',
    ],
    ['too large', `"${'x'.repeat(limits.managementBodyBytesMax)}"`, 413, 'body_too_large'],
  ])('refuses a body that is %s', async (_what, body, status, error) => {
    const refused = await fromGithub(body);
    expect([refused.status, refused.json]).toEqual([status, { error }]);
  });

  it('asks for unknown keys once in a while, and says when it cannot know', async () => {
    bed.web.pages.delete(keysUrl);
    const outage = await fromGithub([]);
    expect([outage.status, outage.json]).toEqual([503, { error: 'keys_unavailable' }]);
    publish(github.publicKey);
    expect((await fromGithub([])).status).toBe(503);
    bed.clock.advanceMs(limits.githubKeysRetryMs);
    expect((await fromGithub([])).status).toBe(200);
    const asked = bed.web.asked.length;
    for (let i = 0; i < 5; i++) await fromGithub([], { id: `made-up-${i}` });
    expect(bed.web.asked.length).toBe(asked);
    // While the place is away, what is known goes on.
    bed.web.pages.delete(keysUrl);
    bed.clock.advanceMs(limits.githubKeysKeptMs);
    expect((await fromGithub([])).status).toBe(200);
  });

  it('is not there where nobody named whose word counts', async () => {
    bed = await managementBed();
    const { status, json } = await fromGithub([]);
    expect([status, json]).toEqual([404, { error: 'not_configured' }]);
  });

  it('finds the tenant of a token, and asks one tenant of its own alone', async () => {
    const a = await addTenant(bed, 'a');
    const key = (await a.create('/v1/keys', { name: 'k', scopes: [] }))['key'] as string;
    const own = await newKey();
    const atA = await fromGithub([{ token: own.key, ...seen }], { path: '/t/a/leaks/github' });
    expect(atA.json[0].label).toBe('false_positive');
    expect((await fromGithub([{ token: key, ...seen }])).json[0].label).toBe('true_positive');
    expect(await leaks()).toEqual([]);
    const found = (await a.manage('GET', '/v1/leaks')).json['items'] as unknown[];
    expect(found).toHaveLength(1);
  });
});

describe('what becomes of a leak', () => {
  it('ends a held key when its time is over, and tells each step', async () => {
    await putPolicy({ mode: 'act', revoke_after_seconds: 3600 });
    const { id, key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    const [held] = await leaks();
    expect(held).toMatchObject({ status: 'held', credential: id, owner: 'team-a' });
    expect(held?.['revoke_at']).toBe(new Date(bed.clock.nowMs() + 3_600_000).toISOString());
    bed.clock.advanceMs(3_599_000);
    await bed.authority.tick();
    expect(await keyStatus(id)).toBe('quarantined');
    bed.clock.advanceMs(2_000);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect(await keyStatus(id)).toBe('revoked');
    const [done] = await leaks();
    const steps = (done?.['steps'] ?? []) as { step: string; outcome: string }[];
    expect(steps.map(({ step, outcome }) => [step, outcome])).toEqual([
      ['quarantine', 'done'],
      ['revoke', 'done'],
    ]);
    const history = await bed.call('GET', `/v1/audit/history/leak/${String(done?.['id'])}`);
    const actions = (history.body['items'] as { action: string }[]).map(({ action }) => action);
    // Within one moment, order is by chance.
    expect(actions.sort()).toEqual(['leak.report', 'leak.respond', 'leak.respond']);
    const told = await bed.store.notices.list({ limit: 10 });
    expect(told.map((one) => [one.kind, one.owner, one.facts['state']])).toEqual([
      ['leak.found', 'team-a', 'held'],
      ['leak.found', 'team-a', 'revoked'],
    ]);
  });

  it('goes on after a crash between report and response, within five seconds', async () => {
    const { id, key } = await newKey();
    const { run } = bed.store.acts;
    let acts = 0;
    Object.assign(bed.store.acts, {
      run: (act: Parameters<typeof run>[0]) => {
        acts += 1;
        if (acts > 1) throw new Error('the process is gone');
        return run(act);
      },
    });
    expect((await fromGithub([{ token: key, ...seen }])).status).toBe(500);
    Object.assign(bed.store.acts, { run });
    expect((await leaks())[0]?.['status']).toBe('open');
    bed.clock.advanceMs(4_000);
    await bed.restart();
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect(await keyStatus(id)).toBe('quarantined');
  });

  it('lets a false alarm go, and holds it back no more', async () => {
    const { id, key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    const path = `/v1/leaks/${String((await leaks())[0]?.['id'])}`;
    const json = { reason: 'a test repository' };
    const weak = await bed.credential('leaks:write');
    const refused = await bed.call('POST', `${path}/release`, { json, credential: weak });
    expect(refused.status).toBe(403);
    const released = await bed.call('POST', `${path}/release`, { json });
    expect([released.status, released.body['status']]).toEqual([200, 'released']);
    expect([await keyStatus(id), await verdict(key)]).toEqual(['active', 'ok']);
    expect((await bed.call('POST', `${path}/release`, { json })).status).toBe(409);
    expect((await bed.call('POST', '/v1/leaks/none/release', { json })).status).toBe(404);
    await fromGithub([{ token: key, ...seen, url: 'https://github.com/e/f' }]);
    expect(await keyStatus(id)).toBe('active');
  });

  it('leaves a key alone that was released by other means', async () => {
    const { id, key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    await bed.call('POST', `/v1/keys/${id}/release`, { json: { reason: 'ours' } });
    bed.clock.advanceMs(73 * 3_600_000);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect([await keyStatus(id), (await leaks())[0]?.['status']]).toEqual(['active', 'released']);
  });

  it('only notes what it would do in a dry run, and never revokes where told so', async () => {
    const stale = { 'if-match': '"7"' };
    const body = { mode: 'dry_run', revoke_after_seconds: null };
    const overtaken = await bed.call('PUT', '/v1/leak-policy', { json: body, headers: stale });
    expect(overtaken.status).toBe(412);
    expect((await putPolicy(body)).status).toBe(200);
    const { id, key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    expect(await keyStatus(id)).toBe('active');
    expect((await leaks())[0]).toMatchObject({
      status: 'observed',
      steps: [{ step: 'dry_run', outcome: 'would_hold' }],
    });
    await putPolicy({ mode: 'act', revoke_after_seconds: null });
    const other = await newKey();
    await fromGithub([{ token: other.key, ...seen }]);
    bed.clock.advanceMs(400 * 86_400_000);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect(await keyStatus(other.id)).toBe('quarantined');
  });

  it('shows who tried the key while it was held back', async () => {
    const { key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    const address = '198.51.100.7';
    for (let i = 0; i < 3; i++) {
      await bed.call('POST', '/v1/keys/verify', { json: { key, address } });
    }
    bed.clock.advanceMs(limits.refusalFlushMs);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const { body } = await bed.call('GET', `/v1/leaks/${String((await leaks())[0]?.['id'])}`);
    expect(body['attempts']).toBe(3);
    expect(body['evidence']).toMatchObject([{ surface: 'keys', count: 3 }]);
  });

  it('ends tokens, families and administrators at once, each in its own way', async () => {
    const grants = { grantTypes: ['client_credentials'], accessTokenFormat: 'opaque' } as const;
    const client = await bed.addClient(grants);
    const form = { grant_type: 'client_credentials' };
    const opaque = (await bed.post('/oauth2/token', form, client)).json['access_token'] as string;
    const jwtClient = await bed.addClient();
    const jwt = (await bed.post('/oauth2/token', form, jwtClient)).json['access_token'] as string;
    const admin = await bed.credential('keys:read');
    const tokens = [opaque, jwt, admin, bed.adminKey];
    const { json } = await fromGithub(tokens.map((token) => ({ token, ...seen })));
    expect(json.map((one: { label: string }) => one.label)).toEqual(Array(4).fill('true_positive'));
    for (const token of [opaque, jwt]) {
      const asked = await bed.call('POST', '/v1/tokens/inspect', { json: { token } });
      expect(asked.body['active']).toBe(false);
    }
    expect((await bed.call('GET', '/v1/keys', { credential: admin })).status).toBe(401);
    const found = (await leaks()).map((one) => [one['kind'], one['status']]);
    // Whoever is the last who can make administrators stays, and the owner is told.
    expect(found.sort()).toEqual([
      ['access_token', 'revoked'],
      ['access_token', 'revoked'],
      ['admin_key', 'kept'],
      ['admin_key', 'revoked'],
    ]);
  });

  it('ends a sub-key, and not the key that it was derived from', async () => {
    const { id, key } = await newKey();
    const entropy = seededEntropy(5);
    const issuedAt = nowSeconds(bed.clock);
    const restrictions = { issuedAt, expiresAt: (issuedAt + 3_600) as UnixSeconds };
    const derived = deriveSubKey({ parent: key, prefix: 'mm', restrictions, entropy });
    if (!derived.ok) throw new Error(derived.refusal.reason);
    const { text } = derived.value;
    expect(await verdict(text)).toBe('ok');
    const { json } = await fromGithub([{ token: text, ...seen }]);
    expect(json[0].label).toBe('true_positive');
    expect(await verdict(text)).toBe('revoked');
    expect([await keyStatus(id), await verdict(key)]).toEqual(['active', 'ok']);
    expect((await leaks())[0]).toMatchObject({ kind: 'sub_key', status: 'revoked' });
  });

  it('ends the whole family of a refresh token', async () => {
    const registration = {
      ...{ mode: 'open', scopes: ['openid', 'read'], audiences: ['https://api.example'] },
      ...{ metadata_documents: false, require_pkce: true },
    };
    const a = await addTenant(bed, 'a', { settings: { registration } });
    const held = await holdingsIn(bed, a);
    const sent = { path: '/t/a/leaks/github' };
    const { json } = await fromGithub([{ token: held.refreshToken, ...seen }], sent);
    expect(json[0].label).toBe('true_positive');
    const form = { grant_type: 'refresh_token', refresh_token: held.refreshToken };
    const app = { clientId: held.clientId, secret: held.clientSecret };
    const refused = await bed.post('/t/a/oauth2/token', form, app);
    expect([refused.status, refused.json['error']]).toEqual([400, 'invalid_grant']);
  });

  it('holds a client secret back with its tokens, lets it go, and ends it', async () => {
    const client = await bed.addClient();
    const form = { grant_type: 'client_credentials' };
    const token = (await bed.post('/oauth2/token', form, client)).json['access_token'] as string;
    await fromGithub([{ token: client.secret, ...seen }]);
    expect((await bed.post('/oauth2/token', form, client)).status).toBe(401);
    const inspected = await bed.call('POST', '/v1/tokens/inspect', { json: { token } });
    expect(inspected.body['active']).toBe(false);
    const [held] = await leaks();
    expect(held).toMatchObject({ kind: 'client_secret', status: 'held', owner: 'team' });
    const path = `/v1/leaks/${String(held?.['id'])}/release`;
    await bed.call('POST', path, { json: { reason: 'false alarm' } });
    expect((await bed.post('/oauth2/token', form, client)).status).toBe(200);
    const other = await bed.addClient();
    await fromGithub([{ token: other.secret, ...seen }]);
    bed.clock.advanceMs(73 * 3_600_000);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect((await leaks()).map((one) => one['status'])).toContain('revoked');
    expect(await bed.store.clientSecrets.count({ clientId: other.clientId })).toBe(0);
  });

  it('holds a registration token back, ends no tokens for it, and lets it go', async () => {
    const registration = {
      ...{ mode: 'open', scopes: ['read'], audiences: ['https://api.example'] },
      ...{ metadata_documents: false, require_pkce: true },
    };
    const a = await addTenant(bed, 'a', { settings: { registration } });
    const json = { redirect_uris: ['https://app.example/cb'], client_name: 'App' };
    const made = buildRequest('POST', '/t/a/oauth2/register', { json });
    const client = answered(await bed.authority.handle(made)).json;
    const manages = async () => {
      const path = `/t/a/oauth2/register?client_id=${client.client_id}`;
      const headers = { authorization: `Bearer ${client.registration_access_token}` };
      return (await bed.authority.handle(buildRequest('GET', path, { headers }))).status;
    };
    expect(await manages()).toBe(200);
    const token = client.registration_access_token;
    const wrong = token.replace(/.$/, (last: string) => (last === 'A' ? 'B' : 'A'));
    const reported = [{ token }, { token: wrong }].map((one) => ({ ...one, ...seen }));
    const { json: labels } = await fromGithub(reported);
    expect(labels.map((one: { label: string }) => one.label)).toEqual([
      'true_positive',
      'false_positive',
    ]);
    expect(await manages()).toBe(401);
    const revocations = await bed.store.revocations.list({ where: { tenant: 'a' }, limit: 9 });
    expect(revocations).toEqual([]);
    const [held] = await bed.store.leaks.list({ where: { tenant: 'a' }, limit: 9 });
    expect(held).toMatchObject({
      ...{ kind: 'registration_token', status: 'held', owner: 'registration' },
      credential: `${client.client_id}/registration`,
    });
    const release = await a.manage('POST', `/v1/leaks/${held!.id}/release`, { reason: 'x' });
    expect(release.status).toBe(200);
    expect(await manages()).toBe(200);
    // Released it stays, whoever reports it again.
    await fromGithub([{ token, ...seen, url: 'https://github.com/c/d' }]);
    expect(await manages()).toBe(200);
  });

  it('gives a client secret back with the end that it had', async () => {
    const client = await bed.addClient();
    const path = `/v1/clients/${client.clientId}`;
    const headers = await bed.ifMatch(path);
    const json = { overlap_seconds: 3_600 };
    const rotated = await bed.call('POST', `${path}/secrets/rotate`, { json, headers });
    expect(rotated.status).toBeLessThan(300);
    const ends = async () =>
      (await bed.store.clientSecrets.list({ where: { clientId: client.clientId }, limit: 9 }))
        .map(({ expiresAt, hold }) => [expiresAt, hold])
        .sort();
    const before = await ends();
    // A crash between the hold and its note: it is held once more.
    const { run } = bed.store.acts;
    const crashingAfter = async (
      most: number,
      call: () => Promise<{ readonly status: number }>,
    ) => {
      let acts = 0;
      Object.assign(bed.store.acts, {
        run: (act: Parameters<typeof run>[0]) => {
          if (++acts > most) throw new Error('the process is gone');
          return run(act);
        },
      });
      expect((await call()).status).toBe(500);
      Object.assign(bed.store.acts, { run });
    };
    await crashingAfter(2, () => fromGithub([{ token: client.secret, ...seen }]));
    expect(await ends()).not.toEqual(before);
    bed.clock.advanceMs(4_000);
    await bed.restart();
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const [leak] = await leaks();
    expect(leak?.['status']).toBe('held');
    const release = `/v1/leaks/${String(leak?.['id'])}/release`;
    const letGo = () => bed.call('POST', release, { json: { reason: 'false alarm' } });
    await crashingAfter(1, letGo);
    expect((await letGo()).status).toBe(200);
    expect(await ends()).toEqual(before);
    expect(before.some(([expiresAt]) => expiresAt !== null)).toBe(true);
  });

  it('notes what was worth nothing any more, and does nothing', async () => {
    const { id, key } = await newKey();
    const json = { target: { kind: 'key', id }, reason: 'old' };
    await bed.call('POST', '/v1/revocations', { json });
    await fromGithub([{ token: key, ...seen }]);
    expect((await leaks())[0]).toMatchObject({ status: 'ended', steps: [] });
  });
});

describe('POST /leaks/report', () => {
  it('believes whoever shows the token, and nobody who makes one up', async () => {
    const { id, key } = await newKey();
    const { status, json } = await fromAnybody([{ token: key }]);
    expect([status, json[0].label]).toEqual([200, 'true_positive']);
    expect(await keyStatus(id)).toBe('quarantined');
    expect((await leaks())[0]?.['sightings']).toMatchObject([{ by: 'report', url: null }]);
  });

  it('takes so many guesses from an address, so many tokens, and JSON alone', async () => {
    const made = Array(limits.leakTokensMax).fill({ token: 'mm_key_x' });
    const times = limits.failureBudgetPerMinute / limits.leakTokensMax;
    for (let i = 1; i < times; i++) expect((await fromAnybody(made)).status).toBe(200);
    await fromAnybody([{ token: 'x' }]);
    // Nine guesses are left: the tenth of these is not looked at.
    const limited = await fromAnybody(made);
    expect([limited.status, limited.json]).toEqual([429, { error: 'too_many_failures' }]);
    expect((await fromAnybody([{ token: 'x' }])).status).toBe(429);
    const other = '203.0.113.10';
    const many = await fromAnybody([...made, ...made], other);
    expect([many.status, many.json]).toEqual([413, { error: 'too_many_tokens' }]);
    const huge = await fromAnybody('x'.repeat(limits.managementBodyBytesMax + 1), other);
    expect(huge.status).toBe(413);
    const headers = { 'content-type': 'text/plain' };
    const request = buildRequest('POST', '/leaks/report', { headers, body: '[]' });
    const plain = answered(await bed.authority.handle(request));
    expect([plain.status, plain.json]).toEqual([415, { error: 'not_json' }]);
  });
});

describe('what a report says', () => {
  it.each([
    [{ url: 'https://a.example/x\nCall 0900' }, 'https://a.example/xCall%200900', null],
    [{ url: 'javascript:alert(1)', source: 'commit' }, null, 'commit'],
    [{ url: 'Your account is closed' }, null, null],
    [{ source: 'commit\r\nBcc: x@example.com' }, null, null],
  ])('is a web address and one line, or left out: %j', async (said, url, source) => {
    const { id, key } = await newKey();
    expect((await fromAnybody([{ token: key, ...said }])).status).toBe(200);
    expect(await keyStatus(id)).toBe('quarantined');
    expect((await leaks())[0]?.['sightings']).toMatchObject([{ url, source }]);
  });

  it('is looked up tenant by tenant, others in between', async () => {
    for (let i = 0; i < 3; i++) await addTenant(bed, `t${i}`);
    const before = turns;
    await fromAnybody([{ token: 'mm_key_x' }]);
    expect(turns - before).toBe(3);
  });
});

describe('a report that cannot be judged now', () => {
  it('is asked for again, and labelled nothing', async () => {
    const request = buildRequest('POST', '/leaks/report', { json: [{ token: 'sk_x' }] });
    const leaks = {
      ...{ github: undefined, failures: createFailureBudget(bed.clock) },
      prove: async () => 'busy' as const,
      report: async () => undefined,
    };
    const busy = await handleLeakReport({ leaks }, defaultTenant, request);
    expect([busy.status, busy.body]).toEqual([503, '{"error":"busy"}']);
    expect(busy.headers['retry-after']).toBe('1');
  });
});

describe('/v1/leaks', () => {
  it('takes a report of an administrator, and shows nothing of the token', async () => {
    const { id, key } = await newKey();
    const json = { token: key, url: 'https://wiki.example/page', source: 'a colleague' };
    const reported = await bed.call('POST', '/v1/leaks', { json });
    expect(reported.body).toMatchObject({ status: 'held', credential: id });
    expect(reported.text).not.toContain(key.slice(-40));
    const path = `/v1/leaks/${String(reported.body['id'])}`;
    const shown = await bed.call('GET', path);
    expect(shown.body).toMatchObject({ attempts: 0, evidence: [] });
    expect((await bed.call('GET', '/v1/leaks/none')).status).toBe(404);
    const unknown = await bed.call('POST', '/v1/leaks', { json: { token: 'mm_key_x' } });
    expect(unknown.status).toBe(404);
    const page = await bed.call('GET', '/v1/leaks?limit=1');
    expect(page.body).toMatchObject({ items: [{ credential: id }], next: null });
  });

  it('keeps the token nowhere', async () => {
    const { key } = await newKey();
    await fromGithub([{ token: key, ...seen }]);
    const secret = key.slice('mm_key_'.length + 17, -6);
    const rows = [
      await bed.store.leaks.list({ limit: 10 }),
      await bed.store.auditPending.list({ limit: 100 }),
      await bed.store.notices.list({ limit: 10 }),
    ];
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(bed.events)).not.toContain(secret);
  });
});
