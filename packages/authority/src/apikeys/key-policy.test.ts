import { defaultTenant, type UnixMs } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKey, type KeySettings } from './create-key.ts';
import { keyBed, requester, startMs } from './key-bed.ts';
import type { KeyRow } from './key-change.ts';
import { isMeant, type KeyFilter } from './key-filter.ts';
import { type KeyPolicy, noKeyPolicy, violationsOf } from './key-policy.ts';
import { rotateKey } from './rotate-key.ts';
import { type KeyPatch, updateKey } from './update-key.ts';

type Bed = ReturnType<typeof keyBed>;

const settings = { name: 'ci', owner: 'team-a', scopes: ['read'] };
const day = 86_400;
const second = Math.floor(startMs / 1000) * 1000;

async function make(bed: Bed, more: Partial<KeySettings> = {}) {
  const made = await createKey(bed, { requester, settings: { ...settings, ...more } });
  if (made.ok) return made.value.row;
  const { refusal } = made;
  if (refusal.reason !== 'policy_violated') throw new Error(refusal.reason);
  return refusal.violations.map(({ rule }) => rule);
}

async function rowOf(bed: Bed, more: Partial<KeySettings> = {}): Promise<KeyRow> {
  const made = await make(bed, more);
  if ('id' in made) return made;
  throw new Error(made.join());
}

