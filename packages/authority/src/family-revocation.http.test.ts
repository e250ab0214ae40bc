/** Refresh tokens under queries and emergencies: what ends them, and what they outlive. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type GrantBed, grantBed } from './grant-bed.ts';

let bed: GrantBed;

beforeEach(async () => {
  bed = await grantBed();
});

async function begun(): Promise<{ readonly access: string; readonly refresh: string }> {
  const answer = await bed.redeem(await bed.code());
  expect(answer.status).toBe(200);
  const { access_token, refresh_token } = answer.json;
  return { access: String(access_token), refresh: String(refresh_token) };
}

async function end(query: Record<string, unknown>): Promise<Record<string, unknown>> {
  const looked = { json: { query } };
  const seen = await bed.manage('POST', '/v1/revocations/preview', looked);
  const json = { query, preview: seen.json['preview'], reason: 'leaked' };
  const done = await bed.manage('POST', '/v1/revocations', { json });
  expect(done.status, done.text).toBe(200);
  return done.json;
}

describe('a query', () => {
  it.each([
    { scope: 'write' },
    { audience: 'https://api.example' },
    { grant: 'authorization_code' },
  ])('ends the families that it finds, and what they gave, by %j', async (query) => {
    const { access, refresh } = await begun();
    bed.clock.advanceMs(1_000);
    expect(await end({ ...query, client: bed.app.clientId })).toMatchObject({
      state: 'done',
      ended: { refresh_families: 1 },
    });
    expect(await bed.isActive(access)).toBe(false);
    expect(await bed.refresh(refresh)).toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    });
  });

  it('ends a family for ever, however long the feed keeps its end', async () => {
    const { refresh } = await begun();
    bed.clock.advanceMs(1_000);
    await end({ client: bed.app.clientId });
    bed.clock.advanceMs(2 * 86_400_000);
    expect((await bed.refresh(refresh)).status).toBe(400);
  });

  it.each([{ scope: 'email' }, { grant: 'client_credentials' }])(
    'leaves a family alone that it does not find, by %j',
    async (query) => {
      const { access, refresh } = await begun();
      bed.clock.advanceMs(1_000);
      expect(await end(query)).toMatchObject({ ended: { refresh_families: 0, access_tokens: 0 } });
      expect(await bed.isActive(access)).toBe(true);
      expect((await bed.refresh(refresh)).status).toBe(200);
    },
  );
});

describe('the emergency of a signing key', () => {
  it('ends access tokens; the next refresh gives one of the new key', async () => {
    const { access, refresh } = await begun();
    const kid = JSON.parse(Buffer.from(access.split('.')[0]!, 'base64url').toString()).kid;
    bed.clock.advanceMs(1_000);
    const path = `/v1/signing-keys/${kid}/emergency`;
    const seen = await bed.manage('GET', path);
    expect(seen.json['clients']).toMatchObject([{ refresh_families: 1, recovers: 'by_refresh' }]);
    expect((await bed.manage('POST', path, { json: { reason: 'stolen' } })).status).toBe(200);
    expect(await bed.isActive(access)).toBe(false);
    const renewed = await bed.refresh(refresh);
    expect(renewed.status).toBe(200);
    expect(await bed.isActive(String(renewed.json['access_token']))).toBe(true);
  });
});
