/** Envoy's gRPC question and our answer, beside our own proxy's. */
import { hash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { createRangeSet } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';
import { checkMethod } from './envoy-check.ts';
import { createGrpcJudge } from './grpc-judge.ts';
import { ProtoReader } from './protobuf/reader.ts';
import { bytesOf, messageField, textField, type Wire } from './protobuf/write.ts';

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
    { name: 'write', match: { path_prefix: '/write' }, scopes: ['write'], ...to },
    { name: 'open', match: { path_prefix: '/open' }, credential: 'none', ...to },
    {
      ...{ name: 'few', match: { path_prefix: '/few' }, ...to },
      limits: [{ name: 'burst', quota: 1, window_seconds: 60 }],
    },
    {
      ...{ name: 'near', match: { path_prefix: '/near' }, ...to },
      address_ranges: ['203.0.113.0/24'],
    },
    {
      ...{ name: 'page', match: { path_prefix: '/page' }, ...to },
      cors: { origins: ['https://app.example'] },
    },
    { name: 'small', match: { path_prefix: '/small' }, body_bytes_max: 10, ...to },
  ]);
  token = rig.token();
});
afterEach(() => rig.close());

interface Original {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly from?: string;
  readonly scheme?: string;
  readonly fragment?: string;
  readonly query?: string;
  readonly certificate?: string;
  /** Whether Envoy is told to `encode_raw_headers`. */
  readonly raw?: boolean;
}

function checkRequest(original: Original): Wire {
  const { method = 'GET', target = '/', headers = [], from = '192.0.2.7' } = original;
  const { scheme = 'http', fragment = '', query = '', certificate = '', raw = false } = original;
  const all: Original['headers'] = [[':path', target], [':authority', 'api.test'], ...headers];
  const map = all.map(([name, value]) => messageField(3, textField(1, name) + textField(2, value)));
  const list = all.map(([name, value]) =>
    messageField(1, textField(1, name) + textField(3, value)),
  );
  const http = [
    ...[textField(2, method), raw ? messageField(13, list.join('')) : map.join('')],
    ...[textField(4, target), textField(5, 'api.test'), textField(6, scheme)],
    ...[textField(7, query), textField(8, fragment), textField(10, 'HTTP/1.1')],
  ];
  const address = messageField(1, messageField(1, textField(2, from)));
  const source = messageField(1, address + textField(5, certificate));
  return messageField(1, source + messageField(4, messageField(2, http.join(''))));
}

interface Checked {
  readonly code: number;
  readonly set: Record<string, string>;
  readonly remove: string[];
  readonly answerHeaders: Record<string, string>;
  readonly metadata: Record<string, unknown>;
  readonly denied:
    | { status: number; headers: Record<string, string>; body: string | undefined }
    | undefined;
  /** Append actions seen: 2 overwrites. */
  readonly actions: Set<number>;
}

async function check(original: Original, trusted: readonly string[] = []): Promise<Checked> {
  const set = createRangeSet(trusted);
  if (!set.ok) throw new Error(set.refusal.rule);
  const judge = createGrpcJudge(rig.gateway, { trusted: set.value });
  const answer = await judge[checkMethod]!(bytesOf(checkRequest(original)), '127.0.0.1');
  if (!answer.ok) throw new Error(`${answer.refusal.code} ${answer.refusal.message}`);
  return readAnswer(answer.value);
}

type Visit = (field: number, reader: ProtoReader) => void;

function each(reader: ProtoReader, visit: Visit): void {
  while (reader.next()) visit(reader.field, reader);
}

function readAnswer(bytes: Uint8Array): Checked {
  const actions = new Set<number>();
  const metadata: Record<string, unknown> = {};
  let code = 0;
  let denied: Checked['denied'];
  const ok = { set: {}, remove: [] as string[], answerHeaders: {} };
  const header = (reader: ProtoReader, into: Record<string, string>): void => {
    let [name, value] = ['', ''];
    each(reader, (field, option) => {
      if (field === 3) actions.add(option.number());
      else {
        each(option.message(), (part, entry) => {
          if (part === 1) name = entry.latin1();
          else value = entry.latin1();
        });
      }
    });
    into[name] = value;
  };
  each(ProtoReader.of(bytes), (field, whole) => {
    const inner = whole.message();
    if (field === 1) each(inner, () => (code = inner.number()));
    if (field === 2) {
      const answer = { status: 0, headers: {}, body: undefined as string | undefined };
      each(inner, (part) => {
        if (part === 1) each(inner.message(), (_, status) => (answer.status = status.number()));
        else if (part === 2) header(inner.message(), answer.headers);
        else answer.body = inner.latin1();
      });
      denied = answer;
    }
    if (field === 3) {
      each(inner, (part) => {
        if (part === 5) ok.remove.push(inner.latin1());
        else header(inner.message(), part === 2 ? ok.set : ok.answerHeaders);
      });
    }
    if (field === 4) each(inner, () => readEntry(inner.message(), metadata));
  });
  return { code, ...ok, metadata, denied, actions };
}