describe('a policy for keys', () => {
  it.each([
    [{ ownerRequired: true }, { owner: 'boss' }, ['owner_required']],
    [{ ownerRequired: true }, {}, []],
    [{ purposeRequired: true }, {}, ['purpose_required']],
    [{ purposeRequired: true }, { purpose: '  ' }, ['purpose_required']],
    [{ purposeRequired: true }, { purpose: 'nightly build' }, []],
    [{ expiryRequired: true }, {}, ['expiry_required']],
    [{ lifeSecondsMax: day }, {}, ['expiry_required']],
    [{ lifeSecondsMax: day }, { expiresAt: second + 2 * day * 1000 }, ['life_too_long']],
    [{ lifeSecondsMax: day }, { expiresAt: second + day * 1000 }, []],
    [
      { lifeSecondsMax: day },
      { notBefore: second + 9 * day * 1000, expiresAt: second + 10 * day * 1000 },
      [],
    ],
    [{ allowedScopes: ['write', 'rea'] }, {}, ['scope_not_allowed']],
    [{ allowedScopes: ['re*'] }, {}, []],
    [{ allowedScopes: [] }, { scopes: [] }, []],
    [{ allowedEnvironments: ['live'] }, {}, ['environment_not_allowed']],
    [{ allowedEnvironments: ['live'] }, { environment: 'test' }, ['environment_not_allowed']],
    [{ allowedEnvironments: ['live'] }, { environment: 'live' }, []],
    [{}, { recoverable: true }, ['recoverable_not_allowed']],
    [{ recoverableAllowed: true }, { recoverable: true }, []],
  ] as const)('%j judges a key with %j: %j', async (demands, more, rules) => {
    const bed = keyBed();
    // An administrator's key: nobody whom anybody could tell.
    const boss = await rowOf(bed);
    const where = { tenant: boss.tenant, id: boss.id };
    const set = { kind: 'admin' };
    await bed.store.acts.run({ steps: [{ do: 'update', table: 'keys', where, set }], audit: null });
    bed.policy = { ...noKeyPolicy, ...demands };
    const owner = 'owner' in more ? boss.id : settings.owner;
    const made = await make(bed, { ...(more as Partial<KeySettings>), owner });
    expect('id' in made ? [] : made).toEqual(rules);
    // Nothing is left of a key that was refused.
    expect(await bed.store.keys.count({ kind: 'key' })).toBe(rules.length === 0 ? 1 : 0);
  });

  it('breaks for each rule alone as for all together', () => {
    const policy: KeyPolicy = {
      ...{ ownerRequired: true, purposeRequired: true, expiryRequired: true },
      ...{ lifeSecondsMax: day, allowedScopes: ['read*'], allowedEnvironments: ['live'] },
      recoverableAllowed: false,
    };
    const keys = fc.record({
      owner: fc.constant('o'),
      sealedSecret: fc.option(fc.uint8Array()),
      purpose: fc.option(fc.string({ maxLength: 3 })),
      scopes: fc.array(fc.constantFrom('read', 'read:all', 'write')),
      environment: fc.option(fc.constantFrom('live', 'test')),
      createdAt: fc.constant(startMs),
      notBefore: fc.option(fc.integer({ min: startMs, max: startMs + 9 * day * 1000 })),
      expiresAt: fc.option(fc.integer({ min: startMs, max: startMs + 20 * day * 1000 })),
    });
    const rulesOf = (
      demands: KeyPolicy,
      key: Parameters<typeof violationsOf>[1],
      isNobody: boolean,
    ) => violationsOf(demands, key, isNobody).map(({ rule }) => rule);
    fc.assert(
      fc.property(keys, fc.boolean(), (key, isNobody) => {
        const single = Object.entries(policy).flatMap(([name, value]) =>
          rulesOf({ ...noKeyPolicy, [name]: value }, key, isNobody),
        );
        // In a fixed order, each once.
        const rules = rulesOf(policy, key, isNobody);
        expect(new Set(rules)).toEqual(new Set(single));
        expect(new Set(rules).size).toBe(rules.length);
        const open = { ...noKeyPolicy, recoverableAllowed: true };
        expect(rulesOf(open, key, isNobody)).toEqual([]);
      }),
    );
  });

  async function edit(bed: Bed, id: string, patch: KeyPatch) {
    const yes = () => true;
    const input = { requester, id, mayNameOwner: yes, isSeen: yes, patch };
    const edited = await updateKey(bed, input);
    return edited.ok ? edited.value : edited.refusal.reason;
  }

  it('holds an edit to what it touches, so that an old key can be mended in steps', async () => {
    const bed = keyBed();
    const { id } = await rowOf(bed);
    bed.policy = { ...noKeyPolicy, purposeRequired: true, lifeSecondsMax: day };
    expect(await edit(bed, id, { name: 'renamed' })).toMatchObject({ name: 'renamed' });
    const tooLate = (second + 2 * day * 1000) as UnixMs;
    expect(await edit(bed, id, { expiresAt: tooLate })).toBe('policy_violated');
    expect(await edit(bed, id, { purpose: null })).toBe('policy_violated');
    expect(await edit(bed, id, { purpose: 'builds', tags: ['ci'] })).toMatchObject({
      purpose: 'builds',
      tags: ['ci'],
    });
  });

  it('counts a life from the first start, which moves only while it is to come', async () => {
    const bed = keyBed();
    const hour = 3_600_000;
    bed.policy = { ...noKeyPolicy, lifeSecondsMax: 3600 };
    const at = (ms: number) => (second + ms) as UnixMs;
    const { id } = await rowOf(bed, { notBefore: at(hour), expiresAt: at(2 * hour) });
    const moved = { notBefore: at(5 * hour), expiresAt: at(6 * hour) };
    expect(await edit(bed, id, moved)).toMatchObject(moved);
    expect(await edit(bed, id, { notBefore: null })).toBe('policy_violated');
    bed.clock.setWallMs(at(5 * hour));
    const again = { notBefore: at(5 * hour + 1000), expiresAt: at(6 * hour + 1000) };
    expect(await edit(bed, id, again)).toBe('policy_violated');
    // Nor in two steps, by a start that is to come.
    expect(await edit(bed, id, { notBefore: at(5.5 * hour) })).toBe('policy_violated');
    expect(await edit(bed, id, { expiresAt: at(5.5 * hour) })).toMatchObject({ id });
    bed.policy = noKeyPolicy;
    expect(await edit(bed, id, again)).toMatchObject(again);
  });

  it('makes no successor that breaks it', async () => {
    const bed = keyBed();
    const { id } = await rowOf(bed);
    const rotate = async () => {
      const input = { requester, id, mayNameOwner: () => true, overlapSeconds: 0 };
      const rotated = await rotateKey(bed, input);
      return rotated.ok ? rotated.value.successor : rotated.refusal.reason;
    };
    bed.policy = { ...noKeyPolicy, purposeRequired: true };
    expect(await rotate()).toBe('policy_violated');
    await edit(bed, id, { purpose: 'builds', tags: ['ci'] });
    expect(await rotate()).toMatchObject({ purpose: 'builds', tags: ['ci'], predecessor: id });
  });

  it('gives a key to another owner, but not one that ended with its owner', async () => {
    const bed = keyBed();
    const { id } = await rowOf(bed);
    expect(await edit(bed, id, { owner: 'team-b' })).toMatchObject({ owner: 'team-b' });
    expect((await bed.fed()).at(-1)).toMatchObject({ owner: 'team-b' });
    const at = bed.clock.nowMs();
    const target = { kind: 'user', id: 'team-b' } as const;
    const entries = [{ type: 'revocation', target, expiresAt: 9e9 as never }] as const;
    const revocation = {
      ...{ tenant: defaultTenant, id: 'r', targetKind: 'user', targetId: 'team-b' },
      ...{ reason: 'left', actor: 'a', at },
    };
    await bed.store.acts.run({
      steps: [{ do: 'feed', tenant: defaultTenant, entries, at, revocation }],
      audit: null,
    });
    expect(await edit(bed, id, { owner: 'team-c' })).toBe('owner_revoked');
    expect(await edit(bed, id, { name: 'still editable' })).toMatchObject({ owner: 'team-b' });
  });
});

