/** A compromised signing key: what its end breaks, and that its end is one. */
import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;

let bed: Bed;
let client: Awaited<ReturnType<Bed['addClient']>>;

beforeEach(async () => {
  bed = await managementBed();
  client = await bed.addClient({ audiences: [], accessTokenFormat: 'jwt', owner: 'payments' });
});

async function tokenOf(): Promise<string> {
  const issued = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
  expect(issued.status).toBe(200);
  return String(issued.json['access_token']);
}

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid;
}

async function isActive(token: string): Promise<unknown> {
  return (await bed.call('POST', '/v1/tokens/inspect', { json: { token } })).body['active'];
}

async function publishedKids(): Promise<readonly string[]> {
  const { json } = await bed.get('/.well-known/jwks.json');
  return (json['keys'] as { kid: string }[]).map(({ kid }) => kid);
}

describe('the emergency of a signing key', () => {
  it('says first what would break, and changes nothing', async () => {
    const token = await tokenOf();
    bed.clock.advanceMs(1);
    const seen = await bed.call('GET', `/v1/signing-keys/${kidOf(token)}/emergency`);
    expect(seen).toMatchObject({
      status: 200,
      body: {
        signs: true,
        status: 'active',
        complete: true,
        counts: { access_tokens: 1, refresh_families: 0 },
        clients: [{ client_id: client.clientId, access_tokens: 1, recovers: 'by_itself' }],
        caches: { jwks_max_age_seconds: 1800, status_list_ttl_seconds: 60 },
      },
    });
    expect(String(seen.body['breaks'])).toContain('trusts the key for up to 1800 s more');
    expect(await isActive(token)).toBe(true);
    expect((await bed.call('GET', '/v1/signing-keys/none/emergency')).status).toBe(404);
  });

  it('ends the key, its tokens and its place in the key set; another one signs', async () => {
    const token = await tokenOf();
    const kid = kidOf(token);
    bed.clock.advanceMs(1);
    // Two clients of one owner: told of both, and counted once.
    const other = await bed.addClient({ owner: 'payments', accessTokenFormat: 'jwt' });
    await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, other);
    const path = `/v1/signing-keys/${kid}/emergency`;
    const ended = await bed.call('POST', path, { json: { reason: 'stolen' } });
    expect(ended).toMatchObject({
      status: 200,
      body: { counts: { access_tokens: 2 }, owners_told: 1, complete: true },
    });
    expect(await isActive(token)).toBe(false);
    const shown = await bed.call('GET', `/v1/signing-keys/${kid}`);
    expect(shown.body['status']).toBe('compromised');
    const fresh = await tokenOf();
    expect(kidOf(fresh)).toBe(ended.body['replacement']);
    expect(await isActive(fresh)).toBe(true);
    expect(await publishedKids()).not.toContain(kid);
    const notices = await bed.call('GET', '/v1/notices');
    expect(notices.text).toContain('signing_key.ended');
    expect(notices.text).toContain('payments');
    const history = await bed.call('GET', `/v1/audit/history/signing_key/${kid}`);
    expect(history.text).toContain('"emergency":true');
    const seen = await bed.call('GET', path);
    expect(seen.body).toMatchObject({ signs: false, counts: { access_tokens: 0 } });
  });

  it('of a key that does not sign makes no other one', async () => {
    const next = await bed.call('POST', '/v1/signing-keys/rotate');
    const path = `/v1/signing-keys/${next.body['kid']}/emergency`;
    const ended = await bed.call('POST', path, { json: { reason: 'stolen' } });
    expect(ended.body).toMatchObject({ replacement: null, owners_told: 0 });
  });
});

describe('across processes', () => {
  it('no other one signs with the ended key or takes what it signed', async () => {
    const here = await authorityBed();
    const by = await here.addClient({ audiences: [], accessTokenFormat: 'jwt' });
    const there = await here.replica();
    const form = { grant_type: 'client_credentials' };
    const old = String((await here.post('/oauth2/token', form, by)).json['access_token']);
    const path = `/v1/signing-keys/${kidOf(old)}/emergency`;
    const ended = await there.manage('POST', path, { json: { reason: 'stolen' } });
    expect(ended.status).toBe(200);
    const fresh = String((await here.post('/oauth2/token', form, by)).json['access_token']);
    expect(kidOf(fresh)).toBe(ended.json['replacement']);
    for (const process of [here, there]) {
      for (const [token, active] of [
        [old, false],
        [fresh, true],
      ] as const) {
        const answer = await process.post('/oauth2/introspect', { token }, by);
        expect(answer.json['active']).toBe(active);
      }
    }
  });
});
