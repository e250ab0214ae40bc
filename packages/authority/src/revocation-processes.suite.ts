/**
 * Emergency and query on PostgreSQL with three processes: what one acknowledges, all three refuse
 * within a second, by introspection and by the feed that gateways follow.
 */
import { defaultTenant } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { openPostgresStore } from './store/postgres/postgres-store.ts';
import type { Store } from './store/store.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
type Process = Pick<Awaited<ReturnType<Bed['replica']>>, 'authority' | 'post' | 'manage'>;

const everywhereMs = 1_000;
const form = { grant_type: 'client_credentials' };

let stores: readonly Store[];
let bed: Bed;
let processes: readonly Process[];
let client: Awaited<ReturnType<Bed['addClient']>>;

beforeEach(async () => {
  const url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  stores = await Promise.all([open(), open(), open()]);
  // Waiting nodes are woken by the feed itself, and by real time.
  bed = await authorityBed(1, stores[0], {}, { timers: systemTimers });
  const others = await Promise.all([bed.replica(stores[1]), bed.replica(stores[2])]);
  processes = [bed, ...others];
  client = await bed.addClient({ audiences: [], accessTokenFormat: 'jwt' });
});

afterEach(async () => {
  await Promise.all(stores.map(({ upkeep }) => upkeep.close()));
});

async function issue(count: number): Promise<readonly string[]> {
  const issued = await Promise.all(
    Array.from({ length: count }, (_, i) => processes[i % 3]!.post('/oauth2/token', form, client)),
  );
  return issued.map(({ json }) => String(json['access_token']));
}

/** What every process says of every token. */
async function verdicts(tokens: readonly string[]): Promise<readonly boolean[]> {
  const asked = processes.flatMap(({ authority }) =>
    tokens.map((credential) => {
      const address = '127.0.0.1';
      return authority.introspector.introspect({ tenant: defaultTenant, credential, address });
    }),
  );
  return (await Promise.all(asked)).map(({ active }) => active);
}

/** Milliseconds until a node of each process has been told of the target. */
async function toldEverywhere(kind: string, after: readonly number[]): Promise<number> {
  const since = systemClock.monotonicMs();
  await Promise.all(
    processes.map(async ({ authority }, i) => {
      for (let at = after[i]!; ; ) {
        await authority.tick();
        const { epoch } = await authority.feed.snapshot(defaultTenant);
        const input = { tenant: defaultTenant, epoch, after: at, node: `node${i}` };
        const delta = await authority.feed.delta(input);
        if (delta === 'resync') throw new Error('the feed has a gap');
        const entries = delta.entries;
        at += entries.length;
        if (entries.some((one) => one.type === 'revocation' && one.target.kind === kind)) return;
      }
    }),
  );
  return systemClock.monotonicMs() - since;
}

async function heads(): Promise<readonly number[]> {
  const snapshots = processes.map(({ authority }) => authority.feed.snapshot(defaultTenant));
  return (await Promise.all(snapshots)).map(({ head }) => head);
}

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid;
}

describe('acknowledged by one process of three', () => {
  it('the end of a signing key holds at all of them, and all sign with the next one', async () => {
    const tokens = await issue(30);
    const kid = kidOf(tokens[0]!);
    expect(new Set(await verdicts(tokens))).toEqual(new Set([true]));
    const before = await heads();
    const path = `/v1/signing-keys/${kid}/emergency`;
    const ended = await processes[1]!.manage('POST', path, { json: { reason: 'stolen' } });
    expect(ended.status).toBe(200);
    const tookMs = await toldEverywhere('signing_key', before);
    const said = await verdicts(tokens);
    expect(new Set(said)).toEqual(new Set([false]));
    expect(tookMs).toBeLessThan(everywhereMs);
    const fresh = await issue(9);
    expect(new Set(fresh.map(kidOf))).toEqual(new Set([ended.json['replacement']]));
    expect(new Set(await verdicts(fresh))).toEqual(new Set([true]));
  }, 120_000);

  it('what a query found is refused by all of them, and nothing else', async () => {
    const tokens = await issue(30);
    const other = await bed.addClient({ audiences: [], accessTokenFormat: 'jwt' });
    const kept = (await bed.post('/oauth2/token', form, other)).json['access_token'] as string;
    bed.clock.advanceMs(1_000);
    const query = { client: client.clientId, grant: 'client_credentials' };
    const looked = { json: { query } };
    const seen = await processes[2]!.manage('POST', '/v1/revocations/preview', looked);
    expect(seen.json).toMatchObject({ counts: { access_tokens: 30 }, complete: true });
    const before = await heads();
    const json = { query, preview: seen.json['preview'], reason: 'incident' };
    const done = await processes[2]!.manage('POST', '/v1/revocations', { json });
    expect(done.json).toMatchObject({ state: 'done', ended: { access_tokens: 30 } });
    const tookMs = await toldEverywhere('token', before);
    const said = await verdicts(tokens);
    expect(new Set(said)).toEqual(new Set([false]));
    expect(tookMs).toBeLessThan(everywhereMs);
    expect(await verdicts([kept])).toEqual([true, true, true]);
  }, 120_000);
});
