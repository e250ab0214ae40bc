/** Two processes over one store: what one changes, the other's very next answer goes by. */
import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
type Credentials = Awaited<ReturnType<Bed['addClient']>>;

let here: Bed;
let there: Awaited<ReturnType<Bed['replica']>>;
let client: Credentials;

beforeEach(async () => {
  here = await authorityBed();
  client = await here.addClient();
  there = await here.replica();
});

async function tokenHere(by: Credentials = client): Promise<string> {
  const answer = await here.post('/oauth2/token', { grant_type: 'client_credentials' }, by);
  expect(answer.status).toBe(200);
  return answer.json['access_token'] as string;
}

/** What each of the two says of the token. */
async function activeAt(token: string, by: Credentials = client): Promise<readonly unknown[]> {
  const answers = await Promise.all(
    [here, there].map((process) => process.post('/oauth2/introspect', { token }, by)),
  );
  return answers.map((answer) => answer.json['active']);
}

async function revokeThere(by: Credentials = client): Promise<void> {
  const json = { target: { kind: 'client', id: by.clientId }, reason: 'leaked' };
  expect(await there.manage('POST', '/v1/revocations', { json })).toMatchObject({ status: 200 });
}

async function endSigningKeyThere(): Promise<void> {
  const keys = (await there.manage('GET', '/v1/signing-keys')).json['items'] as { kid: string }[];
  const path = `/v1/signing-keys/${keys.at(-1)?.kid}/emergency`;
  const ended = await there.manage('POST', path, { json: { reason: 'stolen' } });
  expect(ended).toMatchObject({ status: 200 });
}

describe('a token minted right after another process', () => {
  it.each(['jwt', 'opaque'] as const)('revoked its client is good (%s)', async (format) => {
    const by = await here.addClient({ accessTokenFormat: format });
    const before = await tokenHere(by);
    await revokeThere(by);
    expect(await activeAt(await tokenHere(by), by)).toEqual([true, true]);
    expect(await activeAt(before, by)).toEqual([false, false]);
  });

  it('replaced the signing key is signed by the new one', async () => {
    const before = await tokenHere();
    await endSigningKeyThere();
    expect(await activeAt(await tokenHere())).toEqual([true, true]);
    expect(await activeAt(before)).toEqual([false, false]);
  });

  it('replaced the signing key is signed by the new one, whatever the feed has told', async () => {
    await tokenHere();
    await endSigningKeyThere();
    // An act of its own: its feed stands behind the end of the key, and its keyring before it.
    const json = { match: {}, upstream: 'http://127.0.0.1:1' };
    expect(await here.manage('PUT', '/v1/routes/r', { json })).toMatchObject({ status: 201 });
    expect(await activeAt(await tokenHere())).toEqual([true, true]);
  });
});

describe('right after another process rotated the pepper', () => {
  beforeEach(async () => {
    const json = { what: 'pepper', reason: 'yearly' };
    const rotated = await there.manage('POST', '/v1/custody/rotate', { json });
    expect(rotated).toMatchObject({ status: 202, json: { current: 'pepper-2' } });
  });

  it('a client secret and an opaque token of it are good here', async () => {
    const json = { client_name: 'x', scope: 'read', access_token_format: 'opaque' };
    const made = (await there.manage('POST', '/v1/clients', { json })).json;
    const by = { clientId: made['client_id'], secret: made['client_secret'] } as Credentials;
    const form = { grant_type: 'client_credentials' };
    const token = String((await there.post('/oauth2/token', form, by)).json['access_token']);
    expect(await activeAt(token, by)).toEqual([true, true]);
  });

  it('an opaque token of its own client is good here', async () => {
    const by = await here.addClient({ accessTokenFormat: 'opaque' });
    await tokenHere(by);
    const form = { grant_type: 'client_credentials' };
    const token = String((await there.post('/oauth2/token', form, by)).json['access_token']);
    expect(await activeAt(token, by)).toEqual([true, true]);
  });

  it('a key of it is good here', async () => {
    const json = { name: 'k', scopes: [] };
    const { key } = (await there.manage('POST', '/v1/keys', { json })).json;
    const verified = await here.manage('POST', '/v1/keys/verify', { json: { key } });
    expect(verified.json).toMatchObject({ active: true });
  });
});
