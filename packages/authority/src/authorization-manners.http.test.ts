/** What the standards ask of every answer at the authorization endpoint and behind its pages. */
import { beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import { answerOf, asAlice, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;
beforeEach(async () => {
  bed = await signInBed();
});

describe('after a form', () => {
  test('the browser is sent on by 303, so that no form goes along (RFC 9700 §4.12)', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const fields = (text: string, more: Record<string, string>) => {
      const hidden = text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g);
      const all = { ...Object.fromEntries([...hidden].map((m) => [m[1], m[2]])), ...more };
      return new URLSearchParams(all).toString();
    };
    const signedIn = await browser.send('POST', '/login', fields(login.text, asAlice));
    expect(signedIn.status).toBe(303);
    const consent = await browser.open(String(signedIn.headers['location']));
    const agreed = await browser.send('POST', '/consent', fields(consent.text, {}));
    expect(agreed.status).toBe(303);
    expect(agreed.headers['location']).toContain('code=');
    const post = new URLSearchParams(bed.parametersOf({ prompt: 'none' })).toString();
    expect((await bed.browse().send('POST', '/oauth2/authorize', post)).status).toBe(303);
  });
});

describe('an error for the client', () => {
  test.each([
    { scope: 'openid "\\' },
    { scope: 'ünknown' },
    { response_type: 'to"ken' },
    { prompt: 'none\tlogin' },
    { resource: 'https://nowhere.example/"\\\n' },
    { claims: '{"\u2028' },
    { code_challenge_method: 'p\\lain' },
  ])('keeps to the characters of the standard, whatever was sent: %j', async (more) => {
    const shown = await bed.browse().open(bed.authorizeUrl(more));
    const { error, error_description: text = '' } = answerOf(shown);
    expect(error).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(text).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/);
  });
});

describe('what need not be heeded', () => {
  test.each([
    { display: 'popup' },
    { display: 'wap' },
    { claims_locales: 'fr' },
    { ui_locales: 'xx' },
    { acr_values: 'unheard-of' },
    { id_token_hint: undefined, login_hint: 'nobody' },
    { wish: 'anything' },
  ])('is no error (OpenID Connect Core §15.1): %j', async (more) => {
    const browser = await bed.settled();
    expect(answerOf(await browser.open(bed.authorizeUrl(more)))).toMatchObject({
      code: expect.any(String),
      iss: bedConfig.issuer,
    });
  });
});

describe('an answer to the client', () => {
  test('never goes by a fragment, where scripts could read it', async () => {
    const browser = await bed.settled();
    for (const more of [{}, { response_mode: 'fragment' }, { response_type: 'id_token token' }]) {
      const shown = await browser.open(bed.authorizeUrl(more));
      expect(new URL(shown.url).hash).toBe('');
    }
  });
});

describe('the metadata', () => {
  test('names the classes of sign-in that can be asked for (RFC 9470 §7)', async () => {
    const { json } = await bed.get('/.well-known/oauth-authorization-server');
    expect(json['acr_values_supported']).toEqual(expect.arrayContaining(['pwd', 'mfa', 'phr']));
  });
});
