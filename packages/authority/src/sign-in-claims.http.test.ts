/** How and when somebody signed in, as tokens tell it (RFC 9068 §2.2.1). */
import { decodeJwt } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

const exchangeType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const signedIn = { acr: 'mfa', auth_time: 1_789_999_990 };
const terms = { acr: 'mfa', scopes: ['read', 'offline_access'] };

let bed: GrantBed;

beforeEach(async () => {
  bed = await grantBed();
});

const accessTokenOf = (answer: { readonly json: Record<string, unknown> }) =>
  String(answer.json['access_token']);

async function introspected(token: string, by: Credentials) {
  return (await bed.post('/oauth2/introspect', { token }, by)).json;
}

/** A service that takes the token on to another. */
async function exchanged(token: string, rules: object = {}) {
  const service = await bed.addClient({
    grantTypes: [exchangeType],
    scopes: ['read'],
    resources: ['https://api.example'],
    audiences: ['https://bank.example'],
    ...rules,
  });
  const answer = await bed.post(
    '/oauth2/token',
    {
      grant_type: exchangeType,
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'https://bank.example',
    },
    service,
  );
  expect(answer.status, answer.text).toBe(200);
  return { token: accessTokenOf(answer), service };
}

describe('the sign-in stands in an access token', () => {
  it('and stays what it was through every refresh and exchange', async () => {
    const first = await bed.redeem(await bed.code(terms));
    expect(decodeJwt(accessTokenOf(first))).toMatchObject(signedIn);
    bed.clock.advanceMs(3_600_000);
    const second = await bed.refresh(String(first.json['refresh_token']));
    expect(decodeJwt(accessTokenOf(second))).toMatchObject(signedIn);
    const { token, service } = await exchanged(accessTokenOf(second));
    expect(decodeJwt(token)).toMatchObject({ ...signedIn, act: { sub: service.clientId } });
    expect(await introspected(token, service)).toMatchObject({ active: true, ...signedIn });
  });

  it('and in what is said of an opaque one, who acts among it', async () => {
    const app = await bed.addClient({ ...appRules, accessTokenFormat: 'opaque' });
    const answer = await bed.redeem(await bed.code(terms, app), {}, app);
    const text = accessTokenOf(answer);
    expect(await introspected(text, app)).toMatchObject({ active: true, ...signedIn });
    const { token, service } = await exchanged(text, { accessTokenFormat: 'opaque' });
    expect(token).toMatch(/^mm_at_/);
    expect(await introspected(token, service)).toMatchObject({
      ...{ active: true, aud: 'https://bank.example', ...signedIn },
      act: { sub: service.clientId },
    });
  });

  it('and is left out where nobody signed in', async () => {
    const machine = await bed.addClient({ grantTypes: ['client_credentials'] });
    const own = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, machine);
    const claims = decodeJwt(accessTokenOf(own));
    expect(Object.keys(claims)).not.toContain('auth_time');
    expect(Object.keys(claims)).not.toContain('acr');
  });
});
