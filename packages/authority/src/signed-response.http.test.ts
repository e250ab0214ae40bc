import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { answerOf, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed({ authorizationResponseAlgorithm: 'ES256' });
});

async function openJwt(text: string) {
  const jwks = (await bed.get('/.well-known/jwks.json')).json;
  const { payload, protectedHeader } = await jwtVerify(text, createLocalJWKSet(jwks as never), {
    issuer: bedConfig.issuer,
    audience: bed.app.clientId,
    currentDate: new Date(bed.clock.nowMs()),
  });
  expect(protectedHeader.alg).toBe('ES256');
  return payload;
}

describe('a signed response (JARM)', () => {
  test.each(['jwt', 'query.jwt'])('holds everything that %s says', async (response_mode) => {
    const browser = await bed.settled();
    const shown = answerOf(await browser.open(bed.authorizeUrl({ response_mode })));
    expect(Object.keys(shown)).toEqual(['response']);
    const payload = await openJwt(shown['response'] ?? '');
    expect(payload).toEqual({
      iss: bedConfig.issuer,
      aud: bed.app.clientId,
      exp: Math.floor(bed.clock.nowMs() / 1000) + 300,
      code: expect.stringMatching(/^mm_ac_/),
      state: 'st-1',
    });
  });

  test('travels by form too', async () => {
    const browser = await bed.settled();
    const page = await browser.open(bed.authorizeUrl({ response_mode: 'form_post.jwt' }));
    const fields = [...page.text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)];
    expect(fields.map(([, name]) => name)).toEqual(['response']);
    expect(await openJwt(fields[0]?.[2] ?? '')).toHaveProperty('code');
  });

  test('tells errors, those about the request among them', async () => {
    for (const more of [{ prompt: 'none' }, { scope: 'admin' }]) {
      const url = bed.authorizeUrl({ response_mode: 'jwt', ...more });
      const shown = answerOf(await bed.browse().open(url));
      expect(Object.keys(shown)).toEqual(['response']);
      expect(await openJwt(shown['response'] ?? '')).toMatchObject({
        error: expect.stringMatching(/^(?:login_required|invalid_scope)$/),
        state: 'st-1',
      });
    }
  });

  test('is no hint of who is here', async () => {
    const browser = await bed.settled();
    const shown = answerOf(await browser.open(bed.authorizeUrl({ response_mode: 'jwt' })));
    const hinted = bed.authorizeUrl({ id_token_hint: shown['response'] });
    expect(answerOf(await browser.open(hinted))).toMatchObject({ error: 'invalid_request' });
  });
});
