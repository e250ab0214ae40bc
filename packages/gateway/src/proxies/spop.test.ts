/** HAProxy's agent: the protocol by its specification, and what it says of a verdict. */
import { hash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { createRangeSet } from '@mintmark/core';
import type { FrameConnection } from '@mintmark/net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';
import {
  readSpopFrame,
  SpopReader,
  type SpopValue,
  spopFrame,
  spopText,
  spopTypes,
  spopValue,
  spopVarint,
} from './spop.ts';
import { createSpopAgent } from './spop-agent.ts';

let upstream: RawUpstream;
let rig: Rig;
let token: string;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  const to = { upstream: upstream.url };
  rig = await openRig([
    { name: 'api', match: { path_prefix: '/api' }, scopes: ['read'], ...to },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', ...to },
    {
      ...{ name: 'few', match: { path_prefix: '/few' }, ...to },
      limits: [{ name: 'burst', quota: 1, window_seconds: 60 }],
    },
    {
      ...{ name: 'near', match: { path_prefix: '/near' }, ...to },
      address_ranges: ['203.0.113.0/24'],
    },
  ]);
  token = rig.token();
});
afterEach(() => rig.close());

/** The other end of a connection: what the agent sent, and whether it ended it. */
function talk(
  decide: Parameters<typeof createSpopAgent>[0]['decide'] = rig.gateway.decide,
  trusted: readonly string[] = [],
) {
  const set = createRangeSet(trusted);
  if (!set.ok) throw new Error(set.refusal.rule);
  const sent: Uint8Array[] = [];
  const failures: unknown[] = [];
  let ended = false;
  const connection: FrameConnection = {
    peerAddress: '127.0.0.1',
    send: (frame) => void sent.push(frame),
    end() {
      ended = true;
    },
    fail: (error) => void failures.push(error),
  };
  const take = createSpopAgent({ decide }, { trusted: set.value })(connection);
  return {
    take: (frame: Uint8Array) => take(Buffer.from(frame)),
    sent,
    failures,
    ended: () => ended,
  };
}

const none = { streamId: 0, frameId: 0 };

function pairs(said: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(said)
    .map(([name, value]) => spopText(name) + spopValue(value))
    .join('');
}

function hello(more: Readonly<Record<string, string | number | boolean>> = {}): Uint8Array {
  const said = { 'supported-versions': '2.0', 'max-frame-size': 16_380, capabilities: '' };
  return spopFrame(spopTypes.haproxyHello, none, pairs({ ...said, ...more }));
}

function typeOf(frame: Uint8Array | undefined): number | undefined {
  return frame?.[0];
}

/** The pairs of a frame, after its head. */
function said(frame: Uint8Array): Record<string, SpopValue> {
  const out: Record<string, SpopValue> = {};
  const payload = readSpopFrame(Buffer.from(frame))!.payload;
  while (!payload.atEnd) out[payload.text()] = payload.value();
  return out;
}

interface Original {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly client?: string;
  readonly tls?: boolean;
  readonly certificate?: string;
}

function notify(original: Original): Uint8Array {
  const { method = 'GET', target = '/', headers = [], client = '192.0.2.7' } = original;
  const all = [['host', 'api.test'] as const, ...headers, ['', ''] as const];
  const binary = all.map(([name, value]) => spopText(name) + spopText(value)).join('');
  const rest = { tls: original.tls ?? false, certificate: original.certificate ?? '' };
  const args = pairs({ method, target, headers: binary, client, ...rest });
  const count = String.fromCharCode(6);
  return spopFrame(
    spopTypes.notify,
    { streamId: 300, frameId: 7 },
    spopText('judge') + count + args,
  );
}

async function judge(original: Original, trusted: readonly string[] = []) {
  const { take, sent } = talk(rig.gateway.decide, trusted);
  take(hello());
  take(notify(original));
  await until(() => sent.length === 2);
  return varsOf(sent[1]!);
}

function varsOf(frame: Uint8Array): Record<string, SpopValue> {
  const { type, streamId, frameId, payload } = readSpopFrame(Buffer.from(frame))!;
  expect([type, streamId, frameId]).toEqual([spopTypes.ack, 300, 7]);
  const vars: Record<string, SpopValue> = {};
  while (!payload.atEnd) {
    expect([payload.byte(), payload.byte(), payload.byte()]).toEqual([1, 3, 2]);
    vars[payload.text()] = payload.value();
  }
  expect(payload.failed).toBe(false);
  return vars;
}

