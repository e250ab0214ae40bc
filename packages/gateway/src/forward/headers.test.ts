import type { ClientId, TenantId } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { describe, expect, it } from 'vitest';
import { type CompiledRoute, compileRoute } from '../routes/route-table.ts';
import type { Identity } from '../verify/identity.ts';
import { clientHeaders, namesKept, upstreamHeaders } from './headers.ts';

const identity: Identity = {
  kind: 'jwt',
  credentialId: 'jti-1',
  subject: 'sub',
  clientId: 'client' as ClientId,
  scopes: ['a', 'b:c'],
  audience: ['x'],
  expiresAt: undefined,
  binding: undefined,
  asked: undefined,
  targets: undefined,
};

interface Sent {
  readonly rawHeaders: readonly string[];
  readonly host?: string;
  readonly bodyLength?: number | 'chunked';
  readonly remoteAddress?: string;
  readonly scheme?: 'http' | 'https';
}

/** What reaches the upstream, as `name: value` lines. */
function sentOn(
  sent: Sent,
  route: Record<string, unknown> = {},
  who: Identity | undefined = undefined,
): readonly string[] {
  const { rawHeaders, bodyLength = 0, remoteAddress = '192.0.2.7', scheme = 'http' } = sent;
  const request = {
    rawHeaders,
    host: sent.host ?? 'api.test:8443',
    bodyLength,
    remoteAddress,
    scheme,
    header(name: string) {
      const found: string[] = [];
      for (let i = 0; i < rawHeaders.length; i += 2) {
        if (rawHeaders[i]!.toLowerCase() === name) found.push(rawHeaders[i + 1]!);
      }
      return found.length === 0 ? undefined : found.join(', ');
    },
  } as unknown as StreamRequest;
  const wire = { name: 'r', match: {}, upstream: 'http://up.test:81/base', ...route };
  const compiled = compileRoute(wire) as CompiledRoute;
  const flat = upstreamHeaders(request, {
    route: compiled,
    identity: who,
    tenant: 'default' as TenantId,
  });
  return flat.flatMap((text, index) => (index % 2 === 0 ? [`${text}: ${flat[index + 1]}`] : []));
}

const ours = [
  'via: 1.1 mintmark',
  'x-forwarded-for: 192.0.2.7',
  'x-forwarded-proto: http',
  'x-forwarded-host: api.test:8443',
  'forwarded: for=192.0.2.7;host="api.test:8443";proto=http',
];
const host = 'host: api.test:8443';

