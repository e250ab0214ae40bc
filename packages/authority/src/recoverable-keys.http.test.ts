import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

async function demand(keys: Record<string, unknown>) {
  const path = '/v1/tenants/default';
  const headers = await bed.ifMatch(path);
  const answer = await bed.call('PATCH', path, { json: { settings: { keys } }, headers });
  expect(answer.body).toMatchObject({ settings: { keys } });
}

describe('POST /v1/keys/{id}/reveal', () => {
  const json = { name: 'ci', scopes: [], recoverable: true };
  const because = { json: { reason: 'the vault was lost' } };

  it('shows a recoverable key again under a permission of its own', async () => {
    expect((await bed.call('POST', '/v1/keys', { json })).body['code']).toBe('policy_violated');
    await demand({ recoverable_allowed: true });
    const made = await bed.call('POST', '/v1/keys', { json });
    expect(made.body).toMatchObject({ recoverable: true });
    const path = `/v1/keys/${made.body['id']}`;
    expect((await bed.call('GET', path)).text).not.toContain(String(made.body['key']).slice(-40));
    const shown = await bed.call('POST', `${path}/reveal`, because);
    expect(shown.body).toEqual({ id: made.body['id'], key: made.body['key'] });
    expect((await bed.call('POST', `${path}/reveal`, { json: {} })).status).toBe(422);
    const without = await bed.credential('keys:read', 'keys:write', 'keys:assign', 'keys:verify');
    const refused = await bed.call('POST', `${path}/reveal`, { ...because, credential: without });
    expect(refused.status).toBe(403);
    const other = await bed.credential('keys:reveal');
    const foreign = await bed.call('POST', `${path}/reveal`, { ...because, credential: other });
    expect(foreign.status).toBe(403);
    const history = await bed.call('GET', `/v1/audit/history/key/${made.body['id']}`);
    expect(history.text).toContain('key.reveal');
    const patch = { json: { status: 'disabled' }, headers: await bed.ifMatch(path) };
    await bed.call('PATCH', path, patch);
    expect((await bed.call('POST', `${path}/reveal`, because)).status).toBe(409);
  });

  it('has nothing to show of other keys, of unknown ones, and after a revocation', async () => {
    await demand({ recoverable_allowed: true });
    const plain = await bed.call('POST', '/v1/keys', { json: { name: 'p', scopes: [] } });
    const reveal = (id: unknown) => bed.call('POST', `/v1/keys/${id}/reveal`, because);
    expect((await reveal(plain.body['id'])).status).toBe(409);
    expect((await reveal('none')).status).toBe(404);
    const made = await bed.call('POST', '/v1/keys', { json });
    const id = String(made.body['id']);
    await demand({ recoverable_allowed: false });
    expect((await reveal(id)).status).toBe(409);
    const target = { kind: 'key', id };
    await bed.call('POST', '/v1/revocations', { json: { target, reason: 'gone' } });
    expect((await bed.store.keys.get('default', id))?.sealedSecret).toBeNull();
  });
});

describe('keys that nobody uses', () => {
  it('are disabled by a tenant’s policy, in rounds, after their owner was told', async () => {
    await demand({ unused_days: 30, unused_grace_days: 5 });
    const made = await bed.call('POST', '/v1/keys', { json: { name: 'idle', scopes: [] } });
    const path = `/v1/keys/${made.body['id']}`;
    const statusAfter = async (days: number) => {
      bed.clock.advanceMs(days * 86_400_000);
      // A sweep comes once in so many rounds.
      for (let i = 0; i < 240; i++) await bed.authority.tick();
      return (await bed.call('GET', path)).body['status'];
    };
    expect(await statusAfter(30)).toBe('active');
    expect(await statusAfter(4)).toBe('active');
    expect(await statusAfter(1)).toBe('disabled');
    const notices = await bed.call('GET', '/v1/notices');
    expect(notices.text).toContain('key.unused');
  });
});
