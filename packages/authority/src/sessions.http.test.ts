import { beforeEach, describe, expect, test } from 'vitest';
import { answerOf, asAlice, asBob, type SignInBed, signInBed } from './sign-in-bed.ts';

let bed: SignInBed;

beforeEach(async () => {
  bed = await signInBed();
});

describe('cookies', () => {
  test('are bound to the host, unreadable by scripts, and new with each sign-in', async () => {
    const browser = bed.browse();
    const login = await browser.open(bed.authorizeUrl());
    const token = /name="token" value="([^"]+)"/.exec(login.text)?.[1] ?? '';
    const transaction = login.url.split('=')[1] ?? '';
    const fields = { ...asAlice, token, transaction };
    const answer = await browser.send('POST', '/login', new URLSearchParams(fields).toString());
    const [cookie] = [answer.headers['set-cookie'] ?? []].flat();
    expect(cookie).toMatch(
      /^__Host-mm_session=\w{17}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
    const [row] = await bed.store.sessions.list({ limit: 10 });
    const secret = cookie?.split(';', 1)[0]?.split('.')[1] ?? '';
    expect(JSON.stringify(row)).not.toContain(secret);

    const again = await browser.open(bed.authorizeUrl({ prompt: 'login' }));
    const before = browser.jar.get('__Host-mm_session');
    await browser.submit(again, asAlice);
    expect(browser.jar.get('__Host-mm_session')).not.toBe(before);
    expect(await bed.store.sessions.count()).toBe(1);
    browser.jar.set('__Host-mm_session', String(before));
    expect(answerOf(await browser.open(bed.authorizeUrl({ prompt: 'none' })))).toMatchObject({
      error: 'login_required',
    });
  });

  test('that somebody planted beside the right ones count for nothing', async () => {
    const browser = await bed.settled();
    const own = browser.jar.get('__Host-mm_session');
    const twice = `__Host-mm_session=${own}; __Host-mm_session=${own}x`;
    const planted = await bed.browse({ cookie: twice }).open(bed.authorizeUrl({ prompt: 'none' }));
    expect(answerOf(planted)).toMatchObject({ error: 'login_required' });
  });

  test.each(['', 'x', 'a.b', `${'a'.repeat(17)}.${'b'.repeat(43)}`])(
    'of the form %j are nobody',
    async (value) => {
      const cookie = `__Host-mm_session=${value}; __Host-mm_browser=x`;
      const shown = await bed.browse({ cookie }).open(bed.authorizeUrl({ prompt: 'none' }));
      expect(answerOf(shown)).toMatchObject({ error: 'login_required' });
    },
  );
});

