import {
  type DecisionEvent,
  defaultTenant,
  feedHttp,
  feedProofPayload,
  type HttpRequest,
  type HttpResponse,
  limits,
  manualClock,
  type PolicyReport,
  type SigningKeyId,
  seededEntropy,
  utf8,
} from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { createGuardedClient, type GuardedClient, type Listener, listen } from '@mintmark/net';
import {
  assembleJws,
  type GeneratedKey,
  generateSigningKey,
  jwsSigningInput,
  localSigner,
} from '@mintmark/tokens';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteAuthority, type RemoteAuthority } from './remote.ts';

let key: GeneratedKey;
let other: GeneratedKey;
let listener: Listener;
let client: GuardedClient;
let authority: RemoteAuthority;
let answer: (request: HttpRequest, body: string) => HttpResponse;
let seen: { readonly line: string; readonly authorization: string | undefined; body: string }[];

const tenant = defaultTenant;
const question = { tenant, epoch: 'e', after: 1, node: 'n' };

beforeAll(async () => {
  key = await generateSigningKey('ES256');
  other = await generateSigningKey('EdDSA');
  client = createGuardedClient({ reach: 'operator', timers: systemTimers });
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    timers: systemTimers,
    async handler(request) {
      const bytes = await request.body(limits.protocolBodyBytesMax);
      const body = Buffer.from(bytes as Uint8Array).toString();
      const line = `${request.method} ${request.path}`;
      seen.push({ line, authorization: request.header('authorization'), body });
      return answer(request, body);
    },
  });
  authority = createRemoteAuthority({
    server: `http://127.0.0.1:${listener.port}`,
    credential: 'gateway-key',
    client,
    entropy: seededEntropy(5),
    clock: manualClock(0),
  });
});
afterAll(async () => {
  client.close();
  await listener.close();
});

function json(value: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status: 200, headers, body: JSON.stringify(value) };
}

function trusting(one: GeneratedKey, position: number): unknown {
  return {
    type: 'signing_key',
    position,
    kid: one.kid,
    jwk: one.publicJwk,
    status: 'trusted',
  };
}

function snapshotOf(entries: readonly unknown[]): HttpResponse {
  return json({ tenant, epoch: 'e', head: 1, issuer: 'https://i.test', entries });
}

/** A delta with its proof; `change` bends the proof, `body` the body behind it. */
function deltaOf(
  request: HttpRequest,
  options: {
    readonly by?: GeneratedKey;
    readonly entries?: readonly unknown[];
    readonly change?: Record<string, unknown>;
    readonly typ?: string;
    readonly tail?: string;
  } = {},
): HttpResponse {
  const { by = key, entries = [], change = {}, typ = feedHttp.signatureType, tail = '' } = options;
  const head = 1 + entries.length;
  const body = JSON.stringify({ tenant, epoch: 'e', head, after: 1, entries });
  const query = new URLSearchParams(request.query);
  const nonce = query.get('nonce') ?? '';
  const proof = feedProofPayload({ tenant, epoch: 'e', head, body, node: 'n', nonce });
  const algorithm = by === key ? 'ES256' : 'EdDSA';
  const signer = localSigner({ privateKey: by.privateKey, algorithm, kid: by.kid });
  const header = { typ, alg: algorithm, kid: by.kid };
  const input = jwsSigningInput(header, { ...proof, ...change } as never);
  const signature = assembleJws(input, signer.sign(utf8(input)));
  return { status: 200, headers: { [feedHttp.signatureHeader]: signature }, body: body + tail };
}

/** Code of the fault. */
async function faultOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'no fault';
  } catch (fault) {
    return (fault as { code?: string }).code;
  }
}

beforeEach(async () => {
  seen = [];
  answer = () => snapshotOf([trusting(key, 1)]);
  await authority.feed.snapshot(tenant);
});

