/** Signing and encryption keys under rotation rules, beside the keyring's own schedule. */
import { defaultTenant } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { rotationEventStep } from '../store/rotation-event-row.ts';
import { requester, rotationBed } from './rotation-bed.ts';
import type { RotationRule } from './rule.ts';

const signing = { kind: 'signing_key', id: 'ES256' } as const;
const bare = { overlap_seconds: undefined, deliver_to: undefined };

async function withRule(rule: Partial<RotationRule>) {
  const bed = await rotationBed();
  const put = (name: string, more: Partial<RotationRule>) =>
    bed.put(name, { ...bare, target: signing, ...more });
  const written = await put('r', rule);
  if (!written.ok) throw new Error(JSON.stringify(written.refusal));
  return {
    ...bed,
    put,
    /** Rounds of the authority: its schedule, then its rotations. */
    async rounds(seconds: number) {
      for (let i = 0; i < seconds; i++) {
        await bed.pass(1);
        await bed.keyring.tick();
      }
    },
    async statuses(algorithm = 'ES256') {
      const rows = await bed.keyring.list(defaultTenant);
      const own = rows.filter((row) => row.algorithm === algorithm);
      return own.sort((a, b) => a.generation - b.generation).map(({ status }) => status);
    },
    async sign(times: number) {
      const signer = await bed.keyring.signer(defaultTenant, 'ES256');
      for (let i = 0; i < times; i++) await signer.sign(new Uint8Array(1));
    },
    async happen(event: 'leak' | 'administrator_left' | 'custody_rotation') {
      const about = { kind: 'all' } as const;
      const step = rotationEventStep(defaultTenant, event, { about, at: bed.clock.nowMs() });
      await bed.store.acts.run({ steps: [step], audit: null });
    },
  };
}

describe('a signing key under a rule', () => {
  it('is as old as the rule says when its successor takes over, published before', async () => {
    const bed = await withRule({ every_seconds: 1000 });
    await bed.rounds(935);
    expect(await bed.statuses()).toEqual(['active']);
    await bed.rounds(10);
    expect(await bed.statuses()).toEqual(['active', 'published']);
    const run = (await bed.run('r'))!;
    expect(run).toMatchObject({ status: 'confirming', sealedSecret: null });
    expect(run.progress).toMatchObject({ cause: 'age', kind: 'signing_key', target: 'ES256' });
    await bed.rounds(130);
    expect(await bed.statuses()).toEqual(['retiring', 'active']);
    const rows = await bed.keyring.list(defaultTenant);
    const { retireAt } = rows.find(({ status }) => status === 'retiring')!;
    // The predecessor verifies as long as a token of it lives.
    expect(retireAt! - bed.clock.nowMs()).toBeGreaterThan(200_000);
    expect(await bed.run('r')).toMatchObject({ status: 'done', progress: { endsAt: retireAt } });
    await bed.rounds(400);
    expect(await bed.statuses()).toEqual(['retired', 'active']);
    await bed.rounds(700);
    expect(await bed.statuses()).toEqual(['retired', 'retiring', 'active']);
    expect(bed.faults).toEqual([]);
    expect(await bed.told()).toEqual([]);
  });

  it.each(['leak', 'administrator_left', 'custody_rotation'] as const)(
    'is succeeded upon %s',
    async (event) => {
      const bed = await withRule({ on: [event] });
      await bed.rounds(5);
      expect(await bed.statuses()).toEqual(['active']);
      await bed.happen(event);
      await bed.rounds(1);
      expect(await bed.statuses()).toEqual(['active', 'published']);
      expect(await bed.run('r')).toMatchObject({ progress: { cause: event } });
    },
  );

  it('is succeeded after so many signatures, once', async () => {
    const bed = await withRule({ max_uses: 1000 });
    await bed.sign(600);
    await bed.rounds(2);
    await bed.sign(399);
    await bed.rounds(2);
    expect(await bed.statuses()).toEqual(['active']);
    await bed.sign(1);
    await bed.rounds(2);
    expect(await bed.statuses()).toEqual(['active', 'published']);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'uses' } });
    // It goes on signing until the successor does.
    await bed.sign(10);
    await bed.rounds(150);
    expect(await bed.statuses()).toEqual(['retiring', 'active']);
    await bed.sign(10);
    await bed.rounds(5);
    expect(await bed.store.rotationRuns.count()).toBe(1);
  });

  it('counts nothing where no rule asks for it', async () => {
    const bed = await withRule({ every_seconds: 1000 });
    await bed.sign(5);
    await bed.rounds(2);
    expect(await bed.store.usage.list({ limit: 9 })).toEqual([]);
  });

  it('waits for its new age where somebody rotated it by hand', async () => {
    const bed = await withRule({ every_seconds: 1000 });
    await bed.rounds(500);
    const by = { actor: requester.actor, reason: 'by hand' };
    await bed.keyring.rotate({ tenant: defaultTenant, algorithm: 'ES256', ...by });
    await bed.rounds(500);
    expect(await bed.run('r')).toBeUndefined();
    expect(await bed.statuses()).toEqual(['retired', 'active']);
    await bed.rounds(600);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'age' } });
  });

  it('takes the key that is published already for its successor', async () => {
    const bed = await withRule({ on: ['leak'] });
    const by = { actor: requester.actor, reason: 'by hand' };
    const next = await bed.keyring.rotate({ tenant: defaultTenant, algorithm: 'ES256', ...by });
    await bed.happen('leak');
    await bed.rounds(1);
    expect(await bed.statuses()).toEqual(['active', 'published']);
    expect(await bed.run('r')).toMatchObject({ progress: { successor: next.kid } });
  });

  it('leaves one successor wherever the process is cut off', async () => {
    for (let stopAt = 1; stopAt <= 4; stopAt++) {
      const bed = await withRule({ on: ['leak'] });
      await bed.happen('leak');
      let acts = 0;
      bed.state.beforeAct = () => {
        if (++acts >= stopAt) throw new Error('stopped');
      };
      await bed.pass(2);
      bed.state.beforeAct = () => undefined;
      await bed.pass(3, bed.open().rotations);
      expect(await bed.statuses(), String(stopAt)).toEqual(['active', 'published']);
      expect(await bed.run('r'), String(stopAt)).toMatchObject({ status: 'confirming' });
    }
  });

  it('that is distrusted as a successor ends the run, and the rule goes on', async () => {
    const bed = await withRule({ on: ['leak'] });
    await bed.happen('leak');
    await bed.rounds(1);
    const { successor: kid } = (await bed.run('r'))!.progress as { successor: string };
    const by = { actor: requester.actor, reason: 'stolen' };
    await bed.keyring.emergency({ tenant: defaultTenant, kid, ...by });
    await bed.rounds(600);
    expect(await bed.run('r')).toMatchObject({ status: 'done', progress: { confirmedAt: null } });
    await bed.happen('leak');
    await bed.rounds(2);
    expect(await bed.statuses()).toContain('published');
  });
});

