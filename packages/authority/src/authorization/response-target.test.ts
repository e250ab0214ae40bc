import { describe, expect, test } from 'vitest';
import { bedClient, parametersOf } from './request-bed.ts';
import { findResponseTarget } from './response-target.ts';

const find = (
  more: Parameters<typeof parametersOf>[0],
  client: Partial<typeof bedClient> | null = {},
) =>
  findResponseTarget(parametersOf(more), client === null ? undefined : { ...bedClient, ...client });

describe('where the answer goes', () => {
  test('is the redirect URI that the client registered, with its state', () => {
    expect(find({})).toEqual({
      ok: true,
      value: {
        clientId: 'app',
        redirectUri: 'https://app.example/cb',
        redirectUriGiven: true,
        responseMode: 'query',
        state: 's-1',
        signedBy: null,
      },
    });
  });

  test.each([
    ['no client', { client_id: undefined }, {}, 'client_not_named'],
    ['two clients', { client_id: ['app', 'app'] }, {}, 'client_not_named'],
    ['a client that there is not', {}, null, 'unknown_client'],
    ['a disabled client', {}, { status: 'disabled' }, 'unknown_client'],
    ['another URI', { redirect_uri: 'https://evil/cb' }, {}, 'redirect_uri_not_registered'],
    ['javascript', { redirect_uri: 'javascript:alert(1)' }, {}, 'redirect_uri_not_registered'],
    [
      'two URIs, though both are registered',
      { redirect_uri: ['https://app.example/cb', 'https://app.example/cb'] },
      {},
      'redirect_uri_not_registered',
    ],
    ['none, in OpenID Connect', { redirect_uri: undefined }, {}, 'redirect_uri_not_named'],
    [
      'none, where several are registered',
      { redirect_uri: undefined, scope: 'read' },
      { redirectUris: ['https://app.example/cb', 'https://app.example/cb2'] },
      'redirect_uri_not_named',
    ],
  ] as const)('is nowhere with %s', (_title, more, client, reason) => {
    expect(find(more, client)).toEqual({ ok: false, refusal: { reason } });
  });

  test('is the only registered URI where an OAuth request names none', () => {
    const found = find({ redirect_uri: undefined, scope: 'read' });
    expect(found).toMatchObject({
      value: { redirectUri: 'https://app.example/cb', redirectUriGiven: false },
    });
  });

  test('is told in the mode that was asked for, and in a query where that is none', () => {
    const modeOf = (response_mode: string | string[]) => {
      const found = find({ response_mode });
      return found.ok && found.value.responseMode;
    };
    expect(modeOf('form_post')).toBe('form_post');
    expect(modeOf('jwt')).toBe('query.jwt');
    expect(modeOf('form_post.jwt')).toBe('form_post.jwt');
    for (const none of ['fragment', 'fragment.jwt', 'JWT', '__proto__']) {
      expect(modeOf(none)).toBe('query');
    }
    expect(modeOf(['form_post', 'form_post'])).toBe('query');
  });

  test.each([[['a', 'a']], ['x'.repeat(8_193)]])('leaves out a state that is no use', (state) => {
    expect(find({ state })).toMatchObject({ value: { state: null } });
  });

  test('is signed by what the client chose', () => {
    const response_mode = 'query.jwt';
    expect(find({ response_mode })).toMatchObject({ value: { signedBy: 'RS256' } });
    const client = { authorizationResponseAlgorithm: 'ES256' } as const;
    expect(find({ response_mode }, client)).toMatchObject({ value: { signedBy: 'ES256' } });
    const fapi = { securityProfile: 'fapi2' } as const;
    expect(find({ response_mode }, fapi)).toMatchObject({ value: { signedBy: 'ES256' } });
  });
});
