import { limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
});

type What = 'root' | 'data' | 'pepper';

const show = async () => (await bed.call('GET', '/v1/custody')).body;
const rotate = (what: What, reason = 'yearly') =>
  bed.call('POST', '/v1/custody/rotate', { json: { what, reason } });
const destroy = (id: string) => bed.call('DELETE', `/v1/custody/keys/${id}`);

/** As many rounds as anything here could need; four make a second's worth of upkeep. */
async function rounds(): Promise<void> {
  for (let i = 0; i < 60; i++) await bed.authority.tick();
}

async function recorded(action: string): Promise<readonly unknown[]> {
  await bed.authority.tick();
  const found = await bed.call('GET', `/v1/audit/events?action=${action}`);
  return found.body['items'] as unknown[];
}

describe('/v1/custody', () => {
  it('shows keys, what they wrap and what is left to do, and no key itself', async () => {
    const at = new Date(bed.clock.nowMs()).toISOString();
    const root = { id: 'memory-1', created_at: at, algorithm: 'AES-256-GCM', protector: 'none' };
    expect(await show()).toEqual({
      kind: 'local',
      root_keys: [{ ...root, current: true, wraps: 2 }],
      data_keys: [{ id: 'data-1', created_at: at, status: 'active', uses: expect.any(Number) }],
      peppers: [{ version: 'pepper-1', created_at: at, status: 'active' }],
      under_way: { rewrap: 0, reseal: 0, reseal_from: null },
    });
  });

  it('rotates the root key, and destroys the old one when nothing names it', async () => {
    expect(await rotate('root')).toMatchObject({
      status: 202,
      body: { what: 'root', current: 'memory-2' },
    });
    const current = { code: 'wrong_state', detail: 'it is the current root key: rotate first' };
    expect(await destroy('memory-2')).toMatchObject({ status: 409, body: current });
    const early = { detail: expect.stringMatching(/^a process may still use it until 20/) };
    expect(await destroy('memory-1')).toMatchObject({ status: 409, body: early });
    bed.clock.advanceMs(limits.replacedKeyUsedMs);
    const named = { detail: 'it still wraps 2 keys, which are wrapped again within minutes' };
    expect(await destroy('memory-1')).toMatchObject({ status: 409, body: named });
    expect((await show())['under_way']).toEqual({ rewrap: 2, reseal: 0, reseal_from: null });
    await rounds();
    expect((await show())['under_way']).toEqual({ rewrap: 0, reseal: 0, reseal_from: null });
    expect((await destroy('memory-1')).status).toBe(204);
    expect((await destroy('memory-1')).status).toBe(404);
    expect((await show())['root_keys']).toMatchObject([{ id: 'memory-2', wraps: 2 }]);
  });

  it('wraps again within a second of the rotation, not of the next look', async () => {
    await rounds();
    await rotate('root');
    await rounds();
    expect((await show())['under_way']).toEqual({ rewrap: 0, reseal: 0, reseal_from: null });
  });

  it('rotates the data key, and seals again what the old one sealed', async () => {
    expect((await rotate('data')).body).toEqual({ what: 'data', current: 'data-2' });
    const statuses = async () =>
      ((await show())['data_keys'] as Record<string, unknown>[]).map((key) => key['status']);
    expect(await statuses()).toEqual(['active', 'retired']);
    expect((await show())['under_way']).toEqual({
      ...{ rewrap: 0, reseal: 1 },
      reseal_from: new Date(bed.clock.nowMs() + limits.replacedKeyUsedMs).toISOString(),
    });
    bed.clock.advanceMs(limits.replacedKeyUsedMs);
    await rounds();
    expect(await statuses()).toEqual(['active', 'archived']);
    expect((await show())['under_way']).toEqual({ rewrap: 0, reseal: 0, reseal_from: null });
  });

  it('rotates the pepper, and keeps the old one for what it hashed', async () => {
    expect((await rotate('pepper')).body).toEqual({ what: 'pepper', current: 'pepper-2' });
    bed.clock.advanceMs(5 * 86_400_000);
    await rounds();
    expect((await show())['peppers']).toMatchObject([
      { version: 'pepper-2', status: 'active' },
      { version: 'pepper-1', status: 'retired' },
    ]);
  });

  it('records who rotated what and why, and what was destroyed', async () => {
    const names = ['root', 'data', 'pepper'] as const;
    for (const what of names) await rotate(what, `new ${what}`);
    const rotations = await recorded('custody.rotate');
    expect(rotations).toHaveLength(4);
    const object = { kind: 'installation', id: 'custody' };
    for (const [what, key] of [
      ['root', 'memory-2'],
      ['data', 'data-2'],
      ['pepper', 'pepper-2'],
    ]) {
      const actor = { kind: 'admin_key' };
      const detail = { what, key };
      expect(rotations).toContainEqual(
        expect.objectContaining({
          actor: expect.objectContaining(actor),
          object,
          detail,
          // What was typed stands sealed beside the record.
          why: 'other',
          result: 'done',
        }),
      );
    }
    bed.clock.advanceMs(limits.replacedKeyUsedMs);
    await rounds();
    await destroy('memory-1');
    const results = (await recorded('custody.destroy')) as { result: string }[];
    expect(results.map((event) => event.result).sort()).toEqual(['done', 'started']);
  });

  it.each(['root', 'data', 'pepper'] as const)(
    'refuses a new %s key while too many are kept',
    async (what) => {
      for (let i = 0; i < limits.replacedKeysMax; i++) {
        expect((await rotate(what)).status).toBe(202);
      }
      const refused = { status: 409, body: { code: 'wrong_state' } };
      expect(await rotate(what)).toMatchObject(refused);
    },
  );

  it('answers one of two that rotate at the same moment with a conflict', async () => {
    for (const what of ['data', 'pepper'] as const) {
      const both = await Promise.all([rotate(what), rotate(what)]);
      expect(both.map((answer) => answer.status).sort()).toEqual([202, 409]);
      const lost = both.find((answer) => answer.status === 409);
      expect(lost?.body['code']).toBe('conflict');
      expect(await recorded('custody.rotate')).toHaveLength(what === 'data' ? 1 : 2);
    }
  });

  it('is for those who may', async () => {
    const reader = await bed.credential('custody:read');
    const json = { what: 'root' };
    const may = async (credential: string) => [
      (await bed.call('GET', '/v1/custody', { credential })).status,
      (await bed.call('POST', '/v1/custody/rotate', { credential, json })).status,
      (await bed.call('DELETE', '/v1/custody/keys/memory-1', { credential })).status,
    ];
    expect(await may(reader)).toEqual([200, 403, 403]);
    expect(await may(await bed.credential('custody:write'))).toEqual([403, 202, 409]);
    expect(await may(await bed.credential('signing_keys:*'))).toEqual([403, 403, 403]);
  });

  it('says what it can rotate', async () => {
    const wrong = await bed.call('POST', '/v1/custody/rotate', { json: { what: 'all' } });
    expect(wrong.status).toBe(422);
  });
});