describe('upstreamHeaders', () => {
  it('passes ordinary headers on as they came', () => {
    expect(sentOn({ rawHeaders: ['Accept', '*/*', 'COOKIE', 'a=b', 'X-Custom', 'ü'] })).toEqual([
      host,
      'Accept: */*',
      'COOKIE: a=b',
      'X-Custom: ü',
      ...ours,
    ]);
  });

  const dropped = [
    'Authorization',
    'authorization',
    'X-Api-Key',
    'X_Api_Key',
    'DPoP',
    'Proxy-Authorization',
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'HTTP2-Settings',
    'Expect',
    'Host',
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-User',
    'X_Forwarded_For',
    'X.Forwarded.For',
    'x-forwarded_for',
    'X-Real-IP',
    'X_Real_IP',
    'X-Client-IP',
    'True-Client-IP',
    'True_Client_IP',
    'CF-Connecting-IP',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X_Rewrite_URL',
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'Transfer_Encoding',
    'transfer.encoding',
    'Content_Length',
    'Proxy_Authorization',
    'Proxy',
    'Client-IP',
    'Client-Cert',
    'Client_Cert_Chain',
    'X-Host',
    'X-Original-Host',
    'X-Mintmark-Subject',
    'x-mintmark-subject',
    'X_Mintmark_Subject',
    'X.Mintmark.Subject',
    'X-Mintmark_Scopes',
    'x!mintmark!subject',
    'X-Mintmark-Anything',
    'X-Mintmark-',
  ];
  it.each(dropped)('drops %s', (name) => {
    expect(sentOn({ rawHeaders: [name, 'spoofed'] })).toEqual([host, ...ours]);
  });

  it('drops what Connection nominates, but neither ours nor what the judgement rests on', () => {
    const rawHeaders = [
      'Connection',
      'close, X-Hop, X-Forwarded-For, x-mintmark-subject, Content-Type , Host',
      'X-Hop',
      '1',
      'Content-Type',
      'text/plain',
    ];
    expect(sentOn({ rawHeaders }, {}, identity)).toEqual([
      host,
      'Content-Type: text/plain',
      ...ours,
      'x-mintmark-subject: sub',
      'x-mintmark-scopes: a b:c',
      'x-mintmark-credential-id: jti-1',
      'x-mintmark-credential-kind: jwt',
      'x-mintmark-tenant: default',
      'x-mintmark-client: client',
    ]);
  });

  it('says the length that was announced, and only then', () => {
    const rawHeaders = ['Content-Length', '3'];
    expect(sentOn({ rawHeaders, bodyLength: 3 })).toEqual([host, 'content-length: 3', ...ours]);
    const chunked = ['Transfer-Encoding', 'chunked'];
    expect(sentOn({ rawHeaders: chunked, bodyLength: 'chunked' })).toEqual([host, ...ours]);
  });

  it('lets the upstream send trailers where the client takes them', () => {
    expect(sentOn({ rawHeaders: ['TE', 'trailers, deflate'] })).toContain('te: trailers');
    expect(sentOn({ rawHeaders: ['TE', 'gzip'] }).join()).not.toContain('te: ');
  });

  it('adds itself to Via', () => {
    const rawHeaders = ['Via', '1.0 a', 'Via', '1.1 b'];
    expect(sentOn({ rawHeaders })).toContain('via: 1.0 a, 1.1 b, 1.1 mintmark');
  });

  it('names the upstream where the route does not keep the host', () => {
    expect(sentOn({ rawHeaders: [] }, { preserve_host: false })[0]).toBe('host: up.test:81');
  });

  it('writes IPv6 as the standard wants it', () => {
    const sent = sentOn({ rawHeaders: [], remoteAddress: '2001:db8::1', scheme: 'https' });
    expect(sent).toContain('x-forwarded-for: 2001:db8::1');
    expect(sent).toContain('forwarded: for="[2001:db8::1]";host="api.test:8443";proto=https');
  });

  it('encodes what would break out of a header, or could be mistaken', () => {
    const who = { ...identity, subject: 'a\r\nX-Evil: 1 %41 é', scopes: ['100%'] };
    const sent = sentOn({ rawHeaders: [] }, {}, who);
    expect(sent).toContain('x-mintmark-subject: a%0D%0AX-Evil:%201%20%2541%20%C3%A9');
    expect(sent).toContain('x-mintmark-scopes: 100%25');
  });

  it('does not let a client pass for a person, or an owner of keys, of the same name', () => {
    const rawHeaders = { rawHeaders: [] };
    const own = { ...identity, subject: 'client' };
    expect(sentOn(rawHeaders, {}, own)).toContain('x-mintmark-subject: client:client');
    const person = { ...own, clientId: 'other' as ClientId };
    expect(sentOn(rawHeaders, {}, person)).toContain('x-mintmark-subject: client');
    const key: Identity = { ...own, kind: 'api_key', clientId: undefined };
    expect(sentOn(rawHeaders, {}, key)).toContain('x-mintmark-subject: client');
  });

  it('keeps who it was to itself where the route says so', () => {
    expect(sentOn({ rawHeaders: [] }, { identity_headers: false }, identity)).toEqual([
      host,
      ...ours,
    ]);
  });
});

describe('clientHeaders', () => {
  const raw = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text, 'latin1'));
  const plain = { status: 200, credentialed: false, withTrailers: false };

  it('drops what is hop-by-hop or nominated', () => {
    const sent = raw(
      ...['Connection', 'close, X-Hop, Content-Length', 'Keep-Alive', 'timeout=5', 'X-Hop', '1'],
      ...['Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Trailer', 'X', 'Content-Length', '2'],
      ...['Set-Cookie', 'a', 'Set-Cookie', 'b', 'X-Name', 'caf\xe9'],
    );
    expect(clientHeaders(sent, plain)).toEqual([
      ...['Content-Length', '2', 'Set-Cookie', 'a', 'Set-Cookie', 'b', 'X-Name', 'caf\xe9'],
    ]);
  });

  it('announces trailers only where they can follow', () => {
    const sent = raw('Trailer', 'X-End');
    expect(clientHeaders(sent, { ...plain, withTrailers: true })).toEqual(['Trailer', 'X-End']);
  });

  it.each([
    [100, false],
    [103, false],
    [204, false],
    [200, true],
    [304, true],
  ])('with status %d announces a length: %s', (status, announced) => {
    const sent = clientHeaders(raw('Content-Length', '5'), { ...plain, status });
    expect(sent.length > 0).toBe(announced);
  });

  it('tells caches what the answer depends on', () => {
    expect(clientHeaders([], { ...plain, credentialed: true })).toEqual([
      ...['vary', 'Authorization, X-Api-Key'],
    ]);
  });
});

it('keeps no long name that a stranger or an upstream made up', () => {
  const longest = 'x'.repeat(64);
  for (let i = 0; i < 10; i++) {
    sentOn({ rawHeaders: [`a${i}${'x'.repeat(63)}`, '1', `${longest}${'y'.repeat(10_000)}`, '1'] });
    const raw = [Buffer.from(`b${i}${'x'.repeat(63)}`), Buffer.from('1')];
    clientHeaders(raw, { status: 200, credentialed: false, withTrailers: false });
  }
  sentOn({ rawHeaders: [longest, '1'] });
  expect(namesKept()[0]).toBe(longest);
});
