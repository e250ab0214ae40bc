/**
 * Races over what a key may spend, on the stores that serve: three authorities, as far as rows
 * know, two of whose clocks are wrong. However many ask at once, exactly as many uses are let
 * through as there is left, in each time between two refills, and several counters all or none.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, UnixMs } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Authority, openAuthority } from './authority.ts';
import { authorityBed, bedConfig, callsOf } from './authority-bed.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { openPostgresStore } from './store/postgres/postgres-store.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';

const trials = inject('raceTrials' as never) as number;
const racers = trials > 10 ? 60 : 24;
const folder = mkdtempSync(join(tmpdir(), 'mintmark-credit-races-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function openStores(kind: 'sqlite' | 'postgres'): Promise<readonly Store[]> {
  if (kind === 'sqlite') {
    const ports = { clock: systemClock, timers: systemTimers };
    const store = await openSqliteStore({ directory: join(folder, 'store'), ...ports });
    return [store, store, store];
  }
  const url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  return Promise.all([open(), open(), open()]);
}

/** As a machine has it whose clock was set wrong. */
function skewed(clock: Clock, byMs: number): Clock {
  return { ...clock, nowMs: () => (clock.nowMs() + byMs) as UnixMs };
}

describe.each(['sqlite', 'postgres'] as const)('on %s', (kind) => {
  let stores: readonly Store[] = [];
  let bed: Awaited<ReturnType<typeof authorityBed>>;
  let authorities: readonly Authority[] = [];

  beforeAll(async () => {
    stores = await openStores(kind);
    bed = await authorityBed(1, stores[0]);
    const others = [5_000, -5_000].map((byMs, i) =>
      openAuthority(bedConfig, {
        ...bed.ports,
        store: stores[i + 1]!,
        clock: skewed(bed.clock, byMs),
      }),
    );
    authorities = [bed.authority, ...(await Promise.all(others))];
  });
  afterAll(async () => {
    await Promise.all([...new Set(stores)].map(({ upkeep }) => upkeep.close()));
  });

  async function made(json: Record<string, unknown>) {
    const body = { name: 'raced', scopes: [], ...json };
    const answer = await bed.manage('POST', '/v1/keys', { json: body });
    expect(answer.status).toBe(201);
    return { id: String(answer.json['id']), key: String(answer.json['key']) };
  }

  /** Codes of as many verifications at once as there are racers, over all authorities. */
  async function raced(key: string, costOf: (racer: number) => number): Promise<string[]> {
    const answers = Array.from({ length: racers }, async (_, i) => {
      const { manage } = callsOf(() => authorities[i % 3]!, bed.adminKey);
      const { json } = await manage('POST', '/v1/keys/verify', {
        json: { key, cost: costOf(i) },
      });
      return String(json['code']);
    });
    return Promise.all(answers);
  }

  const count = (codes: readonly string[], code: string) =>
    codes.filter((one) => one === code).length;

  it(`lets exactly as many uses through as there are: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const remaining = 1 + (trial % (racers - 1));
      const { key, id } = await made({ uses: { remaining } });
      const codes = await raced(key, () => 1);
      expect(count(codes, 'ok')).toBe(remaining);
      expect(count(codes, 'uses_spent')).toBe(racers - remaining);
      const shown = await bed.manage('GET', `/v1/keys/${id}`);
      expect(shown.json['uses']).toMatchObject({ remaining: 0 });
    }
  });

  it(`takes from several counters all or nothing: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const { key, id } = await made({
        uses: { remaining: racers - 3 },
        credits: { remaining: 3 * racers },
      });
      const codes = await raced(key, (i) => 1 + (i % 7));
      const costs = codes.map((code, i) => (code === 'ok' ? 1 + (i % 7) : 0));
      const spent = costs.reduce((sum, one) => sum + one, 0);
      const { json } = await bed.manage('GET', `/v1/keys/${id}`);
      // What was let through and what is left are what there was.
      expect(json['uses']).toMatchObject({ remaining: racers - 3 - count(codes, 'ok') });
      expect(json['credits']).toMatchObject({ remaining: 3 * racers - spent });
      expect(count(codes, 'ok')).toBeGreaterThan(0);
    }
  });

  it(`refills once, by one clock, whatever the nodes’ say: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const { key, id } = await made({
        uses: { remaining: 0, refill: { amount: 5, every: 'day' } },
      });
      // As if the refill were due: its moment is the store's, not any node's.
      const where = { id, refillAt: { is: '>', value: 0 } } as const;
      await stores[0]!.acts.run({
        steps: [{ do: 'update', table: 'keyBudgets', where, set: { refillAt: 1 } }],
        audit: null,
      });
      const codes = await raced(key, () => 1);
      expect(count(codes, 'ok')).toBe(5);
      expect(count(codes, 'uses_spent')).toBe(racers - 5);
    }
  });
});
