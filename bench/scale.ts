/**
 * Ten million live tokens: issuance and introspection on a SQLite store that holds them, beside an
 * empty one, in turns. The rows are written through the store; then the server opens the folder.
 *
 * npm run bench:scale -- [--tokens 10000000] [--rounds 3] [--seconds 6] [--folder DIR]
 *
 * With a folder, what was filled there is kept, and measured at once the next time: filling takes
 * the better part of an hour. Tokens live for six hours, so do it within them.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { orderedId, type UnixSeconds } from '@mintmark/core';
import { systemClock, systemEntropy, systemTimers } from '@mintmark/core/system';
import { freshTokenId, partitionOfTokenId } from '@mintmark/tokens';
import { openSqliteStore } from '../packages/authority/src/store/sqlite/sqlite-store.ts';
import type { Store } from '../packages/authority/src/store/store.ts';
import type { Row } from '../packages/authority/src/store/tables.ts';
import { loadFlatOut, type Measured } from './load.ts';
import { startMintmark } from './mintmark.ts';
import { credentialsOf, introspectionOf, issueWork } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    folder: { type: 'string' },
    'fill-only': { type: 'boolean', default: false },
  },
});
const tokens = Number(values.tokens);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const rowsAnAct = 2_000;
/** So that all of them are alive throughout. */
const lifeSeconds = 6 * 3600;

const directory = values.folder ?? mkdtempSync(join(tmpdir(), 'mintmark-scale-'));
const filled = join(directory, 'filled');
const folders = { empty: join(directory, 'empty'), full: join(directory, 'full') };
const measured = new Map<string, Measured[]>();

try {
  if (!existsSync(filled)) {
    const mode = { recursive: true, mode: 0o700 } as const;
    for (const folder of Object.values(folders)) mkdirSync(folder, mode);
    // The first start initialises the folder; then it is filled while nobody serves it.
    for (const folder of Object.values(folders)) await (await start(folder)).process.stop();
    await fill(join(folders.full, 'data'));
    writeFileSync(filled, '');
  }
  for (let round = 0; round < rounds && !values['fill-only']; round++) {
    for (const [name, folder] of Object.entries(folders)) await measure(name, folder);
  }
  if (!values['fill-only']) print();
} finally {
  if (values.folder === undefined) rmSync(directory, { recursive: true, force: true });
}

function start(folder: string) {
  return startMintmark(folder, { ...credentialsOf });
}

async function measure(name: string, folder: string): Promise<void> {
  const server = await start(folder);
  try {
    for (const format of ['opaque', 'jwt'] as const) {
      await server.setFormat(format);
      keep(`issue ${format}`, name, issueWork(server.port));
      keep(`introspect ${format}`, name, await introspectionOf(server.port));
    }
  } finally {
    await server.process.stop();
  }
}

function keep(work: string, name: string, load: Parameters<typeof loadFlatOut>[0]): void {
  const options = { connections: 64, directory };
  loadFlatOut(load, { ...options, seconds: 2 });
  const key = `${work} ${name}`;
  measured.set(key, [...(measured.get(key) ?? []), loadFlatOut(load, { ...options, seconds })]);
}

function print(): void {
  console.log(`${tokens} live tokens and as many audit records, against none:`);
  const works = new Set([...measured.keys()].map((key) => key.replace(/ (empty|full)$/, '')));
  for (const work of works) {
    const of = (name: string): number => {
      const rates = (measured.get(`${work} ${name}`) ?? []).map((one) => one.requestsPerSecond);
      return rates.sort((a, b) => a - b)[Math.floor(rates.length / 2)] ?? Number.NaN;
    };
    const [empty, full] = [of('empty'), of('full')];
    const ratio = (full / empty).toFixed(2);
    console.log(`  ${work.padEnd(18)} ${full.toFixed(0)} of ${empty.toFixed(0)} req/s: ${ratio}`);
  }
}

async function fill(data: string): Promise<void> {
  const store = await openSqliteStore({
    directory: data,
    clock: systemClock,
    timers: systemTimers,
  });
  const startedAt = performance.now();
  let head = await store.auditHead.get('log');
  for (let made = 0; made < tokens; made += rowsAnAct) {
    const first = head?.size ?? 0;
    await Promise.all([writeTokens(store), writeRecords(store, first)]);
    head = { id: 'log', size: first + rowsAnAct, chain: new Uint8Array(32) };
    if (made % 1_000_000 === 0) console.log(`  ${made} rows, ${elapsed(startedAt)} s`);
  }
  if (head !== undefined) {
    await store.acts.run({ steps: [{ do: 'put', table: 'auditHead', row: head }], audit: null });
  }
  await store.upkeep.close();
  console.log(`filled in ${elapsed(startedAt)} s`);
}

function elapsed(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(0);
}

function writeTokens(store: Store): Promise<unknown> {
  const now = Math.floor(systemClock.nowMs() / 1000) as UnixSeconds;
  const expiresAt = (now + lifeSeconds) as UnixSeconds;
  const rows = Array.from({ length: rowsAnAct }, (): Row<'tokens'> => {
    const id = freshTokenId({ now, expiresAt, entropy: systemEntropy });
    return {
      partition: partitionOfTokenId(id) ?? 0,
      tenant: 'default',
      id,
      hash: systemEntropy.bytes(32),
      pepperVersion: 'pepper-1',
      clientId: 'bench',
      subject: 'bench',
      family: null,
      scopes: ['read'],
      audience: ['https://api.example.com'],
      position: 1,
      issuedAtSeconds: now,
      expiresAtSeconds: expiresAt,
      binding: null,
      claims: {},
    };
  });
  return store.acts.run({ steps: [{ do: 'insertMany', table: 'tokens', rows }], audit: null });
}

function writeRecords(store: Store, first: number): Promise<unknown> {
  const at = systemClock.nowMs();
  const now = Math.floor(at / 1000) as UnixSeconds;
  const leaf = new Uint8Array(450).fill(97);
  const rows = Array.from({ length: rowsAnAct }, (_, i): Row<'auditLog'> => {
    return {
      index: first + i,
      id: orderedId(now, systemEntropy),
      tenant: 'default',
      leaf,
      object: `token:${orderedId(now, systemEntropy)}`,
      related: null,
      personal: systemEntropy.bytes(120),
      at,
      chain: systemEntropy.bytes(32),
    };
  });
  return store.acts.run({ steps: [{ do: 'insertMany', table: 'auditLog', rows }], audit: null });
}