describe('the feed over HTTP', () => {
  it('asks with its own credential', () => {
    const [first] = seen;
    expect(first).toMatchObject({
      line: 'GET /v1/feed/snapshot',
      authorization: 'Bearer gateway-key',
    });
  });

  it('goes on with the keys of a snapshot, and begins again in another epoch', async () => {
    const view = { id: 'k', tenant, owner: 'o', status: 'active', scopes: [] };
    const entry = { type: 'key', position: 1, key: view };
    const page = { tenant, epoch: 'e', entries: [entry], nextKeys: 'k' };
    answer = () => json(page);
    const asked = { tenant, epoch: 'e', after: 'a&b' };
    expect(await authority.feed.keys(asked)).toEqual(page);
    expect(seen.at(-1)?.line).toBe('GET /v1/feed/keys');
    answer = () => ({ status: 410, headers: {}, body: '' });
    expect(await authority.feed.keys(asked)).toBe('resync');
    answer = () => ({ status: 500, headers: {}, body: '' });
    expect(await faultOf(authority.feed.keys(asked))).toBe('authority_refused');
    const route = { type: 'route', position: 1, name: 'r', route: null };
    for (const wrong of [
      { ...page, entries: [route] },
      { ...page, entries: {} },
      { ...page, nextKeys: 1 },
      { ...page, epoch: 1 },
      { ...page, tenant: 1 },
      [],
    ]) {
      answer = () => json(wrong);
      expect(await faultOf(authority.feed.keys(asked))).toBe('feed_malformed');
    }
  });

  it('takes a delta that is proven', async () => {
    answer = (request) => deltaOf(request);
    const delta = await authority.feed.delta(question);
    expect(delta).toMatchObject({ head: 1, after: 1, entries: [] });
    expect(seen.at(-1)?.line).toBe('GET /v1/feed');
  });

  it('trusts a key that came with a proven delta, and no longer one that was retired', async () => {
    const retired = { ...(trusting(key, 3) as object), status: 'retired' };
    answer = (request) => deltaOf(request, { entries: [trusting(other, 2), retired] });
    await authority.feed.delta(question);
    answer = (request) => deltaOf(request, { by: other });
    expect(await faultOf(authority.feed.delta(question))).toBe('no fault');
    answer = (request) => deltaOf(request, { by: key });
    expect(await faultOf(authority.feed.delta(question))).toBe('feed_unsigned');
  });

  it.each([
    ['no signature', (r: HttpRequest) => ({ ...deltaOf(r), headers: {} })],
    ['a signature of another key', (r: HttpRequest) => deltaOf(r, { by: other })],
    ['a proof of an older question', (r: HttpRequest) => deltaOf(r, { change: { nonce: 'old' } })],
    ['a proof for another node', (r: HttpRequest) => deltaOf(r, { change: { node: 'm' } })],
    ['a proof of another head', (r: HttpRequest) => deltaOf(r, { change: { head: 9 } })],
    ['a proof of another epoch', (r: HttpRequest) => deltaOf(r, { change: { epoch: 'f' } })],
    ['another body than was signed', (r: HttpRequest) => deltaOf(r, { tail: ' ' })],
    ['a token of another type', (r: HttpRequest) => deltaOf(r, { typ: 'at+jwt' })],
  ])('refuses %s', async (_what, bent) => {
    answer = bent;
    expect(await faultOf(authority.feed.delta(question))).toBe('feed_unsigned');
  });

  it('hears that a snapshot is needed', async () => {
    answer = () => ({ status: 410, headers: {}, body: '{}' });
    expect(await authority.feed.delta(question)).toBe('resync');
  });

  it.each([401, 403, 404, 500, 302])('a status of %s is a fault', async (status) => {
    answer = () => ({ status, headers: {}, body: '' });
    expect(await faultOf(authority.feed.delta(question))).toBe('authority_refused');
    expect(await faultOf(authority.feed.snapshot(tenant))).toBe('authority_refused');
  });

  it.each(['', '[', '{"a":1,"a":2}', '{}', '{"tenant":"default"}'])(
    'a body of %j is a fault',
    async (body) => {
      answer = () => ({ status: 200, headers: {}, body });
      expect(await faultOf(authority.feed.snapshot(tenant))).toBe('feed_malformed');
      expect(await faultOf(authority.feed.delta(question))).toBe('feed_malformed');
    },
  );

  it('a snapshot without usable keys proves nothing afterwards', async () => {
    const kid = 'x' as SigningKeyId;
    answer = () => snapshotOf([{ ...(trusting(key, 1) as object), kid, jwk: { kty: 'none' } }]);
    await authority.feed.snapshot(tenant);
    answer = (request) => deltaOf(request);
    expect(await faultOf(authority.feed.delta(question))).toBe('feed_unsigned');
  });
});

