/**
 * `node bench/audit.ts`: microseconds of processor time that one audit record costs the thread that
 * serves requests, with and without personal data, and what sequencing and verifying cost later.
 */
import { type AuditEvent, defaultTenant, type UnixMs } from '@mintmark/core';
import { systemClock, systemEntropy } from '@mintmark/core/system';
import { createRecorder } from '../packages/authority/src/audit/record.ts';
import { type ChainEntry, verifyChain } from '../packages/authority/src/audit/verify-chain.ts';
import { openMemoryCustody } from '../packages/authority/src/custody/memory.ts';
import { createSealer } from '../packages/authority/src/custody/sealer.ts';
import { emptyHead, nextChain } from '../packages/authority/src/store/audit-chain.ts';
import { openMemoryStore } from '../packages/authority/src/store/memory/memory-store.ts';

const rounds = 9;
const perRound = 20_000;
/** Small, so that the log of the bench itself does not weigh on the collector. */
const logSize = 1_000;

const ports = { clock: systemClock, entropy: systemEntropy };
const sealer = createSealer({
  ...ports,
  custody: openMemoryCustody(ports),
  store: openMemoryStore(),
});
const recorder = createRecorder({ ...ports, sealer });

const event: AuditEvent = {
  tenant: defaultTenant,
  action: 'token.issue',
  at: systemClock.nowMs() as UnixMs,
  actor: { kind: 'client', id: 'billing-service' },
  object: { kind: 'token', id: '1uMZQ5f3JrQ0m9VtYdY2c' },
  related: { kind: 'client', id: 'billing-service' },
  result: 'done',
  detail: {
    scopes: ['invoices:read', 'invoices:write'],
    audience: ['https://api.example.com'],
    format: 'jwt',
    expires_at: 1_700_000_600,
  },
  requestId: '7Yp0bHq1sW3xZ5vT2',
};
const personal = { ...event, personal: { address: '2001:db8::1234' } };
const sealed = new TextEncoder().encode('{"address":"2001:db8::1234"} and a salt of 32 bytes');

const leaves: Uint8Array[] = [];
for (let i = 0; i < logSize; i++) leaves.push((await recorder.record(event)).leaf);

const cases: Readonly<Record<string, () => Promise<unknown>>> = {
  'a record without personal data': () => repeat(() => recorder.record(event)),
  'a record with an address': () => repeat(() => recorder.record(personal)),
  'sealing alone': () => repeat(() => sealer.seal(defaultTenant, 'bench', sealed)),
  'a place in the chain': () => eachLeaf(chained),
  'verifying a leaf': () => eachLeaf(() => verifyChain(log, { size: logSize, chain: end.chain })),
};

const log = chained();
const end = log.at(-1)!;
const micros = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  for (const [name, work] of Object.entries(cases)) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    // The first round warms up.
    if (round > 0) micros.set(name, [...(micros.get(name) ?? []), (user + system) / perRound]);
  }
}
for (const [name, values] of micros) {
  const sorted = values.sort((a, b) => a - b);
  const [least, median] = [sorted[0]!, sorted[sorted.length >> 1]!];
  console.log(`${name}: ${median.toFixed(2)} µs of processor time (least ${least.toFixed(2)})`);
}

async function repeat(work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < perRound; i++) await work();
}

async function eachLeaf(work: () => unknown): Promise<void> {
  for (let done = 0; done < perRound; done += logSize) work();
}

function chained(): ChainEntry[] {
  let last = emptyHead.chain;
  return leaves.map((leaf, index) => {
    last = nextChain(last, leaf);
    return { index, leaf, chain: last };
  });
}
