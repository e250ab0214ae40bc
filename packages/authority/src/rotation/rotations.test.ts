import { type ClientId, defaultTenant, limits, type TenantId } from '@mintmark/core';
import { parseSecretToken, secretVerifier } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { sealContext } from '../custody/contexts.ts';
import { type RotationScope, rotationEventStep } from '../store/rotation-event-row.ts';
import { bedStartMs, requester, rotationBed } from './rotation-bed.ts';
import { neverDue } from './rule.ts';

type Bed = Awaited<ReturnType<typeof rotationBed>>;

async function withKey(rule: Parameters<Bed['put']>[1] | object = {}) {
  const bed = await rotationBed();
  const id = await bed.addKey();
  const written = await bed.put('r', { target: { kind: 'key', id }, every_seconds: 1000, ...rule });
  if (!written.ok) throw new Error(written.refusal.reason);
  return { bed, id };
}

const keyOf = (bed: Bed, id: string) => bed.store.keys.get(defaultTenant, id);
const ruleOf = (bed: Bed) => bed.store.rotationRules.get(defaultTenant, 'r');

describe('a rotation by age', () => {
  it('makes a live successor, delivers it, and ends the predecessor at its second', async () => {
    const { bed, id } = await withKey();
    await bed.pass(999);
    expect(await bed.run('r')).toBeUndefined();
    await bed.pass(1);
    const run = await bed.run('r');
    expect(run).toMatchObject({ status: 'confirming', sealedSecret: null });
    const old = await keyOf(bed, id);
    const end = bedStartMs + 1_000_000 + 100_000;
    expect(old).toMatchObject({ expiresAt: end, status: 'active' });
    const successor = await keyOf(bed, old!.successor!);
    expect(successor).toMatchObject({ status: 'active', expiresAt: null, predecessor: id });
    const { parcel, place } = bed.delivered[0]!;
    expect(parcel).toMatchObject({ id: run!.id, cause: 'age', predecessor: id, kind: 'key' });
    expect(place).toMatchObject({ at: 'r' });
    expect(parcel.predecessorEndsAt).toBe(end);
    // What was delivered is the successor's own text.
    const parsed = parseSecretToken(parcel.secret, 'mm');
    expect(parsed.ok && parsed.value.id).toBe(successor!.id);
    const verifier = await bed.sealer.open(
      defaultTenant,
      sealContext.keyVerifier(successor!.id),
      successor!.sealedVerifier!,
    );
    expect(parsed.ok && secretVerifier(parsed.value.secret)).toEqual(verifier);
    await bed.useKey(successor!.id);
    await bed.pass(2);
    expect(await bed.run('r')).toMatchObject({ status: 'ending' });
    expect(await ruleOf(bed)).toMatchObject({ targetId: successor!.id, dueAt: neverDue });
    await bed.pass(98);
    expect(await bed.run('r')).toMatchObject({ status: 'done' });
    // The next one is due by the age of the successor.
    expect(await ruleOf(bed)).toMatchObject({
      ...{ dueAt: successor!.createdAt + 1_000_000, runId: null },
    });
    expect(await bed.told()).toEqual([]);
    expect(bed.faults).toEqual([]);
  });

  it('begins so long before the key’s own end that its successor is there by then', async () => {
    const bed = await rotationBed();
    const expiresAt = bedStartMs + 500_000;
    const id = await bed.addKey({ expiresAt });
    await bed.put('r', { target: { kind: 'key', id }, every_seconds: 1000 });
    await bed.pass(400);
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt, successor: expect.any(String) });
    // Its own end is never put off, whoever has not used the successor.
    await bed.pass(100);
    expect(await bed.told()).toEqual(['unconfirmed r', 'missed r']);
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt });
    expect(await bed.run('r')).toMatchObject({ status: 'unconfirmed' });
  });
});

