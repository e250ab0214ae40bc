import type { JsonObject } from '@mintmark/core';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { answerOf, asAlice, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

const types = '/v1/authorization-details-types';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const ciba = 'urn:openid:params:grant-type:ciba';
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

const payment = {
  type: 'payment',
  amount: { value: '12.50', currency: 'EUR' },
  creditor: 'Bob <i>& Sons</i>',
  reference: 'Invoice 7',
};
const paymentType = {
  schema: {
    type: 'object',
    properties: {
      amount: {
        type: 'object',
        properties: {
          value: { type: 'string', pattern: '^[0-9]{1,9}\\.[0-9]{2}$' },
          currency: { type: 'string', pattern: '^[A-Z]{3}$' },
        },
        required: ['value', 'currency'],
      },
      creditor: { type: 'string', maxLength: 70 },
      reference: { type: 'string', maxLength: 140 },
    },
    required: ['amount', 'creditor'],
  },
  words: {
    en: 'Pay {amount.value} {amount.currency} to {creditor}',
    de: '{amount.value} {amount.currency} an {creditor} zahlen',
  },
  labels: { reference: { en: 'Reference', de: 'Verwendungszweck' } },
  remember_consent: false,
};
const api = 'https://api.example';
const other = 'https://other.example';
const files = { type: 'files', actions: ['read', 'write'], locations: [api] };
const texts = { type: 'array', items: { type: 'string' } };
const filesType = {
  schema: { type: 'object', properties: { actions: texts, locations: texts } },
  words: { en: 'Use your files: {actions}' },
};

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed({
    authorizationDetailsTypes: ['payment', 'files', 'gone'],
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    scopes: ['openid', 'read'],
    audiences: [api, other],
  });
  for (const [name, json] of [
    ['payment', paymentType],
    ['files', filesType],
  ] as const) {
    expect((await bed.manage('PUT', `${types}/${name}`, { json })).status).toBe(201);
  }
});

const ask = (...details: JsonObject[]) => ({ authorization_details: JSON.stringify(details) });

async function agree(more: Record<string, string>) {
  const browser = bed.browse();
  const consent = await browser.submit(await browser.open(bed.authorizeUrl(more)), asAlice);
  const { code = '' } = answerOf(await browser.submit(consent));
  return { browser, consent, code };
}

const redeem = (code: string, more: Record<string, string> = {}) =>
  bed.post(
    '/oauth2/token',
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...more,
    },
    bed.app,
  );

const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1]!, 'base64url').toString());

describe('what a person is asked in detail', () => {
  it('is said in words, all of it, and never as markup', async () => {
    const { consent } = await agree(ask(payment, files));
    expect(consent.text).toContain('Pay 12.50 EUR to Bob &lt;i&gt;&amp; Sons&lt;/i&gt;');
    expect(consent.text).toContain('<dt>Reference</dt><dd>Invoice 7</dd>');
    expect(consent.text).toContain('Use your files: read, write');
    expect(consent.text).toContain(`<dt>locations</dt><dd>${api}</dd>`);
    const german = bed.browse({ 'accept-language': 'de' });
    const page = await german.open(bed.authorizeUrl(ask(payment, files)));
    const text = (await german.submit(page, asAlice)).text;
    expect(text).toContain('12.50 EUR an Bob');
    expect(text).toContain('<dt>Verwendungszweck</dt>');
  });

  it('stands in the answer, in the token and in introspection', async () => {
    const { code } = await agree(ask(payment));
    const { status, json } = await redeem(code);
    expect([status, json['authorization_details']]).toEqual([200, [payment]]);
    expect(claimsOf(json['access_token'])).toMatchObject({ authorization_details: [payment] });
    for (const name of ['access_token', 'refresh_token']) {
      const shown = await bed.post('/oauth2/introspect', { token: String(json[name]) }, bed.app);
      expect(shown.json).toMatchObject({ active: true, authorization_details: [payment] });
    }
  });

  it('stands with an opaque token too', async () => {
    const app = await bed.addApp({
      authorizationDetailsTypes: ['payment'],
      accessTokenFormat: 'opaque',
    });
    const { code } = await agree({ client_id: app.clientId, ...ask(payment) });
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
    const { json } = await bed.post('/oauth2/token', { ...form, code_verifier: verifier }, app);
    const shown = await bed.post(
      '/oauth2/introspect',
      { token: String(json['access_token']) },
      app,
    );
    expect(shown.json).toMatchObject({ active: true, authorization_details: [payment] });
  });

  it('is remembered by type and content, unless the type has it asked each time', async () => {
    const { browser } = await agree(ask(files));
    const silent = async (more: JsonObject) =>
      answerOf(await browser.open(bed.authorizeUrl({ prompt: 'none', ...ask(more) })));
    expect(await silent(files)).toHaveProperty('code');
    expect(await silent({ ...files, actions: ['write', 'delete'] })).toMatchObject({
      error: 'consent_required',
    });
    const paid = await agree(ask(payment));
    const again = await paid.browser.open(bed.authorizeUrl(ask(payment)));
    expect(again.url).toMatch(/^\/consent/);
    const consents = await bed.store.consents.list({ limit: 10 });
    expect(JSON.stringify(consents[0]!.granted)).not.toContain('payment');
  });

  it('is asked for even where an administrator has consented for everybody', async () => {
    const app = await bed.addApp({ authorizationDetailsTypes: ['payment'], consent: 'implicit' });
    const { consent } = await agree({ client_id: app.clientId, ...ask(payment) });
    expect(consent.url).toMatch(/^\/consent/);
  });

  it('may be pushed, and may stand in the record without its content', async () => {
    const pushed = await bed.post('/oauth2/par', bed.parametersOf(ask(payment)), bed.app);
    expect(pushed.status).toBe(201);
    const browser = bed.browse();
    const query = { client_id: bed.app.clientId, request_uri: String(pushed.json['request_uri']) };
    const login = await browser.open(`/oauth2/authorize?${new URLSearchParams(query)}`);
    expect((await browser.submit(login, asAlice)).text).toContain('Pay 12.50 EUR');
    const wrong = await bed.post(
      '/oauth2/par',
      bed.parametersOf(ask({ ...payment, amount: 1 })),
      bed.app,
    );
    expect([wrong.status, wrong.json['error']]).toEqual([400, 'invalid_authorization_details']);
    const { code } = await agree(ask(payment));
    await redeem(code);
    const leaves = (await bed.store.auditPending.list({ limit: 100 })).map(({ leaf }) =>
      Buffer.from(leaf).toString(),
    );
    expect(leaves.join()).toContain('"details":["payment"]');
    expect(leaves.join()).not.toContain('Invoice');
  });
});

