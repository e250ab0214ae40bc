/** The page /device (RFC 8628 §3.3): a person types a code, is asked, and answers. */
import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Begun, type DeviceBed, deviceBed, deviceRules as rules } from './device-bed.ts';
import { asAlice, asBob } from './sign-in-bed.ts';

let bed: DeviceBed;

beforeEach(async () => {
  bed = await deviceBed();
});

describe('the page for a code', () => {
  it('shows the client, what it asks for, from where, and warns of strangers', async () => {
    const begun = await bed.begin({ scope: 'profile read' });
    const question = await bed.ask(begun);
    expect(question.status).toBe(200);
    expect(question.text).toContain(
      'TV &lt;b&gt;App&lt;/b&gt; on another device asks for access to your account',
    );
    expect(question.text).toContain('You are signed in as alice.');
    expect(question.text).toContain('see your profile');
    expect(question.text).toContain('use “read”');
    expect(question.text).toContain('https://api.example');
    expect(question.text).toContain('from the address 192.0.2.1');
    expect(question.text).toContain('If somebody sent you the code');
    expect(question.headers['content-security-policy']).toContain("form-action 'self'");
  });

  it('says of a client that named itself that nobody here vouches for the name', async () => {
    const stranger = await bed.addClient({ ...rules, source: 'registration' });
    const question = await bed.ask(await bed.begin({}, stranger));
    expect(question.text).toContain('no administrator here knows it');
    expect(question.text).toContain(stranger.clientId);
  });

  it('takes the code however it is typed, in the language of the browser', async () => {
    const begun = await bed.begin();
    const browser = bed.browse({ 'accept-language': 'de' });
    const entry = await browser.open('/device');
    expect(entry.text).toContain('<html lang="de">');
    expect(entry.text).toContain('<label for="user_code">Code</label>');
    const user_code = ` ${begun.user_code.replace('-', ' ').toLowerCase()} `;
    const shown = await browser.submit(entry, { user_code });
    expect(shown.url).toMatch(/^\/login\?transaction=/);
    expect(shown.text).toContain('TV &lt;b&gt;App&lt;/b&gt;');
  });

  it('shows a code that the address brought; it is looked up when it was confirmed', async () => {
    const begun = await bed.begin();
    const browser = await bed.settled();
    const path = begun.verification_uri_complete.replace('https://issuer.example', '');
    const shown = await browser.open(path);
    expect(shown.url).toBe(path);
    expect(shown.text).toContain(`<strong><code>${begun.user_code}</code></strong>`);
    expect(shown.text).toContain('Is this the code that your device shows?');
    const unknown = await browser.open('/device?user_code=BBBB-BBBB');
    expect(unknown).toMatchObject({ status: 200 });
    expect(unknown.text).toContain('BBBB-BBBB');
    const question = await browser.submit(shown);
    expect(question.url).toMatch(/^\/device\?transaction=/);
    expect((await browser.submit(question)).url).toBe('/device?done=allowed');
    expect(await bed.poll(begun)).toMatchObject({ status: 200 });
  });

  it('says of an address whose code is none that it is none', async () => {
    const shown = await bed.browse().open('/device?user_code=%3Cscript%3E');
    expect(shown.text).toContain('value="&lt;script&gt;"');
    expect(shown.text).toContain('This code is not known here');
  });

  it('asks again, whatever was allowed before or by the administrator', async () => {
    const tv = await bed.addClient({ ...rules, consent: 'implicit' });
    const browser = await bed.settled();
    for (let i = 0; i < 2; i++) {
      const question = await bed.ask(await bed.begin({ scope: 'read' }, tv), browser);
      expect(question.url).toMatch(/^\/device\?transaction=/);
      await browser.submit(question);
    }
  });

  it('gives one answer for codes that are unknown, over, answered or of nobody', async () => {
    const [over, answered, gone] = [await bed.begin(), await bed.begin(), await bed.begin()];
    await bed.approve(answered);
    const browser = await bed.settled();
    const entry = await browser.open('/device');
    const try_ = (user_code: string) => browser.submit(entry, { user_code });
    const wanted = { status: 422, url: '/device' };
    expect(await try_('BBBB-BBBB')).toMatchObject(wanted);
    expect(await try_('12')).toMatchObject(wanted);
    expect(await try_(answered.user_code)).toMatchObject(wanted);
    const where = { tenant: defaultTenant, clientId: bed.tv.clientId };
    const set = { status: 'disabled', version: { add: 1 } } as const;
    const step = { do: 'update', table: 'clients', where, set } as const;
    await bed.store.acts.run({ steps: [step], audit: null });
    bed.clock.advanceMs(2_000);
    expect(await try_(gone.user_code)).toMatchObject(wanted);
    bed.clock.advanceMs(limits.deviceCodeSeconds * 1_000);
    expect(await try_(over.user_code)).toMatchObject(wanted);
  });

  it('bounds guesses, and a right code then has to wait too', async () => {
    const begun = await bed.begin();
    const browser = bed.browse();
    const entry = await browser.open('/device');
    const send = (user_code: string) => browser.submit(entry, { user_code });
    for (let i = 0; i < limits.userCodeGuessesPerSession; i++) {
      expect((await send('BBBB-BBBB')).status).toBe(422);
    }
    const refused = await send(begun.user_code);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.text).toContain('Too many attempts');
    bed.clock.advanceMs(60_000);
    expect((await send(begun.user_code)).url).toMatch(/^\/login/);
    bed.clock.advanceMs(limits.refusalFlushMs);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    const records = JSON.stringify(await bed.records('security.refused'));
    expect(records).toContain('unknown_user_code');
    expect(records).toContain('too_many_guesses');
  });

  it('does not count what cannot be a code', async () => {
    const browser = bed.browse();
    const entry = await browser.open('/device');
    for (let i = 0; i < 2 * limits.userCodeGuessesPerAddress; i++) {
      expect((await browser.submit(entry, { user_code: 'hello' })).status).toBe(422);
    }
  });

  it('takes no form that another page has made', async () => {
    const begun = await bed.begin();
    const browser = await bed.settled();
    const { user_code } = begun;
    const bare = await browser.post('/device', { user_code });
    expect(bare.status).toBe(422);
    expect(bare.text).toContain('This form was no longer good');
    const other = bed.browse();
    const [, token = ''] = /name="token" value="([^"]+)"/.exec((await other.open('/device')).text)!;
    expect((await browser.post('/device', { user_code, token })).status).toBe(422);
    const forged = bed.browse({ 'sec-fetch-site': 'cross-site' });
    expect((await forged.post('/device', { user_code, token })).status).toBe(400);
    expect((await bed.poll(begun)).json['error']).toBe('authorization_pending');
  });

  it('belongs to the browser and the person that were asked', async () => {
    const begun = await bed.begin();
    const browser = bed.browse();
    const question = await bed.ask(begun, browser);
    const thief = await bed.settled();
    expect((await thief.open(question.url)).status).toBe(400);
    expect((await thief.submit(question)).status).toBe(400);
    // Somebody else signs in here meanwhile: he was not asked.
    const login = await browser.open(bed.authorizeUrl({ prompt: 'login' }));
    await browser.submit(login, asBob);
    expect((await browser.submit(question)).status).toBe(400);
    expect((await bed.poll(begun)).json['error']).toBe('authorization_pending');
    const again = await browser.open(question.url);
    expect(again.text).toContain('You are signed in as bob.');
  });

  it('is answered once: of two answers one wins', async () => {
    const begun = await bed.begin();
    const [one, two] = [bed.browse(), bed.browse()];
    const questions = [await bed.ask(begun, one), await bed.ask(begun, two, asBob)];
    const answers = await Promise.all([
      one.submit(questions[0]!),
      two.submit(questions[1]!, { deny: '1' }),
    ]);
    expect(answers.filter(({ url }) => url.startsWith('/device?done='))).toHaveLength(1);
    const loser = answers.find(({ url }) => !url.startsWith('/device?done='))!;
    expect(loser.status).toBe(400);
    const reload = await one.open(questions[0]!.url);
    expect(reload.status).toBe(400);
  });

  it('takes no answer once the code has expired', async () => {
    const begun = await bed.begin();
    const browser = bed.browse();
    bed.clock.advanceMs((limits.deviceCodeSeconds - 10) * 1_000);
    const question = await bed.ask(begun, browser);
    bed.clock.advanceMs(11_000);
    expect(await browser.submit(question)).toMatchObject({ status: 400 });
    const reload = await browser.open(question.url);
    expect(reload.text).toContain('device_code_over');
  });

  it('asks for the sign-in that the client wants, if the account has one', async () => {
    const strict = await bed.addClient({
      ...rules,
      defaultAcrValues: ['mfa'],
      defaultMaxAgeSeconds: 60,
    });
    const browser = await bed.settled();
    const shown = await bed.ask(await bed.begin({}, strict), browser);
    expect(shown.status).toBe(400);
    expect(shown.text).toContain('account_too_weak');
    const fresh = await bed.addClient({ ...rules, defaultMaxAgeSeconds: 60 });
    const begun = await bed.begin({}, fresh);
    bed.clock.advanceMs(120_000);
    const entry = await browser.open('/device');
    const login = await browser.submit(entry, { user_code: begun.user_code });
    expect(login.url).toMatch(/^\/login/);
    await browser.submit(await browser.submit(login, asAlice));
    expect(await bed.poll(begun, fresh)).toMatchObject({ status: 200 });
  });

  it('is refused a flood of sign-ins', async () => {
    const browser = await bed.settled();
    const begun = await bed.begin();
    const entry = await browser.open('/device');
    for (let i = 0; i < limits.signInsBegunPerMinute; i++) {
      await browser.send('GET', bed.authorizeUrl({ prompt: 'consent' }));
    }
    const shown = await browser.submit(entry, { user_code: begun.user_code });
    expect(shown).toMatchObject({ status: 429 });
  });

  it('of one tenant knows no code of another', async () => {
    const made = await bed.manage('POST', '/v1/tenants', { json: { tenant: 'acme' } });
    const json = {
      ...{ client_name: 'TV', grant_types: rules.grantTypes, scope: 'read' },
      token_endpoint_auth_method: 'none',
    };
    const key = String(made.json['admin_key']);
    const client = await bed.manage('POST', '/t/acme/v1/clients', { key, json });
    const client_id = String(client.json['client_id']);
    const begun = await bed.post('/t/acme/oauth2/device_authorization', { client_id });
    const { user_code, device_code, verification_uri } = begun.json;
    expect(verification_uri).toBe('https://issuer.example/t/acme/device');
    const browser = bed.browse();
    const enter = async (path: string) =>
      browser.submit(await browser.open(path), { user_code: String(user_code) });
    expect(await enter('/device')).toMatchObject({ status: 422 });
    expect((await enter('/t/acme/device')).url).toMatch(/^\/t\/acme\/login/);
    const form = { grant_type: rules.grantTypes[0], device_code: String(device_code), client_id };
    const here = await bed.post('/t/acme/oauth2/token', form);
    expect(here.json['error']).toBe('authorization_pending');
    const there = await bed.poll(begun.json as unknown as Begun);
    expect(there.json['error']).toBe('invalid_grant');
  });
});
