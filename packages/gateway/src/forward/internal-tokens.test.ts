import { createPublicKey, hash, verify } from 'node:crypto';
import type { ClientId, JsonObject, NodeKeyRegistry, SubjectId, UnixSeconds } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGatewayAdmin } from '../admin.ts';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs, turn, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let heads: string[];
let published: Parameters<NodeKeyRegistry['publish']>[0][];
let fault: Error | undefined;

beforeEach(async () => {
  heads = [];
  published = [];
  fault = undefined;
  upstream = await openRawUpstream((socket, head) => {
    heads.push(head);
    plainAnswer(socket);
  });
  const nodeKeys: NodeKeyRegistry = {
    async publish(input) {
      if (fault !== undefined) throw fault;
      published.push(input);
    },
  };
  rig = await openRig([{ name: 'plain', match: {}, upstream: upstream.url }], {}, [], { nodeKeys });
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

async function add(rule: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const match = { path_prefix: '/in' };
  rig.route({ name: 'in', match, upstream: `${upstream.url}/base`, internal_token: rule, ...more });
  await rig.caughtUp();
}

function presented(name = 'authorization'): string {
  const found = new RegExp(`^${name}: (?:Bearer )?(.*)\r$`, 'im').exec(heads.at(-1) ?? '');
  return found?.[1] ?? '';
}

/** What the upstream reads of the last token, by the published key. */
function read(token = presented()): { header: JsonObject; payload: JsonObject } {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const key = createPublicKey({ key: published.at(-1)!.jwk as never, format: 'jwk' });
  const signed = Buffer.from(`${header}.${payload}`);
  const p1363 = { key, dsaEncoding: 'ieee-p1363' } as const;
  expect(verify('sha256', signed, p1363, Buffer.from(signature, 'base64url'))).toBe(true);
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: parse(header), payload: parse(payload) };
}

const send = (path: string, token: string, method = 'GET', headers = {}) =>
  ask(rig.listener.port, { path, method, headers: { ...bearer(token), ...headers } });

const now = startMs / 1000;

describe('an internal token', () => {
  it('takes the place of the credential, for one upstream, method and path', async () => {
    expect(published).toEqual([]);
    await add({ claims: ['department', 'nothing'] });
    await until(() => rig.gateway.keySet().length === 1 && published.length === 1);
    const claims = {
      subject: 'anna' as SubjectId,
      clientId: 'web' as ClientId,
      scopes: ['a', 'b'],
    };
    const further = { department: 'sales', secret: 'x', act: { sub: 'agent' }, htm: 'PUT' };
    const token = rig.token(claims, further);
    expect((await send('/in/x?q=1', token, 'POST')).status).toBe(200);
    expect(heads.at(-1)).not.toContain(token);
    const { header, payload } = read();
    const { kid } = published[0]!.jwk;
    expect(header).toEqual({ alg: 'ES256', typ: 'mm-internal+jwt', kid });
    expect(payload).toEqual({
      ...{ iss: 'https://issuer.test', aud: upstream.url, sub: 'anna', client_id: 'web' },
      ...{ scope: 'a b', tenant: 'default', department: 'sales', act: { sub: 'agent' } },
      ...{
        node: 'node-1',
        htm: 'POST',
        htp: '/base/in/x',
        qsh: hash('sha256', 'q=1', 'base64url'),
      },
      ...{ jti: expect.stringMatching(/^[\w-]{22}$/), iat: now, exp: now + 30 },
    });
    await send('/in/x', token);
    const again = read().payload;
    expect(again['qsh']).toBeUndefined();
    expect(again['jti']).not.toBe(payload['jti']);
  });

  it('ends no later than the credential, and names nobody where nobody came', async () => {
    const optional = { credential: 'optional' };
    await add({ ttl_seconds: 60, audience: 'orders' }, optional);
    await until(() => published.length === 1);
    await send('/in', rig.token({ expiresAt: (now + 5) as UnixSeconds }));
    expect(read().payload).toMatchObject({ exp: now + 5, aud: 'orders' });
    expect((await ask(rig.listener.port, { path: '/in' })).status).toBe(200);
    const { payload } = read();
    expect(payload).toMatchObject({ exp: now + 60, node: 'node-1' });
    expect(payload['sub'] ?? payload['scope']).toBeUndefined();
  });

  it('goes in a header of its own, in which no client has a word', async () => {
    await add({ header: 'X-Internal' });
    await until(() => published.length === 1);
    const forged = { 'x-internal': 'forged', X_Internal: 'forged', 'x.internal': 'forged' };
    await send('/in', rig.token(), 'GET', forged);
    expect(read(presented('x-internal')).payload['sub']).toBe('subject-1');
    expect(heads.at(-1)).not.toMatch(/forged|^authorization/im);
  });

  it('is given again only for the same request of the same caller, and not for long', async () => {
    await add({ reuse_seconds: 3 });
    await until(() => published.length === 1);
    const [anna, ben] = [rig.token(), rig.token({ subject: 'ben' as SubjectId })];
    const jtis = [];
    for (const [path, token, method] of [
      ['/in/x?a', anna, 'GET'],
      ['/in/x?a', anna, 'GET'],
      ['/in/x?b', anna, 'GET'],
      ['/in/y?a', anna, 'GET'],
      ['/in/x?a', anna, 'PUT'],
      ['/in/x?a', ben, 'GET'],
      ['/in/x', anna, 'GET'],
      ['/in/x?undefined', anna, 'GET'],
    ] as const) {
      await send(path, token, method);
      jtis.push(read().payload['jti']);
    }
    expect(jtis[1]).toBe(jtis[0]);
    expect(new Set(jtis).size).toBe(7);
    await add({ reuse_seconds: 3, claims: ['org'] });
    await send('/in/x?a', anna);
    const changed = read().payload['jti'];
    expect(jtis).not.toContain(changed);
    rig.clock.advanceMs(3_000);
    await send('/in/x?a', anna);
    expect(read().payload['jti']).not.toBe(changed);
  });

  it('is signed only once upstreams can find the key, which is asked for again', async () => {
    fault = new Error('authority gone');
    await add({});
    await until(() =>
      rig.events.some((event) => (event as { type: string }).type === 'node_key_fault'),
    );
    const refused = await send('/in', rig.token());
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([
      503,
      'internal_token_unavailable',
    ]);
    expect((await send('/other', rig.token())).status).toBe(200);
    fault = undefined;
    rig.timers.advance(1_000);
    await until(() => published.length === 1);
    await until(() => rig.gateway.keySet().length === 1);
    expect((await send('/in', rig.token())).status).toBe(200);
    rig.timers.advance(60_000);
    await until(() => published.length === 2);
    expect(published[1]).toEqual(published[0]);
    const shown = await createGatewayAdmin(rig.gateway)({
      ...{ method: 'GET', path: '/.well-known/internal-jwks.json' },
    } as never);
    expect(JSON.parse(String(shown.body))).toEqual({ keys: [published[0]!.jwk] });
  });
});

it('is asked for ever more rarely where the authority refuses it', async () => {
  fault = new Error('not permitted');
  await add({});
  const faults = () =>
    rig.events.filter((event) => (event as { type: string }).type === 'node_key_fault').length;
  await until(() => faults() === 1);
  const pauses: number[] = [];
  for (let count = 2; count <= 8; count += 1) {
    let seconds = 0;
    while (faults() < count) {
      rig.timers.advance(1_000);
      seconds += 1;
      for (let i = 0; i < 3; i++) await turn();
    }
    pauses.push(seconds);
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30]);
  fault = undefined;
});

it('signs with another key after half a day, once that is published', async () => {
  await add({});
  await until(() => rig.gateway.keySet().length === 1);
  rig.clock.advanceMs(12 * 3_600_000);
  fault = new Error('authority gone');
  rig.timers.advance(60_000);
  await until(() =>
    rig.events.some((event) => (event as { type: string }).type === 'node_key_fault'),
  );
  expect(rig.gateway.keySet()).toHaveLength(1);
  fault = undefined;
  rig.timers.advance(1_000);
  await until(() => rig.gateway.keySet().length === 2);
  const [first, second] = [published[0]?.jwk['kid'], published[1]?.jwk['kid']];
  expect(first).not.toBe(second);
  expect(rig.gateway.keySet().map(({ kid }) => kid)).toEqual([second, first]);
});

it('signs nothing where nobody publishes keys', async () => {
  const lone = await openRig([
    { name: 'in', match: {}, upstream: upstream.url, internal_token: {} },
  ]);
  expect((await ask(lone.listener.port, { headers: bearer(lone.token()) })).status).toBe(503);
  await lone.close();
});