describe('a successor that nobody uses', () => {
  it('extends the overlap by rule, and the owner is told each time', async () => {
    const { bed, id } = await withKey({
      ...{ confirm_within_seconds: 60, extend_by_seconds: 50, max_extensions: 2 },
    });
    await bed.pass(1000);
    const begun = bedStartMs + 1_000_000;
    await bed.pass(60);
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt: begun + 150_000 });
    await bed.pass(50);
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt: begun + 200_000 });
    expect(await bed.told()).toEqual(['extended r', 'extended r']);
    await bed.pass(50);
    expect((await bed.told()).at(-1)).toBe('unconfirmed r');
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt: begun + 200_000 });
    await bed.useKey(id, { rotated: true });
    await bed.pass(40);
    expect(await bed.run('r')).toMatchObject({
      ...{ status: 'unconfirmed', progress: { extensions: 2, overlapUses: 1 } },
    });
    expect((await bed.told()).at(-1)).toBe('missed r');
  });

  it('is confirmed as well after an extension', async () => {
    const { bed, id } = await withKey({ confirm_within_seconds: 60 });
    await bed.pass(1070);
    const { successor } = (await keyOf(bed, id))!;
    await bed.useKey(successor!);
    await bed.pass(140);
    expect(await bed.run('r')).toMatchObject({ status: 'done', progress: { extensions: 1 } });
  });

  it('un-ends nothing: where no process ran at the time, the predecessor has ended', async () => {
    const { bed, id } = await withKey();
    await bed.pass(1000);
    const end = bedStartMs + 1_100_000;
    bed.clock.advanceMs(200_000);
    await bed.pass(3);
    expect(await keyOf(bed, id)).toMatchObject({ expiresAt: end });
    expect(await bed.told()).toEqual(['unconfirmed r', 'missed r']);
    expect(await bed.run('r')).toMatchObject({
      status: 'unconfirmed',
      progress: { extensions: 0 },
    });
  });

  it('is not waited for once it has ended', async () => {
    const { bed, id } = await withKey();
    await bed.pass(1000);
    const { successor } = (await keyOf(bed, id))!;
    const where = { tenant: defaultTenant, id: successor! };
    const set = { status: 'revoked', version: { add: 1 } } as const;
    const steps = [{ do: 'update', table: 'keys', where, set } as const];
    await bed.store.acts.run({ steps, audit: null });
    await bed.pass(2);
    expect(await bed.run('r')).toMatchObject({ status: 'ending' });
    await bed.pass(100);
    expect(await ruleOf(bed)).toMatchObject({ runId: null, fault: 'revoked' });
    // Once, however often it is tried.
    await bed.pass(1);
    bed.clock.advanceMs(3_600_000);
    await bed.pass(1);
    expect(await bed.told()).toEqual(['blocked r']);
    const [notice] = await bed.store.notices.list({ limit: 10 });
    expect(notice).toMatchObject({ owner: 'team', facts: { id: successor, fault: 'revoked' } });
  });
});

it('tells who went on with the predecessor to the last', async () => {
  const { bed, id } = await withKey();
  await bed.pass(1000);
  await bed.useKey((await keyOf(bed, id))!.successor!);
  await bed.useKey(id, { rotated: true });
  await bed.pass(100);
  expect(await bed.told()).toEqual(['ended r']);
  expect(await bed.run('r')).toMatchObject({ progress: { overlapUses: 1 } });
});