describe('details that are refused', () => {
  const { amount, creditor } = payment;
  test.each<[string, string]>([
    ['no list', JSON.stringify(payment)],
    ['no JSON', '[{'],
    ['an empty list', '[]'],
    ['no objects', '["payment"]'],
    ['no type', JSON.stringify([{ amount, creditor }])],
    ['an unknown type', JSON.stringify([{ type: 'gone' }])],
    ['a type that is not the client’s', JSON.stringify([{ type: 'another' }])],
    ['a member twice', '[{"type":"files","type":"files"}]'],
    ['a member too many', JSON.stringify([{ ...payment, tip: 1 }])],
    ['a member missing', JSON.stringify([{ type: 'payment', amount }])],
    ['a member of another kind', JSON.stringify([{ ...payment, creditor: 1 }])],
    ['a place that is not the client’s', JSON.stringify([{ ...files, locations: ['https://e'] }])],
    ['no place', JSON.stringify([{ ...files, locations: [] }])],
    ['too many', JSON.stringify(Array(21).fill(files))],
    ['too long', JSON.stringify([{ ...payment, reference: 'x'.repeat(17_000) }])],
  ])('%s', async (_, authorization_details) => {
    const shown = await bed.browse().open(bed.authorizeUrl({ authorization_details }));
    expect(answerOf(shown)).toMatchObject({
      error: 'invalid_authorization_details',
      state: 'st-1',
    });
    const form = { grant_type: 'client_credentials', authorization_details };
    const { status, json } = await bed.post('/oauth2/token', form, bed.app);
    expect([status, json['error']]).toEqual([400, 'invalid_authorization_details']);
  });
});

