import {
  type FeedEntry,
  type FeedSnapshot,
  isReservedFieldName,
  type JsonObject,
  reservedFieldNames,
  type TenantId,
} from '@mintmark/core';
import { generateSigningKey } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { NativeMirror } from '../native-view.ts';
import { type EnvoyConfig, envoyConfig, envoyNews } from './config.ts';
import { luaText } from './lua.ts';
import { type EnvoySettings, envoyFiles, revocationsMax } from './settings.ts';

const settings: EnvoySettings = {
  folder: '/etc/envoy/mintmark',
  listen: { host: '0.0.0.0', port: 8480 },
  tls: undefined,
  chain: { host: '127.0.0.1', port: 8481 },
  upstreamAuthorities: '/etc/ssl/certs/ca-certificates.crt',
  prefix: 'mm',
};
const { kid, publicJwk } = await generateSigningKey('ES256');
const lattice = await generateSigningKey('ML-DSA-44');

function route(name: string, more: JsonObject = {}): FeedEntry {
  const match = { path_prefix: `/${name}` };
  const wire = { name, match, upstream: 'http://10.0.0.1:9000', ...more };
  return { type: 'route', position: 1, name, route: wire };
}

function configOf(entries: readonly FeedEntry[], chosen: Partial<EnvoySettings> = {}): EnvoyConfig {
  const mirror = new NativeMirror();
  const trusted = (kid: string, jwk: unknown) =>
    ({ type: 'signing_key', position: 1, kid, jwk, status: 'trusted' }) as FeedEntry;
  const keys = [trusted(kid, publicJwk), trusted(lattice.kid, lattice.publicJwk)];
  const snapshot: FeedSnapshot = {
    tenant: 'default' as TenantId,
    ...{ issuer: 'https://id.example', epoch: 'first', head: 1, entries: [...keys, ...entries] },
  };
  mirror.replace(snapshot);
  return envoyConfig({
    ...{ view: mirror.view(), revocations: mirror.revocations() },
    settings: { ...settings, ...chosen },
  });
}

const textOf = (config: EnvoyConfig, part: Parameters<EnvoyConfig['parts']['get']>[0]): string =>
  config.parts.get(part)?.text ?? '';

function resourceOf(config: EnvoyConfig, part: 'routes' | 'tokens' | 'judge') {
  const { resources } = JSON.parse(textOf(config, part));
  return resources[0];
}

const adaptive = { mode: 'observe', floor: 1, ceiling: 2 };

