/** `/v1/users` of a whole authority: every answer is held against the OpenAPI description. */
import { createHash } from 'node:crypto';
import { defaultTenant, limits, nowSeconds } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';
import { totpCode, totpStep } from './users/totp.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;

const password = 'correct horse battery';

/** All of OpenID Connect Core 1.0 §5.1. */
const claims = {
  name: 'Alice Liddell',
  given_name: 'Alice',
  family_name: 'Liddell',
  middle_name: 'Pleasance',
  nickname: 'Al',
  preferred_username: 'alice',
  profile: 'https://example.com/alice',
  picture: 'https://example.com/alice.png',
  website: 'https://example.com/',
  email: 'alice@example.com',
  email_verified: true,
  gender: 'female',
  birthdate: '1852-05-04',
  zoneinfo: 'Europe/London',
  locale: 'en-GB',
  phone_number: '+44 20 7946 0000',
  phone_number_verified: false,
  address: {
    formatted: 'Christ Church\nOxford',
    street_address: 'Christ Church',
    locality: 'Oxford',
    region: 'Oxfordshire',
    postal_code: 'OX1 1DP',
    country: 'UK',
  },
  updated_at: 1_700_000_000,
};

let bed: Bed;
beforeEach(async () => {
  bed = await managementBed();
});

async function made(json: object = { username: 'alice', password, claims }) {
  const answer = await bed.call('POST', '/v1/users', { json });
  expect(answer.status, answer.text).toBe(201);
  return answer.body as { readonly id: string };
}

async function act(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json?: unknown) {
  const user = path.split('/').slice(0, 4).join('/');
  const headers = await bed.ifMatch(user);
  return bed.call(method, path, { headers, ...(json === undefined ? {} : { json }) });
}

/** Positions of the feed at which users were revoked. */
async function endedUsers(): Promise<readonly string[]> {
  const rows = await bed.store.feed.list({ where: { tenant: defaultTenant }, limit: 1_000 });
  return rows.flatMap((row) => (row.targetKind === 'user' ? [String(row.targetId)] : []));
}

async function actionsOn(id: string): Promise<readonly unknown[]> {
  await bed.authority.tick();
  const found = await bed.call('GET', `/v1/audit/history/user/${id}`);
  return (found.body['items'] as { action: string }[]).map(({ action }) => action);
}