describe('a session', () => {
  const isSignedIn = async (browser: Awaited<ReturnType<typeof bed.settled>>) =>
    'code' in answerOf(await browser.open(bed.authorizeUrl({ prompt: 'none' })));

  test('ends when it is not used, to the second', async () => {
    const browser = await bed.settled();
    bed.clock.advanceMs(7_199_000);
    expect(await isSignedIn(browser)).toBe(true);
    bed.clock.advanceMs(7_199_000);
    expect(await isSignedIn(browser)).toBe(true);
    bed.clock.advanceMs(7_200_000);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('ends a day after the person proved who they are, used or not', async () => {
    const browser = await bed.settled();
    for (let hour = 1; hour < 24; hour++) {
      bed.clock.advanceMs(3_600_000);
      expect(await isSignedIn(browser)).toBe(true);
    }
    bed.clock.advanceMs(3_600_000);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('ends with its user', async () => {
    const browser = await bed.settled();
    const path = `/v1/users/${bed.alice}`;
    const { headers } = await bed.manage('GET', path);
    const json = { status: 'disabled' };
    const changed = await bed.manage('PATCH', path, { json, ifMatch: String(headers['etag']) });
    expect(changed.status).toBe(200);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test.each([
    ['a new password', 'PATCH', `/v1/users/ID`, { password: 'another good one' }],
    ['a reset', 'POST', `/v1/users/ID/password/reset`, undefined],
    [
      'a revocation',
      'POST',
      '/v1/revocations',
      { target: { kind: 'user', id: 'ID' }, reason: 'x' },
    ],
  ])('ends by %s, and other people’s go on', async (_, method, path, body) => {
    const browser = await bed.settled();
    const bobs = bed.browse();
    const page = await bobs.open(bed.authorizeUrl());
    await bobs.submit(await bobs.submit(page, asBob));
    const json = body && JSON.parse(JSON.stringify(body).replace('ID', bed.alice));
    const answer = await bed.manage(method, path.replace('ID', bed.alice), { json, ifMatch: '*' });
    expect(answer.status).toBeLessThan(300);
    const { url } = answer.json;
    if (typeof url === 'string') {
      expect(await isSignedIn(browser)).toBe(true);
      const link = new URL(url);
      const form = await browser.open(link.pathname + link.search);
      await browser.submit(form, { password: 'another good one' });
    }
    expect(await isSignedIn(browser)).toBe(false);
    expect(await isSignedIn(bobs)).toBe(true);
  });

  test('that ended with a disabled user stays ended', async () => {
    const browser = await bed.settled();
    for (const what of ['disable', 'enable']) {
      await bed.manage('POST', `/v1/users/${bed.alice}/${what}`, { ifMatch: '*' });
    }
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('of one person ends when another takes the seat', async () => {
    const browser = await bed.settled();
    const own = String(browser.jar.get('__Host-mm_session'));
    const again = await browser.open(bed.authorizeUrl({ prompt: 'login' }));
    await browser.submit(again, asBob);
    browser.jar.set('__Host-mm_session', own);
    expect(await isSignedIn(browser)).toBe(false);
  });

  test('is proved anew by max_age and prompt=login, with a newer time', async () => {
    const browser = await bed.settled();
    const proofAt = async () => {
      const [row] = await bed.store.sessions.list({ limit: 10 });
      return row?.authenticatedAt ?? 0;
    };
    let last = await proofAt();
    for (const more of [{ prompt: 'login' }, { max_age: '1' }, { max_age: '0' }]) {
      bed.clock.advanceMs(2_000);
      const login = await browser.open(bed.authorizeUrl(more));
      expect(login.url).toMatch(/^\/login/);
      // Nothing but the password leads on: neither a reload nor the way around by the consent page.
      expect((await browser.open(login.url.replace('login', 'consent'))).url).toBe(login.url);
      expect((await browser.submit(login, { ...asAlice, password: 'wrong' })).status).toBe(422);
      expect(await proofAt()).toBe(last);
      expect(answerOf(await browser.submit(login, asAlice))).toHaveProperty('code');
      expect(await proofAt()).toBeGreaterThan(last);
      last = await proofAt();
    }
    const [, , , code] = await bed.store.authorizationCodes.list({ limit: 10 });
    expect(code?.terms['authTimeSeconds']).toBe(Math.floor(last / 1000));
    expect(answerOf(await browser.open(bed.authorizeUrl({ max_age: '60' })))).toHaveProperty(
      'code',
    );
  });

  test('may be chosen, or another account taken', async () => {
    const browser = await bed.settled();
    const choose = await browser.open(bed.authorizeUrl({ prompt: 'select_account' }));
    expect(choose.text).toContain('Continue as alice');
    expect(answerOf(await browser.submit(choose, { continue: '1' }))).toHaveProperty('code');
    const other = await browser.open(bed.authorizeUrl({ prompt: 'select_account' }));
    const consent = await browser.submit(other, asBob);
    expect(consent.text).toContain('You are signed in as bob');
  });

  test('of somebody else is not taken for who the client asks for', async () => {
    const browser = await bed.settled();
    const claims = (sub: string) => JSON.stringify({ id_token: { sub: { value: sub } } });
    const own = await browser.open(bed.authorizeUrl({ claims: claims(bed.alice), prompt: 'none' }));
    expect(answerOf(own)).toMatchObject({ error: 'consent_required' });
    const other = await browser.open(bed.authorizeUrl({ claims: claims('u2'), prompt: 'none' }));
    expect(answerOf(other)).toMatchObject({ error: 'login_required' });
  });
});
