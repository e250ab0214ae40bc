import { describe, expect, it } from 'vitest';
import { vetHead } from '../head.ts';
import { readPseudo } from './pseudo.ts';

const plain: readonly string[] = [
  ...[':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/x?y'],
];

function read(rawHeaders: readonly string[], more: { ended?: boolean; isTls?: boolean } = {}) {
  return readPseudo({ rawHeaders, ended: true, isTls: true, ...more });
}

/** The plain request with one field changed, or more behind it. */
function changed(name: string, value: string | undefined, ...more: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < plain.length; i += 2) {
    if (plain[i] !== name) out.push(plain[i]!, plain[i + 1]!);
    else if (value !== undefined) out.push(name, value);
  }
  return [...out, ...more];
}

describe('the fields of an HTTP/2 request', () => {
  it('become the head that is judged for HTTP/1.1 too', () => {
    const read1 = read([...plain, 'accept', 'a', 'cookie', 'b=1', 'x-c', 'd', 'cookie', 'e=2']);
    expect(read1).toEqual({
      ok: true,
      value: {
        ...{ method: 'GET', target: '/x?y', version: '2', websocket: false, ended: true },
        rawHeaders: [...['host', 'a.test', 'accept', 'a', 'x-c', 'd'], 'cookie', 'b=1; e=2'],
        parsedHeaders: {},
      },
    });
    const head = read1.ok && vetHead(read1.value);
    expect(head).toMatchObject({ ok: true, value: { path: '/x', query: 'y', host: 'a.test' } });
  });

  it('may name the host in one place or in both', () => {
    const host = ['host', 'A.test'];
    for (const raw of [[...plain, ...host], changed(':authority', undefined, ...host)]) {
      const head = read(raw);
      expect(head.ok && vetHead(head.value)).toMatchObject({ value: { host: 'a.test' } });
    }
    const none = read(changed(':authority', undefined));
    expect(none.ok && vetHead(none.value)).toMatchObject({ refusal: { reason: 'missing_host' } });
  });

  it.each<[string, readonly string[], string]>([
    ['a host beside another authority', [...plain, 'host', 'b.test'], 'target_differs_from_host'],
    ['two hosts', [...plain, 'host', 'a.test', 'host', 'a.test'], 'target_differs_from_host'],
    [
      'two hosts alone',
      changed(':authority', undefined, 'host', 'a', 'host', 'b'),
      'target_differs_from_host',
    ],
    ['a path of absolute form', changed(':path', 'https://a.test/'), 'malformed_target'],
    ['an empty path', changed(':path', ''), 'malformed_target'],
    ['no path', changed(':path', undefined), 'malformed_target'],
    ['no method', changed(':method', undefined), 'malformed_pseudo'],
    ['a method with a space', changed(':method', 'GET / HTTP/1.1'), 'malformed_pseudo'],
    ['a method in lower case', changed(':method', 'get'), 'malformed_pseudo'],
    ['no scheme', changed(':scheme', undefined), 'malformed_pseudo'],
    ['another scheme than the connection', changed(':scheme', 'http'), 'malformed_pseudo'],
    ['a made-up scheme', changed(':scheme', 'https://a/?'), 'malformed_pseudo'],
    ['a tunnel', changed(':method', 'CONNECT'), 'method_not_allowed'],
    ['a pseudo-header twice', [...plain, ':path', '/z'], 'malformed_field'],
    ['a pseudo-header behind fields', ['a', 'b', ...plain], 'malformed_field'],
    ['an unknown pseudo-header', [':status', '200', ...plain], 'malformed_field'],
    ['a name in upper case', [...plain, 'X-A', 'b'], 'malformed_field'],
    ['a name with a colon', [...plain, 'a:b', 'c'], 'malformed_field'],
    ['a name with CR LF', [...plain, 'a\r\nb', 'c'], 'malformed_field'],
    ['a value with CR LF', [...plain, 'a', 'b\r\ntransfer-encoding: chunked'], 'malformed_field'],
    ['a value with LF', [...plain, 'a', 'b\nc'], 'malformed_field'],
    ['a value with NUL', [...plain, 'a', 'b\0'], 'malformed_field'],
    ['a value behind a space', [...plain, 'a', ' b'], 'malformed_field'],
    ['a path with CR LF', changed(':path', '/ HTTP/1.1\r\nhost: b'), 'malformed_field'],
    ['Transfer-Encoding', [...plain, 'transfer-encoding', 'chunked'], 'malformed_field'],
    ['Connection', [...plain, 'connection', 'close'], 'malformed_field'],
    ['Keep-Alive', [...plain, 'keep-alive', '1'], 'malformed_field'],
    ['Proxy-Connection', [...plain, 'proxy-connection', 'close'], 'malformed_field'],
    ['Upgrade', [...plain, 'upgrade', 'h2c'], 'malformed_field'],
    ['HTTP2-Settings', [...plain, 'http2-settings', 'AA'], 'malformed_field'],
    ['TE other than trailers', [...plain, 'te', 'gzip'], 'malformed_field'],
  ])('are refused with %s', (_, raw, reason) => {
    expect(read(raw)).toMatchObject({ ok: false, refusal: { reason } });
  });

  it.each<[string, readonly string[], string]>([
    ['a path with a space', changed(':path', '/a b'), 'malformed_target'],
    ['a path with a backslash', changed(':path', '/a\\b'), 'malformed_target'],
    ['a path with a fragment', changed(':path', '/a#b'), 'malformed_target'],
    ['an authority with a user', changed(':authority', 'u@a.test'), 'malformed_host'],
    ['an authority with a path', changed(':authority', 'a.test/b'), 'malformed_host'],
    ['two lengths', [...plain, 'content-length', '1', 'content-length', '2'], 'duplicate_header'],
    ['a length that is none', [...plain, 'content-length', '+1'], 'malformed_framing'],
    ['two credentials', [...plain, 'authorization', 'a', 'authorization', 'b'], 'duplicate_header'],
    ['a trace', changed(':method', 'TRACE'), 'method_not_allowed'],
    ['another expectation', [...plain, 'expect', 'more'], 'unsupported_expectation'],
    ['too many fields', [...plain, ...new Array(202).fill('a')], 'too_many_headers'],
  ])('are refused by the common judgement with %s', (_, raw, reason) => {
    const head = read(raw);
    expect(head.ok && vetHead(head.value)).toMatchObject({ ok: false, refusal: { reason } });
  });

  it('may say http where there is no TLS, and may take trailers', () => {
    expect(read(changed(':scheme', 'http'), { isTls: false }).ok).toBe(true);
    expect(read([...plain, 'te', 'trailers']).ok).toBe(true);
  });

  it('ask for a WebSocket by an extended CONNECT alone', () => {
    const asked = [':protocol', 'websocket', ...changed(':method', 'CONNECT')];
    expect(read(asked, { ended: false })).toMatchObject({
      value: { method: 'GET', websocket: true, ended: true },
    });
    for (const [raw, ended] of [
      [[':protocol', 'websocket', ...plain], false],
      [asked, true],
      [[':protocol', 'connect-ip', ...changed(':method', 'CONNECT')], false],
    ] as const) {
      expect(read(raw, { ended })).toMatchObject({ refusal: { reason: 'upgrade_refused' } });
    }
  });
});
