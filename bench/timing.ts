/**
 * Whether the time of a refusal says how much of a secret was right, or whether an id is known: two
 * classes of input in random turns against the real functions, and Welch's t between their times
 * (after dudect, Reparaz, Balasch, Verbauwhede, 2017). Slow samples, which are the machine's, are
 * cropped at several percentiles of both classes together; the largest |t| counts, and must stay
 * below 4.5. Whether an id is known is held to less than a microsecond: both ways do the same work,
 * and what is left are caches of the processor, which have seen a known id before.
 *
 * npm run timing -- [--samples 40000] [--only NAME]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import {
  base62Number,
  base64urlEncode,
  type ClientId,
  createFailureBudget,
  defaultTenant,
  type KeyId,
  type KeyView,
  nowSeconds,
} from '@mintmark/core';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import {
  createSubKeyMemory,
  createVerifiedCache,
  parseCredential,
  secretVerifier,
} from '@mintmark/tokens';
import { verifyKey } from '../packages/authority/src/apikeys/verify-key.ts';
import { initAuthority, openAuthority } from '../packages/authority/src/authority.ts';
import { authorityDefaults } from '../packages/authority/src/config.ts';
import { openMemoryCustody } from '../packages/authority/src/custody/memory.ts';
import { buildRequest } from '../packages/authority/src/http/management/request-builder.ts';
import { keyVerifier } from '../packages/authority/src/judging.ts';
import { openRooms } from '../packages/authority/src/rooms.ts';
import { openSqliteStore } from '../packages/authority/src/store/sqlite/sqlite-store.ts';
import { createMetrics } from '../packages/gateway/src/record/metrics.ts';
import { createIntrospectionCache } from '../packages/gateway/src/verify/introspection-cache.ts';
import { verifyCredential } from '../packages/gateway/src/verify/verify.ts';
import { StatusView } from '../packages/gateway/src/view/status-view.ts';

const { values } = parseArgs({
  options: { samples: { type: 'string', default: '40000' }, only: { type: 'string' } },
});
const samples = Number(values.samples);
const bound = 4.5;
const crops = [1, 0.99, 0.95, 0.9, 0.75, 0.5];
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idChars = 17;

interface Pair {
  readonly name: string;
  /** Makes an input of one class; what it costs is not measured. */
  readonly classes: readonly [() => string, () => string];
  readonly run: (input: string) => unknown;
  /** Between the medians; in place of |t|. */
  readonly microsMax?: number;
}

const directory = mkdtempSync(join(tmpdir(), 'mintmark-timing-'));
const ports = { clock: systemClock, entropy: systemEntropy, timers: systemTimers };
const store = await openSqliteStore({ ...ports, directory });
const custody = openMemoryCustody(ports);
const outbound = { send: () => Promise.reject(new Error('nothing is fetched here')) };
const all = { ...ports, store, custody, outbound, log: console.error };
const made = await initAuthority(authorityDefaults, all);
if (!made.ok) throw new Error(made.refusal.reason);
const { adminKey } = made.value;
const rooms = await openRooms(authorityDefaults, all);
const authority = await openAuthority(authorityDefaults, all);
const clientSecret = 'k7Qw0vXb2ZpL9rTn4YcM6sHd8JfG1aUe';

try {
  const { key, id } = await prepare();
  let failed = false;
  for (const pair of [...pairsOfKeys(key), pairOfGateway(key, id), ...pairsOfClients()]) {
    if (values.only !== undefined && !pair.name.includes(values.only)) continue;
    if (!(await holds(pair))) failed = true;
  }
  process.exitCode = failed ? 1 : 0;
} finally {
  await authority.close();
  await store.upkeep.close();
  rmSync(directory, { recursive: true });
}

async function call(path: string, json: unknown): Promise<Record<string, string>> {
  const headers = { authorization: `Bearer ${adminKey}` };
  const response = await authority.handle(buildRequest('POST', path, { headers, json }));
  if (response.status >= 300) throw new Error(`${path}: ${response.status} ${response.body}`);
  return JSON.parse(String(response.body));
}

async function prepare(): Promise<{ readonly key: string; readonly id: string }> {
  const client = { client_id: 'known', client_secret: clientSecret, scope: 'read' };
  await call('/v1/clients', { ...client, grant_types: ['client_credentials'] });
  const { key = '', id = '' } = await call('/v1/keys', { name: 'timing', scopes: ['read'] });
  return { key, id };
}

/** A key with a character of its secret changed, and a right checksum. */
function wrongAt(key: string, place: 'first' | 'last'): () => string {
  const body = key.slice(0, -6);
  const at = place === 'first' ? 'mm_key_'.length + idChars : body.length - 1;
  return () => {
    const changed = body.slice(0, at) + otherThan(body[at]!) + body.slice(at + 1);
    return changed + base62Number(crc32(changed), 6);
  };
}

function otherThan(digit: string): string {
  const other = digits[systemEntropy.bytes(1)[0]! % 62]!;
  return other === digit ? otherThan(digit) : other;
}

function unknownId(key: string): () => string {
  return () => {
    const id = Array.from(systemEntropy.bytes(idChars), (byte) => digits[byte % 62]).join('');
    const body = `mm_key_${id}${key.slice('mm_key_'.length + idChars, -6)}`;
    return body + base62Number(crc32(body), 6);
  };
}

