import { describe, expect, it } from 'vitest';
import { answerOf, asAlice, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const rules = { grantTypes: ['authorization_code', 'refresh_token'] } as const;

/** The consent page of alice, who was asked for these scopes. */
async function asked(bed: SignInBed, scope: string) {
  const browser = bed.browse();
  const consent = await browser.submit(await browser.open(bed.authorizeUrl({ scope })), asAlice);
  expect(consent.url).toMatch(/^\/consent/);
  return { browser, consent };
}

/** As a browser sends the form: the button, and the boxes that are ticked. */
const boxes = (...places: readonly number[]) => ({
  parts: '1',
  ...Object.fromEntries(places.map((place) => [`scope.${place}`, '1'])),
});

function redeem(bed: SignInBed, code = '') {
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
  return bed.post('/oauth2/token', { ...form, code_verifier: verifier }, bed.app);
}

describe('a person who agrees', () => {
  it('may leave out what is not required, and the tokens have the rest', async () => {
    const bed = await signInBed({ ...rules, requiredScopes: ['read'] });
    const { browser, consent } = await asked(bed, 'openid read profile offline_access');
    const shown = [...consent.text.matchAll(/name="(scope\.\d)" value="1" checked/g)];
    expect(shown.map((match) => match[1])).toEqual(['scope.2', 'scope.3']);
    const { code } = answerOf(await browser.submit(consent, boxes(2)));
    const { json } = await redeem(bed, code);
    expect(json['scope']).toBe('openid read profile');
    const refresh = { grant_type: 'refresh_token', refresh_token: String(json['refresh_token']) };
    const wider = { ...refresh, scope: 'offline_access' };
    expect((await bed.post('/oauth2/token', wider, bed.app)).json['error']).toBe('invalid_scope');
    expect((await bed.post('/oauth2/token', refresh, bed.app)).json['scope']).toBe(
      'openid read profile',
    );
  });

  it('is asked again for what was left out, and not for what was given', async () => {
    const bed = await signInBed();
    const { browser, consent } = await asked(bed, 'openid read profile');
    await browser.submit(consent, boxes(1));
    const given = await browser.open(bed.authorizeUrl({ scope: 'openid read' }));
    expect(answerOf(given)).toHaveProperty('code');
    const more = await browser.open(bed.authorizeUrl({ scope: 'openid profile' }));
    expect(more.url).toMatch(/^\/consent/);
  });

  it('cannot be sent more than was asked for, nor leave out what is required', async () => {
    const bed = await signInBed({ requiredScopes: ['read'] });
    const { browser, consent } = await asked(bed, 'openid read');
    const { code } = answerOf(await browser.submit(consent, boxes(2, 3, 99)));
    expect((await redeem(bed, code)).json['scope']).toBe('openid read');
  });

  it('to nothing says no', async () => {
    const bed = await signInBed();
    const { browser, consent } = await asked(bed, 'read profile');
    expect(answerOf(await browser.submit(consent, boxes()))).toMatchObject({
      error: 'access_denied',
    });
  });

  it('by a form without boxes agrees to all that it showed', async () => {
    const bed = await signInBed();
    const { browser, consent } = await asked(bed, 'openid read profile');
    const { code } = answerOf(await browser.submit(consent));
    expect((await redeem(bed, code)).json['scope']).toBe('openid read profile');
  });
});
