import {
  canonicalFieldName,
  type FeedEntry,
  type FeedSnapshot,
  isReservedFieldName,
  type JsonObject,
  type RevocationEntry,
  type RevocationTarget,
  reservedFieldNames,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import { generateSigningKey } from '@mintmark/tokens';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NativeMirror } from '../native-view.ts';
import { endingFields } from './backends.ts';
import { type HaproxyConfig, haproxyConfig } from './config.ts';
import type { HaproxySettings } from './settings.ts';

const settings: HaproxySettings = {
  folder: '/etc/haproxy/mintmark',
  listen: ':8480',
  certificate: undefined,
  runtimeSocket: '/run/haproxy/mintmark.sock',
  chain: undefined,
  upstreamAuthorities: undefined,
  prefix: 'mm',
  threads: undefined,
};
const { kid, publicJwk } = await generateSigningKey('ES256');
const edwards = await generateSigningKey('EdDSA');

function route(name: string, more: JsonObject = {}): FeedEntry {
  const wire = {
    name,
    match: { path_prefix: `/${name}` },
    upstream: 'http://10.0.0.1:9000',
    ...more,
  };
  return { type: 'route', position: 1, name, route: wire };
}

function mirrorOf(entries: readonly FeedEntry[]): NativeMirror {
  const mirror = new NativeMirror();
  const signing = [
    { type: 'signing_key', position: 1, kid, jwk: publicJwk, status: 'trusted' },
    {
      type: 'signing_key',
      position: 1,
      kid: edwards.kid,
      jwk: edwards.publicJwk,
      status: 'trusted',
    },
  ] as const;
  const snapshot: FeedSnapshot = {
    tenant: 'default' as TenantId,
    ...{ issuer: 'https://id.example', epoch: 'first', head: 1, entries: [...signing, ...entries] },
  };
  mirror.replace(snapshot);
  return mirror;
}

function configOf(
  entries: readonly FeedEntry[],
  chosen: Partial<HaproxySettings> = {},
): HaproxyConfig {
  const mirror = mirrorOf(entries);
  return haproxyConfig({
    view: mirror.view(),
    revocations: mirror.revocations(),
    settings: { ...settings, ...chosen },
    startedWithNewsUntilMs: 0,
  });
}

/** One section of the text. */
function sectionOf({ text }: HaproxyConfig, head: string): string {
  return text.split('\n\n').find((one) => one.startsWith(`${head}\n`)) ?? '';
}

function revocation(target: RevocationTarget, more: Partial<RevocationEntry> = {}): FeedEntry {
  return { type: 'revocation', position: 7, target, expiresAt: 2e9 as UnixSeconds, ...more };
}

const adaptive = { mode: 'observe', floor: 1, ceiling: 2 };

