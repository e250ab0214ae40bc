import { beforeEach, describe, expect, test } from 'vitest';
import { answerOf, asAlice, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed();
});

type Changes = Parameters<SignInBed['parametersOf']>[0];

async function push(more: Changes = {}, client = bed.app) {
  return bed.post('/oauth2/par', bed.parametersOf(more), client);
}

async function pushed(more: Changes = {}): Promise<string> {
  const { json } = await push(more);
  return visitOf(String(json['request_uri']));
}

const visitOf = (requestUri: string, clientId: string = bed.app.clientId) =>
  `/oauth2/authorize?${new URLSearchParams({ client_id: clientId, request_uri: requestUri })}`;

describe('a pushed request', () => {
  test('is kept under a name, for its client alone', async () => {
    const answer = await push();
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{22}$/),
      expires_in: 60,
    });
    const other = await bed.addApp();
    const uri = String(answer.json['request_uri']);
    const stolen = await bed.browse().open(visitOf(uri, other.clientId));
    expect([stolen.status, stolen.headers['location']]).toEqual([400, undefined]);
    expect(stolen.text).toContain('pushed_request_over');
    expect((await bed.browse().open(visitOf(uri))).url).toMatch(/^\/login/);
  });

  test('leads by sign-in and consent to one code, and is over then', async () => {
    const visit = await pushed();
    const browser = bed.browse();
    const consent = await browser.submit(await browser.open(visit), asAlice);
    expect(answerOf(await browser.submit(consent))).toMatchObject({
      code: expect.stringMatching(/^mm_ac_/),
      state: 'st-1',
    });
    expect((await browser.open(visit)).status).toBe(400);
    expect(await bed.store.pushedRequests.count()).toBe(0);
  });

  test('survives a reload and a detour until it is answered', async () => {
    const visit = await pushed();
    const browser = bed.browse();
    await browser.open(visit);
    bed.clock.advanceMs(300_000);
    const login = await browser.open(visit);
    expect(login.url).toMatch(/^\/login/);
    const consent = await browser.submit(login, asAlice);
    expect((await browser.open(visit)).url).toMatch(/^\/consent/);
    expect(answerOf(await browser.submit(consent))).toHaveProperty('code');
  });

  test('gives one code, whichever of its pages is answered', async () => {
    const browser = await bed.settled();
    const visit = await pushed({ prompt: 'consent' });
    const pages = [await browser.open(visit), await browser.open(visit)];
    const answers = await Promise.all(pages.map((page) => browser.submit(page)));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400]);
  });

  test('of many at once that could be answered at once gives one code', async () => {
    const browser = await bed.settled();
    const visit = await pushed();
    const before = await bed.store.authorizationCodes.count();
    const all = await Promise.all(Array.from({ length: 10 }, () => browser.send('GET', visit)));
    expect(all.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(await bed.store.authorizationCodes.count()).toBe(before + 1);
  });

  test('ends when nobody visits it within a minute, to the second', async () => {
    const late = await pushed();
    const inTime = await pushed();
    bed.clock.advanceMs(59_000);
    expect((await bed.browse().open(inTime)).status).toBe(200);
    bed.clock.advanceMs(1_000);
    expect((await bed.browse().open(late)).status).toBe(400);
    bed.clock.advanceMs(598_000);
    expect((await bed.browse().open(inTime)).status).toBe(200);
    bed.clock.advanceMs(1_000);
    expect((await bed.browse().open(inTime)).status).toBe(400);
  });

  test('ends with an error too', async () => {
    const visit = await pushed({ prompt: 'none' });
    const browser = bed.browse();
    expect(answerOf(await browser.open(visit))).toMatchObject({ error: 'login_required' });
    expect((await browser.open(visit)).status).toBe(400);
  });

  test('is not changed by what the URL says beside it', async () => {
    const visit = await pushed();
    const more = {
      scope: 'openid profile read',
      redirect_uri: 'https://evil.example/',
      state: 'x',
    };
    const browser = bed.browse();
    const login = await browser.open(`${visit}&${new URLSearchParams(more)}`);
    const consent = await browser.submit(login, asAlice);
    expect(consent.text).not.toContain('profile');
    expect(answerOf(await browser.submit(consent))).toMatchObject({ state: 'st-1' });
  });

  test.each(['', 'x', 'a'.repeat(22), '../../x'])('is none under the name %j', async (name) => {
    const shown = await bed.browse().open(visitOf(`urn:ietf:params:oauth:request_uri:${name}`));
    expect([shown.status, shown.headers['location']]).toEqual([400, undefined]);
  });

  test.each([
    [{ client_id: undefined }, 'client_not_named'],
    [{ client_id: 'nobody' }, 'unknown_client'],
  ])('needs its client: %j', async (more, reason) => {
    const { json } = await push();
    const all = { ...more, request_uri: String(json['request_uri']) };
    const clean = JSON.parse(JSON.stringify(all));
    const shown = await bed.browse().open(`/oauth2/authorize?${new URLSearchParams(clean)}`);
    expect(shown.text).toContain(reason);
  });
});

describe('the endpoint', () => {
  test.each([
    [{ redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    [{ redirect_uri: undefined }, 'invalid_request'],
    [{ scope: 'admin' }, 'invalid_scope'],
    [{ resource: 'https://nowhere.example' }, 'invalid_target'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ request: 'a.b.c' }, 'invalid_request_object'],
    [{ request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'request_uri_not_supported'],
  ])('refuses %j', async (more, error) => {
    const { status, json } = await push(more);
    expect([status, json['error']]).toEqual([400, error]);
    expect(await bed.store.pushedRequests.count()).toBe(0);
  });

  test('takes a client that proves who it is, and no other', async () => {
    const nobody = await bed.post('/oauth2/par', bed.parametersOf());
    expect([nobody.status, nobody.json['error']]).toEqual([401, 'invalid_client']);
    const wrong = await push({}, { ...bed.app, secret: 'x'.repeat(40) });
    expect(wrong.status).toBe(401);
    const other = await bed.addApp();
    expect((await push({}, other)).status).toBe(400);
    expect((await push({ client_id: undefined })).status).toBe(201);
  });

  test('takes no parameter twice, in its query, or by another method', async () => {
    const form = new URLSearchParams(bed.parametersOf()).toString();
    expect((await bed.post(`/oauth2/par?${form}`, {}, bed.app)).status).toBe(400);
    expect((await bed.get('/oauth2/par')).status).toBe(405);
  });

  test('is told of in the metadata', async () => {
    expect((await bed.get('/.well-known/openid-configuration')).json).toMatchObject({
      pushed_authorization_request_endpoint: 'https://issuer.example/oauth2/par',
    });
  });
});

describe('a client that must push', () => {
  test.each([{ requirePushedAuthorizationRequests: true }, { securityProfile: 'fapi2' } as const])(
    'is sent back with an error where it does not: %j',
    async (rules) => {
      const app = await bed.addApp(rules);
      const open = bed.authorizeUrl({ client_id: app.clientId });
      expect(answerOf(await bed.browse().open(open))).toMatchObject({
        error: 'invalid_request',
        error_description: 'the request must be pushed',
      });
      const { json } = await push({ client_id: app.clientId }, app);
      const visit = visitOf(String(json['request_uri']), app.clientId);
      expect((await bed.browse().open(visit)).url).toMatch(/^\/login/);
    },
  );
});