describe('introspection over HTTP', () => {
  const ask = (credential = 'mm_at_x') =>
    authority.introspector.introspect({ tenant, credential, address: '192.0.2.1' });

  it('reads a token', async () => {
    answer = () =>
      json({
        active: true,
        jti: 't',
        sub: 's',
        client_id: 'c',
        scope: 'a b',
        aud: ['x', 'y'],
        iat: 9,
        exp: 99,
        mm_pos: 7,
        mm_family: 'f',
      });
    expect(await ask()).toEqual({
      active: true,
      kind: 'opaque',
      id: 't',
      subject: 's',
      clientId: 'c',
      scopes: ['a', 'b'],
      audience: ['x', 'y'],
      issuedAt: 9,
      expiresAt: 99,
      position: 7,
      family: 'f',
    });
    expect(seen.at(-1)).toMatchObject({
      line: 'POST /oauth2/introspect',
      body: 'token=mm_at_x&address=192.0.2.1&judges=sub_key_use',
    });
  });

  it('reads a key', async () => {
    answer = () => json({ active: true, jti: 'k', sub: 'owner', scope: '', mm_kind: 'api_key' });
    expect(await ask()).toMatchObject({
      ...{ kind: 'api_key', id: 'k', scopes: [], audience: [] },
      issuedAt: 0,
    });
  });

  it('reads a key whose uses are counted, and spends them', async () => {
    const found = { active: true, jti: 'k', sub: 'owner', mm_kind: 'api_key', mm_metered: true };
    answer = () => json(found);
    expect(await ask()).toMatchObject({ metered: true });
    const spend = () => authority.introspector.spend({ tenant, keyId: 'k/1', cost: 2 });
    answer = () => json({ spent: true });
    expect(await spend()).toEqual({ spent: true });
    expect(seen.at(-1)).toMatchObject({ line: 'POST /v1/keys/k%2F1/spend', body: '{"cost":2}' });
    answer = () => json({ spent: false, code: 'uses_spent', retry_after_seconds: 9 });
    expect(await spend()).toEqual({ spent: false, code: 'uses_spent', retryAfterSeconds: 9 });
    answer = () => json({ spent: false, code: 'not_active' });
    expect(await spend()).toMatchObject({ spent: false, code: 'not_active' });
    for (const wrong of [[], {}, { spent: 1 }, { spent: false }, { spent: false, code: 'other' }]) {
      answer = () => json(wrong);
      expect(await faultOf(spend())).toBe('feed_malformed');
    }
    answer = () => json({ spent: false, code: 'uses_spent', retry_after_seconds: '9' });
    expect(await faultOf(spend())).toBe('feed_malformed');
  });

  it('reads no', async () => {
    answer = () => json({ active: false });
    expect(await ask()).toEqual({ active: false });
    answer = () => json({});
    expect(await ask()).toEqual({ active: false });
  });

  it.each([
    { active: true },
    { active: true, jti: 1, sub: 's' },
    { active: true, jti: 't', sub: 's', exp: '99' },
    { active: true, jti: 't', sub: 's', aud: [1] },
    { active: true, jti: 't', sub: 's', mm_pos: 1.5 },
    { active: true, jti: 't', sub: 's', scope: ['a'] },
    [],
  ])('an answer of %j is a fault', async (value) => {
    answer = () => json(value);
    expect(await faultOf(ask())).toBe('feed_malformed');
  });

  it('a refusal is a fault', async () => {
    answer = () => ({ status: 401, headers: {}, body: '' });
    expect(await faultOf(ask())).toBe('authority_refused');
  });
});

describe('decisions over HTTP', () => {
  const event = { type: 'decision', node: 'n', reason: 'ok' } as DecisionEvent;

  it('are posted in one batch', async () => {
    answer = () => ({ status: 204, headers: {}, body: undefined });
    await authority.decisions.accept([event, event]);
    expect(seen.at(-1)?.line).toBe('POST /v1/decisions');
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ events: [event, event] });
  });

  it('that are refused are a fault', async () => {
    answer = () => ({ status: 422, headers: {}, body: '{}' });
    expect(await faultOf(authority.decisions.accept([event]))).toBe('authority_refused');
  });

  it('hands in reports of policies', async () => {
    answer = () => ({ status: 204, headers: {}, body: undefined });
    const report = { type: 'tally', policy: 'p' } as PolicyReport;
    await authority.policyReports.accept([report]);
    expect(seen.at(-1)?.line).toBe('POST /v1/policy-reports');
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ reports: [report] });
  });

  it('publishes the key of the node', async () => {
    answer = () => ({ status: 204, headers: {}, body: undefined });
    await authority.nodeKeys.publish({ tenant: defaultTenant, node: 'n', jwk: { kty: 'EC' } });
    expect(seen.at(-1)?.line).toBe('POST /v1/gateway-keys');
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({ node: 'n', jwk: { kty: 'EC' } });
  });
});

it('refuses a server that is neither https nor loopback', async () => {
  const far = createRemoteAuthority({
    server: 'http://192.0.2.1',
    credential: 'x',
    client,
    entropy: seededEntropy(5),
    clock: manualClock(0),
  });
  expect(await faultOf(far.feed.snapshot(tenant))).toBe('authority_refused');
});