describe('/v1/users', () => {
  it('creates a user with every standard claim, and shows no password', async () => {
    const { id } = await made();
    const shown = await bed.call('GET', `/v1/users/${id}`);
    expect(shown.body).toMatchObject({ id, username: 'alice', status: 'active', claims });
    expect(shown.text).not.toContain(password);
    expect(shown.text).not.toContain('argon2');
  });

  it('leaves nothing of claims or password in the memory of a request', async () => {
    const json = { username: 'alice', password, claims };
    await bed.call('POST', '/v1/users', { json, headers: { 'idempotency-key': 'k' } });
    const [row] = await bed.store.idempotency.list({ limit: 10 });
    expect(JSON.stringify(row)).not.toMatch(/liddell|oxford/i);
    // Nor anything that a password could be guessed against.
    const bare = createHash('sha256').update(`POST /v1/users\n${JSON.stringify(json)}`);
    expect(row?.requestHash).not.toBe(bare.digest('hex'));
  });

  it('keeps claims and password unreadable in the store', async () => {
    const { id } = await made();
    const row = (await bed.store.users.get(defaultTenant, id))!;
    expect(Buffer.from(row.sealedClaims!).toString('latin1')).not.toMatch(/liddell|oxford/i);
    expect(row.passwordHash).toMatch(/^\$argon2id\$/);
  });

  it('has one user of a name, however it is spelled', async () => {
    await made();
    const again = await bed.call('POST', '/v1/users', { json: { username: 'ＡLICE' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists' } });
    const found = await bed.call('GET', '/v1/users?username=Alice');
    expect(found.body).toMatchObject({ items: [{ username: 'alice' }], next: null });
    expect((await bed.call('GET', '/v1/users?username=bob')).body['items']).toEqual([]);
  });

  it('answers a repeated request with the same user', async () => {
    const options = {
      json: { username: 'alice', password, claims },
      headers: { 'idempotency-key': 'k' },
    };
    const [one, two] = [
      await bed.call('POST', '/v1/users', options),
      await bed.call('POST', '/v1/users', options),
    ];
    expect(two).toMatchObject({ status: 201, body: one.body });
    await act('DELETE', `/v1/users/${one.body['id']}`);
    expect(await bed.call('POST', '/v1/users', options)).toMatchObject({ status: 404 });
  });

  it('pages through all of them', async () => {
    for (const username of ['a1', 'a2', 'a3']) await made({ username });
    const first = await bed.call('GET', '/v1/users?limit=2');
    const cursor = String(first.body['next']);
    const second = await bed.call('GET', `/v1/users?limit=2&cursor=${cursor}`);
    const names = [first, second].flatMap(({ body }) =>
      (body['items'] as { username: string }[]).map(({ username }) => username),
    );
    expect(names.sort()).toEqual(['a1', 'a2', 'a3']);
    expect(second.body['next']).toBeNull();
  });

  it('edits name and claims, under the version that was seen', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}`;
    const edited = await act('PATCH', path, { username: 'Alicia', claims: { nickname: 'Ali' } });
    expect(edited).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { username: 'Alicia', claims: { nickname: 'Ali' } },
    });
    expect(edited.body['claims']).toEqual({ nickname: 'Ali' });
    const stale = { json: { claims: {} }, headers: { 'if-match': '"1"' } };
    expect(await bed.call('PATCH', path, stale)).toMatchObject({ status: 412 });
    expect(await bed.call('PATCH', path, { json: {} })).toMatchObject({ status: 428 });
    // The old name is free, the new one is taken.
    await made({ username: 'alice' });
    expect(await bed.call('POST', '/v1/users', { json: { username: 'ALICIA' } })).toMatchObject({
      status: 409,
    });
    await made({ username: 'bob' });
    expect(await act('PATCH', path, { username: 'Bob' })).toMatchObject({ status: 409 });
    expect(await act('PATCH', path, { username: 'ALICIA' })).toMatchObject({ status: 200 });
  });

  it('sets and compares passwords, and ends what the user holds', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}/password`;
    const same = async (json: object) =>
      (await bed.call('POST', `${path}/compare`, { json })).body['same'];
    expect(await same({ password })).toBe(true);
    expect(await act('PUT', path, { password: 'another good one' })).toMatchObject({ status: 200 });
    expect(await same({ password })).toBe(false);
    expect(await same({ password: 'another good one' })).toBe(true);
    expect(await endedUsers()).toEqual([id]);
    const removed = await act('DELETE', path);
    expect(removed).toMatchObject({ status: 200, body: { has_password: false } });
    expect(await same({ password: 'another good one' })).toBe(false);
  });

  it('disables a user and lets him back, and ends his tokens once', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}`;
    const disabled = await act('POST', `${path}/disable`);
    expect(disabled).toMatchObject({ status: 200, body: { status: 'disabled' } });
    await act('POST', `${path}/disable`);
    expect(await endedUsers()).toEqual([id]);
    const enabled = await act('POST', `${path}/enable`);
    expect(enabled).toMatchObject({ status: 200, body: { status: 'active' } });
  });

  it('changes everything in one edit, or nothing', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}`;
    const json = { status: 'disabled', claims: { nickname: 'Al' }, password: 'short' };
    expect(await act('PATCH', path, json)).toMatchObject({ status: 422 });
    expect((await bed.call('GET', path)).body).toMatchObject({ status: 'active', claims });
    const changed = await act('PATCH', path, { ...json, password: 'a longer one' });
    expect(changed.body).toMatchObject({ status: 'disabled', claims: { nickname: 'Al' } });
    expect(await endedUsers()).toEqual([id]);
  });

  it('deletes a user, leaves nothing personal, and never gives the id again', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}`;
    expect(await act('DELETE', path)).toMatchObject({ status: 204 });
    expect(await bed.call('GET', path)).toMatchObject({ status: 404 });
    expect((await bed.call('GET', '/v1/users')).body['items']).toEqual([]);
    expect(await endedUsers()).toEqual([id]);
    const row = await bed.store.users.get(defaultTenant, id);
    expect(row).toMatchObject({
      username: '',
      status: 'deleted',
      sealedClaims: null,
      passwordHash: null,
    });
    const next = await made({ username: 'alice' });
    expect(next.id).not.toBe(id);
  });

  it('shows and takes away second factors', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}/factors`;
    const where = { tenant: defaultTenant, userId: id, hash: 'h', createdAt: 1 };
    await bed.store.acts.run({
      steps: [{ do: 'insert', table: 'userRecoveryCodes', row: where, refused: 'taken' }],
      audit: null,
    });
    const had = { totp: false, recovery_codes_left: 1, passkeys: 0 };
    expect((await bed.call('GET', path)).body).toEqual(had);
    expect(await bed.call('DELETE', `${path}/recovery_codes`)).toMatchObject({ status: 204 });
    expect(await bed.call('DELETE', `${path}/recovery_codes`)).toMatchObject({ status: 404 });
    expect((await bed.call('GET', path)).body).toEqual({ ...had, recovery_codes_left: 0 });
    expect(await bed.call('GET', '/v1/users/nobody/factors')).toMatchObject({ status: 404 });
    expect(await actionsOn(id)).toContain('user.factor_remove');
  });

  it('sets up an authenticator app and recovery codes', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}/factors`;
    const begun = await bed.call('POST', `${path}/totp`);
    expect(begun.status).toBe(201);
    expect(begun.body['uri']).toContain(`secret=${begun.body['secret']}`);
    const confirm = (code: string) => bed.call('POST', `${path}/totp/confirm`, { json: { code } });
    expect(await confirm('000000')).toMatchObject({ status: 422 });
    const row = (await bed.store.userTotp.get(defaultTenant, id))!;
    const context = `totp-secret:${id}`;
    const secret = await bed.sealer.open(defaultTenant, context, row.sealedSecret);
    expect(await confirm(totpCode(secret, totpStep(nowSeconds(bed.clock))))).toMatchObject({
      status: 204,
    });
    expect(await confirm('000000')).toMatchObject({ status: 409 });
    expect(await bed.call('POST', `${path}/totp`)).toMatchObject({ status: 409 });
    const codes = await bed.call('POST', `${path}/recovery_codes`);
    expect(codes.body['codes']).toHaveLength(limits.recoveryCodesCount);
    const has = { totp: true, recovery_codes_left: limits.recoveryCodesCount, passkeys: 0 };
    expect((await bed.call('GET', path)).body).toEqual(has);
    for (const under of ['totp', 'recovery_codes']) {
      const answer = await bed.call('POST', `/v1/users/nobody/factors/${under}`);
      expect(answer).toMatchObject({ status: 404 });
    }
    for (let i = 0; i < limits.signInFailuresFree; i++) await confirm('000000');
    expect(await confirm('000000')).toMatchObject({ status: 503 });
  });

  it('makes a reset token for a user, once for each asking', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}/password/reset`;
    const reset = await bed.call('POST', path);
    expect(reset).toMatchObject({
      status: 201,
      body: {
        token: expect.stringMatching(/^\w{17}\./),
        url: expect.stringContaining('/reset?token='),
      },
    });
    expect(await bed.store.passwordResets.count({ userId: id })).toBe(1);
    expect(await bed.call('POST', '/v1/users/nobody/password/reset')).toMatchObject({
      status: 404,
    });
    expect(await actionsOn(id)).toContain('user.reset_issue');
  });

  it('records every change with whose it was, and no name in the leaf', async () => {
    const { id } = await made();
    const path = `/v1/users/${id}`;
    await act('PATCH', path, { claims: {} });
    await act('PUT', `${path}/password`, { password: 'another good one' });
    await bed.call('POST', `${path}/password/compare`, { json: { password } });
    await act('DELETE', path);
    const actions = ['create', 'update', 'password_set', 'password_compare', 'delete'];
    expect((await actionsOn(id)).toSorted()).toEqual(actions.map((one) => `user.${one}`).sort());
    const leaves = await bed.store.auditLog.list({ limit: 100 });
    const texts = leaves.map(({ leaf }) => Buffer.from(leaf).toString());
    expect(texts.filter((text) => /alice/i.test(text))).toEqual([]);
  });

  it.each([
    [{ username: ' alice' }, '/username'],
    [{ username: 'al\u0000ice' }, '/username'],
    [{ username: 'alice', password: 'short' }, '/password'],
    [{ username: 'alice', password: 'é'.repeat(600) }, '/password'],
    [{ username: 'alice', password: 'password123' }, '/password'],
    [{ username: 'alice', claims: { website: 'javascript:alert(1)' } }, '/claims/website'],
    [{ username: 'alice', claims: { email: 'a@b@c' } }, '/claims/email'],
    [{ username: 'alice', claims: { birthdate: '04.05.1852' } }, '/claims/birthdate'],
    [{ username: 'alice', claims: { sub: 'chosen' } }, '/claims'],
    [{ username: 'alice', claims: { email_verified: 'true' } }, '/claims/email_verified'],
    [{ username: 'alice', claims: { name: 'a\nb' } }, '/claims/name'],
  ])('refuses %j', async (json, pointer) => {
    const refused = await bed.call('POST', '/v1/users', { json });
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_body' } });
    expect(JSON.stringify(refused.body['errors'])).toContain(`"${pointer}`);
    expect(refused.text).not.toMatch(/password123|éé/);
  });

  it.each([
    ['GET', '/v1/users', 'users:write', 403],
    ['GET', '/v1/users', 'users:read', 200],
    ['POST', '/v1/users', 'users:read', 403],
  ] as const)('%s %s with %s: %i', async (method, path, permission, status) => {
    const credential = await bed.credential(permission);
    const json = method === 'POST' ? { json: { username: 'x1' } } : {};
    expect(await bed.call(method, path, { credential, ...json })).toMatchObject({ status });
  });

  it('knows nobody by an id that nobody has', async () => {
    const headers = { 'if-match': '*' };
    for (const [method, path, json] of [
      ['GET', '', undefined],
      ['PATCH', '', {}],
      ['DELETE', '', undefined],
      ['PUT', '/password', { password }],
      ['POST', '/password/compare', { password }],
      ['POST', '/disable', undefined],
    ] as const) {
      const options = { headers, ...(json === undefined ? {} : { json }) };
      const answer = await bed.call(method, `/v1/users/nobody${path}`, options);
      expect(answer, path).toMatchObject({ status: 404 });
    }
  });
});
