/** A rotation of everything that custody holds, on SQLite and a custody file, while serving. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTenant, limits, manualClock, seededEntropy } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { sealedKeyId } from '@mintmark/tokens';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initAuthority, openAuthority } from './authority.ts';
import { bedConfig, callsOf } from './authority-bed.ts';
import { initLocalCustody, openLocalCustody } from './custody/local.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';

/** More than one step of sealing again takes. */
const keyCount = limits.rotationRowsMax + 20;
const secondMs = 1_000;

let folder: string;
let clock: ReturnType<typeof manualClock>;
let entropy: ReturnType<typeof seededEntropy>;
let faults: unknown[];
let adminKey: string;
let running: Awaited<ReturnType<typeof start>>;
let calls: ReturnType<typeof callsOf>;
let issued: Awaited<ReturnType<typeof issueEverything>>;

async function openPorts(openCustody: typeof openLocalCustody) {
  const unlock = { by: 'key_file', path: join(folder, 'custody.key') } as const;
  const path = join(folder, 'custody.json');
  const directory = join(folder, 'store');
  const log = (event: unknown): number => faults.push(event);
  return {
    store: await openSqliteStore({ directory, clock: systemClock, timers: systemTimers }),
    custody: await openCustody({ path, unlock, entropy, clock }),
    clock,
    entropy,
    timers: systemTimers,
    outbound: { send: () => Promise.reject(new Error('nothing is fetched here')) },
    log,
  };
}

async function start(openCustody = openLocalCustody) {
  const ports = await openPorts(openCustody);
  const made = await initAuthority(bedConfig, ports);
  if (made.ok) adminKey = made.value.adminKey;
  return { ...ports, authority: await openAuthority(bedConfig, ports) };
}

async function stop(): Promise<void> {
  await running.store.upkeep.close();
  await running.custody.close();
}

/** As a crash leaves it: what was not stored is forgotten. */
async function restart(): Promise<void> {
  await stop();
  running = await start();
}

/** So many seconds of what the authority does by itself. */
async function seconds(count: number): Promise<void> {
  for (let i = 0; i < 4 * count; i++) {
    clock.advanceMs(secondMs / 4);
    await running.authority.tick();
  }
}

async function manage(method: string, path: string, json?: unknown) {
  const answer = await calls.manage(method, path, json === undefined ? {} : { json });
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.json;
}

type Credentials = { readonly clientId: string; readonly secret: string };

async function tokenOf(by: Credentials): Promise<string> {
  const form = { grant_type: 'client_credentials' };
  const { json, text } = await calls.post('/oauth2/token', form, by);
  expect(json['access_token'], text).toBeDefined();
  return String(json['access_token']);
}

async function addClient(format: 'jwt' | 'opaque'): Promise<Credentials> {
  const made = await manage('POST', '/v1/clients', {
    client_name: format,
    scope: 'read',
    access_token_format: format,
    access_token_ttl_seconds: 86_400,
  });
  return { clientId: String(made['client_id']), secret: String(made['client_secret']) };
}

async function issueEverything() {
  const clients = [await addClient('jwt'), await addClient('opaque')];
  const tokens = await Promise.all(clients.map(tokenOf));
  const make = async (_: unknown, at: number) =>
    String((await manage('POST', '/v1/keys', { name: `k${at}`, scopes: [] }))['key']);
  const keys = await Promise.all(Array.from({ length: keyCount }, make));
  return { clients, tokens, keys };
}

/** What was made before works, and what is made now does. */
async function expectEverythingWorks(): Promise<void> {
  const { clients, tokens, keys } = issued;
  for (const [at, by] of clients.entries()) {
    for (const token of [tokens[at]!, await tokenOf(by)]) {
      const { json } = await calls.post('/oauth2/introspect', { token }, by);
      expect(json['active']).toBe(true);
    }
  }
  for (const key of [keys[0], keys.at(-1)]) {
    expect(await manage('POST', '/v1/keys/verify', { key })).toMatchObject({ active: true });
  }
  // Opens every verifier that is kept for gateways.
  const { entries } = await running.authority.feed.snapshot(defaultTenant);
  const verifiers = entries.flatMap((entry) => (entry.type === 'key' ? [entry.key.verifier] : []));
  expect(verifiers).toHaveLength(keyCount);
  expect(verifiers).not.toContain(undefined);
  const events = '/v1/audit/events?action=client.create&personal=include';
  expect((await calls.manage('GET', events)).text).toContain('192.0.2.1');
  expect(faults).toEqual([]);
}

