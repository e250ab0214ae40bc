import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

function read(mask: unknown): unknown {
  const small = { name: 'api', match: {}, upstream: 'http://127.0.0.1:9000' };
  const parsed = parseRoute({ ...small, mask });
  return parsed.ok ? parsed.value.mask : parsed.refusal;
}

const rule = (more: Record<string, unknown>) => ({ rules: [{ path: '/a', ...more }] });

describe('mask', () => {
  it('masks by default, and reads paths as pointers', () => {
    expect(read({ rules: [{ path: '/a~1b/*/**/c~0d' }] })).toEqual({
      ...{ mode: 'enforce', bytesMax: 1_048_576, passTypes: [] },
      rules: [
        {
          ...{ path: ['a/b', '*', '**', 'c~d'], action: 'redact' },
          ...{ unlessScope: undefined, unlessClaims: [] },
        },
      ],
    });
    expect(read(rule({ action: 'hash', unless_scope: 's', unless_claim: { a: 1 } }))).toMatchObject(
      {
        rules: [{ action: 'hash', unlessScope: 's', unlessClaims: [{ name: 'a', values: [1] }] }],
      },
    );
  });

  it.each([
    ['/mask', []],
    ['/mask/mode', { mode: 'off', rules: [] }],
    ['/mask/bytes_max', { bytes_max: 2 ** 30, rules: [] }],
    ['/mask/pass_types', { pass_types: 'text/html', rules: [] }],
    ['/mask/pass_types/1', { pass_types: ['a/b', '*/*'], rules: [] }],
    ['/mask/rules', { rules: [] }],
    ['/mask/rules', {}],
    ['/mask/rules/0/path', { rules: [{}] }],
    ...['', 'a', '/a~2', '/**', '/a/**', '/**/a/**/b', `/${'a'.repeat(600)}`].map((path) => [
      '/mask/rules/0/path',
      { rules: [{ path }] },
    ]),
    ['/mask/rules/0/action', rule({ action: 'blur' })],
    ['/mask/rules/0/unless_scope', rule({ unless_scope: 'a b' })],
    ['/mask/rules/0/unless_claim', rule({ unless_claim: [] })],
  ] as [string, unknown][])('refuses %s in %j', (path, mask) => {
    expect(read(mask)).toMatchObject({ path });
  });
});