describe('a delivery that fails', () => {
  it('is tried again ever more slowly, is told, and never loses the secret', async () => {
    const { bed, id } = await withKey({ max_extensions: 1 });
    bed.state.failure = { reason: 'refused', detail: 'status 503' };
    await bed.pass(1000);
    const run = await bed.run('r');
    expect(run).toMatchObject({ status: 'delivering', progress: { attempts: 1 } });
    expect(run!.progress).toMatchObject({ failure: 'shelf: refused (status 503)' });
    await bed.pass(5);
    expect(await bed.run('r')).toMatchObject({ progress: { attempts: 2 } });
    await bed.pass(11);
    expect(await bed.told()).toEqual(['delivery r']);
    // Past the extension, and past the end.
    await bed.pass(400);
    expect(await bed.told()).toEqual(['delivery r', 'extended r', 'unconfirmed r']);
    expect(await bed.run('r')).toMatchObject({ status: 'delivering' });
    expect((await bed.run('r'))!.sealedSecret).not.toBeNull();
    bed.state.failure = undefined;
    const waited = limits.deliveryRetryMsMax / 1000;
    for (let i = 0; i < waited && bed.delivered.length === 0; i++) await bed.pass(1);
    expect(bed.delivered.map(({ parcel }) => parcel.id)).toEqual([run!.id]);
    expect((await bed.run('r'))!.sealedSecret).toBeNull();
    expect((await keyOf(bed, id))!.successor).toBe(bed.delivered[0]!.parcel.credential);
  });

  it('goes to where the rule says by then, and not where the secret is already', async () => {
    const { bed, id } = await withKey();
    const places = [{ to: 'shelf', at: 'a' }, { to: 'gone' }];
    const where = { tenant: defaultTenant, name: 'r' };
    const definition = { ...(await ruleOf(bed))!.definition, deliver_to: places };
    const set = { definition, version: { add: 1 } };
    const steps = [{ do: 'update', table: 'rotationRules', where, set } as const];
    await bed.store.acts.run({ steps, audit: null });
    await bed.pass(1000);
    expect(await bed.run('r')).toMatchObject({ progress: { failure: 'gone: not configured' } });
    const deliver_to = [
      { to: 'shelf', at: 'a' },
      { to: 'shelf', at: 'b' },
    ];
    await bed.put('r', { target: { kind: 'key', id }, every_seconds: 1000, deliver_to });
    await bed.pass(6);
    expect(bed.delivered.map(({ place }) => place.at)).toEqual(['a', 'b']);
    expect(await bed.run('r')).toMatchObject({ status: 'confirming' });
  });

  it('ends where the successor was revoked meanwhile, with the secret', async () => {
    const { bed, id } = await withKey();
    bed.state.failure = { reason: 'timeout', detail: 'outbound_timeout' };
    await bed.pass(1000);
    const where = { tenant: defaultTenant, id: (await keyOf(bed, id))!.successor! };
    const set = { status: 'revoked', version: { add: 1 } } as const;
    const steps = [{ do: 'update', table: 'keys', where, set } as const];
    await bed.store.acts.run({ steps, audit: null });
    await bed.pass(6);
    expect(await bed.run('r')).toMatchObject({ status: 'abandoned', sealedSecret: null });
  });
});

describe('a client secret', () => {
  it('rotates with two live at a time, and counts each', async () => {
    const bed = await rotationBed();
    const clientId = await bed.addClient();
    await bed.put('r', { target: { kind: 'client_secret', id: clientId }, every_seconds: 1000 });
    await bed.pass(1000);
    const secrets = () =>
      bed.store.clientSecrets.list({ where: { tenant: defaultTenant, clientId }, limit: 10 });
    const end = bedStartMs + 1_100_000;
    const ends = (await secrets()).map(({ expiresAt }) => expiresAt);
    expect(ends.sort()).toEqual([end, null]);
    const { predecessor, successor } = (await bed.run('r'))!.progress as Record<string, string>;
    expect(bed.delivered[0]!.parcel).toMatchObject({ kind: 'client_secret', credential: clientId });
    // Nobody has used it by half of the overlap, so the end moves.
    await bed.pass(51);
    const moved = (await secrets()).find(({ id }) => id === predecessor);
    expect(moved!.expiresAt).toBe(end + 100_000);
    await bed.useSecret(clientId as ClientId, predecessor!, { overlap: true });
    await bed.useSecret(clientId as ClientId, successor!);
    await bed.pass(150);
    expect(await bed.run('r')).toMatchObject({
      ...{ status: 'done', progress: { extensions: 1, overlapUses: 1 } },
    });
    expect(bed.faults).toEqual([]);
  });
});

