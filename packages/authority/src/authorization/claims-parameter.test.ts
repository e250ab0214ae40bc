import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { claimNames, parseClaimsParameter } from './claims-parameter.ts';

describe('the claims parameter', () => {
  test('is read as OpenID Connect Core §5.5 writes it', () => {
    const text = JSON.stringify({
      userinfo: { given_name: { essential: true }, nickname: null, 'http://x.example/g': null },
      id_token: {
        auth_time: { essential: true },
        acr: { values: ['phr', 'mfa'] },
        sub: { value: 'u1' },
      },
      other: 1,
    });
    const parsed = parseClaimsParameter(text);
    expect(parsed).toEqual({
      ok: true,
      value: {
        userinfo: { given_name: { essential: true }, nickname: {}, 'http://x.example/g': {} },
        idToken: {
          auth_time: { essential: true },
          acr: { values: ['phr', 'mfa'] },
          sub: { value: 'u1' },
        },
      },
    });
    expect(claimNames(parsed.ok ? parsed.value : null)).toContain('nickname');
    expect(claimNames(null)).toEqual([]);
  });

  test.each([
    '',
    '[]',
    'null',
    '{"userinfo":[]}',
    '{"userinfo":{"name":"x"}}',
    '{"userinfo":{"name":{"essential":"yes"}}}',
    '{"id_token":{"acr":{"values":"mfa"}}}',
    '{"userinfo":{},"userinfo":{"a":null}}',
    '{"__proto__":{}}',
    `{"userinfo":{"${'x'.repeat(200)}":null}}`,
    `{"x":"${'x'.repeat(5_000)}"}`,
    '['.repeat(2_000),
  ])('is refused as %j', (text) => {
    expect(parseClaimsParameter(text)).toMatchObject({ refusal: { reason: 'malformed_claims' } });
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseClaimsParameter(text);
      }),
    );
  });
});