describe('a filter of keys', () => {
  const full: Partial<KeySettings> = {
    ...{ environment: 'live', tags: ['ci', 'eu'], expiresAt: (second + day * 1000) as UnixMs },
  };

  it.each([
    [{ owner: 'team-a' }, true],
    [{ owner: 'team-b' }, false],
    [{ status: 'active' }, true],
    [{ status: 'disabled' }, false],
    [{ tag: 'eu' }, true],
    [{ tag: 'us' }, false],
    [{ environment: 'live' }, true],
    [{ environment: 'test' }, false],
    [{ scope: 'read' }, true],
    [{ scope: 'write' }, false],
    [{ namePrefix: 'c' }, true],
    [{ namePrefix: 'x' }, false],
    [{ createdBefore: startMs + 1 }, true],
    [{ createdBefore: startMs }, false],
    [{ expiresBefore: startMs + 9 * day * 1000 }, true],
    [{ expiresBefore: startMs }, false],
    [{ unusedSince: startMs + 1 }, true],
    [{ unusedSince: startMs }, false],
    [{ violating: true }, true],
    [{ violating: false }, false],
    [{ tag: 'eu', scope: 'write' }, false],
  ] as const)('%j: %j', async (filter, expected) => {
    const bed = keyBed();
    const row = await rowOf(bed, full);
    bed.policy = { ...noKeyPolicy, purposeRequired: true };
    expect(await isMeant(bed, filter as KeyFilter, row)).toBe(expected);
  });

  it('counts a use as a sign of life', async () => {
    const bed = keyBed();
    const row = await rowOf(bed);
    const unusedSince = (startMs + 1) as UnixMs;
    expect(await isMeant(bed, { unusedSince }, row)).toBe(true);
    const usage = {
      ...{ tenant: row.tenant, kind: 'key', id: row.id, allowed: 1, denied: 0 },
      ...{ firstUsedAt: startMs + 1, lastUsedAt: startMs + 1, lastAddress: null },
    };
    await bed.store.acts.run({ steps: [{ do: 'put', table: 'usage', row: usage }], audit: null });
    expect(await isMeant(bed, { unusedSince }, row)).toBe(false);
  });
});
