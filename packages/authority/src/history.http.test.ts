/** The life of a token in one view: what ended it is part of it, whatever it was aimed at. */
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;

let bed: Bed;
let client: Awaited<ReturnType<Bed['addClient']>>;
let token: string;

beforeEach(async () => {
  bed = await managementBed();
  client = await bed.addClient({ audiences: [], accessTokenFormat: 'jwt' });
  const before = { target: { kind: 'client', id: client.clientId }, reason: 'test' };
  await bed.call('POST', '/v1/revocations', { json: before });
  bed.clock.advanceMs(1_000);
  const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
  token = String(issued.json['access_token']);
  bed.clock.advanceMs(1_000);
});

function part(index: number): Record<string, string> {
  return JSON.parse(Buffer.from(token.split('.')[index]!, 'base64url').toString());
}

async function life(): Promise<readonly string[]> {
  const read = await bed.call('GET', `/v1/audit/history/token/${part(1)['jti']}`);
  expect(read.body['complete']).toBe(true);
  const items = read.body['items'] as { action: string }[];
  return items.map(({ action }) => action);
}

describe('the history of a token', () => {
  it('knows nothing of what ended others before it', async () => {
    expect(await life()).toEqual(['token.issue']);
    await bed.authority.tick();
    expect(await life()).toEqual(['token.issue']);
  });

  it.each(['client', 'tenant', 'token'])('tells of the end of its %s', async (kind) => {
    const ids: Record<string, string> = {
      ...{ client: client.clientId, tenant: 'default', token: part(1)['jti']! },
    };
    const json = { target: { kind, id: ids[kind] }, reason: 'leaked' };
    expect((await bed.call('POST', '/v1/revocations', { json })).status).toBe(200);
    expect(await life()).toEqual(['token.issue', 'revocation.create']);
    await bed.authority.tick();
    expect(await life()).toEqual(['token.issue', 'revocation.create']);
  });

  it('tells of the emergency of the key that signed it', async () => {
    const path = `/v1/signing-keys/${part(0)['kid']}/emergency`;
    await bed.call('POST', path, { json: { reason: 'stolen' } });
    expect(await life()).toEqual(['token.issue', 'signing_key.retire']);
  });

  it('tells that its client was disabled, and of no other edit of it', async () => {
    const path = `/v1/clients/${client.clientId}`;
    for (const json of [{ client_name: 'new' }, { status: 'disabled' }]) {
      await bed.call('PATCH', path, { json, headers: await bed.ifMatch(path) });
    }
    expect(await life()).toEqual(['token.issue', 'client.update']);
  });

  it('ends where the token ended', async () => {
    bed.clock.advanceMs(700_000);
    const json = { target: { kind: 'client', id: client.clientId }, reason: 'leaked' };
    await bed.call('POST', '/v1/revocations', { json });
    expect(await life()).toEqual(['token.issue']);
  });
});
