/**
 * What tenants cost a server in memory: none, ten thousand that nobody has asked for since the
 * start, and the same when each of them has minted a token.
 *
 * node --expose-gc bench/tenants.ts [--tenants 10000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import { initAuthority, openAuthority } from '../packages/authority/src/authority.ts';
import { authorityDefaults } from '../packages/authority/src/config.ts';
import { openMemoryCustody } from '../packages/authority/src/custody/memory.ts';
import { buildRequest } from '../packages/authority/src/http/management/request-builder.ts';
import { openSqliteStore } from '../packages/authority/src/store/sqlite/sqlite-store.ts';

const { values } = parseArgs({ options: { tenants: { type: 'string', default: '10000' } } });
const count = Number(values.tenants);
const atOnce = 64;

const directory = mkdtempSync(join(tmpdir(), 'mintmark-tenants-'));
const ports = { clock: systemClock, entropy: systemEntropy, timers: systemTimers };
const store = await openSqliteStore({ ...ports, directory });
const custody = openMemoryCustody(ports);
const refused = { send: () => Promise.reject(new Error('nothing is fetched here')) };
const all = { ...ports, store, custody, outbound: refused, log: console.error };
const made = await initAuthority(authorityDefaults, all);
if (!made.ok) throw new Error(made.refusal.reason);
const { adminKey } = made.value;

async function call(
  method: string,
  path: string,
  input: { key?: string; json?: unknown; form?: string },
) {
  const { key, json, form } = input;
  const headers = {
    ...(key && { authorization: key }),
    ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
  };
  const body = form === undefined ? {} : { body: form };
  const sent = { headers, ...(json === undefined ? {} : { json }), ...body };
  const response = await authority.handle(buildRequest(method, path, sent));
  const text = String(response.body ?? '');
  if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, string>;
}

async function eachTenant(work: (name: string) => Promise<void>): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `tenant-${index}`);
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await work(name);
    }),
  );
}

/** Live bytes of the heap and of what hangs outside it. */
async function measure(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => systemTimers.after(50, () => resolve(undefined)));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const show = (what: string, bytes: number, since: number): void => {
  const each = Math.round((bytes - since) / count);
  console.log(`${what}: ${(bytes / 1e6).toFixed(1)} MB, ${each} bytes a tenant`);
};

let authority = await openAuthority(authorityDefaults, all);
await authority.tick();
const none = await measure();
show('no tenant', none, none);

/** The same for all: what the bench remembers would be counted with what a tenant costs. */
const secret = 'k7Qw0vXb2ZpL9rTn4YcM6sHd8JfG1aUe';
let started = performance.now();
await eachTenant(async (tenant) => {
  const key = `Bearer ${adminKey}`;
  const { admin_key } = await call('POST', '/v1/tenants', { key, json: { tenant } });
  const json = {
    client_id: 'app',
    client_secret: secret,
    grant_types: ['client_credentials'],
    scope: 'read',
  };
  const path = `/t/${tenant}/v1/clients`;
  await call('POST', path, { key: `Bearer ${admin_key}`, json });
});
console.log(`${count} made, each with a client, in ${Math.round(performance.now() - started)} ms`);
await authority.close();

started = performance.now();
authority = await openAuthority(authorityDefaults, all);
console.log(`opened over them in ${Math.round(performance.now() - started)} ms`);
for (let round = 0; round < 8; round++) await authority.tick();
const untouched = await measure();
show('made, and nobody has asked for any since the start', untouched, none);

started = performance.now();
await eachTenant(async (tenant) => {
  const key = `Basic ${Buffer.from(`app:${secret}`).toString('base64')}`;
  await call('POST', `/t/${tenant}/oauth2/token`, { key, form: 'grant_type=client_credentials' });
});
console.log(`each minted its first token in ${Math.round(performance.now() - started)} ms`);
const touched = await measure();
show('each has minted a token', touched, none);
started = performance.now();
await authority.tick();
console.log(`one round then: ${Math.round(performance.now() - started)} ms`);

await authority.close();
await store.upkeep.close();
rmSync(directory, { recursive: true });