function readEntry(reader: ProtoReader, into: Record<string, unknown>): void {
  let name = '';
  each(reader, (field) => {
    if (field === 1) name = reader.latin1();
    else into[name] = readValue(reader.message());
  });
}

function readValue(reader: ProtoReader): unknown {
  let value: unknown;
  each(reader, (field) => {
    if (field === 3) value = reader.latin1();
    else {
      const list: unknown[] = [];
      each(reader.message(), (_, values) => list.push(readValue(values.message())));
      value = list;
    }
  });
  return value;
}

const good = (): [string, string] => ['authorization', `Bearer ${token}`];

describe('a request that is let through', () => {
  it('is told who calls, without its credential, and Envoy knows it too', async () => {
    const answer = await check({ target: '/api/x?q=1', headers: [good()] });
    expect(answer).toMatchObject({
      code: 0,
      set: {
        'x-mintmark-subject': 'subject-1',
        'x-mintmark-client': 'client-1',
        'x-mintmark-scopes': 'read',
        'x-mintmark-tenant': 'default',
      },
      remove: ['authorization', 'x-api-key', 'dpop'],
      metadata: {
        ...{ subject: 'subject-1', client: 'client-1', scopes: ['read'], tenant: 'default' },
        credential_kind: 'jwt',
      },
      denied: undefined,
    });
    expect(answer.actions).toEqual(new Set([2]));
    expect(answer.set).not.toHaveProperty(':path');
  });

  it('goes on without what the client said in our name, in whatever spelling', async () => {
    const headers: [string, string][] = [
      ['x-mintmark-subject', 'root'],
      ['x_mintmark_subject', 'root'],
      ['x.mintmark.scopes', 'all'],
      ['x-forwarded-for', '10.0.0.1'],
      ['x-forwarded-host', 'evil.test'],
      ['x-envoy-original-path', '/admin'],
      ['accept', '*/*'],
    ];
    const open = await check({ target: '/open', headers });
    expect(open.set).toEqual({});
    expect(new Set(open.remove)).toEqual(
      new Set([
        ...['authorization', 'x-api-key', 'dpop', 'x-mintmark-subject', 'x_mintmark_subject'],
        ...['x.mintmark.scopes', 'x-envoy-original-path', 'x-forwarded-host'],
      ]),
    );
    const known = await check({ target: '/api', headers: [...headers, good()] });
    expect(known.set['x-mintmark-subject']).toBe('subject-1');
    expect(known.remove).not.toContain('x-mintmark-subject');
  });

  it('has an identity of no scopes without the header, and without the client’s', async () => {
    const bare = rig.token({ scopes: [] });
    const headers: [string, string][] = [
      ['authorization', `Bearer ${bare}`],
      ['x-mintmark-scopes', 'all'],
    ];
    const answer = await check({ target: '/near', headers, from: '203.0.113.1' });
    expect(answer.set).not.toHaveProperty('x-mintmark-scopes');
    expect(answer.remove).toContain('x-mintmark-scopes');
  });

  it('goes on by the path that was judged', async () => {
    const answer = await check({ target: '/api//%7ea?x=%2f', headers: [good()] });
    expect(answer.set[':path']).toBe('/api/~a?x=%2f');
  });

  it('has its answer say what is left of limits, and which pages may read it', async () => {
    const few = await check({ target: '/few', headers: [good()] });
    expect(few.answerHeaders['ratelimit']).toBe('"burst";r=0;t=60');
    const page = await check({
      target: '/page',
      headers: [good(), ['origin', 'https://app.example']],
    });
    expect(page.answerHeaders['access-control-allow-origin']).toBe('https://app.example');
  });
});

