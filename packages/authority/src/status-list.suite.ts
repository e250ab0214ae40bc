/** Status lists on the stores that serve, filled and read by three authorities. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { readStatusList } from '@mintmark/tokens';
import { afterAll, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { openPostgresStore } from './store/postgres/postgres-store.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';

const folder = mkdtempSync(join(tmpdir(), 'mintmark-status-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** SQLite has one process; PostgreSQL three, each with connections of its own. */
async function openStores(kind: 'sqlite' | 'postgres'): Promise<readonly Store[]> {
  if (kind === 'sqlite') {
    const ports = { clock: systemClock, timers: systemTimers };
    return [await openSqliteStore({ directory: join(folder, 'store'), ...ports })];
  }
  const url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  return Promise.all([open(), open(), open()]);
}

function payloadOf(jwt: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(jwt).split('.')[1]!, 'base64url').toString());
}

describe.each(['sqlite', 'postgres'] as const)('on %s', (kind) => {
  it('every authority says the same of every token', async () => {
    const stores = await openStores(kind);
    const bed = await authorityBed(1, stores[0]);
    const others = [1, 2].map((at) => bed.replica(stores[at] ?? stores[0]));
    const processes = [bed, ...(await Promise.all(others))];
    const clients = await Promise.all(
      [0, 1].map(() => bed.addClient({ accessTokenStatusList: true })),
    );
    const form = { grant_type: 'client_credentials' };
    const issued = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        processes[i % 3]!.post('/oauth2/token', form, clients[i % 2]),
      ),
    );
    const places = issued.map(({ json }) => {
      const { status } = payloadOf(json['access_token']) as {
        status: { status_list: { idx: number; uri: string } };
      };
      return status.status_list;
    });
    expect(new Set(places.map(({ uri, idx }) => `${uri} ${idx}`)).size).toBe(60);
    const target = { kind: 'client', id: clients[1]!.clientId };
    const revoked = await processes[1]!.manage('POST', '/v1/revocations', {
      json: { target, reason: 'leaked' },
    });
    expect(revoked.status).toBe(200);
    bed.clock.advanceMs(limits.statusListRebuildMs);
    for (const { authority, get } of processes) {
      await authority.tick();
      const said = await Promise.all(
        places.map(async ({ uri, idx }) => {
          const payload = payloadOf((await get(new URL(uri).pathname)).text);
          const list = readStatusList(payload['status_list'] as never);
          return list.ok ? list.value.at(idx) : list.refusal.reason;
        }),
      );
      expect(said).toEqual(places.map((_, i) => i % 2));
    }
    await Promise.all(stores.map(({ upkeep }) => upkeep.close()));
  }, 120_000);
});
