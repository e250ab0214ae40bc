/** Tokens out of the authorization endpoint itself, by form (OpenID Connect Core §3.2). */
import { hash } from 'node:crypto';
import { limits } from '@mintmark/core';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { bedConfig } from './authority-bed.ts';
import type { Shown } from './browser-bed.ts';
import { answerOf, asAlice, type SignInBed, signInBed } from './sign-in-bed.ts';

const front = {
  grantTypes: ['authorization_code', 'implicit', 'refresh_token'],
  responseTypes: ['code', 'id_token', 'id_token token'],
} as const;

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed(front);
});

const asking = {
  response_mode: 'form_post',
  nonce: 'n-1',
  code_challenge: undefined,
  code_challenge_method: undefined,
};

/** What stands in the form that the page sends. */
function posted({ text }: Shown): Record<string, string> {
  const fields = [...text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)];
  return Object.fromEntries(fields.map(([, name, value]) => [name ?? '', value ?? '']));
}

/** OpenID Connect Core §3.1.3.6 for an algorithm with SHA-256. */
function leftHalf(token: string): string {
  return hash('sha256', token, 'buffer').subarray(0, 16).toString('base64url');
}

async function open(idToken: string) {
  const jwks = (await bed.get('/.well-known/jwks.json')).json;
  const { payload } = await jwtVerify(idToken, createLocalJWKSet(jwks as never), {
    issuer: bedConfig.issuer,
    audience: bed.app.clientId,
    currentDate: new Date(bed.clock.nowMs()),
  });
  return payload;
}

async function answered(more: Record<string, string | undefined>) {
  const browser = await bed.settled();
  return posted(await browser.open(bed.authorizeUrl({ ...asking, ...more })));
}

describe('response type id_token', () => {
  test('gives an ID token with the claims of its scopes, and nothing else', async () => {
    const scope = 'openid profile';
    const browser = bed.browse();
    const url = bed.authorizeUrl({ ...asking, response_type: 'id_token', scope });
    const consent = await browser.submit(await browser.open(url), asAlice);
    const fields = posted(await browser.submit(consent));
    expect(Object.keys(fields).sort()).toEqual(['id_token', 'iss', 'state']);
    const payload = await open(fields['id_token'] ?? '');
    expect(payload).toMatchObject({ sub: bed.alice, nonce: 'n-1' });
    expect(payload).toHaveProperty('updated_at');
    expect(payload).not.toHaveProperty('at_hash');
    expect(payload).not.toHaveProperty('c_hash');
  });

  test('travels in a signed answer too', async () => {
    const fields = await answered({ response_type: 'id_token', response_mode: 'form_post.jwt' });
    expect(Object.keys(fields)).toEqual(['response']);
  });

  test('is recorded without a token that nobody has', async () => {
    await answered({ response_type: 'id_token' });
    const { json } = await bed.manage('GET', '/v1/audit/events?action=token.issue');
    expect(json['items']).toMatchObject([{ detail: { grant: 'implicit', format: 'none' } }]);
  });
});

describe('response type id_token token', () => {
  test.each(['id_token token', 'token id_token'])('as %s gives both', async (response_type) => {
    const fields = await answered({ response_type });
    expect(fields).toMatchObject({ token_type: 'Bearer', scope: 'openid read', state: 'st-1' });
    expect(fields).not.toHaveProperty('code');
    expect(fields).not.toHaveProperty('refresh_token');
    expect(Number(fields['expires_in'])).toBe(limits.accessTokenTtlSecondsDefault);
    const { access_token: token = '', id_token: idToken = '' } = fields;
    expect(await open(idToken)).toHaveProperty('at_hash', leftHalf(token));
    const userinfo = await bed.get('/oauth2/userinfo', { authorization: `Bearer ${token}` });
    expect(userinfo.json).toMatchObject({ sub: bed.alice });
  });
});

describe('refused', () => {
  const types = ['id_token', 'id_token token'];
  test.each(types)('%s in a query, or where no mode is named', async (response_type) => {
    const browser = await bed.settled();
    for (const response_mode of [undefined, 'query', 'jwt', 'query.jwt', 'fragment']) {
      const url = bed.authorizeUrl({ ...asking, response_type, response_mode });
      const shown = await browser.open(url);
      expect(shown.url).not.toContain('#');
      expect(shown.url).not.toMatch(/id_token=|access_token=/);
      if (response_mode?.endsWith('jwt') === true) continue;
      expect(answerOf(shown)).toMatchObject({ error: 'invalid_request' });
    }
  });

  test('without a nonce', async () => {
    const fields = await answered({ response_type: 'id_token', nonce: undefined });
    expect(fields).toMatchObject({ error: 'invalid_request' });
  });

  test('without openid', async () => {
    const fields = await answered({ response_type: 'id_token token', scope: 'read' });
    expect(fields).toMatchObject({ error: 'invalid_scope' });
  });

  test.each(['token', 'code token', 'none', 'id_token id_token'])('%s', async (response_type) => {
    expect(await answered({ response_type })).toMatchObject({ error: 'unsupported_response_type' });
  });

  test('for a client that is not registered for it', async () => {
    bed = await signInBed();
    const fields = await answered({ response_type: 'id_token token' });
    expect(fields).toMatchObject({ error: 'unauthorized_client' });
  });

  test('where the account ends between the agreement and its tokens', async () => {
    const path = `/v1/users/${bed.alice}`;
    const disable = async () => {
      const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
      await bed.manage('PATCH', path, { json: { status: 'disabled' }, ifMatch });
    };
    let isGone = false;
    const { acts } = bed.store;
    const run = acts.run.bind(acts);
    acts.run = async (act) => {
      const ran = await run(act);
      const isCode = act.steps.some(
        (step) => step.do === 'insert' && step.table === 'authorizationCodes',
      );
      if (isCode && isGone) await disable();
      return ran;
    };
    const browser = await bed.settled();
    isGone = true;
    const url = bed.authorizeUrl({ ...asking, response_type: 'id_token token' });
    expect(posted(await browser.open(url))).toMatchObject({ error: 'server_error' });
  });

  test('as access_denied where a policy lets no token be issued', async () => {
    const browser = await bed.settled();
    const json = { cedar: 'forbid(principal, action, resource);', reason: 'r', uses: ['token'] };
    await bed.manage('PUT', '/v1/policies/none', { json: { ...json, stage: 'enforce' } });
    const url = bed.authorizeUrl({ ...asking, response_type: 'id_token token' });
    const fields = posted(await browser.open(url));
    expect(fields).toMatchObject({ error: 'access_denied', state: expect.any(String) });
    expect(fields).not.toHaveProperty('access_token');
  });

  test('by the token endpoint, which knows no such grant', async () => {
    const { json } = await bed.post('/oauth2/token', { grant_type: 'implicit' }, bed.app);
    expect(json).toMatchObject({ error: 'unsupported_grant_type' });
  });
});
