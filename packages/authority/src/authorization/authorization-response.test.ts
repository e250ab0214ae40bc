import { describe, expect, test } from 'vitest';
import { buildAuthorizationResponse } from './authorization-response.ts';
import { bedRequest } from './request-bed.ts';

const issuer = 'https://issuer.example';

const more = { issuer, now: 1_000, seal: () => Promise.reject(new Error('not asked for')) };

const locationOf = async (redirectUri: string, state: string | null = 's') => {
  const built = await buildAuthorizationResponse(
    { ...bedRequest, redirectUri, state },
    { ...more, answer: { code: 'c&d' } },
  );
  return built?.by === 'redirect' ? built.location : built?.by;
};

describe('the answer to a client', () => {
  test('names the issuer beside code and state (RFC 9207)', async () => {
    expect(await locationOf('https://app.example/cb')).toBe(
      'https://app.example/cb?code=c%26d&state=s&iss=https%3A%2F%2Fissuer.example',
    );
  });

  test('keeps the query that the URI has, and its bytes', async () => {
    expect(await locationOf('https://app.example/cb?x=%2f', null)).toMatch(
      /cb\?x=%2f&code=c%26d&iss=/,
    );
    expect(await locationOf('https://app.example/cb?', null)).toMatch(/cb\?code=/);
    expect(await locationOf('com.example.app:/cb', null)).toMatch(/^com\.example\.app:\/cb\?code=/);
  });

  test('names the issuer beside an error too', async () => {
    const answer = { error: 'access_denied', description: 'no' } as const;
    const built = await buildAuthorizationResponse(bedRequest, { ...more, answer });
    const url = new URL(built?.by === 'redirect' ? built.location : 'x:');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'no',
      state: 's-1',
      iss: issuer,
    });
  });

  test('is a form where that was asked for', async () => {
    const target = { ...bedRequest, responseMode: 'form_post' } as const;
    const answer = { code: 'c' };
    expect(await buildAuthorizationResponse(target, { ...more, answer })).toEqual({
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
