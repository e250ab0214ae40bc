import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, seededEntropy } from '@mintmark/core';
import { afterAll, describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { openDeliveryTargets } from './delivery-targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
afterAll(() => rmSync(folder, { recursive: true }));

const secret = 'a secret of thirty-two bytes or more';
const timers = { after: () => () => undefined, every: () => () => undefined };

function open(targets: Record<string, unknown>, environment: Record<string, string> = {}) {
  const ports = { environment, timers, clock: manualClock(0), entropy: seededEntropy(1) };
  return openDeliveryTargets(ports, configSchema.parse({ rotation: { targets } }));
}

const place = { at: 'a', key: 'k' };
const parcel = {
  ...{ id: 'r', tenant: 'default', rule: 'x', kind: 'key', credential: 'b' },
  ...{ predecessor: 'a', predecessorEndsAt: 0, cause: 'age', secret: 's' },
} as never;

describe('the targets of a configuration', () => {
  it('are none unless some are named', async () => {
    expect((await open({})).size).toBe(0);
  });

  it('are of every kind, and of the first tenant unless it says others', async () => {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, 'certificate');
    const server = 'https://k8s.example';
    const targets = await open(
      {
        hook: { type: 'webhook', url: 'https://h.example/x', secret: 'env:HOOK' },
        files: { type: 'file', folder, mode: '0640', tenants: ['a', 'b'] },
        cluster: { type: 'kubernetes', server, namespace: 'n', token: 'env:TOKEN', ca },
        vault: { type: 'vault', url: 'https://v.example', token: 'env:TOKEN' },
        own: { type: 'command', argv: ['/bin/true', 'x'] },
      },
      { HOOK: secret, TOKEN: 't' },
    );
    expect([...targets.keys()]).toEqual(['hook', 'files', 'cluster', 'vault', 'own']);
    expect(targets.get('files')!.tenants).toEqual(['a', 'b']);
    expect(targets.get('vault')!.tenants).toEqual(['default']);
    expect(targets.get('cluster')!.judge(place)).toBeUndefined();
    expect(targets.get('files')!.judge({ at: 'a' })).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ['a secret as it is', { type: 'webhook', url: 'https://h.example', secret }],
    ['plain HTTP', { type: 'webhook', url: 'http://h.example', secret: 'env:HOOK' }],
    ['a folder that depends on where it runs', { type: 'file', folder: 'secrets' }],
    ['a mode that is none', { type: 'file', folder: '/x', mode: '0999' }],
    ['a program without its path', { type: 'command', argv: ['sh'] }],
    ['a line for a shell', { type: 'command', argv: '/bin/sh -c x' }],
    ['a kind that is not there', { type: 'mail' }],
    ['a token as it is', { type: 'vault', url: 'https://v.example', token: 's.abc' }],
  ])('are refused with %s', (_what, target) => {
    expect(configSchema.safeParse({ rotation: { targets: { x: target } } }).success).toBe(false);
  });

  it('are refused where what they name cannot be used', async () => {
    const hook = { type: 'webhook', url: 'https://h.example', secret: 'env:HOOK' };
    const invalid = { code: 'rotation_invalid' };
    await expect(open({ hook }, { HOOK: 'short' })).rejects.toMatchObject(invalid);
    await expect(open({ hook })).rejects.toMatchObject({ code: 'custody_reference' });
    const vault = { type: 'vault', url: 'https://v.example', token: 'env:T', ca: '/none' };
    await expect(open({ vault })).rejects.toMatchObject(invalid);
  });

  it('read their token for each delivery, and send none that is none', async () => {
    const environment: Record<string, string> = { T: 'two words' };
    const vault = { type: 'vault', url: 'https://v.example', token: 'env:T' };
    const target = (await open({ vault }, environment)).get('vault')!;
    await expect(target.deliver(parcel, place)).rejects.toMatchObject({
      code: 'custody_malformed',
    });
    delete environment['T'];
    await expect(target.deliver(parcel, place)).rejects.toMatchObject({
      code: 'custody_reference',
    });
  });
});
