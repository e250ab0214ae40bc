import type { FeedSnapshot, RevocationEntry, TenantId, UnixSeconds } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { NativeMirror } from '../native-view.ts';
import { haproxyRuntime } from './runtime.ts';
import type { MapName } from './settings.ts';

const settings = {
  ...{ folder: '/f', listen: ':1', certificate: undefined, runtimeSocket: '/s', chain: undefined },
  ...{ upstreamAuthorities: undefined, prefix: 'mm', threads: undefined },
};

function viewOf() {
  const mirror = new NativeMirror();
  const tenant = 'default' as TenantId;
  const snapshot: FeedSnapshot = { tenant, epoch: 'e', head: 0, issuer: 'https://i', entries: [] };
  mirror.replace(snapshot);
  return mirror.view();
}

const revocation = (id: string, position: number): RevocationEntry => ({
  ...{ type: 'revocation', position, target: { kind: 'token', id } },
  expiresAt: 2e9 as UnixSeconds,
});

const mapsWith = (name: MapName, entries: readonly (readonly [string, string])[]) =>
  new Map<MapName, Map<string, string>>([[name, new Map(entries)]]);

describe('what HAProxy is told', () => {
  it('adds a revocation once, and moves it only forward', () => {
    const maps = mapsWith('revoked-token', []);
    const input = { settings, view: viewOf(), maps };
    const tell = (id: string, position: number) =>
      haproxyRuntime.revoke(input, { revoked: [revocation(id, position)] });
    expect(tell('a', 5)).toEqual(['add map /f/maps/revoked-token.map a 5']);
    expect(tell('a', 7)).toEqual(['set map /f/maps/revoked-token.map a 7']);
    expect(tell('a', 6)).toEqual([]);
    expect(maps.get('revoked-token')?.get('a')).toBe('7');
  });

  it('puts no sign into a command that would end it', () => {
    const input = { settings, view: viewOf(), maps: mapsWith('revoked-token', []) };
    const revoked = ['a;b', 'a b', 'a\nb', "a'b", 'a\\b', '<<'].map((id) => revocation(id, 1));
    expect(haproxyRuntime.revoke(input, { revoked })).toEqual([]);
  });

  it('takes the closer look while some revocations go by dates', () => {
    const config = { continuing: [60] };
    const renew = (maps: Map<MapName, Map<string, string>>) =>
      haproxyRuntime.renew({ config, maps });
    expect(renew(mapsWith('revoked-token', [['a', '1']]))).toBe(
      'set table lease key news data.gpt0 1; set table lease.60 key news data.gpt0 1',
    );
    expect(renew(mapsWith('before-client', [['a', '1']]))).toContain('lease key news data.gpt0 2');
  });

  it('replaces a map by pieces that fit into one buffer', () => {
    const entries = new Map(Array.from({ length: 1_000 }, (_, i) => [`id-${i}`, String(i)]));
    const map = { name: 'revoked-token', entries } as const;
    const commands = haproxyRuntime.replace(settings, map, '3');
    expect(commands.at(-1)).toBe('commit map @3 /f/maps/revoked-token.map');
    const lines = commands.slice(0, -1).flatMap((command) => command.split('\n').slice(1, -1));
    expect(lines).toHaveLength(1_000);
    expect(Math.max(...commands.map(({ length }) => length))).toBeLessThan(16_000);
  });

  it('reads who answers, and with which configuration', () => {
    const info = 'Name: HAProxy\nPid: 77\ndescription: mintmark 0123abcd\n';
    expect(haproxyRuntime.readInfo(info)).toEqual({ pid: '77', configId: '0123abcd' });
    expect(haproxyRuntime.readInfo('Pid: 77\n')).toEqual({ pid: '77', configId: undefined });
    expect(haproxyRuntime.readInfo('Permission denied')).toBeUndefined();
  });
});
