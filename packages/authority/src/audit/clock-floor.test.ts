import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UnixMs } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from '../authority.ts';
import { authorityBed, bedConfig } from '../authority-bed.ts';
import { openMemoryStore } from '../store/memory/memory-store.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';

/** Memory leaves records waiting, SQLite sequences them in their own transaction. */
describe.each(['memory', 'sqlite'] as const)('a start over %s with the clock set back', (kind) => {
  let folder: string;
  let bed: Awaited<ReturnType<typeof authorityBed>>;
  let newest: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mintmark-clock-'));
    const ports = { clock: systemClock, timers: systemTimers };
    const store =
      kind === 'memory'
        ? openMemoryStore()
        : await openSqliteStore({ directory: join(folder, 'store'), ...ports });
    bed = await authorityBed(1, store);
    bed.clock.advanceMs(3_600_000);
    await bed.addClient();
    newest = bed.clock.nowMs();
  });
  afterEach(async () => {
    await bed.store.upkeep.close();
    await rm(folder, { recursive: true });
  });

  it('is refused where it is more than clocks may differ', async () => {
    bed.clock.setWallMs(newest - 60_001);
    await expect(bed.restart()).rejects.toMatchObject({ code: 'clock_set_back' });
    const config = { ...bedConfig, acceptEarlierClock: true };
    await expect(openAuthority(config, bed.ports)).resolves.toBeDefined();
  });

  it('goes on from the newest record where it is less', async () => {
    const client = await bed.addClient();
    const form = { grant_type: 'client_credentials' };
    bed.clock.setWallMs(newest - 60_000);
    await bed.restart();
    const token = String((await bed.post('/oauth2/token', form, client)).json['access_token']);
    const { iat } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect(iat * 1000).toBe(newest as UnixMs);
  });

  it('brings no expired token back', async () => {
    const client = await bed.addClient();
    const form = { grant_type: 'client_credentials' };
    const token = String((await bed.post('/oauth2/token', form, client)).json['access_token']);
    bed.clock.advanceMs(600_000);
    await bed.addClient();
    bed.clock.setWallMs(bed.clock.nowMs() - 1_000);
    await bed.restart();
    const told = await bed.post('/oauth2/introspect', { token }, client);
    expect(told.json).toEqual({ active: false });
  });
});