const good = (): [string, string] => ['authorization', `Bearer ${token}`];

describe('the encoding', () => {
  it.each([
    [239, 'ef'],
    [240, 'f000'],
    [2287, 'ff7f'],
    [2288, 'f08000'],
    [264_431, 'ffff7f'],
    [264_432, 'f0808000'],
    [33_818_863, 'ffffff7f'],
  ])('has %d as %s', (value, hex) => {
    expect(Buffer.from(spopVarint(value), 'latin1').toString('hex')).toBe(hex);
    expect(new SpopReader(Buffer.from(hex, 'hex')).varint()).toBe(value);
  });

  it('reads back every number that it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const reader = new SpopReader(Buffer.from(spopVarint(value), 'latin1'));
        expect(reader.varint()).toBe(value);
        expect(reader.failed).toBe(false);
      }),
    );
  });

  it.each<[string, SpopValue]>([
    ['00', undefined],
    ['11', true],
    ['01', false],
    ['0305', 5],
    ['04fffffffffffffffffe00', -1],
    ['06c0000207', '192.0.2.7'],
    ['0720010db8000000000000000000000001', '2001:db8:0:0:0:0:0:1'],
    ['08026162', 'ab'],
    ['0902ff00', '\xff\0'],
  ])('reads the value %s', (hex, value) => {
    const reader = new SpopReader(Buffer.from(hex, 'hex'));
    expect(reader.value()).toBe(value);
    expect([reader.failed, reader.atEnd]).toEqual([false, true]);
  });

  it.each(['', '0a', '0803', '06c00002', '072001', '03f0', '08ffffffffffffffffffff00'])(
    'fails on %s',
    (hex) => {
      const reader = new SpopReader(Buffer.from(hex, 'hex'));
      reader.value();
      expect(reader.failed).toBe(true);
    },
  );
});

describe('the handshake', () => {
  it('agrees on the version and the smaller frame', () => {
    const { take, sent, ended } = talk();
    take(hello({ 'supported-versions': '1.0, 2.0', 'max-frame-size': 1024 }));
    expect(typeOf(sent[0])).toBe(spopTypes.agentHello);
    expect(said(sent[0]!)).toEqual({
      ...{ version: '2.0', 'max-frame-size': 1024, capabilities: 'pipelining' },
    });
    expect(ended()).toBe(false);
  });

  it('ends behind a check of health', () => {
    const { take, sent, ended } = talk();
    take(hello({ healthcheck: true }));
    expect(typeOf(sent[0])).toBe(spopTypes.agentHello);
    expect(ended()).toBe(true);
  });

  const bare = (text: string) => spopFrame(spopTypes.haproxyHello, none, text);
  it.each<[number, string, () => Uint8Array]>([
    [4, 'no frame', () => Buffer.from('01', 'hex')],
    [4, 'pairs that are cut off', () => bare(`${spopText('supported-versions')}\x08\x7f`)],
    [5, 'no version', () => bare(pairs({ 'max-frame-size': 1024 }))],
    [6, 'no size', () => bare(pairs({ 'supported-versions': '2.0' }))],
    [8, 'another version', () => hello({ 'supported-versions': '1.0' })],
    [9, 'a size too small', () => hello({ 'max-frame-size': 255 })],
    [10, 'a fragment', () => Buffer.from(hello()).fill(0, 1, 5)],
  ])('ends with %d for %s', (code, _what, frame) => {
    const { take, sent, ended } = talk();
    take(frame());
    expect(typeOf(sent[0])).toBe(spopTypes.agentDisconnect);
    expect(said(sent[0]!)['status-code']).toBe(code);
    expect(ended()).toBe(true);
  });

  it('ends without an answer for who does not greet', () => {
    const { take, sent, ended } = talk();
    take(notify({ target: '/open' }));
    expect([sent.length, ended()]).toEqual([0, true]);
  });

  it('says good-bye to who says it', () => {
    const { take, sent } = talk();
    take(hello());
    take(spopFrame(spopTypes.haproxyDisconnect, none, ''));
    expect(said(sent[1]!)['status-code']).toBe(0);
  });
});

