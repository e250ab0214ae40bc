import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let head: string;
/** What the upstream says next. */
let says: string;
let breaks: boolean;

const json = (body: string, more: string[] = [], status = '200 OK') =>
  [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...more,
    '',
    body,
  ].join('\r\n');

const rules = [
  { path: '/users/*/email' },
  { path: '/users/*/card', action: 'last4', unless_claim: { team: 'billing' } },
  { path: '/**/secret', action: 'remove', unless_scope: 'secrets:read' },
];
const route = (mask: Record<string, unknown>, more = {}) => ({
  ...{ name: 'api', match: {}, upstream: upstream.url, mask: { rules, ...mask } },
  ...more,
});

beforeEach(async () => {
  breaks = false;
  upstream = await openRawUpstream((socket, asked) => {
    head = asked;
    if (breaks) socket.end(says);
    else socket.write(says);
  });
  rig = await openRig([route({ pass_types: ['image/*'] })]);
});

afterEach(async () => {
  await rig.close();
  await upstream.close();
});

const get = (token = rig.token(), more: Parameters<typeof ask>[1] = {}) => {
  return ask(rig.listener.port, { ...more, headers: { ...bearer(token), ...more.headers } });
};
const unmaskable = (label: string) =>
  rig.gateway.metrics.value('mintmark_gateway_unmaskable_total', label);

const users =
  '{"users":[{"email":"a@b","card":"4111111111111111","secret":1}],"id":9007199254740993}';

describe('a route that masks', () => {
  it('shows each caller what it may see, and lengths that fit', async () => {
    says = json(users, ['ETag: "1"', 'Digest: sha-256=x', 'Last-Modified: x', 'X-Kept: 1']);
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('{"users":[{"email":"***","card":"***1111"}],"id":9007199254740993}');
    expect(answer.headers).toMatchObject({
      'content-length': String(answer.body.length),
      'x-kept': '1',
    });
    for (const name of ['etag', 'digest', 'last-modified'])
      expect(answer.headers[name]).toBeUndefined();
    expect(answer.headers['vary']).toContain('Authorization');
    const trusted = rig.token({ scopes: ['secrets:read'] }, { team: 'billing' });
    expect((await get(trusted)).body).toBe(
      '{"users":[{"email":"***","card":"4111111111111111","secret":1}],"id":9007199254740993}',
    );
    expect(rig.gateway.metrics.value('mintmark_gateway_masked_total', 'enforce redact')).toBe(2);
  });

  it('passes everything on for who is spared all of it', async () => {
    const spared = [{ path: '/a', unless_scope: 'all' }];
    rig.route(route({ rules: spared }));
    await rig.caughtUp();
    says = json('{"a":1}', ['ETag: "1"']);
    const answer = await get(rig.token({ scopes: ['all'] }), { headers: { range: 'bytes=0-1' } });
    expect([answer.body, answer.headers['etag']]).toEqual(['{"a":1}', '"1"']);
    expect(head).toMatch(/^range:/im);
  });

  it('asks for a whole answer in plain form', async () => {
    says = json('{}');
    await get(undefined, {
      headers: {
        'Accept-Encoding': 'gzip',
        range: 'bytes=0-1',
        'if-none-match': '"1"',
        accept_encoding: 'br',
      },
    });
    expect(head).not.toMatch(/gzip|^range|^if-none-match|br\r/im);
    expect(head).toMatch(/^accept-encoding: identity\r$/im);
  });

  it.each([
    ['not_json', json('{"a":1')],
    ['not_json', json('{"secret":1,"secret":2}')],
    ['not_json', json(`${'['.repeat(70)}${']'.repeat(70)}`)],
    ['encoded', json('{}', ['Content-Encoding: gzip'])],
    ['partial', json('{}', ['Content-Range: bytes 0-1/9'], '206 Partial Content')],
    ['other_type', 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}'],
    ['other_type', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'],
    ['too_large', json(`"${'x'.repeat(1_100_000)}"`)],
  ])('shows nothing of what it cannot read: %s', async (why, answer) => {
    says = answer;
    const shown = await get();
    expect([shown.status, JSON.parse(shown.body).code]).toEqual([502, 'answer_unmaskable']);
    expect(unmaskable(`enforce ${why}`)).toBe(1);
    says = json('{"ok":true}');
    expect((await get()).body).toBe('{"ok":true}');
  });

  it('passes on what has no body, and types that it is told to', async () => {
    says = 'HTTP/1.1 204 No Content\r\n\r\n';
    expect((await get()).status).toBe(204);
    says = json('', ['Location: /x'], '303 See Other');
    expect((await get()).status).toBe(303);
    says =
      'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nETag: "1"\r\nContent-Length: 3\r\n\r\nPNG';
    expect(await get()).toMatchObject({ body: 'PNG', headers: { etag: '"1"' } });
    says =
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nETag: "1"\r\n\r\n';
    const { headers } = await get(undefined, { method: 'HEAD' });
    expect(headers['content-length'] ?? headers['etag']).toBeUndefined();
  });

  it('masks errors of the upstream too, and problem documents', async () => {
    says = json('{"secret":1,"title":"x"}', [], '500 Oops').replace('/json', '/problem+json');
    expect(await get()).toMatchObject({ status: 500, body: '{"title":"x"}' });
  });

  it('answers once where the upstream breaks off', async () => {
    says = json('{"a":1}').replace('Length: 7', 'Length: 70');
    breaks = true;
    expect((await get()).status).toBe(502);
  });

  it('changes nothing while it observes, and counts', async () => {
    rig.route(route({ mode: 'observe' }));
    await rig.caughtUp();
    says = json(users, ['ETag: "1"']);
    expect(await get()).toMatchObject({ body: users, headers: { etag: '"1"' } });
    const masked = (action: string) =>
      rig.gateway.metrics.value('mintmark_gateway_masked_total', `observe ${action}`);
    expect([masked('redact'), masked('last4'), masked('remove')]).toEqual([1, 1, 1]);
    says = json('{"a":', []);
    expect((await get()).body).toBe('{"a":');
    says = json(`"${'x'.repeat(1_100_000)}"`);
    expect((await get()).body).toHaveLength(1_100_002);
    says = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
    expect((await get()).body).toBe('{}');
    const counts = ['not_json', 'too_large', 'other_type'].map((why) =>
      unmaskable(`observe ${why}`),
    );
    expect(counts).toEqual([1, 1, 1]);
  });

  it('opens no WebSocket, which it could not look into', async () => {
    const upgrade = {
      ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const answer = await get(undefined, { headers: upgrade });
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([403, 'upgrade_refused']);
  });

  it('is refused to other proxies, which would pass answers on as they are', async () => {
    const ask = (token: string) => {
      const headers: Record<string, string> = { authorization: `Bearer ${token}` };
      const asked = {
        ...{ method: 'GET', path: '/', query: undefined, host: 'a', externalHost: 'a' },
        ...{ rawHeaders: [], remoteAddress: '192.0.2.1', scheme: 'https', bodyLength: 0 },
        ...{ websocket: false, header: (name: string) => headers[name] },
      };
      return rig.gateway.decide(asked as never);
    };
    expect(await ask(rig.token())).toMatchObject({ refusal: { reason: 'answers_unseen' } });
    rig.route(route({ rules: [{ path: '/a', unless_scope: 'read' }] }));
    await rig.caughtUp();
    expect(await ask(rig.token())).toMatchObject({ kind: 'allowed' });
  });
});
