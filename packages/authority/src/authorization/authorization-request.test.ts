import { describe, expect, test } from 'vitest';
import { parseAuthorizationRequest } from './authorization-request.ts';
import { bedChallenge, bedClient, bedRequest, parametersOf } from './request-bed.ts';

const { scopes, audience, codeChallenge, nonce, ...rest } = bedRequest;
const { clientId, redirectUri, redirectUriGiven, responseMode, state, signedBy } = rest;
const target = { clientId, redirectUri, redirectUriGiven, responseMode, state, signedBy };

const parse = (
  more: Parameters<typeof parametersOf>[0] = {},
  client: Partial<typeof bedClient> = {},
) =>
  parseAuthorizationRequest(parametersOf(more), {
    client: { ...bedClient, ...client },
    target,
    issuer: 'https://issuer.example',
  });

describe('an authorization request', () => {
  test('is one value, with the defaults of its client', () => {
    expect(parse()).toEqual({ ok: true, value: bedRequest });
    const defaults = { defaultMaxAgeSeconds: 60, defaultAcrValues: ['mfa'], audiences: [] };
    expect(parse({}, defaults)).toMatchObject({
      value: { maxAgeSeconds: 60, acrValues: ['mfa'], audience: ['https://issuer.example'] },
    });
  });

  test('says what it was asked in each parameter', () => {
    const asked = parse({
      nonce: 'n',
      prompt: 'login consent',
      max_age: '0',
      acr_values: 'phr  mfa',
      login_hint: 'alice',
      ui_locales: 'de-CH de',
      resource: ['https://other.example', 'https://api.example'],
      claims: '{"id_token":{"acr":{"essential":true}}}',
      dpop_jkt: bedChallenge,
      unknown: 'x',
    });
    expect(asked).toMatchObject({
      value: {
        nonce: 'n',
        prompt: ['login', 'consent'],
        maxAgeSeconds: 0,
        acrValues: ['phr', 'mfa'],
        loginHint: 'alice',
        uiLocales: ['de-CH', 'de'],
        audience: ['https://other.example', 'https://api.example'],
        claims: { idToken: { acr: { essential: true } }, userinfo: {} },
        dpopJkt: bedChallenge,
      },
    });
  });

  test.each([
    ['a repeated parameter', { nonce: ['a', 'a'] }, 'duplicate_parameter'],
    ['a repeated audience', { audience: ['a', 'b'] }, 'duplicate_parameter'],
    ['no response type', { response_type: undefined }, 'missing_parameter'],
    ['an implicit response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['a hybrid response type', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['a fragment', { response_mode: 'fragment' }, 'unsupported_response_mode'],
    ['no challenge', { code_challenge: undefined }, 'missing_parameter'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'challenge_method_not_allowed'],
    [
      'a challenge without method',
      { code_challenge_method: undefined },
      'challenge_method_not_allowed',
    ],
    ['a short challenge', { code_challenge: 'abc' }, 'malformed_parameter'],
    ['a padded challenge', { code_challenge: `${bedChallenge}=` }, 'malformed_parameter'],
    ['a scope it may not have', { scope: 'openid admin' }, 'scope_not_allowed'],
    ['a malformed scope', { scope: 'a"b' }, 'malformed_scope'],
    [
      '10,000 scopes',
      { scope: Array.from({ length: 10_000 }, (_, i) => `s${i}`).join(' ') },
      'malformed_scope',
    ],
    ['a resource it may not reach', { resource: 'https://x.example' }, 'target_not_allowed'],
    ['an unknown prompt', { prompt: 'hello' }, 'unsupported_prompt'],
    ['prompt=create', { prompt: 'create' }, 'unsupported_prompt'],
    ['prompt=none with another', { prompt: 'none login' }, 'malformed_parameter'],
    ['a negative age', { max_age: '-1' }, 'malformed_parameter'],
    ['an age in words', { max_age: '1e3' }, 'malformed_parameter'],
    ['a nonce of 1 KiB and more', { nonce: 'n'.repeat(1_025) }, 'malformed_parameter'],
    ['claims that are no JSON', { claims: '{' }, 'malformed_parameter'],
    [
      'too many claims',
      {
        claims: JSON.stringify({
          userinfo: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`c${i}`, null])),
        }),
      },
      'malformed_parameter',
    ],
    ['too many classes', { acr_values: 'a '.repeat(30) }, 'malformed_parameter'],
    ['a malformed key thumbprint', { dpop_jkt: 'x' }, 'malformed_parameter'],
    ['a request by reference', { request_uri: 'https://x.example' }, 'parameter_not_supported'],
    ['a registration', { registration: '{}' }, 'parameter_not_supported'],
  ] as const)('is refused with %s', (_title, more, reason) => {
    expect(parse(more)).toMatchObject({ ok: false, refusal: { reason } });
  });

  test('is refused for a client that may not use the grant', () => {
    const grantTypes = ['client_credentials'] as const;
    expect(parse({}, { grantTypes })).toMatchObject({ refusal: { reason: 'grant_not_allowed' } });
  });

  test('needs no challenge where the client has a secret and was set so', () => {
    const none = { code_challenge: undefined, code_challenge_method: undefined };
    expect(parse(none, { requirePkce: false })).toMatchObject({ value: { codeChallenge: null } });
    const open = { requirePkce: false, authMethod: 'none' } as const;
    expect(parse(none, open)).toMatchObject({ refusal: { reason: 'missing_parameter' } });
    const half = { code_challenge: undefined };
    expect(parse(half, { requirePkce: false })).toMatchObject({
      refusal: { reason: 'missing_parameter', name: 'code_challenge' },
    });
  });

  test('that names no scope gets none of who the person is, and nothing for later', () => {
    expect(parse({ scope: undefined })).toMatchObject({ value: { scopes: ['profile', 'read'] } });
  });
});