describe('a question', () => {
  it('is answered by who calls, and by the path that was judged', async () => {
    const answer = await judge({ target: '/api//x?q=1', headers: [good()] });
    expect(answer).toMatchObject({
      ...{ allowed: true, target: '/api/x?q=1', subject: 'subject-1', client: 'client-1' },
      ...{ scopes: 'read', tenant: 'default', credential_kind: 'jwt' },
    });
  });

  it('is refused as by our own proxy', async () => {
    const answer = await judge({ target: '/api' });
    const own = await ask(rig.listener.port, { path: '/api', headers: { host: 'api.test' } });
    expect(answer).toMatchObject({ allowed: false, status: 401, body: own.body });
    expect(answer['www_authenticate']).toBe(own.headers['www-authenticate']);
    await judge({ target: '/few', headers: [good()] });
    const over = await judge({ target: '/few', headers: [good()] });
    expect(over).toMatchObject({ allowed: false, status: 429, retry_after: '60' });
  });

  it('is answered shorter where all of it would not fit, and never let through so', async () => {
    const { take, sent } = talk();
    take(hello({ 'max-frame-size': 256 }));
    take(notify({ target: '/api' }));
    await until(() => sent.length === 2);
    expect(varsOf(sent[1]!)).toEqual({ status: 401, allowed: false });
    take(notify({ target: `/open/${'x'.repeat(300)}` }));
    await until(() => sent.length === 3);
    expect(varsOf(sent[2]!)).toEqual({});
  });

  it('is refused for a head that could be read in two ways', async () => {
    expect(await judge({ target: '/open', headers: [['host', 'b.test']] })).toMatchObject({
      ...{ allowed: false, status: 400 },
    });
    const twice = [good(), good()];
    expect(await judge({ target: '/api', headers: twice })).toMatchObject({ status: 400 });
    expect(await judge({ target: '/open/../api' })).toMatchObject({ status: 400 });
  });

  it('has the client’s address by HAProxy’s word, or by that of who stands before it', async () => {
    const headers: [string, string][] = [good(), ['x-forwarded-for', '203.0.113.5']];
    const asked = { target: '/near', headers };
    expect(await judge({ ...asked, client: '203.0.113.9' })).toMatchObject({ allowed: true });
    expect(await judge(asked)).toMatchObject({ allowed: false, status: 403 });
    expect(await judge(asked, ['192.0.2.7'])).toMatchObject({ allowed: true });
  });

  it('has the certificate that HAProxy was shown', async () => {
    const [one, two] = rootCertificates.map((pem) => new X509Certificate(pem).raw);
    token = rig.token({ confirmation: { 'x5t#S256': hash('sha256', one!, 'base64url') } });
    const shown = (certificate: string) =>
      judge({ target: '/api', headers: [good()], certificate });
    expect(await shown(one!.toString('latin1'))).toMatchObject({ allowed: true });
    expect(await shown(two!.toString('latin1'))).toMatchObject({ allowed: false, status: 401 });
    expect(await shown('')).toMatchObject({ allowed: false, status: 401 });
  });

  const frameOf = (payload: string) =>
    spopFrame(spopTypes.notify, { streamId: 300, frameId: 7 }, payload);
  const withHeaders = (headers: string) =>
    `${spopText('judge')}\x04${pairs({ method: 'GET', target: '/open', client: '::1', headers })}`;
  const ask6 = `${spopText('judge')}\x01`;
  it.each<[string, string]>([
    ['nothing', ''],
    ['too few arguments', `${spopText('judge')}\x02${pairs({ method: 'GET' })}`],
    ['more than a message', `${ask6}${pairs({ method: 'GET' })}${ask6}${pairs({ target: '/' })}`],
    ['no target', `${ask6}${pairs({ method: 'GET' })}`],
    ['no headers', `${spopText('judge')}\x03${pairs({ method: 'GET', target: '/', client: 'a' })}`],
    ['headers without a host', withHeaders('\0\0')],
    ['headers that are cut off', withHeaders('\x04host\x01a')],
  ])('of %s sets nothing, so that nothing passes', async (_what, payload) => {
    const { take, sent } = talk();
    take(hello());
    take(frameOf(payload));
    await until(() => sent.length === 2);
    expect(varsOf(sent[1]!)).toEqual({});
  });

  it('that breaks us ends the connection, and an operator hears of it', async () => {
    const { take, sent, failures } = talk(() => Promise.reject(new Error('a bug')));
    take(hello());
    take(notify({ target: '/open' }));
    await until(() => failures.length === 1);
    expect(sent.length).toBe(1);
  });

  it('is one of so many, and no more', () => {
    const { take, sent, ended } = talk(() => new Promise(() => undefined));
    take(hello());
    for (let i = 0; i < 1_000; i++) take(notify({ target: '/open' }));
    expect(ended()).toBe(false);
    take(notify({ target: '/open' }));
    expect(said(sent[1]!)['status-code']).toBe(13);
  });
});
