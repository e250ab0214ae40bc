/** What was agreed to and not redeemed is found by questions, and ends with them. */
import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { backchannelBed } from './backchannel-bed.ts';
import { deviceBed } from './device-bed.ts';
import { answerOf, asAlice, redirectUri, type SignInBed, signInBed } from './sign-in-bed.ts';

const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

type Bed = Pick<SignInBed, 'manage' | 'clock'>;

async function look(bed: Bed, query: Record<string, unknown>) {
  bed.clock.advanceMs(1_000);
  const { status, json } = await bed.manage('POST', '/v1/revocations/preview', { json: { query } });
  expect(status).toBe(200);
  return json as { counts: Record<string, number>; preview: string; clients: unknown[] };
}

async function end(bed: Bed, query: Record<string, unknown>) {
  const { preview } = await look(bed, query);
  const json = { query, preview, reason: 'leaked' };
  const ended = await bed.manage('POST', '/v1/revocations', { json });
  expect(ended.status).toBe(200);
  return ended.json['ended'] as Record<string, number>;
}

async function codeOf(bed: SignInBed): Promise<string> {
  const browser = await bed.settled();
  return answerOf(await browser.open(bed.authorizeUrl()))['code'] ?? '';
}

function redeem(bed: SignInBed, code: string) {
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri };
  return bed.post('/oauth2/token', { ...form, code_verifier: verifier }, bed.app);
}

describe('a code that nobody has redeemed', () => {
  it('is found by user and client, ends with the query, and is found no more', async () => {
    const bed = await signInBed();
    const code = await codeOf(bed);
    const seen = await look(bed, { user: bed.alice });
    expect(seen.counts).toMatchObject({ access_tokens: 0, refresh_families: 0 });
    // The consent of `settled` gave one, too.
    expect(seen.counts['unredeemed_grants']).toBe(2);
    expect(seen.clients).toMatchObject([{ client_id: bed.app.clientId }]);
    expect((await look(bed, { client: 'another' })).counts['unredeemed_grants']).toBe(0);
    expect((await look(bed, { scope: 'read' })).counts['unredeemed_grants']).toBe(2);
    expect((await look(bed, { scope: 'profile' })).counts['unredeemed_grants']).toBe(0);
    expect(await end(bed, { client: bed.app.clientId })).toMatchObject({ unredeemed_grants: 2 });
    expect((await redeem(bed, code)).json['error']).toBe('invalid_grant');
    expect((await look(bed, { user: bed.alice })).counts['unredeemed_grants']).toBe(0);
  });

  it('is none once it was redeemed, or its minute is over', async () => {
    const bed = await signInBed();
    expect((await redeem(bed, await codeOf(bed))).status).toBe(200);
    const { counts } = await look(bed, { client: bed.app.clientId, grant: 'authorization_code' });
    expect(counts).toMatchObject({ unredeemed_grants: 1, access_tokens: 1 });
    bed.clock.advanceMs(limits.authorizationCodeSeconds * 1000);
    expect((await look(bed, { user: bed.alice })).counts['unredeemed_grants']).toBe(0);
  });
});

it('finds and ends what was allowed for a device that has not asked since', async () => {
  const bed = await deviceBed();
  const begun = await bed.begin();
  const browser = await bed.settled();
  bed.clock.advanceMs(limits.authorizationCodeSeconds * 1000);
  const waiting = await bed.ask(await bed.begin(), browser);
  await browser.submit(await bed.ask(begun, browser));
  expect(waiting.status).toBe(200);
  const query = { user: bed.alice };
  expect((await look(bed, query)).counts['unredeemed_grants']).toBe(1);
  expect(await end(bed, query)).toMatchObject({ unredeemed_grants: 1 });
  expect((await bed.poll(begun)).json['error']).toBe('invalid_grant');
});

it('finds and ends what was allowed by the back channel', async () => {
  const bed = await backchannelBed();
  const { authReqId, id } = await bed.asked();
  await bed.asked();
  const browser = bed.browse();
  const shown = await browser.submit(await browser.open('/account/requests'), asAlice);
  await browser.submit(shown, { approve: id });
  const query = { user: bed.alice };
  expect((await look(bed, query)).counts['unredeemed_grants']).toBe(1);
  expect(await end(bed, query)).toMatchObject({ unredeemed_grants: 1 });
  expect((await bed.poll(authReqId)).json).toHaveProperty('error');
});
