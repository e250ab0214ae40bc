import { beforeEach, describe, expect, it } from 'vitest';
import { cibaGrant } from './backchannel-bed.ts';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;

let bed: Bed;
let client: Awaited<ReturnType<Bed['addClient']>>;
let alice: string;

beforeEach(async () => {
  bed = await managementBed();
  alice = await bed.addUser('alice');
  await bed.addUser('bob');
  client = await bed.addClient({
    ...{
      grantTypes: [cibaGrant],
      scopes: ['openid', 'read'],
      backchannelTokenDeliveryMode: 'poll',
    },
  });
});

const path = '/v1/authentication-requests';

async function asked(more: Record<string, string> = {}) {
  const form = { scope: 'openid read', login_hint: 'alice', ...more };
  const { json } = await bed.post('/oauth2/bc-authorize', form, client);
  const authReqId = String(json['auth_req_id']);
  return { authReqId, id: authReqId.split('_')[2]!.slice(0, 17) };
}

const redeem = (authReqId: string) =>
  bed.post('/oauth2/token', { grant_type: cibaGrant, auth_req_id: authReqId }, client);

describe('/v1/authentication-requests', () => {
  it('shows what a device needs to ask its person, and no secret', async () => {
    const { authReqId, id } = await asked({ binding_message: 'W4SCT', acr_values: 'mfa' });
    const shown = await bed.call('GET', `${path}/${id}`);
    expect(shown.body).toEqual({
      id,
      client_id: client.clientId,
      subject: alice,
      status: 'pending',
      scope: 'openid read',
      audience: ['https://api.example'],
      acr_values: ['mfa'],
      binding_message: 'W4SCT',
      created_at: expect.any(String),
      expires_at: expect.any(String),
    });
    expect(shown.text).not.toContain(authReqId);
    expect((await bed.call('GET', `${path}/unknown`)).status).toBe(404);
  });

  it('lists them newest first, in pages, of one person or all', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.unshift((await asked()).id);
      bed.clock.advanceMs(1_000);
    }
    const bobs = (await asked({ login_hint: 'bob' })).id;
    const all = await bed.call('GET', path);
    const idsIn = (body: Record<string, unknown>) =>
      (body['items'] as { id: string }[]).map(({ id }) => id);
    expect(idsIn(all.body)).toEqual([bobs, ...ids]);
    const first = await bed.call('GET', `${path}?subject=${alice}&limit=2`);
    expect(idsIn(first.body)).toEqual(ids.slice(0, 2));
    const next = encodeURIComponent(String(first.body['next']));
    const second = await bed.call('GET', `${path}?subject=${alice}&limit=2&cursor=${next}`);
    expect(idsIn(second.body)).toEqual(ids.slice(2));
  });

  it('shows what became of each', async () => {
    const statusOf = async (id: string) => (await bed.call('GET', `${path}/${id}`)).body['status'];
    const [yes, no, late] = [await asked(), await asked(), await asked({ requested_expiry: '1' })];
    await bed.call('POST', `${path}/${yes.id}/approve`);
    expect(await statusOf(yes.id)).toBe('approved');
    await redeem(yes.authReqId);
    expect(await statusOf(yes.id)).toBe('redeemed');
    await bed.call('POST', `${path}/${no.id}/deny`);
    expect(await statusOf(no.id)).toBe('denied');
    bed.clock.advanceMs(1_000);
    expect(await statusOf(late.id)).toBe('expired');
  });

  it('takes an answer once, in time, and with the class that was asked for', async () => {
    const { authReqId, id } = await asked({ acr_values: 'mfa phr' });
    const approve = (json?: unknown) =>
      bed.call('POST', `${path}/${id}/approve`, json === undefined ? {} : { json });
    expect((await approve()).status).toBe(409);
    expect((await approve({ acr: 'pwd' })).status).toBe(409);
    expect((await approve({ acr: 'golden' })).status).toBe(422);
    expect((await approve({ acr: 'phr', amr: ['hwk'] })).status).toBe(204);
    expect((await approve({ acr: 'phr' })).status).toBe(409);
    expect((await bed.call('POST', `${path}/${id}/deny`)).status).toBe(409);
    expect((await redeem(authReqId)).status).toBe(200);
    expect((await bed.call('POST', `${path}/unknown/approve`)).status).toBe(404);
    expect((await bed.call('POST', `${path}/unknown/deny`)).status).toBe(404);
  });

  it('needs a permission of its own', async () => {
    const { authReqId, id } = await asked();
    const reader = await bed.credential('authentication_requests:read', 'users:write');
    const answer = { credential: reader };
    expect((await bed.call('GET', path, answer)).status).toBe(200);
    expect((await bed.call('POST', `${path}/${id}/approve`, answer)).status).toBe(403);
    expect((await bed.call('POST', `${path}/${id}/deny`, answer)).status).toBe(403);
    const writer = await bed.credential('authentication_requests:write');
    expect((await bed.call('GET', path, { credential: writer })).status).toBe(403);
    expect((await bed.call('POST', `${path}/${id}/approve`, { credential: writer })).status).toBe(
      204,
    );
    expect((await redeem(authReqId)).status).toBe(200);
  });

  it('goes with a client that is gone', async () => {
    const { id } = await asked();
    const clientPath = `/v1/clients/${client.clientId}`;
    await bed.call('DELETE', clientPath, { headers: await bed.ifMatch(clientPath) });
    expect((await bed.call('POST', `${path}/${id}/approve`)).status).toBe(409);
  });

  it('records who answered for whom', async () => {
    const { id } = await asked({ binding_message: 'W4SCT' });
    bed.clock.advanceMs(1);
    await bed.call('POST', `${path}/${id}/approve`, { json: { acr: 'mfa' } });
    await bed.authority.tick();
    const rows = await bed.store.auditLog.list({
      where: { tenant: 'default', object: `authentication_request:${id}` },
      orderBy: ['index'],
      limit: 10,
    });
    const leaves = rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString()));
    expect(leaves).toMatchObject([
      {
        action: 'authentication_request.create',
        actor: { kind: 'client', id: client.clientId },
        detail: { subject: alice, hint: 'login_hint' },
      },
      {
        action: 'authentication_request.approve',
        actor: { kind: 'admin_key' },
        detail: { subject: alice, client: client.clientId, acr: 'mfa' },
      },
    ]);
    // What the person was shown is personal: beside the leaf, and sealed.
    expect(JSON.stringify(leaves)).not.toContain('W4SCT');
  });
});