describe('a request that is not', () => {
  it.each<[string, Original, number]>([
    ['no credential', { target: '/api' }, 16],
    ['garbage', { target: '/api', headers: [['authorization', 'Bearer x']] }, 16],
    ['a missing scope', { target: '/write', headers: [['authorization', 'GOOD']] }, 7],
    ['no route', { target: '/elsewhere' }, 7],
    ['a way up', { target: '/open/../api' }, 7],
    ['an escaped slash', { target: '/open%2fapi' }, 7],
    ['a token in the query', { target: '/api?access_token=x' }, 7],
    [
      'a body too large',
      {
        target: '/small',
        headers: [
          ['authorization', 'GOOD'],
          ['content-length', '11'],
        ],
      },
      7,
    ],
  ])('is refused for %s as by our own proxy', async (_what, original, code) => {
    const headers = (original.headers ?? []).map(([name, value]): [string, string] =>
      value === 'GOOD' ? good() : [name, value],
    );
    const answer = await check({ ...original, headers });
    const own = await ask(rig.listener.port, {
      path: original.target ?? '/',
      headers: { host: 'api.test', ...Object.fromEntries(headers) },
      ...(original.target === '/small' ? { method: 'POST', body: 'x'.repeat(11) } : {}),
    });
    expect(answer.code).toBe(code);
    expect(answer.denied).toMatchObject({ status: own.status, body: own.body });
    const challenges = own.headers['www-authenticate'];
    expect(answer.denied?.headers['www-authenticate']).toBe(challenges);
  });

  it('keeps both challenges of who brought nothing, and when to come again', async () => {
    const nothing = await check({ target: '/api' });
    expect(nothing.denied?.headers['www-authenticate']).toMatch(/^Bearer .*, DPoP /);
    await check({ target: '/few', headers: [good()] });
    const over = await check({ target: '/few', headers: [good()] });
    expect(over.denied).toMatchObject({ status: 429, headers: { 'retry-after': '60' } });
  });

  it('is told of a preflight and of metadata by the gateway, not by the upstream', async () => {
    const headers: [string, string][] = [
      ['origin', 'https://app.example'],
      ['access-control-request-method', 'GET'],
    ];
    const preflight = await check({ method: 'OPTIONS', target: '/page', headers });
    expect(preflight.denied?.status).toBe(204);
    const metadata = await check({ target: '/.well-known/oauth-protected-resource/api' });
    expect(metadata.denied?.status).toBe(200);
    expect(preflight.code + metadata.code).toBe(14);
  });

  it.each<[string, Original]>([
    [
      'a doubled credential',
      {
        headers: [
          ['authorization', 'a'],
          ['authorization', 'b'],
        ],
        raw: true,
      },
    ],
    ['a fragment', { target: '/open', fragment: 'x' }],
    ['a method that tunnels', { method: 'CONNECT', target: '/open' }],
    ['an upgrade to h2c', { target: '/open', headers: [['upgrade', 'h2c']] }],
  ])('is refused for a head that could be read in two ways: %s', async (_what, original) => {
    const { denied } = await check(original);
    expect([400, 405]).toContain(denied?.status);
  });

  it('is judged by the query that Envoy parted from the path', async () => {
    const { denied } = await check({ target: '/api', query: 'access_token=x', headers: [good()] });
    expect(denied?.status).toBe(400);
  });
});

describe('the client', () => {
  const asks = (more: Original) => ({ target: '/near', headers: [good()], ...more });

  it('has the address that Envoy saw, and not the one that he says', async () => {
    expect((await check(asks({ from: '203.0.113.5' }))).code).toBe(0);
    const spoofed = [good(), ['x-forwarded-for', '203.0.113.5']] as [string, string][];
    expect((await check(asks({ headers: spoofed }))).denied?.status).toBe(403);
    expect((await check(asks({ headers: spoofed }), ['192.0.2.7'])).code).toBe(0);
  });

  it('holds the certificate that Envoy was shown', async () => {
    const [pem, other] = rootCertificates;
    const thumbprint = hash('sha256', new X509Certificate(pem!).raw, 'base64url');
    token = rig.token({ confirmation: { 'x5t#S256': thumbprint } });
    const shown = (certificate: string) =>
      check({ target: '/api', headers: [good()], certificate: encodeURIComponent(certificate) });
    expect((await shown(pem!)).code).toBe(0);
    expect((await shown(other!)).denied?.status).toBe(401);
    expect((await shown('nothing')).denied?.status).toBe(401);
    expect((await check({ target: '/api', headers: [good()] })).denied?.status).toBe(401);
  });
});

describe('what is no question', () => {
  it.each(['', '0a', 'ff', '0a 02 22 00'])('is refused: %s', async (bytes) => {
    const judge = createGrpcJudge(rig.gateway, { trusted: { contains: () => false, size: 0 } });
    const message = Buffer.from(bytes.replaceAll(' ', ''), 'hex');
    const answer = await judge[checkMethod]!(message, '127.0.0.1');
    expect(answer).toMatchObject({ ok: false, refusal: { code: 3 } });
  });

  it('is passed over where only unknown parts are added', async () => {
    const judge = createGrpcJudge(rig.gateway, { trusted: { contains: () => false, size: 0 } });
    const more = checkRequest({ target: '/open' }) + textField(99, 'unknown');
    const answer = await judge[checkMethod]!(bytesOf(more), '127.0.0.1');
    expect(answer.ok && readAnswer(answer.value).code).toBe(0);
  });
});
