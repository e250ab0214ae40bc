/** A key that several programs share: its rotation is confirmed by each of them. */
import { defaultTenant } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { rotationBed } from './rotation-bed.ts';

const web = '192.0.2.7';
const batch = '198.51.100.9';
const programs = [
  { name: 'web', addresses: ['192.0.2.0/24', '2001:db8::/32'] },
  { name: 'batch', addresses: [batch] },
];

async function withPrograms(rule: object = {}) {
  const bed = await rotationBed();
  const id = await bed.addKey();
  const target = { kind: 'key', id } as const;
  const written = await bed.put('r', { target, every_seconds: 1000, programs, ...rule });
  if (!written.ok) throw new Error(JSON.stringify(written.refusal));
  await bed.pass(1001);
  const { successor } = (await bed.store.keys.get(defaultTenant, id))!;
  return { ...bed, id, successor: successor! };
}

describe('a rotation whose rule names programs', () => {
  it('is confirmed once each of them has used the successor', async () => {
    const bed = await withPrograms();
    const waiting = async () => (await bed.run('r'))!.progress['programsWaiting'];
    expect(await waiting()).toEqual(['web', 'batch']);
    await bed.useKey(bed.successor, { address: web });
    await bed.pass(5);
    expect(await bed.run('r')).toMatchObject({ status: 'confirming' });
    expect(await waiting()).toEqual(['batch']);
    // Somebody else, and the predecessor: neither is the program that is waited for.
    await bed.useKey(bed.successor, { address: '203.0.113.1' });
    await bed.useKey(bed.id, { address: batch, rotated: true });
    await bed.pass(5);
    expect(await waiting()).toEqual(['batch']);
    await bed.useKey(bed.successor, { address: batch });
    await bed.pass(5);
    expect(await bed.run('r')).toMatchObject({ status: 'ending' });
    expect(await waiting()).toEqual([]);
  });

  it('is extended while one is missing, and the owner hears which', async () => {
    const bed = await withPrograms({ max_extensions: 1 });
    await bed.useKey(bed.successor, { address: '2001:db8::1' });
    await bed.pass(60);
    expect(await bed.run('r')).toMatchObject({ progress: { extensions: 1 } });
    await bed.pass(110);
    await bed.useKey(bed.id, { address: batch, rotated: true });
    await bed.pass(100);
    expect(await bed.run('r')).toMatchObject({ status: 'unconfirmed' });
    const told = await bed.store.notices.list({ limit: 9 });
    expect(told.map(({ kind }) => kind).sort()).toEqual([
      ...['rotation.left_behind', 'rotation.waiting', 'rotation.waiting'],
    ]);
    expect(told.map(({ facts }) => facts['programs'])).toEqual(['batch', 'batch', 'batch']);
  });
});

it.each([
  ['a client secret', 'client_secret', programs, '/programs'],
  ['one name twice', 'key', [programs[0]!, programs[0]!], '/programs/1/name'],
] as const)('refuses programs of %s', async (_what, kind, named, pointer) => {
  const bed = await rotationBed();
  const id = kind === 'key' ? await bed.addKey() : await bed.addClient();
  const written = await bed.put('r', { target: { kind, id }, programs: [...named] });
  expect(written).toMatchObject({ refusal: { reason: 'malformed', pointer } });
});