describe('what asks for a rotation', () => {
  it('is begun by hand once, and not again while it is under way', async () => {
    const { bed } = await withKey();
    const row = (await ruleOf(bed))!;
    const begun = await bed.rotations.run({ requester, row });
    expect(begun.ok && begun.value.progress).toMatchObject({ cause: 'manual' });
    const again = await bed.rotations.run({ requester, row: (await ruleOf(bed))! });
    expect(again).toMatchObject({ refusal: { reason: 'under_way' } });
    // Of the version that was there before.
    const stale = await bed.rotations.run({ requester, row });
    expect(stale).toMatchObject({ refusal: { reason: 'changed' } });
    const step = { do: 'require', table: 'installation', where: { id: 'x' } } as const;
    const other = await withKey();
    const refused = await other.bed.rotations.run({
      requester,
      row: (await ruleOf(other.bed))!,
      alongside: () => [{ ...step, refused: 'repeated' }],
    });
    expect(refused).toMatchObject({ refusal: { reason: 'refused_by_step', step: 'repeated' } });
  });

  it('is an event that the rule names, and is kept while another is under way', async () => {
    const { bed, id } = await withKey({ on: ['leak', 'owner_left'], every_seconds: undefined });
    const tenant = defaultTenant;
    const about = { kind: 'credential', of: 'key', id } as const;
    expect(await bed.rotations.trigger({ tenant, event: 'custody_rotation', about })).toEqual([]);
    const stranger = { kind: 'owner', owner: 'somebody' } as const;
    const left = { tenant, event: 'owner_left' } as const;
    expect(await bed.rotations.trigger({ ...left, about: stranger })).toEqual([]);
    expect(await bed.rotations.trigger({ tenant, event: 'leak', about })).toEqual(['r']);
    await bed.pass(1);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'leak' } });
    const owner = { kind: 'owner', owner: 'team' } as const;
    expect(await bed.rotations.trigger({ ...left, about: owner })).toEqual(['r']);
    await bed.useKey((await keyOf(bed, id))!.successor!);
    await bed.pass(99);
    expect(await bed.run('r')).toMatchObject({ status: 'ending' });
    await bed.pass(2);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'owner_left' } });
  });

  it('is an event that waits in a row, until its rules were asked', async () => {
    const { bed } = await withKey({ on: ['administrator_left'], every_seconds: undefined });
    const at = bed.clock.nowMs();
    const left = (about: RotationScope) =>
      rotationEventStep(defaultTenant, 'administrator_left', { about, at });
    const steps = [left({ kind: 'all' }), left({ kind: 'all' })];
    await bed.store.acts.run({ steps, audit: null });
    expect(await bed.store.rotationEvents.list({ limit: 9 })).toMatchObject([{ count: 2 }]);
    // Cut off behind the question: the next round asks again, and nothing is lost.
    let acts = 0;
    bed.state.beforeAct = () => {
      if (++acts === 2) throw new Error('stopped');
    };
    await bed.pass(1);
    bed.state.beforeAct = () => undefined;
    await bed.pass(2, bed.open().rotations);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'administrator_left' } });
    expect(await bed.store.rotationEvents.count()).toBe(0);
  });

  it('is an event of all tenants', async () => {
    const { bed } = await withKey({ on: ['custody_rotation'], every_seconds: undefined });
    const own = { settings: null, sessionsEndedBefore: null };
    const row = { tenant: defaultTenant, name: '', createdAt: 0, version: 1, ...own } as const;
    await bed.store.acts.run({
      steps: [
        { do: 'put', table: 'tenants', row: { ...row, status: 'active' } },
        rotationEventStep('other' as TenantId, 'custody_rotation', {
          ...{ about: { kind: 'installation' }, at: bed.clock.nowMs() },
        }),
      ],
      audit: null,
    });
    await bed.pass(1);
    expect(await bed.run('r')).toMatchObject({ progress: { cause: 'custody_rotation' } });
  });

  it('follows a key that was rotated by hand', async () => {
    const { bed, id } = await withKey();
    const planned = await bed.deps.rotatables.key.plan({
      ...{ requester, id, overlapSeconds: 5, detail: {} },
    });
    if ('reason' in planned) throw new Error(planned.reason);
    await bed.store.acts.run({ steps: planned.steps, audit: planned.audit });
    await bed.pass(1000);
    expect(await ruleOf(bed)).toMatchObject({ targetId: planned.successor, runId: null });
    await bed.pass(2);
    expect(await bed.run('r')).toMatchObject({ progress: { predecessor: planned.successor } });
  });
});

