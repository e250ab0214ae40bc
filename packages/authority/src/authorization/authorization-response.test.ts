import { describe, expect, test } from 'vitest';
import { buildAuthorizationResponse } from './authorization-response.ts';
import { bedRequest } from './request-bed.ts';

const issuer = 'https://issuer.example';

const locationOf = (redirectUri: string, state: string | null = 's') => {
  const built = buildAuthorizationResponse(
    { ...bedRequest, redirectUri, state },
    { issuer, answer: { code: 'c&d' } },
  );
  return built.by === 'redirect' ? built.location : built.by;
};

describe('the answer to a client', () => {
  test('names the issuer beside code and state (RFC 9207)', () => {
    expect(locationOf('https://app.example/cb')).toBe(
      'https://app.example/cb?code=c%26d&state=s&iss=https%3A%2F%2Fissuer.example',
    );
  });

  test('keeps the query that the URI has, and its bytes', () => {
    expect(locationOf('https://app.example/cb?x=%2f', null)).toMatch(/cb\?x=%2f&code=c%26d&iss=/);
    expect(locationOf('https://app.example/cb?', null)).toMatch(/cb\?code=/);
    expect(locationOf('com.example.app:/cb', null)).toMatch(/^com\.example\.app:\/cb\?code=/);
  });

  test('names the issuer beside an error too', () => {
    const answer = { error: 'access_denied', description: 'no' } as const;
    const built = buildAuthorizationResponse(bedRequest, { issuer, answer });
    const url = new URL(built.by === 'redirect' ? built.location : 'x:');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'no',
      state: 's-1',
      iss: issuer,
    });
  });

  test('is a form where that was asked for', () => {
    const target = { ...bedRequest, responseMode: 'form_post' } as const;
    expect(buildAuthorizationResponse(target, { issuer, answer: { code: 'c' } })).toEqual({
      by: 'form',
      action: 'https://app.example/cb',
      fields: [
        ['code', 'c'],
        ['state', 's-1'],
        ['iss', issuer],
      ],
    });
  });
});