function pairsOfKeys(key: string): readonly Pair[] {
  const verifier = keyVerifier(rooms);
  const kinds = ['key'] as const;
  const run = (text: string) =>
    verifyKey(verifier, { tenant: defaultTenant, text, kinds, now: systemClock.nowMs() });
  return [
    {
      name: 'key at the authority: wrong at its beginning, at its end',
      classes: [wrongAt(key, 'first'), wrongAt(key, 'last')],
      run,
    },
    {
      name: 'key at the authority: unknown id, wrong secret',
      classes: [unknownId(key), wrongAt(key, 'first')],
      microsMax: 1,
      run,
    },
  ];
}

function pairOfGateway(key: string, id: string): Pair {
  const { clock } = ports;
  const view = new StatusView({ tenant: defaultTenant, clock, log: () => {} });
  const secret = key.slice('mm_key_'.length + idChars, -6);
  const held: KeyView = {
    ...{ id: id as KeyId, tenant: defaultTenant, status: 'active', owner: 'o' },
    ...{ scopes: ['read'], verifier: base64urlEncode(secretVerifier(secret)) },
  };
  const entries = [{ type: 'key', position: 1, key: held }] as const;
  const head = { tenant: defaultTenant, epoch: 'e', head: 1, issuer: 'i' };
  view.applySnapshot({ ...head, entries }, clock.monotonicMs());
  const introspector = {
    introspect: async () => ({ active: false }) as const,
    spend: async () => ({ spent: true }) as const,
  };
  const parts = {
    ...{ tenant: defaultTenant, view, metrics: createMetrics() },
    ...{ cache: createVerifiedCache<never>(), subKeys: createSubKeyMemory() },
    introspections: createIntrospectionCache({ introspector, tenant: defaultTenant, clock }),
    failures: createFailureBudget(clock),
  };
  return {
    name: 'key at the gateway: wrong at its beginning, at its end',
    classes: [wrongAt(key, 'first'), wrongAt(key, 'last')],
    run(text) {
      const headers = { authorization: `Bearer ${text}`, dpop: undefined, apiKey: undefined };
      const credential = parseCredential(headers, { prefix: 'mm' });
      const now = nowSeconds(clock);
      return verifyCredential(parts, { credential, address: '192.0.2.1', now });
    },
  };
}

/** By the whole endpoint, each request from another address. */
function pairsOfClients(): readonly Pair[] {
  let serial = 0;
  const run = (input: string) => {
    const address = `10.${(serial >> 16) & 255}.${(serial >> 8) & 255}.${serial++ & 255}`;
    const headers = {
      authorization: `Basic ${input}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = 'grant_type=client_credentials';
    return authority.handle(
      buildRequest('POST', '/oauth2/token', { headers, body, remoteAddress: address }),
    );
  };
  const basic = (id: string, secret: string): string => {
    return Buffer.from(`${id as ClientId}:${secret}`).toString('base64');
  };
  const end = clientSecret.length - 1;
  const first = () => basic('known', otherThan(clientSecret[0]!) + clientSecret.slice(1));
  const last = () => basic('known', clientSecret.slice(0, end) + otherThan(clientSecret[end]!));
  const unknown = () => {
    const id = Array.from(systemEntropy.bytes(5), (byte) => digits[byte % 62]).join('');
    return basic(id, clientSecret);
  };
  return [
    { name: 'client: wrong at its beginning, at its end', classes: [first, last], run },
    { name: 'client: unknown id, wrong secret', classes: [unknown, first], run, microsMax: 1 },
  ];
}

async function holds({ name, classes, run, microsMax }: Pair): Promise<boolean> {
  const times: [number[], number[]] = [[], []];
  const warmUp = Math.min(2_000, samples / 4);
  for (let i = -warmUp; i < samples; i++) {
    const which = systemEntropy.bytes(1)[0]! & 1;
    // Flat, as off the wire: a text joined of parts would be put together at its first reading.
    const input = Buffer.from(classes[which]!(), 'latin1').toString('latin1');
    const startedAt = process.hrtime.bigint();
    await run(input);
    const took = Number(process.hrtime.bigint() - startedAt);
    if (i >= 0) times[which]!.push(took);
  }
  const pooled = [...times[0], ...times[1]].sort((a, b) => a - b);
  const tested = crops.map((crop) => {
    const most = pooled[Math.ceil(pooled.length * crop) - 1]!;
    const [a, b] = times.map((list) => list.filter((time) => time <= most));
    return { crop, t: welch(a!, b!) };
  });
  const worst = tested.reduce((a, b) => (Math.abs(b.t) > Math.abs(a.t) ? b : a));
  const [a, b] = times.map(median);
  const isAlike =
    microsMax === undefined ? Math.abs(worst.t) < bound : Math.abs(a! - b!) < microsMax;
  const verdict = isAlike ? 'ok' : 'TOLD APART';
  console.log(`${name}: |t| ${Math.abs(worst.t).toFixed(2)} (${worst.crop * 100} %), ${verdict}`);
  console.log(`  medians ${a!.toFixed(2)} and ${b!.toFixed(2)} µs, ${samples} samples`);
  return isAlike;
}

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]! / 1_000;
}

function welch(a: readonly number[], b: readonly number[]): number {
  const [one, two] = [a, b].map((list) => {
    const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
    const square = list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (list.length - 1);
    return { mean, error: square / list.length };
  });
  return (one!.mean - two!.mean) / Math.sqrt(one!.error + two!.error);
}