it('leaves alone what cannot rotate now, and says why', async () => {
  const { bed, id } = await withKey();
  const set = { status: 'disabled', version: { add: 1 } } as const;
  const where = { tenant: defaultTenant, id };
  const steps = [{ do: 'update', table: 'keys', where, set } as const];
  await bed.store.acts.run({ steps, audit: null });
  await bed.pass(1000);
  expect(await ruleOf(bed)).toMatchObject({ fault: 'disabled', runId: null });
  const back = { ...set, status: 'active' } as const;
  await bed.store.acts.run({
    steps: [{ do: 'update', table: 'keys', where, set: back }],
    audit: null,
  });
  await bed.pass(3600);
  expect(await ruleOf(bed)).toMatchObject({ fault: null });
});

describe('several processes', () => {
  it('begin one rotation between them, and deliver it once', async () => {
    const { bed } = await withKey();
    const others = [bed.open(), bed.open()].map(({ rotations }) => rotations);
    bed.clock.advanceMs(1_000_000);
    const all = [bed.rotations, ...others];
    await Promise.all(all.map((rotations) => rotations.work()));
    await Promise.all(all.map((rotations) => rotations.work()));
    expect(await bed.store.rotationRuns.count()).toBe(1);
    expect(await bed.store.keys.count()).toBe(2);
    expect(bed.delivered).toHaveLength(1);
  });

  it('go on from wherever one stopped: before or after any act of a rotation', async () => {
    for (const where of ['beforeAct', 'afterAct'] as const) {
      for (let stopAt = 1; stopAt <= 9; stopAt++) {
        const { bed, id } = await withKey({ confirm_within_seconds: 90 });
        let acts = 0;
        bed.state[where] = () => {
          acts++;
          // It is dead from then on: no later act of it is made either.
          if (acts >= stopAt) throw new Error('stopped');
        };
        await bed.pass(1003);
        bed.state[where] = () => undefined;
        const next = bed.open().rotations;
        await bed.pass(60, next);
        const what = `${where} ${stopAt}`;
        const run = await bed.run('r');
        expect(run, what).toMatchObject({ status: 'confirming', sealedSecret: null });
        const { successor } = (await keyOf(bed, id))!;
        expect(await bed.store.keys.count(), what).toBe(2);
        // At least once, always the same secret under the same id.
        const ids = new Set(bed.delivered.map(({ parcel }) => parcel.id));
        expect([...ids], what).toEqual([run!.id]);
        expect(new Set(bed.delivered.map(({ parcel }) => parcel.secret)).size, what).toBe(1);
        expect(bed.delivered[0]!.parcel.credential, what).toBe(successor);
        await bed.useKey(successor!);
        await bed.pass(120, next);
        expect(await bed.run('r'), what).toMatchObject({ status: 'done' });
      }
    }
  });
});

it('keeps no secret in plain text, in any row, at any time', async () => {
  const { bed } = await withKey();
  bed.state.failure = { reason: 'refused', detail: 'status 500' };
  await bed.pass(1000);
  const before = await dump(bed);
  bed.state.failure = undefined;
  await bed.pass(10);
  const { secret } = bed.delivered[0]!.parcel;
  for (const text of [before, await dump(bed)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(secret.split('_').at(-1)!.slice(17));
  }
});

async function dump({ store }: Bed): Promise<string> {
  const rows = [
    ...(await store.rotationRules.list({ limit: 100 })),
    ...(await store.rotationRuns.list({ limit: 100 })),
    ...(await store.keys.list({ limit: 100 })),
    ...(await store.auditPending.list({ limit: 1000 })),
  ];
  return rows
    .flatMap((row) => Object.values(row))
    .map((value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value),
    )
    .join('\n');
}
