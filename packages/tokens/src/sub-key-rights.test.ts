import { createRangeSet, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SubKeyLink } from './sub-key-link.ts';
import {
  isBoundToUse,
  judgeSubKeyNow,
  judgeSubKeyUse,
  narrowScopes,
  type SubKeyUse,
  subKeyEnd,
  subKeyName,
} from './sub-key-rights.ts';

const now = 1_790_000_000 as UnixSeconds;

function at(seconds: number): UnixSeconds {
  return (now + seconds) as UnixSeconds;
}

function link(more: Partial<SubKeyLink> = {}): SubKeyLink {
  const set = more.addresses === undefined ? undefined : createRangeSet(more.addresses);
  return {
    id: 'A'.repeat(17),
    publicKey: new Uint8Array(32),
    issuedAt: at(-10),
    expiresAt: at(60),
    addressSet: set?.ok ? set.value : undefined,
    ...more,
  };
}

describe('judgeSubKeyNow', () => {
  it.each([
    [undefined, link()],
    ['expired', link({ expiresAt: at(0) })],
    ['not_yet_valid', link({ notBefore: at(1) })],
    ['not_yet_valid', link({ issuedAt: at(61) })],
    ['address_not_allowed', link({ addresses: ['10.0.0.0/8'] })],
    [undefined, link({ addresses: ['192.0.2.0/24'] })],
  ])('answers %s', (denial, one) => {
    expect(judgeSubKeyNow([link(), one], { now, address: '192.0.2.1' })).toBe(denial);
    expect(judgeSubKeyNow([one, link()], { now, address: '192.0.2.1' })).toBe(denial);
  });

  it('refuses one that is bound to addresses where none is known', () => {
    const bound = link({ addresses: ['0.0.0.0/0'] });
    expect(judgeSubKeyNow([bound], { now, address: undefined })).toBe('address_not_allowed');
  });
});

describe('judgeSubKeyUse', () => {
  const use: SubKeyUse = { audience: 'api', route: 'r', method: 'GET', path: '/v1/things' };

  it.each([
    [undefined, {}],
    [undefined, { audiences: ['api'], routes: ['r'], methods: ['GET'], pathPrefix: '/v1' }],
    ['resource_restricted', { audiences: ['other'] }],
    ['route_restricted', { routes: ['s'] }],
    ['method_restricted', { methods: ['POST', 'HEAD'] }],
    ['path_restricted', { pathPrefix: '/v1/thing' }],
    ['path_restricted', { pathPrefix: '/v1/things/' }],
    [undefined, { pathPrefix: '/' }],
  ] as const)('answers %s to %j', (denial, restriction) => {
    expect(judgeSubKeyUse([link(restriction)], use)).toBe(denial);
    expect(judgeSubKeyUse([link(restriction), link()], use)).toBe(denial);
    expect(isBoundToUse([link(), link(restriction)])).toBe(Object.keys(restriction).length > 0);
  });

  it('takes HEAD where it takes GET', () => {
    expect(judgeSubKeyUse([link({ methods: ['GET'] })], { method: 'HEAD' })).toBe(undefined);
    expect(judgeSubKeyUse([link({ methods: ['POST'] })], { method: 'HEAD' })).toBe(
      'method_restricted',
    );
  });

  it.each([
    '/v1/../admin',
    '/v1/%2e%2E/admin',
    '/v1/..%2fadmin',
    '/v1/.',
    '/v1/\\..\\admin',
    '/v1/%5c..',
  ])('refuses a path that leaves its prefix: %s', (path) => {
    expect(judgeSubKeyUse([link({ pathPrefix: '/v1' })], { path })).toBe('path_restricted');
  });

  it('lets data with escapes and dots through', () => {
    for (const path of ['/v1/@scope%2fname', '/v1/a..b', '/v1/.well-known']) {
      expect(judgeSubKeyUse([link({ pathPrefix: '/v1' })], { path })).toBe(undefined);
    }
  });
});

const scope: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd');
const links = fc.array(
  fc
    .record(
      {
        scopes: fc.array(scope),
        methods: fc.uniqueArray(fc.constantFrom('GET', 'POST'), { minLength: 1 }),
        routes: fc.uniqueArray(fc.constantFrom('r', 's'), { minLength: 1 }),
        audiences: fc.uniqueArray(fc.constantFrom('x', 'y'), { minLength: 1 }),
        pathPrefix: fc.constantFrom('/', '/a', '/a/b', '/c'),
        addresses: fc.constantFrom(['192.0.2.0/24'], ['192.0.2.1'], ['10.0.0.0/8']),
        notBefore: fc.integer({ min: -5, max: 5 }).map(at),
        expiresAt: fc.integer({ min: -5, max: 100 }).map(at),
      },
      { requiredKeys: [] },
    )
    .map(link),
  { minLength: 1, maxLength: 3 },
);
const uses = fc.record({
  audience: fc.constantFrom('x', 'y', undefined),
  route: fc.constantFrom('r', 's', undefined),
  method: fc.constantFrom('GET', 'HEAD', 'POST', undefined),
  path: fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/c', undefined),
});

describe('no chain widens anything', () => {
  it('a further link allows nothing that the chain without it refuses', () => {
    fc.assert(
      fc.property(links, uses, fc.array(scope), (chain, use, scopes) => {
        const when = { now, address: '192.0.2.1' };
        for (let taken = 1; taken < chain.length; taken++) {
          const shorter = chain.slice(0, taken);
          if (judgeSubKeyNow(chain, when) === undefined) {
            expect(judgeSubKeyNow(shorter, when)).toBe(undefined);
          }
          if (judgeSubKeyUse(chain, use) === undefined) {
            expect(judgeSubKeyUse(shorter, use)).toBe(undefined);
          }
          const left = new Set(narrowScopes(scopes, shorter));
          expect(narrowScopes(scopes, chain).every((one) => left.has(one))).toBe(true);
          expect(subKeyEnd(chain)).toBeLessThanOrEqual(subKeyEnd(shorter));
        }
        expect(narrowScopes(scopes, chain).every((one) => scopes.includes(one))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('what is not known of a use is never allowed where it is restricted', () => {
    fc.assert(
      fc.property(links, uses, (chain, use) => {
        const less = { ...use, audience: undefined, path: undefined };
        if (judgeSubKeyUse(chain, less) === undefined) {
          const free = chain.every((one) => one.audiences === undefined && !one.pathPrefix);
          expect(free).toBe(true);
        }
      }),
    );
  });
});

describe('subKeyName', () => {
  it('is that of the last link', () => {
    const name = subKeyName([link(), link({ id: 'B'.repeat(17), label: 'ci' })]);
    expect(name).toEqual({ id: 'B'.repeat(17), label: 'ci' });
  });
});