type State = {
  readonly root_keys: readonly { readonly id: string; readonly current: boolean }[];
  readonly data_keys: readonly { readonly id: string; readonly status: string }[];
  readonly peppers: readonly { readonly version: string }[];
  readonly under_way: { readonly rewrap: number; readonly reseal: number };
};

const show = async () => (await manage('GET', '/v1/custody')) as unknown as State;
const rotate = (what: string) => manage('POST', '/v1/custody/rotate', { what, reason: 'yearly' });

/** Under which data keys the records are, and how many under each. */
async function sealedUnder(): Promise<Record<string, number>> {
  const keys = await running.store.keys.list({ limit: 1_000 });
  const signing = await running.store.signingKeys.list({ limit: 1_000 });
  const sealed = [
    ...keys.map((row) => row.sealedVerifier),
    ...signing.map((row) => row.sealedPrivate),
  ].filter((bytes) => bytes !== null);
  const ids = Map.groupBy(sealed, (bytes) => String(sealedKeyId(bytes)));
  return Object.fromEntries([...ids].map(([id, all]) => [id, all.length]));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mintmark-rotation-'));
  clock = manualClock(1_790_000_000_000);
  entropy = seededEntropy(7);
  faults = [];
  running = await start(initLocalCustody);
  calls = callsOf(() => running.authority, adminKey);
  issued = await issueEverything();
});

afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

describe('a rotation of root key, data key and pepper', () => {
  it('stops nothing, and leaves nothing that names the old root key', async () => {
    const old = (await show()).root_keys[0]?.id as string;
    for (const what of ['root', 'data', 'pepper']) {
      await rotate(what);
      await expectEverythingWorks();
    }
    await seconds(2);
    await expectEverythingWorks();
    expect((await show()).under_way).toMatchObject({ rewrap: 0, reseal: 1 });
    expect(await running.store.custodyKeys.count({ wrappedBy: old })).toBe(0);

    clock.advanceMs(limits.replacedKeyUsedMs);
    await seconds(3);
    expect(Object.keys(await sealedUnder()).sort()).toEqual(['data-1', 'data-2']);
    await expectEverythingWorks();
    await seconds(15);
    expect(await sealedUnder()).toEqual({ 'data-2': keyCount + 1 });
    expect((await show()).under_way).toMatchObject({ rewrap: 0, reseal: 0 });

    const gone = await calls.manage('DELETE', `/v1/custody/keys/${old}`);
    expect(gone.status, gone.text).toBe(204);
    await expectEverythingWorks();
    await restart();
    await expectEverythingWorks();
    expect(await show()).toMatchObject({
      root_keys: [{ current: true }],
      data_keys: [{ id: 'data-2', status: 'active' }, { status: 'archived' }],
      peppers: [{ version: 'pepper-2' }, { version: 'pepper-1' }],
    });
    expect(await manage('GET', '/v1/audit/verify')).toMatchObject({ ok: true });
  });

  it('goes on after a restart in the middle of each part', async () => {
    await rotate('root');
    await restart();
    expect((await show()).under_way.rewrap).toBe(2);
    await expectEverythingWorks();
    await seconds(3);
    expect((await show()).under_way.rewrap).toBe(0);

    await rotate('data');
    await rotate('pepper');
    await restart();
    await expectEverythingWorks();
    clock.advanceMs(limits.replacedKeyUsedMs);
    await seconds(3);
    const { 'data-1': left } = await sealedUnder();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(keyCount);
    await restart();
    await expectEverythingWorks();
    await seconds(18);
    expect(await sealedUnder()).toEqual({ 'data-2': keyCount + 1 });
    expect((await show()).under_way).toMatchObject({ rewrap: 0, reseal: 0 });
    await expectEverythingWorks();
  });

  it('ends what a crash cut off between the custody file and the record of it', async () => {
    const old = (await show()).root_keys[0]?.id as string;
    await running.custody.rotate();
    await restart();
    await expectEverythingWorks();
    await seconds(3);
    expect(await running.store.custodyKeys.count({ wrappedBy: old })).toBe(0);
    await expectEverythingWorks();
  });
});