describe('envoyConfig', () => {
  it('lets nothing to an upstream that carries no verdict', () => {
    const { virtual_hosts: hosts } = resourceOf(
      configOf([route('a', { scopes: ['read'] }), route('b', { match: { host: 'b.example' } })]),
      'routes',
    );
    for (const { routes } of hosts) {
      for (const { match, route: action } of routes) {
        const asksVerdict = JSON.stringify(match).includes('x-mintmark-verdict');
        expect(action.cluster === 'gateway').toBe(!asksVerdict);
      }
      expect(routes.at(-1)).toMatchObject({
        match: { prefix: '/' },
        route: { cluster: 'gateway' },
      });
    }
  });

  it('takes a verdict of clients away before anything else', () => {
    const { bootstrap } = configOf([]);
    const manager = JSON.parse(bootstrap).static_resources.listeners[0].filter_chains[0].filters[0];
    const [mutation] = manager.typed_config.early_header_mutation_extensions;
    expect(mutation.typed_config.mutations).toEqual([{ remove: 'x-mintmark-verdict' }]);
    const names = manager.typed_config.http_filters.map(({ name }: { name: string }) => name);
    expect(names).toEqual([
      ...['tokens', 'news', 'judge', 'envoy.filters.http.local_ratelimit'],
      'envoy.filters.http.router',
    ]);
  });

  it('changes the name of a verdict with whatever a route says', () => {
    const nameOf = (more: JsonObject) =>
      /"exact":"(a@[0-9a-f]+)"/.exec(textOf(configOf([route('a', more)]), 'routes'))?.[1];
    const names = [{}, { scopes: ['read'] }, { upstream: 'http://10.0.0.2:9000' }].map(nameOf);
    expect(new Set(names).size).toBe(3);
    expect(names).not.toContain(undefined);
    for (const name of names) expect(name).toMatch(/^a@[0-9a-f]{12}$/);
    expect(nameOf({})).toBe(names[0]);
  });

  it('prefers routes as a gateway does', () => {
    const { virtual_hosts: hosts } = resourceOf(
      configOf([
        route('all', { match: { path_prefix: '/' } }),
        route('long', { match: { path_prefix: '/api/v1' } }),
        route('get', { match: { path_prefix: '/api', methods: ['GET'] } }),
        route('any', { match: { path_prefix: '/api' } }),
        route('hosted', { match: { path_prefix: '/', host: 'x.example' } }),
      ]),
      'routes',
    );
    const order = (routes: { name?: string }[]): string[] =>
      routes.flatMap(({ name }) => name?.replace(/@.*/, '') ?? []);
    const [hosted, any] = hosts;
    expect(hosted.domains).toEqual(['x.example', 'x.example:*']);
    expect(order(hosted.routes)).toEqual(['hosted', 'long', 'get', 'any', 'all']);
    expect(order(any.routes)).toEqual(['long', 'get', 'any', 'all']);
    const get = any.routes.find(({ name }: { name?: string }) => name?.startsWith('get@'));
    expect(get.match.headers[0].string_match.safe_regex.regex).toBe('^(?:GET|HEAD)$');
  });

  it.each<[string, JsonObject]>([
    ['it is for some addresses alone', { address_ranges: ['10.0.0.0/8'] }],
    ['it sets threats', { threats: 'observe' }],
    [
      'limit a is of another kind',
      { limits: [{ name: 'a', kind: 'rate', quota: 1, window_seconds: 60, adaptive }] },
    ],
    ['limit w is not a rate', { limits: [{ name: 'w', quota: 1, window_seconds: 60 }] }],
    [
      'limit p comes back too fast',
      { limits: [rate({ quota: 1_000, window_seconds: 1, burst: 1 })] },
    ],
    ['it has more than one limit', { limits: [rate({ name: 'a' }), rate({ name: 'b' })] }],
    ['it sets cors', { cors: { origins: ['https://app.example'] } }],
    ['it sets audit', { audit: 'required' }],
  ])('says that a route is the gateway’s where %s', (reason, more) => {
    const { elsewhere, parts } = configOf([route('a', more)]);
    expect(elsewhere.get('a')).toBe(reason);
    expect(parts.get('routes')?.text).not.toContain('"to http');
  });

  it('leaves everything to the gateway where policies have a say, or it knows too much', () => {
    const policy = { type: 'policy', position: 2, name: 'p', policy: {} } as unknown as FeedEntry;
    expect(configOf([route('a'), policy]).elsewhere.get('a')).toBe('policies have a say');
    const revocation = (n: number) =>
      ({
        ...{ type: 'revocation', position: 2, expiresAt: 9_999_999_999 },
        target: { kind: 'token', id: `t${n}` },
      }) as FeedEntry;
    const many = Array.from({ length: revocationsMax + 1 }, (_, n) => revocation(n));
    expect(configOf([route('a'), ...many]).elsewhere.get('a')).toMatch(/more than 50000/);
  });

  it('verifies by keys whose algorithm is said, and by none that Envoy does not know', () => {
    const { typed_config: config } = resourceOf(configOf([]), 'tokens');
    const { keys } = JSON.parse(config.providers.mintmark.local_jwks.inline_string);
    expect(keys).toEqual([expect.objectContaining({ kid, alg: 'ES256', kty: 'EC' })]);
    expect(JSON.stringify(keys)).not.toContain('"d"');
    const judge = textOf(configOf([]), 'judge');
    expect(judge).toContain(kid);
    expect(judge).not.toContain(lattice.kid);
  });

  it('takes a prefix away, and what is left is a path', () => {
    const to = { strip_prefix: true, upstream: 'http://10.0.0.1:9000/base' };
    const { virtual_hosts: hosts } = resourceOf(configOf([route('a', to)]), 'routes');
    const passes = hosts[0].routes.filter(({ route: action }: { route: { cluster: string } }) => {
      return action.cluster !== 'gateway';
    });
    expect(passes).toMatchObject([
      { match: { path: '/a' }, route: { prefix_rewrite: '/base/' } },
      { match: { prefix: '/a/' }, route: { prefix_rewrite: '/base/' } },
    ]);
  });

  it('names nothing but the folder that it stands in', () => {
    const { bootstrap } = configOf([], { folder: '/srv/x' });
    const files = bootstrap.match(/"path": "[^"]+"/g)?.map((text) => text.slice(9, -1)) ?? [];
    expect(files.every((file) => file === '/srv/x' || file.startsWith('/srv/x/'))).toBe(true);
    expect(envoyFiles.part({ folder: '/srv/x' }, 'judge')).toBe('/srv/x/judge.json');
  });
});

function rate(more: JsonObject = {}): JsonObject {
  return { name: 'p', kind: 'rate', quota: 1, window_seconds: 60, burst: 2, ...more };
}

describe('the script', () => {
  it('ends every field that a gateway ends, but those that frame a message', () => {
    const judge = textOf(configOf([]), 'judge');
    const own = ['host', 'content-length', 'transfer-encoding', 'te', 'trailer', 'via'];
    for (const name of [...reservedFieldNames.dropped, ...reservedFieldNames.hopByHop]) {
      expect(isReservedFieldName(name) || reservedFieldNames.hopByHop.has(name)).toBe(true);
      expect(judge.includes(`[\\"${name}\\"]=true`)).toBe(!own.includes(name));
    }
  });

  it('holds what a stranger may name as text', () => {
    const hostile = '"] os.execute("x") --\n\\\0é%';
    expect(luaText(hostile)).toBe(
      '"\\034] os.execute(\\034x\\034) --\\010\\092\\000\\195\\169\\037"',
    );
    const judge = textOf(configOf([route('a', { audience: 'https://x"y\\z' })]), 'judge');
    expect(JSON.parse(judge).resources[0].typed_config.default_source_code.inline_string).toContain(
      'https://x\\034y\\092z',
    );
  });
});

describe('envoyNews', () => {
  it('says until when, and nothing else', () => {
    const { text } = envoyNews(1_700_000_000_000.7);
    expect(text).toContain('"news":1700000000000}');
  });
});
