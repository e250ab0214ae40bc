import { defaultTenant, limits, StoreFault, type TenantId, type UnixMs } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { OldVerdict } from './apikeys/shadow.ts';
import { managementBed } from './management-bed.ts';

const oldKey = 'ok_3fKx0mQ9vLr2Zt8yWc5PbN7h';
let asked: string[];
let answers: Map<string, OldVerdict | undefined>;
let bed: Awaited<ReturnType<typeof managementBed>>;

async function open(mode: 'unknown' | 'both', tenant: TenantId = defaultTenant) {
  const oldSystem = {
    ...{ tenant, mode },
    async ask(text: string) {
      asked.push(text);
      if (!answers.has(text)) throw new Error('it does not answer');
      return answers.get(text);
    },
  };
  bed = await managementBed(1, undefined, { oldSystem });
}

beforeEach(async () => {
  asked = [];
  answers = new Map();
  await open('unknown');
});

async function verdict(key: string) {
  return (await bed.call('POST', '/v1/keys/verify', { json: { key } })).body;
}

async function counts() {
  // What is compared does not keep the verdict waiting.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  const { text } = await bed.call('GET', '/metrics');
  const lines = text.matchAll(/^mintmark_old_system_(\w+)_total (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, count]) => [name, Number(count)]));
}

describe('what came of it', () => {
  it('is added up over restarts and over processes', async () => {
    answers.set(oldKey, { active: false });
    await verdict(oldKey);
    expect(await counts()).toMatchObject({ unknown: 1 });
    for (let i = 0; i < 5; i++) await bed.authority.tick();
    await bed.restart();
    expect(await counts()).toMatchObject({ unknown: 1 });
    const there = await bed.replica();
    await there.manage('POST', '/v1/keys/verify', { json: { key: `${oldKey}x` } });
    answers.set(`${oldKey}x`, { active: false });
    for (let i = 0; i < 5; i++) await there.authority.tick();
    // Not there at the first question, which nobody answered.
    expect(await counts()).toMatchObject({ unknown: 1, unanswered: 1 });
  });

  it('is shown, and kept for later, while the store takes nothing', async () => {
    answers.set(oldKey, { active: false });
    await verdict(oldKey);
    const { run } = bed.store.acts;
    const down = async () => {
      throw new StoreFault('store_io', 'down');
    };
    Object.assign(bed.store.acts, { run: down });
    for (let i = 0; i < 5; i++) await bed.authority.tick();
    expect(await counts()).toMatchObject({ unknown: 1 });
    Object.assign(bed.store.acts, { run });
    for (let i = 0; i < 5; i++) await bed.authority.tick();
    const { list } = bed.store.usage;
    expect(await counts()).toMatchObject({ unknown: 1 });
    Object.assign(bed.store.usage, { list: down });
    expect(await counts()).toMatchObject({ unknown: 1 });
    Object.assign(bed.store.usage, { list });
    const [row] = await bed.store.usage.list({ where: { kind: 'old_system' }, limit: 9 });
    expect(row).toMatchObject({ id: 'unknown', allowed: 1 });
  });
});

const good = (more = {}): OldVerdict => ({
  ...{ active: true, owner: 'acme', scopes: ['read'], expiresAt: undefined },
  ...more,
});

describe('while keys move over', () => {
  it('takes a key over at its first use, with what the old system says of it', async () => {
    const expiresAt = (bed.clock.nowMs() + 3_600_000) as UnixMs;
    answers.set(oldKey, good({ expiresAt }));
    const first = await verdict(oldKey);
    expect(first).toMatchObject({ active: true, owner: 'acme', scopes: ['read'] });
    expect(first['expires_at']).toBe(new Date(expiresAt).toISOString());
    expect((await verdict(oldKey))['active']).toBe(true);
    // From then on it is ours alone.
    expect(asked).toEqual([oldKey]);
    expect(await counts()).toMatchObject({ taken_over: 1 });
    const rows = JSON.stringify(await bed.store.keys.list({ limit: 10 }));
    expect(rows).not.toContain(oldKey);
  });

  it('asks once in a while for what is unknown in both, and never for what is ours', async () => {
    answers.set(oldKey, { active: false });
    for (let i = 0; i < 3; i++) expect((await verdict(oldKey))['active']).toBe(false);
    expect(asked).toEqual([oldKey]);
    bed.clock.advanceMs(limits.shadowUnknownMs);
    await verdict(oldKey);
    expect(asked).toEqual([oldKey, oldKey]);
    const own = await bed.call('POST', '/v1/keys', { json: { name: 'k', scopes: [] } });
    const key = String(own.body['key']);
    for (const text of [key, key.slice(0, -1), 'mm_key_x', 'short', 'two words and more']) {
      await verdict(text);
    }
    expect(asked).toHaveLength(2);
    expect(await counts()).toMatchObject({ unknown: 2, taken_over: 0 });
  });

  it('refuses where the old system does not answer, and asks again', async () => {
    expect((await verdict(oldKey))['active']).toBe(false);
    answers.set(oldKey, good());
    expect((await verdict(oldKey))['active']).toBe(true);
    expect(await counts()).toMatchObject({ unanswered: 1, taken_over: 1 });
  });

  it('counts where the two differ, and keeps to its own word', async () => {
    await open('both');
    answers.set(oldKey, good());
    await verdict(oldKey);
    await verdict(oldKey);
    expect(await counts()).toMatchObject({ agreed: 1 });
    answers.set(oldKey, { active: false });
    expect((await verdict(oldKey))['active']).toBe(true);
    expect(await counts()).toMatchObject({ only_here: 1 });
    const { items } = (await bed.call('GET', '/v1/keys')).body as { items: { id: string }[] };
    const id = String(items[0]?.id);
    const json = { target: { kind: 'key', id }, reason: 'moved' };
    await bed.call('POST', '/v1/revocations', { json });
    answers.set(oldKey, good());
    expect((await verdict(oldKey))['active']).toBe(false);
    answers.delete(oldKey);
    await verdict(oldKey);
    expect(await counts()).toMatchObject({ only_there: 1, unanswered: 1 });
  });

  it('asks so many at once, and for its own tenant alone', async () => {
    await open('unknown', 'other' as TenantId);
    await verdict(oldKey);
    expect(asked).toEqual([]);
    const gate = Promise.withResolvers<OldVerdict>();
    const ask = async (text: string) => {
      asked.push(text);
      return gate.promise;
    };
    const oldSystem = { tenant: defaultTenant, mode: 'unknown', ask } as const;
    bed = await managementBed(1, undefined, { oldSystem });
    const texts = Array.from({ length: limits.shadowAsksMax + 5 }, (_, i) => `${oldKey}${i}`);
    const verdicts = texts.map(verdict);
    // The first to answer are those that were not asked about.
    for (let i = 0; i < 5; i++) await Promise.race(verdicts);
    while (asked.length < limits.shadowAsksMax) await Promise.resolve();
    gate.resolve({ active: false });
    await Promise.all(verdicts);
    expect(asked).toHaveLength(limits.shadowAsksMax);
    expect(await counts()).toMatchObject({ unanswered: 5, unknown: limits.shadowAsksMax });
  });
});