describe('a configuration for HAProxy', () => {
  it('is the same text for the same view, and another for other routes', () => {
    const one = configOf([route('a')]);
    expect(configOf([route('a')]).text).toBe(one.text);
    expect(configOf([route('a', { scopes: ['read'] })]).text).not.toBe(one.text);
  });

  it('judges audience and scopes of a route in its backend', () => {
    const backend = sectionOf(
      configOf([route('a', { audience: 'https://a.example', scopes: ['read', 'write'] })]),
      'backend judged.a',
    );
    expect(backend).toContain(`-m sub '"https://a.example"' }`);
    expect(backend).toContain('(?=(?:[^"]* )?read(?: |$))(?=(?:[^"]* )?write(?: |$))');
    expect(backend).toContain('error="insufficient_scope", scope="read write"');
    expect(backend).toContain('server upstream 10.0.0.1:9000');
  });

  it('verifies by the algorithm of the key and no other, and not with a key it cannot use', () => {
    const { text, keys, maps } = configOf([route('a')]);
    expect(text.match(/jwt_verify\([^)]*\)/g)).toEqual([
      `jwt_verify(ES256,/etc/haproxy/mintmark/keys/${kid}.pem)`,
    ]);
    expect([...keys.values()]).toEqual([expect.stringContaining('BEGIN PUBLIC KEY')]);
    expect(maps.get('keys')?.size).toBe(1);
    const [header] = [...maps.get('keys')!.keys()];
    expect(JSON.parse(Buffer.from(header!, 'base64url').toString())).toEqual({
      ...{ typ: 'at+jwt', alg: 'ES256', kid },
    });
  });

  it.each<[string, JsonObject, string]>([
    ['an API behind it', { api: 'shop' }, 'it sets api'],
    ['a stronger sign-in', { max_age: 60 }, 'it sets stepUp'],
    ['Basic', { accept_basic: true }, 'it sets acceptBasic'],
    ['pages of other origins', { cors: { origins: ['*'] } }, 'it sets cors'],
    ['slashes as data', { encoded_slash: 'opaque' }, 'encoded slashes are data'],
    ['bounds of its own', { body_bytes_max: 10 }, 'it has bounds of its own'],
    [
      'limits that hold across nodes',
      { limits: [{ name: 'a', quota: 1, window_seconds: 1 }], limits_mode: 'strict' },
      'its limits are exact across nodes',
    ],
    [
      'a limit that follows its callers',
      {
        limits: [
          {
            name: 'a',
            quota: 99,
            window_seconds: 9,
            adaptive: { mode: 'enforce', floor: 9, ceiling: 999 },
          },
        ],
      },
      'limit a is of another kind',
    ],
    ['another tenant', { tenant: 'other' }, 'of another tenant'],
    ['listed addresses to watch', { threats: 'observe' }, 'it sets threats'],
    [
      'a limit that adapts',
      { limits: [{ name: 'a', quota: 1, window_seconds: 1, adaptive }] },
      'limit a is of another kind',
    ],
    [
      'more limits than there are counters',
      { limits: ['a', 'b', 'c'].map((name) => ({ name, quota: 1, window_seconds: 1 })) },
      'it has more than 2 limits',
    ],
    [
      'a bucket that takes months to leak',
      { limits: [{ name: 'a', kind: 'rate', quota: 1, window_seconds: 2_678_400, burst: 9 }] },
      'limit a takes too long to come back',
    ],
  ])('leaves a route with %s to the gateway behind', (_, more, reason) => {
    const config = configOf([route('a', more)], { chain: '127.0.0.1:8480' });
    expect(config.elsewhere.get('a')).toBe(reason);
    expect(config.maps.get('routes')!.get('GET:*/a?')).toBe('elsewhere');
    expect(config.text).not.toContain('backend judged.a');
  });

  it('refuses such a route where no gateway stands behind', () => {
    const config = configOf([route('a', { api: 'shop' })]);
    expect(sectionOf(config, 'backend elsewhere')).toContain('not_judged_here');
    expect(config.text).not.toContain('server gateway');
  });

  it('judges nothing by itself once there are policies', () => {
    const policy = { type: 'policy', position: 2, name: 'p', policy: {} } as unknown as FeedEntry;
    const config = configOf([route('a'), policy], { chain: '127.0.0.1:8480' });
    expect(config.elsewhere.get('a')).toBe('policies have a say');
    expect(config.text).not.toContain('backend judged.');
  });

  it('judges what keys with plans leave to it, and nothing once a client has one', () => {
    const plan = { type: 'plan', position: 2, name: 'gold', plan: {} } as const;
    const holder = { type: 'plan_holder', position: 3, id: 'x', plan: 'gold', raised: [] } as const;
    expect(configOf([route('a'), plan, { ...holder, kind: 'key' }]).elsewhere.size).toBe(0);
    const config = configOf([route('a'), plan, { ...holder, kind: 'client' }]);
    expect(config.elsewhere.get('a')).toBe('a plan may have a say');
    const taken = { ...holder, kind: 'client', plan: null } as const;
    expect(configOf([route('a'), { ...holder, kind: 'client' }, taken]).elsewhere.size).toBe(0);
  });

  it('leaves routes with a credential of the upstream’s own to a gateway, and no others', () => {
    const field = { header: 'authorization', value: 'Bearer canary' };
    const head = { type: 'upstream_credential', position: 2, name: 'billing' } as const;
    const sends = route('b', { match: { path_prefix: '/b' }, upstream_credential: 'billing' });
    const config = configOf([route('a'), sends, { ...head, credential: field }]);
    expect([...config.elsewhere]).toEqual([['b', 'it sets upstreamCredential']]);
    expect(config.text).not.toContain('canary');
  });

  it('judges nothing by itself of a feed that says what it does not know', () => {
    const entry = { type: 'weather', position: 2 } as unknown as FeedEntry;
    const config = configOf([route('a'), entry], { chain: '127.0.0.1:8480' });
    expect(config.elsewhere.get('a')).toBe('weather may have a say');
  });

  it('finds routes by method, host and whole segments', () => {
    const entries = configOf([
      route('a', { match: { path_prefix: '/a', methods: ['GET'], host: 'x.example' } }),
      route('b', { match: { path_prefix: '/' }, credential: 'none' }),
    ]).maps.get('routes')!;
    expect(entries.get('GET:x.example/a?')).toBe('judged.a');
    expect(entries.get('HEAD:x.example/a/')).toBe('judged.a');
    expect(entries.get('POST:x.example/a/')).toBeUndefined();
    expect(entries.get('POST:*/')).toBe('open.b');
    expect(entries.get('*:*/')).toBe('open.b');
  });

  it('says which methods there are where one is not taken', () => {
    const { maps } = configOf([
      route('a', { match: { path_prefix: '/a', methods: ['GET'] } }),
      route('b', { match: { path_prefix: '/a/b', methods: ['POST'] } }),
    ]);
    expect(maps.get('allow')?.get('*/a/b?')).toBe('GET,POST');
    expect(maps.get('allow')?.get('*/a/')).toBe('GET');
  });

  it('gives each time that routes go on without news a table of its own', () => {
    const config = configOf([
      route('a', { on_stale: { continue_seconds: 60 } }),
      route('b', { on_stale: { continue_seconds: 60 }, credential: 'optional' }),
      route('c'),
    ]);
    expect(config.continuing).toEqual([60]);
    expect(sectionOf(config, 'backend lease')).toContain('expire 3500ms');
    expect(sectionOf(config, 'backend lease.60')).toContain('expire 63500ms');
    expect(config.text).toContain(
      'table_gpt0(lease.60) gt 0 } { var(txn.route) -m str judged.a optional.b }',
    );
  });

  it('never shares what it remembers of signatures', () => {
    const { text } = configOf([route('a')]);
    expect(text).not.toMatch(/^\s*peers|stick-table.* peers /m);
    expect(text.indexOf('jwt_verify')).toBeLessThan(
      text.indexOf('track-sc0 var(txn.digest) table seen'),
    );
  });

  it('reaches upstreams by TLS only where their certificate is theirs', () => {
    const wire = {
      upstream: 'https://api.internal/base',
      strip_prefix: true,
      preserve_host: false,
    };
    const backend = sectionOf(configOf([route('a', wire)]), 'backend judged.a');
    expect(backend).toContain('server upstream api.internal:443 ssl verify required ca-file');
    expect(backend).toContain('sni str(api.internal) verifyhost api.internal');
    expect(backend).toContain("set-path '/base%[path]'");
    expect(backend).toContain('set-header host api.internal');
  });

  it('writes addresses of IPv6 as they stand in a header', () => {
    const backend = sectionOf(configOf([route('a')]), 'backend judged.a');
    expect(backend).toMatch(/add-header forwarded 'for="\[%ci\]";host=.*' unless over_ipv4/);
    expect(backend).toMatch(/add-header forwarded 'for=%ci;host=.*' if over_ipv4/);
  });

  it('sends on no absolute form, whose host would count above the one that is set', () => {
    const backend = sectionOf(configOf([route('a')]), 'backend judged.a');
    expect(backend).toContain('http-request set-uri %[pathq] unless { url -m beg / }');
  });

  it('reads a Host whole, for one good part would speak for another', () => {
    const { text } = configOf([route('a', { match: { host: 'api.example' } })]);
    expect(text).toContain('acl normal_host req.fhdr(host) -m reg');
    expect(text).not.toMatch(/[^f]hdr\(host\)/);
  });

  it('lets no quote of a route end a word', () => {
    const wires = [
      { audience: `a'b"c` },
      { scopes: [`a'b`] },
      { strip_prefix: true, match: { path_prefix: `/o'k$` } },
    ];
    const { text } = configOf(wires.map((wire, at) => route(`r${at}`, wire)));
    expect(text).toContain(`-m sub '"a'"'"'b"c"'`);
    expect(text).toContain(`[^"]* )?a'"'"'b(?: |$))[^"]*$'`);
    expect(text).toContain(`regsub("^/o'"'"'k[$](/|$)","/")]'`);
  });

  it('names addresses that may use a route', () => {
    const config = configOf([route('a', { address_ranges: ['10.0.0.0/8', '2001:db8::/32'] })]);
    expect(sectionOf(config, 'backend judged.a')).toContain(
      'acl inside src 10.0.0.0/8 2001:db8::/32',
    );
  });
});

