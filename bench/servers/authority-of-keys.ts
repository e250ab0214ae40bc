/**
 * A real authority with many API keys, made as the management API makes them but for the public key
 * of sub-keys, which all share. Arguments: folder, how many keys, file for the admin key and for
 * every hundred-thousandth key. Prints `port`.
 */
import { writeFileSync } from 'node:fs';
import { defaultTenant, freshId, limits } from '@mintmark/core';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import { listen } from '@mintmark/net';
import { buildSecretToken } from '@mintmark/tokens';
import { secretColumns } from '../../packages/authority/src/apikeys/key-secret.ts';
import { initAuthority, openAuthority } from '../../packages/authority/src/authority.ts';
import { authorityDefaults } from '../../packages/authority/src/config.ts';
import { openMemoryCustody } from '../../packages/authority/src/custody/memory.ts';
import { openRooms, type Rooms } from '../../packages/authority/src/rooms.ts';
import { openSqliteStore } from '../../packages/authority/src/store/sqlite/sqlite-store.ts';
import type { Row } from '../../packages/authority/src/store/tables.ts';

const [folder = '', count = '', file = ''] = process.argv.slice(2);
const ports = { clock: systemClock, entropy: systemEntropy, timers: systemTimers };
const store = await openSqliteStore({ ...ports, directory: folder });
const custody = openMemoryCustody(ports);
const refused = { send: () => Promise.reject(new Error('nothing is fetched here')) };
const all = { ...ports, store, custody, outbound: refused, log: console.error };
const made = await initAuthority(authorityDefaults, all);
if (!made.ok) throw new Error(made.refusal.reason);

const rowsAnAct = 1_000;
const samples: string[] = [];
const startedAt = performance.now();
const rooms = await openRooms(authorityDefaults, all);
const template = await store.keys.list({ limit: 1 });
for (let first = 0; first < Number(count); first += rowsAnAct) {
  const rows: Row<'keys'>[] = [];
  for (let i = first; i < first + rowsAnAct; i++) rows.push(await keyRow(rooms, i));
  await store.acts.run({ steps: [{ do: 'insertMany', table: 'keys', rows }], audit: null });
}
console.error(`${count} keys made in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);

const authority = await openAuthority(authorityDefaults, all);
systemTimers.every(limits.auditIntervalMs, () => void authority.tick());
const where = { host: '127.0.0.1', port: 0, timers: systemTimers, log: console.error };
const listener = await listen({ ...where, handler: authority.handle });
writeFileSync(file, JSON.stringify({ adminKey: made.value.adminKey, keys: samples }));
console.log(`listening on http://127.0.0.1:${listener.port}`);

async function keyRow({ peppers, sealer }: Rooms, index: number): Promise<Row<'keys'>> {
  const id = freshId(systemEntropy);
  const token = { prefix: 'mm', kind: 'key', id, entropy: systemEntropy } as const;
  const { text, secret } = buildSecretToken(token);
  if (index % 100_000 === 0) samples.push(text);
  return {
    ...template[0]!,
    ...{ id, tenant: defaultTenant, kind: 'key', name: `key ${index}`, status: 'active' },
    ...{ owner: `team-${index % 50_000}`, scopes: ['read', 'write'] },
    ...(await secretColumns({ peppers, sealer }, { tenant: defaultTenant, id, secret })),
  };
}