describe('a token request', () => {
  it('may ask for fewer and narrower details than were agreed to, and for no others', async () => {
    const narrow = { ...files, actions: ['read'] };
    const { code } = await agree(ask(payment, files));
    const wide = await redeem(code, ask({ ...files, actions: ['read', 'own'] }));
    expect([wide.status, wide.json['error']]).toEqual([400, 'invalid_authorization_details']);
    const first = await redeem(code, ask(narrow));
    expect(first.json['authorization_details']).toEqual([narrow]);
    const refresh = (more: Record<string, string>, token = String(first.json['refresh_token'])) =>
      bed.post(
        '/oauth2/token',
        { grant_type: 'refresh_token', refresh_token: token, ...more },
        bed.app,
      );
    const next = await refresh(ask(payment));
    expect(next.json['authorization_details']).toEqual([payment]);
    // The answer was lost: the same question again is answered, another is not.
    expect((await refresh(ask(payment))).status).toBe(200);
    expect((await refresh(ask(narrow))).json['error']).toBe('invalid_grant');
    const all = await refresh({}, String(next.json['refresh_token']));
    expect(all.json['authorization_details']).toEqual([payment, files]);
  });

  it('gets those that are meant for where the token goes', async () => {
    const elsewhere = { ...files, locations: [other] };
    const { code } = await agree(ask(files, elsewhere));
    const { json } = await redeem(code, { resource: other });
    expect(json['authorization_details']).toEqual([elsewhere]);
    expect(claimsOf(json['access_token'])).toMatchObject({ aud: other });
  });

  it('of a grant without any gets none, nor after the client lost the type', async () => {
    const plain = await agree({});
    expect((await redeem(plain.code, ask(files))).json['error']).toBe(
      'invalid_authorization_details',
    );
    const { code } = await agree(ask(files));
    const path = `/v1/clients/${bed.app.clientId}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    const json = { authorization_details_types: [] };
    expect((await bed.manage('PATCH', path, { json, ifMatch })).status).toBe(200);
    const { status, json: answer } = await redeem(code);
    expect(status).toBe(200);
    expect(answer).not.toHaveProperty('authorization_details');
  });

  it('of a machine gets what its client may ask for', async () => {
    const form = { grant_type: 'client_credentials', ...ask(files) };
    const { json } = await bed.post('/oauth2/token', form, bed.app);
    expect(json['authorization_details']).toEqual([files]);
    const none = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, bed.app);
    expect(none.json).not.toHaveProperty('authorization_details');
  });

  it('by exchange gets no more than the token had, and only what its client may use', async () => {
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const addWorker = (authorizationDetailsTypes: readonly string[]) =>
      bed.addClient({
        grantTypes: [grant],
        resources: [api],
        audiences: [other],
        authorizationDetailsTypes,
      });
    const { code } = await agree(ask({ ...files, locations: [other] }, payment));
    const { json } = await redeem(code, { resource: other });
    const plain = await agree({ ...ask(payment), resource: api });
    const token = (await redeem(plain.code)).json['access_token'];
    expect(json['authorization_details']).toHaveLength(2);
    const exchange = async (worker: Parameters<SignInBed['post']>[2], more = {}) =>
      bed.post(
        '/oauth2/token',
        {
          grant_type: grant,
          subject_token: String(token),
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          audience: other,
          ...more,
        },
        worker,
      );
    const allowed = await addWorker(['payment', 'files']);
    expect((await exchange(allowed)).json['authorization_details']).toEqual([payment]);
    const more = ask({ ...payment, reference: 'Invoice 8' });
    expect((await exchange(allowed, more)).json['error']).toBe('invalid_authorization_details');
    const denied = await exchange(await addWorker([]));
    expect([denied.status, denied.json['authorization_details']]).toEqual([200, undefined]);
  });
});

describe('the types', () => {
  it('are told in the metadata', async () => {
    const known = async () =>
      (await bed.get('/.well-known/oauth-authorization-server')).json[
        'authorization_details_types_supported'
      ];
    expect(await known()).toEqual(['files', 'payment']);
    const ifMatch = String((await bed.manage('GET', `${types}/files`)).headers['etag']);
    expect((await bed.manage('DELETE', `${types}/files`, { ifMatch })).status).toBe(204);
    expect(await known()).toEqual(['payment']);
    expect((await bed.manage('GET', `${types}/files`)).status).toBe(404);
    expect((await bed.manage('DELETE', `${types}/files`, { ifMatch })).status).toBe(404);
  });

  it('are written, replaced and listed', async () => {
    const path = `${types}/files`;
    const replace = (ifMatch?: string) =>
      bed.manage('PUT', path, { json: filesType, ...(ifMatch === undefined ? {} : { ifMatch }) });
    expect((await replace()).status).toBe(428);
    const { headers, json } = await bed.manage('GET', path);
    expect(json).toMatchObject({ type: 'files', ...filesType });
    const again = await bed.manage('PUT', path, { json, ifMatch: String(headers['etag']) });
    expect(again.status).toBe(200);
    expect((await replace(String(headers['etag']))).status).toBe(412);
    expect((await bed.manage('DELETE', path, { ifMatch: String(headers['etag']) })).status).toBe(
      412,
    );
    const listed = await bed.manage('GET', `${types}?limit=1`);
    expect(listed.json['items']).toMatchObject([{ type: 'files' }]);
    const next = await bed.manage('GET', `${types}?limit=1&cursor=${listed.json['next']}`);
    expect(next.json['items']).toMatchObject([{ type: 'payment' }]);
    const unseen = { json: filesType, ifMatch: '"1"' };
    expect((await bed.manage('PUT', `${types}/fresh`, unseen)).status).toBe(412);
    const misnamed = { ...filesType, type: 'other' };
    expect((await bed.manage('PUT', `${types}/fresh`, { json: misnamed })).status).toBe(422);
  });

  test.each<[string, object]>([
    ['/schema', { ...filesType, schema: undefined }],
    ['/schema/type', { ...filesType, schema: { type: 'array' } }],
    ['/schema/format', { ...filesType, schema: { type: 'object', format: 'x' } }],
    ['/words/en', { ...filesType, words: { de: 'Dateien' } }],
    ['/words/en', { ...filesType, words: { en: 'two\nlines' } }],
  ])('are refused at %s', async (pointer, json) => {
    const { status, json: problem } = await bed.manage('PUT', `${types}/new`, { json });
    expect([status, problem['errors']]).toMatchObject([422, [{ pointer }]]);
  });

  it('are at most a hundred', async () => {
    for (let i = 2; i < 100; i++) {
      await bed.manage('PUT', `${types}/t${i}`, { json: filesType });
    }
    const { status, json } = await bed.manage('PUT', `${types}/last`, { json: filesType });
    expect([status, json['code']]).toEqual([409, 'wrong_state']);
  });
});

describe('details beyond the browser', () => {
  const wishes = JSON.stringify([payment, files]);
  const uses = ['payment', 'files', 'gone'];

  it('are asked for by a device, shown with its code, and in its token', async () => {
    const tv = await bed.addClient({
      ...{ grantTypes: [device, 'refresh_token'], scopes: ['read'], audiences: [api, other] },
      authorizationDetailsTypes: uses,
    });
    const form = { authorization_details: wishes, resource: api };
    const begun = await bed.post('/oauth2/device_authorization', form, tv);
    const { user_code: userCode, device_code: deviceCode } = begun.json as Record<string, string>;
    const browser = bed.browse();
    const typed = await browser.submit(await browser.open('/device'), {
      user_code: userCode ?? '',
    });
    const asked = await browser.submit(typed, asAlice);
    expect(asked.text).toContain('Pay 12.50 EUR to Bob &lt;i&gt;&amp; Sons&lt;/i&gt;');
    expect(asked.text).toContain('Use your files: read, write');
    await browser.submit(asked);
    const poll = { grant_type: device, device_code: deviceCode ?? '' };
    const tokens = await bed.post('/oauth2/token', poll, tv);
    expect(tokens.json['authorization_details']).toEqual([payment, files]);
    expect(tokens.json).toHaveProperty('refresh_token');
    const grant_type = 'refresh_token';
    const refresh = { grant_type, refresh_token: String(tokens.json['refresh_token']) };
    const again = await bed.post('/oauth2/token', refresh, tv);
    expect(again.json['authorization_details']).toEqual([payment, files]);
  });

  it('are asked for by the back channel, and shown where the person answers', async () => {
    const caller = await bed.addClient({
      ...{ grantTypes: [ciba], scopes: ['openid', 'read'], audiences: [api, other] },
      ...{ authorizationDetailsTypes: uses, backchannelTokenDeliveryMode: 'poll' },
    });
    const form = { scope: 'openid', login_hint: 'alice', authorization_details: wishes };
    const begun = await bed.post('/oauth2/bc-authorize', form, caller);
    const authReqId = String(begun.json['auth_req_id']);
    const browser = await bed.settled();
    const asked = await browser.open('/account/requests');
    expect(asked.text).toContain('Pay 12.50 EUR to Bob &lt;i&gt;&amp; Sons&lt;/i&gt;');
    const shown = await bed.manage('GET', `/v1/authentication-requests?subject=${bed.alice}`);
    expect(shown.json['items']).toMatchObject([{ authorization_details: [payment, files] }]);
    const id = authReqId.split('_')[2]!.slice(0, 17);
    const approve = `/v1/authentication-requests/${id}/approve`;
    expect((await bed.manage('POST', approve, { json: { acr: 'pwd' } })).status).toBe(204);
    const tokens = await bed.post(
      '/oauth2/token',
      { grant_type: ciba, auth_req_id: authReqId },
      caller,
    );
    expect(tokens.json['authorization_details']).toEqual([payment, files]);
  });

  it.each([
    ['of a type that the client may not use', [{ type: 'secret' }]],
    ['of a type that is gone', [{ type: 'gone' }]],
    ['that do not fit the type', [{ ...payment, amount: '1' }]],
    ['for another place', [{ ...files, locations: ['https://elsewhere.example'] }]],
  ])('are refused %s', async (_, wish) => {
    const asking = await bed.addClient({
      ...{ grantTypes: [device, ciba], scopes: ['openid'], audiences: [api] },
      ...{ authorizationDetailsTypes: uses, backchannelTokenDeliveryMode: 'poll' },
    });
    const form = { scope: 'openid', authorization_details: JSON.stringify(wish) };
    const refused = { status: 400, json: { error: 'invalid_authorization_details' } };
    const byDevice = await bed.post('/oauth2/device_authorization', form, asking);
    expect(byDevice).toMatchObject(refused);
    const hinted = { ...form, login_hint: 'alice' };
    expect(await bed.post('/oauth2/bc-authorize', hinted, asking)).toMatchObject(refused);
  });
});
