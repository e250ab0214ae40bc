/** The refresh token grant: rotation, grace, reuse, ends. */
import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { endFamiliesOf } from './authorization/end-session.ts';
import type { ClientRules } from './clients/client-rules.ts';
import { appRules, type Credentials, type GrantBed, grantBed } from './grant-bed.ts';

let bed: GrantBed;

beforeEach(async () => {
  bed = await grantBed();
});

const invalidGrant = { status: 400, json: { error: 'invalid_grant' } };
const day = 86_400_000;

async function first(by: Credentials = bed.app): Promise<{ access: string; token: string }> {
  const answer = await bed.redeem(await bed.code({}, by), {}, by);
  return tokensOf(answer);
}

function tokensOf(answer: { readonly status: number; readonly json: Record<string, unknown> }) {
  expect(answer.status).toBe(200);
  const { access_token, refresh_token } = answer.json;
  return { access: String(access_token), token: String(refresh_token) };
}

describe('a refresh token', () => {
  it('is ours by its form, and stored nowhere', async () => {
    const { token } = await first();
    expect(token).toMatch(/^mm_rt_[0-9A-Za-z]{64}$/);
    const rows = JSON.stringify(await bed.store.refreshFamilies.list({ limit: 10 }));
    expect(rows).not.toContain(token.slice(31, 64));
  });

  it('gives a new access token of the same person, and a new one of itself', async () => {
    const { access, token } = await first();
    const next = await bed.refresh(token);
    expect(next).toMatchObject({ status: 200, json: { scope: 'read write', expires_in: 600 } });
    const renewed = tokensOf(next);
    expect(renewed.token).not.toBe(token);
    expect(renewed.access).not.toBe(access);
    expect(await bed.isActive(renewed.access)).toBe(true);
    expect(await bed.isActive(access)).toBe(true);
  });

  it('is narrowed for one access token, never widened', async () => {
    const { token } = await first();
    const narrow = await bed.refresh(token, { scope: 'read' });
    expect(narrow.json['scope']).toBe('read');
    const whole = await bed.refresh(tokensOf(narrow).token);
    expect(whole.json['scope']).toBe('read write');
    const wide = await bed.refresh(tokensOf(whole).token, { scope: 'read email' });
    expect(wide).toMatchObject({ status: 400, json: { error: 'invalid_scope' } });
    const elsewhere = { resource: 'https://other.example' };
    expect(await bed.refresh(tokensOf(whole).token, elsewhere)).toMatchObject({
      status: 400,
      json: { error: 'invalid_target' },
    });
    expect(await bed.refresh(tokensOf(whole).token)).toMatchObject({ status: 200 });
  });

  it('loses what its client may no longer ask for', async () => {
    const { token } = await first();
    const path = `/v1/clients/${bed.app.clientId}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    const edit = await bed.manage('PATCH', path, { json: { scope: 'read' }, ifMatch });
    expect(edit.status).toBe(200);
    expect((await bed.refresh(token)).json['scope']).toBe('read');
  });

  it('is of no use to others, and they end nothing', async () => {
    const other = await bed.addClient(appRules);
    const { token } = await first();
    expect(await bed.refresh(token, {}, other)).toMatchObject(invalidGrant);
    expect(await bed.refresh(token, {}, { ...bed.app, secret: 'x' })).toMatchObject({
      status: 401,
    });
    expect(await bed.refresh(token)).toMatchObject({ status: 200 });
    expect(await bed.refresh('mm_rt_x')).toMatchObject(invalidGrant);
    expect(await bed.refresh('')).toMatchObject({ json: { error: 'invalid_request' } });
  });

  it('is refused as an access token everywhere', async () => {
    const { token } = await first();
    const json = { token };
    const inspected = await bed.manage('POST', '/v1/tokens/inspect', { json });
    expect(inspected.json).toMatchObject({ active: false });
    const { introspector } = bed.authority;
    const asked = { tenant: defaultTenant, credential: token, address: '192.0.2.1' };
    expect(await introspector.introspect(asked)).toEqual({ active: false });
  });

  it('is shown to its own client', async () => {
    const { token } = await first();
    const found = await bed.post('/oauth2/introspect', { token }, bed.app);
    expect(found.json).toMatchObject({
      active: true,
      client_id: bed.app.clientId,
      sub: bed.user,
      scope: 'read write',
      mm_kind: 'refresh_token',
    });
    expect(found.json).not.toHaveProperty('token_type');
    // An id of it would be half of the way to end the family.
    expect(found.json).not.toHaveProperty('jti');
    const other = await bed.addClient(appRules);
    expect(await bed.isActive(token, other)).toBe(false);
  });
});

describe('a token that was rotated', () => {
  it('gives the identical successor again within the grace, and a fresh access token', async () => {
    const { token } = await first();
    const one = tokensOf(await bed.refresh(token));
    bed.clock.advanceMs((limits.refreshGraceSeconds - 1) * 1000);
    const two = tokensOf(await bed.refresh(token));
    expect(two.token).toBe(one.token);
    expect(two.access).not.toBe(one.access);
    expect(await bed.isActive(two.access)).toBe(true);
    expect(await bed.refresh(two.token)).toMatchObject({ status: 200 });
  });

  it('is worth nothing within the grace to who asks otherwise', async () => {
    const { token } = await first();
    await bed.refresh(token, { scope: 'read write' });
    expect(await bed.refresh(token, { scope: 'read' })).toMatchObject(invalidGrant);
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
    expect(await bed.refresh(token, { scope: 'write read' })).toMatchObject({ status: 200 });
  });

  it('ends the family after the grace', async () => {
    const { access, token } = await first();
    const next = tokensOf(await bed.refresh(token));
    bed.clock.advanceMs(limits.refreshGraceSeconds * 1000);
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
    for (const each of [access, next.access]) expect(await bed.isActive(each)).toBe(false);
    expect(await bed.refresh(next.token)).toMatchObject(invalidGrant);
    expect((await bed.records('token.refuse'))[0]).toMatchObject({
      result: 'grant_reused',
      object: { kind: 'family' },
    });
  });

  it('ends the family two generations later, even within the grace', async () => {
    const { token } = await first();
    const second = tokensOf(await bed.refresh(token));
    const third = tokensOf(await bed.refresh(second.token));
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
    expect(await bed.refresh(third.token)).toMatchObject(invalidGrant);
    expect(await bed.isActive(third.access)).toBe(false);
  });

  it('leaves nothing sealed behind when the grace is over', async () => {
    const { token } = await first();
    await bed.refresh(token);
    await bed.authority.tick();
    expect(await bed.store.refreshSuccessors.count()).toBe(1);
    bed.clock.advanceMs(limits.refreshGraceSeconds * 1000);
    for (let i = 0; i < 4; i++) await bed.authority.tick();
    expect(await bed.store.refreshSuccessors.count()).toBe(0);
  });

  it('is opened by nothing that the database holds', async () => {
    const { token } = await first();
    const next = tokensOf(await bed.refresh(token));
    const rows = await bed.store.refreshSuccessors.list({ limit: 10 });
    const bytes = rows.map(({ sealed }) => Buffer.from(sealed).toString('latin1')).join();
    expect(bytes).not.toContain(next.token.slice(31, 64));
  });
});

describe('many at once', () => {
  it('with one token: one rotation, one successor for all', async () => {
    const { token } = await first();
    const there = await bed.replica();
    const form = { grant_type: 'refresh_token', refresh_token: token };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? bed : there).post('/oauth2/token', form, bed.app),
      ),
    );
    const successors = new Set(answers.map((answer) => tokensOf(answer).token));
    expect(successors.size).toBe(1);
    const [family] = await bed.store.refreshFamilies.list({ limit: 1 });
    expect(family).toMatchObject({ generation: 2, status: 'active' });
  });

  it('with a revocation among them: nothing lives after it was acknowledged', async () => {
    const there = await bed.replica();
    for (let trial = 0; trial < 10; trial++) {
      const { access, token } = await first();
      const form = { grant_type: 'refresh_token', refresh_token: token };
      const refreshes = Array.from({ length: 6 }, (_, i) =>
        (i % 2 === 0 ? bed : there).post('/oauth2/token', form, bed.app),
      );
      const revoked = there.post('/oauth2/revoke', { token }, bed.app);
      const answers = await Promise.all([...refreshes, revoked]);
      expect(answers.at(-1)).toMatchObject({ status: 200 });
      // What the feed brings to another process within a second.
      await bed.authority.tick();
      const given = answers.filter(({ json }) => 'access_token' in json).map(tokensOf);
      for (const each of [access, ...given.map((one) => one.access)]) {
        expect(await bed.isActive(each)).toBe(false);
        const found = await there.post('/oauth2/introspect', { token: each }, bed.app);
        expect(found.json['active']).toBe(false);
      }
      for (const one of given) expect(await bed.refresh(one.token)).toMatchObject(invalidGrant);
    }
  });
});

describe('a family ends', () => {
  it('by its own client, with any token of it (RFC 7009)', async () => {
    const { access, token } = await first();
    const next = tokensOf(await bed.refresh(token));
    expect(await bed.post('/oauth2/revoke', { token: next.token }, bed.app)).toMatchObject({
      status: 200,
    });
    for (const each of [access, next.access, next.token]) {
      expect(await bed.isActive(each)).toBe(false);
    }
    expect(await bed.refresh(next.token)).toMatchObject(invalidGrant);
  });

  it('not by another client, nor by a token that never was', async () => {
    const { token } = await first();
    const other = await bed.addClient(appRules);
    for (const text of [token, 'mm_rt_x', `mm_rt_${'0'.repeat(64)}`]) {
      expect(await bed.post('/oauth2/revoke', { token: text }, other)).toMatchObject({
        status: 200,
      });
    }
    expect(await bed.refresh(token)).toMatchObject({ status: 200 });
  });

  it.each([
    ['user', () => bed.user as string],
    ['client', () => bed.app.clientId as string],
  ])('with its %s, even where the feed has forgotten that', async (kind, id) => {
    const { token } = await first();
    const json = { target: { kind, id: id() }, reason: 'x' };
    await bed.manage('POST', '/v1/revocations', { json });
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
    bed.clock.advanceMs(2 * day);
    for (let i = 0; i < 241; i++) await bed.authority.tick();
    // What may end keys, which live for ever, is never forgotten.
    expect(await bed.store.feed.count({ targetKind: kind })).toBe(kind === 'user' ? 1 : 0);
    await bed.restart();
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
    expect((await bed.refresh((await first()).token)).status).toBe(200);
  });

  it('with all of its client before a moment, however long ago, if it is that old', async () => {
    const old = await first();
    bed.clock.advanceMs(day / 2);
    const renewed = tokensOf(await bed.refresh(old.token));
    const before = new Date(bed.clock.nowMs() - day / 4).toISOString();
    bed.clock.advanceMs(2 * day);
    const young = await first();
    const target = { kind: 'client', id: bed.app.clientId };
    const used = tokensOf(await bed.refresh(renewed.token));
    const json = { target, before, reason: 'x' };
    expect(await bed.manage('POST', '/v1/revocations', { json })).toMatchObject({ status: 200 });
    for (let i = 0; i < 241; i++) await bed.authority.tick();
    await bed.restart();
    expect(await bed.refresh(used.token)).toMatchObject(invalidGrant);
    expect(await bed.refresh(young.token)).toMatchObject({ status: 200 });
  });

  it('with the consent that several came from, though the feed forgot that', async () => {
    const tokens = [await first(), await first(), await first()];
    const { recorder, clock, entropy } = bed.registry;
    const deps = { store: bed.store, recorder, clock, entropy };
    const of = { tenant: defaultTenant, subject: bed.user, clientId: bed.app.clientId };
    await endFamiliesOf(deps, of);
    bed.clock.advanceMs(2 * day);
    for (let i = 0; i < 241; i++) await bed.authority.tick();
    await bed.restart();
    for (const { token } of tokens) expect(await bed.refresh(token)).toMatchObject(invalidGrant);
  });

  it('with its user disabled', async () => {
    const { token } = await first();
    const where = { tenant: defaultTenant, id: bed.user };
    const set = { status: 'disabled' } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'users', where, set }],
      audit: null,
    });
    expect(await bed.refresh(token)).toMatchObject(invalidGrant);
  });

  it('when it was not used for long, and at last in any case', async () => {
    const by = await bed.addClient({
      ...appRules,
      refreshTokenIdleSeconds: 2 * 86_400,
      refreshTokenTtlSeconds: 5 * 86_400,
    });
    const idle = await first(by);
    bed.clock.advanceMs(2 * day);
    expect(await bed.refresh(idle.token, {}, by)).toMatchObject(invalidGrant);
    let { token } = await first(by);
    for (let used = 0; used < 4; used++) {
      bed.clock.advanceMs(day);
      token = tokensOf(await bed.refresh(token, {}, by)).token;
    }
    bed.clock.advanceMs(day);
    expect(await bed.refresh(token, {}, by)).toMatchObject(invalidGrant);
    expect(await bed.isActive(token, by)).toBe(false);
  });
});

describe('a client whose tokens are held fast by its own key', () => {
  const heldFast: Partial<ClientRules> = { ...appRules, rotateRefreshTokens: false };

  it('keeps its refresh token, and slides its end', async () => {
    const by = await bed.addClient({ ...heldFast, refreshTokenIdleSeconds: 2 * 86_400 });
    const { token } = await first(by);
    for (let used = 0; used < 4; used++) {
      bed.clock.advanceMs(day);
      expect(tokensOf(await bed.refresh(token, {}, by)).token).toBe(token);
    }
    await bed.post('/oauth2/revoke', { token }, by);
    expect(await bed.refresh(token, {}, by)).toMatchObject(invalidGrant);
  });
});