describe('revocations in maps', () => {
  const mapsOf = (...entries: readonly FeedEntry[]) => configOf([route('a'), ...entries]).maps;

  it.each<[RevocationTarget, string, string]>([
    [{ kind: 'token', id: 'jti-1' }, 'revoked-token', 'jti-1'],
    [{ kind: 'family', id: 'f' }, 'revoked-family', 'f'],
    [{ kind: 'client', id: 'https://c/x' }, 'revoked-client', 'https://c/x'],
    [{ kind: 'user', id: 'client:c' }, 'revoked-user', 'client:c'],
    [{ kind: 'holder', id: 'https%3A%2F%2Fc u' }, 'revoked-holder', 'https://c%u'],
  ])('hold the position of %o', (target, map, key) => {
    expect([...mapsOf(revocation(target)).get(map as never)!]).toEqual([[key, '7']]);
  });

  it.each<RevocationTarget>([
    { kind: 'signing_key', id: kid },
    { kind: 'tenant', id: 'default' },
  ])('end what a key signed: %o', (target) => {
    const found = [...mapsOf(revocation(target)).get('revoked-key')!];
    const name = [...mapsOf().get('keys')!.values()][0];
    expect(found).toContainEqual([name, '7']);
  });

  it('hold the farthest of several, and moments by themselves', () => {
    const target = { kind: 'client', id: 'c' } as const;
    const maps = mapsOf(
      revocation(target, { position: 9 }),
      revocation(target, { position: 8 }),
      revocation(target, { before: 1_700_000_000 as UnixSeconds }),
    );
    expect(maps.get('revoked-client')?.get('c')).toBe('9');
    expect(maps.get('before-client')?.get('c')).toBe('1700000000');
  });

  it('end everything of a tenant that is disabled', () => {
    const maps = mapsOf({ type: 'tenant', position: 2, status: 'disabled' });
    expect(new Set(maps.get('revoked-key')!.values())).toEqual(new Set([String(2 ** 53 - 1)]));
  });

  it('leave out what no token judged here can belong to', () => {
    const maps = mapsOf(
      revocation({ kind: 'user', id: 'two words' }),
      revocation({ kind: 'user', id: '#comment' }),
      revocation({ kind: 'key', id: 'k' }),
      revocation({ kind: 'tenant', id: 'other' }),
    );
    expect(maps.get('revoked-user')?.size).toBe(0);
    expect(maps.get('revoked-key')?.size).toBe(0);
  });
});

describe('header fields of the client', () => {
  const pattern = new RegExp(endingFields);

  it('end as they do at the gateway, in every spelling', () => {
    const { dropped, droppedPrefixes, hopByHop } = reservedFieldNames;
    const spelling = fc.constantFrom('-', '_', '.', '+');
    const name = fc
      .tuple(
        fc.constantFrom(
          ...dropped,
          ...hopByHop,
          ...droppedPrefixes,
          'accept',
          'cookie',
          'x-custom',
        ),
        spelling,
        fc.constantFrom('', 'for', 'subject', 'x'),
      )
      .map(([base, sign, end]) => base.replaceAll('-', sign) + end);
    // HAProxy itself frames messages by these, and writes or passes them on as its own.
    const own = new Set([
      'te',
      'trailer',
      'transfer-encoding',
      'host',
      'content-length',
      'expect',
      'via',
    ]);
    fc.assert(
      fc.property(name, (text) => {
        if (own.has(text)) return;
        const isHop = hopByHop.has(canonicalFieldName(text));
        expect(pattern.test(text)).toBe(isReservedFieldName(text) || isHop);
      }),
      { numRuns: 2_000 },
    );
  });
});