it('an encryption key rotates by its rule, beside the signing key', async () => {
  const bed = await withRule({ target: { kind: 'encryption_key', id: 'ECDH-ES' }, on: ['leak'] });
  await bed.happen('leak');
  await bed.rounds(1);
  expect(await bed.statuses('ECDH-ES')).toEqual(['active', 'published']);
  expect(await bed.statuses()).toEqual(['active']);
  await bed.rounds(150);
  expect(await bed.statuses('ECDH-ES')).toEqual(['retiring', 'active']);
  expect(await bed.run('r')).toMatchObject({ status: 'done' });
});

describe('a rule for such a key', () => {
  it.each<[string, Partial<RotationRule>, string]>([
    ['places', { deliver_to: [{ to: 'shelf', at: 'x' }] }, '/deliver_to'],
    ['an overlap', { overlap_seconds: 60 }, '/overlap_seconds'],
    ['the end of an owner', { on: ['leak', 'owner_left'] }, '/on/1'],
    ['more than the configured age', { every_seconds: 864_001 }, '/every_seconds'],
    ['less than publishing takes', { every_seconds: 60 }, '/every_seconds'],
    [
      'uses of what signs nothing',
      { target: { kind: 'encryption_key', id: 'ECDH-ES' }, max_uses: 1000 },
      '/max_uses',
    ],
  ])('cannot name %s', async (_what, rule, pointer) => {
    const { put } = await withRule({ every_seconds: 1000 });
    expect(await put('other', rule)).toMatchObject({ refusal: { reason: 'malformed', pointer } });
  });

  it.each([
    { kind: 'signing_key', id: 'PS256' },
    { kind: 'signing_key', id: 'ECDH-ES' },
    { kind: 'encryption_key', id: 'ES256' },
  ] as const)('is refused for %j, which the tenant does not have', async (target) => {
    const { put } = await withRule({ every_seconds: 1000 });
    expect(await put('other', { target })).toMatchObject({ refusal: { reason: 'no_such_target' } });
  });

  it('is one for each algorithm', async () => {
    const { put } = await withRule({ every_seconds: 1000 });
    expect(await put('other', {})).toMatchObject({ refusal: { reason: 'target_taken' } });
  });
});
