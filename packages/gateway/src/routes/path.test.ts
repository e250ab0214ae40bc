import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalisePath } from './path.ts';

describe('normalisePath', () => {
  it.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['//a', '/a'],
    ['/a//b', '/a/b'],
    ['///', '/'],
    ['/%61', '/a'],
    ['/%7euser', '/~user'],
    ['/a%20b', '/a%20b'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/@scope/name', '/@scope/name'],
    ['/a.b', '/a.b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/a..b', '/a..b'],
    ['/a%3Fb', '/a%3Fb'],
    ['/a%23b', '/a%23b'],
    ['/a%25', '/a%25'],
    ['/100%25x', '/100%25x'],
    ['/a|b', '/a%7Cb'],
    ['/a"b<c>', '/a%22b%3Cc%3E'],
    ['/{id}', '/%7Bid%7D'],
    ['/[a]', '/%5Ba%5D'],
    ["/a!$&'()*+,=:@-_~", "/a!$&'()*+,=:@-_~"],
  ])('%s becomes %s', (path, normal) => {
    expect(normalisePath(path)).toEqual({ ok: true, value: { path: normal, opaqueSlash: false } });
  });

  it.each([
    ['/@scope%2fname', '/@scope%2fname'],
    ['/@scope%2Fname', '/@scope%2Fname'],
    ['/%61%2Fb', '/a%2Fb'],
  ])('%s keeps its slash as data, byte for byte', (path, normal) => {
    expect(normalisePath(path)).toEqual({ ok: true, value: { path: normal, opaqueSlash: true } });
  });

  it.each([
    ['dot_segment', '/..'],
    ['dot_segment', '/.'],
    ['dot_segment', '/a/../b'],
    ['dot_segment', '/a/./b'],
    ['dot_segment', '/a/%2e%2e/b'],
    ['dot_segment', '/a/.%2E/b'],
    ['dot_segment', '/%2e'],
    ['dot_segment', '/a%2f..%2fb'],
    ['dot_segment', '/a%2F%2e%2e'],
    ['path_parameter', '/a;b'],
    ['path_parameter', '/..;/b'],
    ['path_parameter', '/a;/..;/b'],
    ['path_parameter', '/a%3Bb'],
    ['encoded_backslash', '/a%5cb'],
    ['encoded_backslash', '/..%5C'],
    ['encoded_backslash', '/a\\b'],
    ['control_character', '/a%00'],
    ['control_character', '/%0d%0aX'],
    ['control_character', '/%7F'],
    ['control_character', '/a b'],
    ['control_character', '/é'],
    ['double_encoding', '/%252e%252e'],
    ['double_encoding', '/%252f'],
    ['double_encoding', '/%2500'],
    ['double_encoding', '/%252%65'],
    ['double_encoding', '/%25%32e'],
    ['double_encoding', '/%25%32%65%25%32%65/a'],
    ['malformed_escape', '/%'],
    ['malformed_escape', '/%2'],
    ['malformed_escape', '/%zz'],
    ['malformed_escape', '/%u0041'],
    ['not_utf8', '/%c0%af'],
    ['not_utf8', '/%c0%ae%c0%ae'],
    ['not_utf8', '/%ff'],
    ['not_utf8', '/%ed%a0%80'],
    ['not_a_path', '*'],
    ['not_a_path', ''],
  ])('refuses as %s: %s', (reason, path) => {
    expect(normalisePath(path)).toEqual({ ok: false, refusal: { reason } });
  });

  const anyPath = fc
    .array(fc.constantFrom(...'/.%2fec0a;\\?#é356', '%25', '%32', '%65', '%2f'))
    .map((parts) => `/${parts.join('')}`);

  it('has nothing left to do on its own result', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const once = normalisePath(path);
        fc.pre(once.ok);
        expect(normalisePath(once.value.path)).toEqual(once);
      }),
    );
  });

  it('leaves nothing that two servers could read differently', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const normal = normalisePath(path);
        fc.pre(normal.ok);
        const decoded = decodeURIComponent(normal.value.path.replaceAll(/%2f/gi, '/'));
        expect(decoded.split('/')).not.toContain('..');
        expect(decoded.split('/')).not.toContain('.');
        // Nor those that decode twice.
        expect(decoded).not.toMatch(/%[0-9a-f]{2}/i);
        expect(normal.value.path).toMatch(/^\/[!-~]*$/);
        expect(normal.value.path).not.toMatch(/[;\\?#]|\/\//);
        // What a URL parser makes of it is what it is.
        expect(new URL(`http://a${normal.value.path}`).pathname).toBe(normal.value.path);
      }),
    );
  });
});
