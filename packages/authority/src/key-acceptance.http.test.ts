/** Keys that break their tenant's policy: until when, and with whose word that they may. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';

let bed: ManagementBed;
let id: string;

beforeEach(async () => {
  bed = await managementBed();
  const json = { name: 'old', scopes: ['read', 'admin'], owner: 'team-a' };
  id = String((await bed.call('POST', '/v1/keys', { json })).body['id']);
  await demand({ allowed_scopes: ['read'] });
});

async function demand(keys: Record<string, unknown>) {
  const path = '/v1/tenants/default';
  const headers = await bed.ifMatch(path);
  const answer = await bed.call('PATCH', path, { json: { settings: { keys } }, headers });
  expect(answer.body).toMatchObject({ settings: { keys } });
}

const inHours = (hours: number) => new Date(bed.clock.nowMs() + hours * 3_600_000).toISOString();
const show = async () => (await bed.call('GET', `/v1/keys/${id}`)).body;
const accept = (json: Record<string, unknown> = { reason: 'until the new till' }) =>
  bed.call('PUT', `/v1/keys/${id}/acceptance`, { json });

async function violating() {
  const { body } = await bed.call('GET', '/v1/keys?violating=true');
  return (body['items'] as { id: string; mend_by: string | null }[]).map((one) => one.mend_by);
}

describe('a key that breaks the policy', () => {
  it('is to be mended by the day that the policy names', async () => {
    expect(await violating()).toEqual([null]);
    const mend_by = inHours(240);
    await demand({ allowed_scopes: ['read'], mend_by });
    expect(await violating()).toEqual([mend_by]);
    expect(await show()).toMatchObject({ mend_by, acceptance: null });
  });

  it('may do so with a reason, is listed no more, and wants nothing', async () => {
    await demand({ allowed_scopes: ['read'], mend_by: inHours(240) });
    const accepted = await accept();
    expect(accepted).toMatchObject({
      status: 200,
      body: {
        mend_by: null,
        violations: [{ rule: 'scope_not_allowed', accepted: true }],
        acceptance: { rules: ['scope_not_allowed'], reason: 'until the new till', until: null },
      },
    });
    expect(await violating()).toEqual([]);
    const history = await bed.call('GET', `/v1/audit/history/key/${id}`);
    expect(history.text).toContain('key.accept');
    expect(history.text).not.toContain('until the new till');
  });

  it('wants mending again after its time, taken back, or for another rule', async () => {
    await accept({ reason: 'a week', until: inHours(1) });
    expect(await violating()).toEqual([]);
    bed.clock.advanceMs(3_600_000);
    expect(await violating()).toHaveLength(1);
    await accept();
    expect(await violating()).toEqual([]);
    await demand({ allowed_scopes: ['read'], purpose_required: true });
    expect((await show())['violations']).toMatchObject([
      { rule: 'purpose_required', accepted: false },
      { rule: 'scope_not_allowed', accepted: true },
    ]);
    expect(await violating()).toHaveLength(1);
    await accept();
    const path = `/v1/keys/${id}/acceptance`;
    expect(await bed.call('DELETE', path)).toMatchObject({ body: { acceptance: null } });
    expect(await violating()).toHaveLength(1);
    expect((await bed.call('DELETE', path)).status).toBe(200);
  });

  it('is edited and rotated by the policy alone, accepted or not', async () => {
    await accept();
    const headers = await bed.ifMatch(`/v1/keys/${id}`);
    const json = { scopes: ['read', 'admin', 'root'] };
    const wider = await bed.call('PATCH', `/v1/keys/${id}`, { json, headers });
    expect(wider.body['code']).toBe('policy_violated');
    const rotated = await bed.call('POST', `/v1/keys/${id}/rotate`);
    expect(rotated.body['code']).toBe('policy_violated');
  });

  it('is accepted by who may alone, with something to accept, and for a time to come', async () => {
    const credential = await bed.credential('keys:write', 'keys:assign');
    const json = { reason: 'mine' };
    const path = `/v1/keys/${id}/acceptance`;
    expect((await bed.call('PUT', path, { json, credential })).status).toBe(403);
    expect((await accept({ reason: 'x', until: inHours(-1) })).status).toBe(422);
    expect((await bed.call('PUT', '/v1/keys/none/acceptance', { json })).status).toBe(404);
    expect((await bed.call('DELETE', '/v1/keys/none/acceptance')).status).toBe(404);
    await demand({});
    expect((await accept()).body['detail']).toBe('the key breaks no rule');
    const target = { kind: 'key', id };
    await bed.call('POST', '/v1/revocations', { json: { target, reason: 'leaked' } });
    expect((await accept()).body['detail']).toBe('the key is revoked');
  });

  it('is accepted as it was read: somebody who edits it meanwhile wins', async () => {
    const { get } = bed.store.keys;
    const row = await bed.store.keys.get('default' as never, id);
    Object.assign(bed.store.keys, { get: async () => ({ ...row!, version: row!.version - 1 }) });
    expect((await accept()).body['code']).toBe('conflict');
    Object.assign(bed.store.keys, { get });
    expect((await show())['acceptance']).toBeNull();
  });
});
