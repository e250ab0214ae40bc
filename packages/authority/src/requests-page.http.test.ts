import { defaultTenant } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BackchannelBed, backchannelBed } from './backchannel-bed.ts';
import { asAlice, asBob } from './sign-in-bed.ts';

let bed: BackchannelBed;

beforeEach(async () => {
  bed = await backchannelBed();
});

const page = '/account/requests';

async function signedIn(as = asAlice) {
  const browser = bed.browse();
  const shown = await browser.submit(await browser.open(page), as);
  return { browser, shown };
}

describe('the page of requests', () => {
  it('is where a person lands who signs in for it, and is linked from the account', async () => {
    const { browser, shown } = await signedIn();
    expect([shown.status, shown.url]).toEqual([200, page]);
    expect(shown.text).toContain('Nothing waits for you.');
    expect((await browser.open('/account')).text).toContain(`href="${page}"`);
  });

  it('shows who asks for what, as data', async () => {
    await bed.asked({ scope: 'openid profile read', binding_message: '<b>W4SCT</b> & 1' });
    const { shown } = await signedIn();
    expect(shown.text).toContain('Call &lt;i&gt;Centre&lt;/i&gt; asks for access');
    expect(shown.text).toContain('&lt;b&gt;W4SCT&lt;/b&gt; &amp; 1');
    expect(shown.text).toContain('see your profile');
    expect(shown.text).toContain('use “read”');
    expect(shown.text).toContain('https://api.example');
    expect(shown.headers['content-security-policy']).toContain("default-src 'none'");
    expect(shown.headers['content-security-policy']).not.toContain('script-src');
  });

  it('gives the client what the person allowed, with how they signed in', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    const after = await browser.submit(shown, { approve: id });
    expect([after.status, after.url]).toEqual([200, page]);
    expect(after.text).toContain('Nothing waits for you.');
    const given = await bed.poll(authReqId);
    expect(given.status).toBe(200);
    const payload = String(given.json['id_token']).split('.')[1]!;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(claims).toMatchObject({ sub: bed.alice, acr: 'pwd', amr: ['pwd'] });
  });

  it('tells the client of a no', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    await browser.submit(shown, { deny: id });
    expect((await bed.poll(authReqId)).json['error']).toBe('access_denied');
  });

  it('goes on where the person signs out: it is another device that they agreed for', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    await browser.submit(shown, { approve: id });
    const given = await bed.poll(authReqId);
    await browser.submit(await browser.open('/logout'));
    await bed.authority.tick();
    const refresh_token = String(given.json['refresh_token']);
    const again = await bed.postAs('/oauth2/token', { grant_type: 'refresh_token', refresh_token });
    expect(again.status).toBe(200);
  });

  it('shows and answers nobody else’s', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn(asBob);
    expect(shown.text).not.toContain(id);
    const answered = await browser.submit(shown, { approve: id });
    expect(answered.status).toBe(400);
    expect(answered.text).toContain('This request is over');
    expect((await browser.submit(shown, { deny: id })).status).toBe(400);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });

  it('takes one answer, from its own form', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    expect((await browser.post(page, { approve: id })).status).toBe(400);
    expect((await browser.post(page, { approve: id, token: 'x' })).status).toBe(400);
    expect((await browser.submit(shown, { approve: id, deny: id })).status).toBe(400);
    expect((await browser.submit(shown)).status).toBe(400);
    const foreign = bed.browse({ 'sec-fetch-site': 'cross-site' });
    for (const [name, value] of browser.jar) foreign.jar.set(name, value);
    expect((await foreign.submit(shown, { approve: id })).status).toBe(400);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });

  it('asks who somebody is before it takes an answer', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    browser.jar.delete('__Host-mm_session');
    const answered = await browser.submit(shown, { approve: id });
    expect(answered.url).toContain('/login');
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });

  it('has no button to allow what asks for a stronger sign-in', async () => {
    const { authReqId, id } = await bed.asked({ acr_values: 'urn:other phr' });
    const { browser, shown } = await signedIn();
    expect(shown.text).toContain('This needs a stronger sign-in.');
    expect(shown.text).not.toContain(`name="approve" value="${id}"`);
    expect((await browser.submit(shown, { approve: id })).status).toBe(400);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
    const other = await bed.asked({ acr_values: 'pwd urn:other' });
    await browser.submit(await browser.open(page), { approve: other.id });
    expect((await bed.poll(other.authReqId)).status).toBe(200);
  });

  it('says what came too late', async () => {
    const { id } = await bed.asked({ requested_expiry: '5' });
    const { browser, shown } = await signedIn();
    bed.clock.advanceMs(5_000);
    expect((await browser.submit(shown, { approve: id })).text).toContain('This request is over');
    expect((await browser.open(page)).text).toContain('Nothing waits for you.');
  });

  it('remembers what was allowed, once for both ways to ask', async () => {
    const { id } = await bed.asked();
    const { browser, shown } = await signedIn();
    await browser.submit(shown, { approve: id });
    const consent = await bed.store.consents.get(defaultTenant, bed.alice, bed.caller.clientId);
    expect(consent?.granted).toMatchObject({ scopes: ['openid', 'read'] });
    // A second request is asked of the person all the same.
    const { authReqId } = await bed.asked();
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });

  it('is a session that still is there when the answer counts', async () => {
    const { authReqId, id } = await bed.asked();
    const { browser, shown } = await signedIn();
    const [session] = await bed.store.sessions.list({ limit: 1 });
    const where = { tenant: defaultTenant, id: session!.id };
    const run = bed.store.acts.run;
    const steps = [{ do: 'update', table: 'sessions', where, set: { endedAt: 1 } }] as const;
    let isEnded = false;
    Object.assign(bed.store.acts, {
      async run(act: Parameters<typeof run>[0]) {
        const isAnswer = act.steps.some((step) => 'table' in step && step.table === 'consents');
        if (isAnswer && !isEnded) {
          isEnded = true;
          await run({ steps, audit: null });
        }
        return run(act);
      },
    });
    expect((await browser.submit(shown, { approve: id })).status).toBe(400);
    expect((await bed.poll(authReqId)).json['error']).toBe('authorization_pending');
  });
});
