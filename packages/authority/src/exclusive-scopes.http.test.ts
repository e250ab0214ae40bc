/** Scopes that clients get only for people who have them by a role. */
import { beforeEach, describe, expect, it } from 'vitest';
import { backchannelBed } from './backchannel-bed.ts';
import { deviceBed } from './device-bed.ts';
import { answerOf, asAlice, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

/** Of RFC 7636 appendix B, as the requests of the bed are made with. */
const code_verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed({ grantTypes: ['authorization_code', 'refresh_token'] });
});

async function give(roles: readonly string[], groups: readonly string[] = []) {
  const found = await bed.manage('GET', '/v1/users?username=alice');
  const [user] = found.json['items'] as { id: string }[];
  const path = `/v1/users/${user?.id}`;
  const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
  expect((await bed.manage('PATCH', path, { json: { roles, groups }, ifMatch })).status).toBe(200);
  bed.clock.advanceMs(1_000);
}

async function signedIn() {
  const browser = await bed.settled();
  const { code = '' } = answerOf(await browser.open(bed.authorizeUrl()));
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier };
  return (await bed.post('/oauth2/token', form, bed.app)).json;
}

const refreshed = async ({ refresh_token }: Record<string, unknown>) => {
  const form = { grant_type: 'refresh_token', refresh_token: String(refresh_token) };
  return (await bed.post('/oauth2/token', form, bed.app)).json;
};

const scopesOf = (answer: Record<string, unknown>) => String(answer['scope']).split(' ');

describe('the scope roles', () => {
  it('tells a client of the roles and groups of the person, where there are any', async () => {
    const scope = 'openid roles groups';
    bed = await signInBed({
      grantTypes: ['authorization_code', 'refresh_token'],
      scopes: scope.split(' '),
    });
    const claimsOf = async (answer: Record<string, unknown>) => {
      const token = String(answer['access_token']);
      const headers = { authorization: `Bearer ${token}` };
      const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
      return [JSON.parse(payload), (await bed.get('/oauth2/userinfo', headers)).json];
    };
    const browser = bed.browse();
    const shown = await browser.submit(await browser.open(bed.authorizeUrl({ scope })), asAlice);
    const back = shown.url.startsWith('/consent') ? await browser.submit(shown) : shown;
    const { code = '' } = answerOf(back);
    const grant_type = 'authorization_code';
    const form = { grant_type, code, redirect_uri: redirectUri, code_verifier };
    const first = (await bed.post('/oauth2/token', form, bed.app)).json;
    for (const claims of await claimsOf(first)) expect(claims).not.toHaveProperty('roles');
    await bed.manage('PUT', '/v1/roles/b', { json: { scopes: [] } });
    await bed.manage('PUT', '/v1/roles/a', { json: { scopes: [] } });
    await bed.manage('PUT', '/v1/groups/staff', { json: { roles: ['a'] } });
    await give(['b'], ['staff']);
    for (const claims of await claimsOf(await refreshed(first))) {
      expect(claims).toMatchObject({ roles: ['a', 'b'], groups: ['staff'] });
    }
  });
});

describe('an exclusive role', () => {
  it('gives its scopes to tokens for whoever has it, and for nobody else', async () => {
    expect(scopesOf(await signedIn())).toContain('read');
    const json = { scopes: ['read'], exclusive: true };
    expect((await bed.manage('PUT', '/v1/roles/reader', { json })).status).toBe(201);
    bed.clock.advanceMs(1_000);
    const without = await signedIn();
    expect(scopesOf(without)).not.toContain('read');
    await give(['reader']);
    const having = await refreshed(without);
    expect(scopesOf(having)).toContain('read');
    await give([]);
    expect(scopesOf(await refreshed(having))).not.toContain('read');
  });

  it('keeps its scopes off the consent page until they can be given', async () => {
    await bed.manage('PUT', '/v1/roles/reader', { json: { scopes: ['read'], exclusive: true } });
    bed.clock.advanceMs(1_000);
    const browser = bed.browse();
    const asked = { scope: 'openid profile read' };
    const consent = await browser.submit(await browser.open(bed.authorizeUrl(asked)), asAlice);
    expect(consent.url).toMatch(/^\/consent/);
    expect(consent.text).toContain('see your profile');
    expect(consent.text).not.toContain('use “read”');
    const boxes = [...consent.text.matchAll(/name="(scope\.\d)"/g)].map(([, name]) => name);
    expect(boxes).toEqual(['scope.1']);
    const sent = { parts: '1', 'scope.1': '1', 'scope.2': '1' };
    const { code = '' } = answerOf(await browser.submit(consent, sent));
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
    const first = (await bed.post('/oauth2/token', { ...form, code_verifier }, bed.app)).json;
    expect(scopesOf(first)).toEqual(['openid', 'profile']);
    // Asked again it need not be, as long as nothing more could be given.
    expect(answerOf(await browser.open(bed.authorizeUrl(asked)))).toHaveProperty('code');
    await give(['reader']);
    // Never agreed to: a role that comes later does not add it.
    expect(scopesOf(await refreshed(first))).toEqual(['openid', 'profile']);
    const again = await browser.open(bed.authorizeUrl(asked));
    expect(again.url).toMatch(/^\/consent/);
    expect(again.text).toContain('use “read”');
  });

  it('keeps them from what was allowed for another device', async () => {
    const devices = await deviceBed();
    const json = { scopes: ['read'], exclusive: true };
    await devices.manage('PUT', '/v1/roles/reader', { json });
    const begun = await devices.begin({ scope: 'profile read' });
    const question = await devices.ask(begun);
    expect(question.text).toContain('see your profile');
    expect(question.text).not.toContain('use “read”');
    const browser = await devices.settled();
    const answered = await browser.submit(await devices.ask(begun, browser));
    expect(answered.url).toBe('/device?done=allowed');
    expect(scopesOf((await devices.poll(begun)).json)).toEqual(['profile']);
  });

  it('keeps them from what was allowed by the back channel', async () => {
    const calls = await backchannelBed();
    const json = { scopes: ['read'], exclusive: true };
    await calls.manage('PUT', '/v1/roles/reader', { json });
    const { authReqId, id } = await calls.asked({ scope: 'openid profile read' });
    const browser = calls.browse();
    const shown = await browser.submit(await browser.open('/account/requests'), asAlice);
    expect(shown.text).not.toContain('use “read”');
    await browser.submit(shown, { approve: id });
    expect(scopesOf((await calls.poll(authReqId)).json)).toEqual(['openid', 'profile']);
  });

  it('leaves what clients get for themselves', async () => {
    const json = { scopes: ['read'], exclusive: true };
    await bed.manage('PUT', '/v1/roles/reader', { json });
    const client = await bed.addClient();
    const answer = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
    expect(scopesOf(answer.json)).toContain('read');
  });
});
