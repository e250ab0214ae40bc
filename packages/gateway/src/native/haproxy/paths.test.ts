import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalisePath } from '../../routes/path.ts';
import { hasTokenInQuery } from '../../verify/query.ts';
import { normalPath, tokenInQuery } from './paths.ts';

const normal = new RegExp(normalPath);

/** Pieces of which paths and their tricks are made. */
const piece = fc.constantFrom(
  ...['/', '//', 'a', 'Z9', '.', '..', '...', '.well-known', '~', '%', '%2', ';', '\\', '#', '?'],
  ...['%2f', '%2F', '%5c', '%00', '%7F', '%2e', '%2E', '%61', '%20', '%25', '%252e', '%3B', '%3D'],
  ...['%C3%A9', '%c3%a9', '%C0%AF', '%E2%82%AC', '%ED%A0%80', '%F0%9F%98%80', '%FF', '%C3', '|'],
  ...['é', ' ', '"', '[', '@', ':', "'", '$', '%2B', '+', '%3C'],
);
const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);

describe('normal paths', () => {
  it('are those that the gateway would leave as they are, and nothing else', () => {
    fc.assert(
      fc.property(path, (text) => {
        const found = normalisePath(text);
        const isLeft = found.ok && found.value.path === text && !found.value.opaqueSlash;
        // A segment of dots alone is the one thing that is normal and still judged elsewhere.
        const isDots = /\/\.{3,}(?:\/|$)/.test(text);
        expect(normal.test(text)).toBe(isLeft && !isDots);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['/', '/api/v1/things', '/.well-known/x', '/caf%C3%A9/', "/it's", '/a.b..c'])(
    'hold %s',
    (text) => {
      expect(normal.test(text)).toBe(true);
    },
  );
});

describe('tokens in a query', () => {
  const pattern = new RegExp(tokenInQuery('mm'), 'i');
  const part = fc.constantFrom(
    ...[
      'access_token',
      'ACCESS_token',
      '%61ccess_token',
      'access%5Ftoken',
      '=',
      '&',
      ';',
      'x',
      '+',
    ],
    ...['mm_key_', 'mm%5fat_', '%6dm_pat_', 'mm_rt', '_', 'page=1', '%26', '%3d', 'token'],
  );

  it('are found wherever the gateway finds one', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const query = parts.join('');
        if (hasTokenInQuery(query, 'mm')) expect(pattern.test(query)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it('are not seen in what is none', () => {
    expect(pattern.test('page=1&token=abc&my_access_token_name=x')).toBe(false);
  });
});
