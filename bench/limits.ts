/**
 * `node bench/limits.ts [--seconds N]`: what a limited request costs this process, with two limits
 * as a route may have them: counted in memory, in common by batches, and in common exactly. Needs
 * redis-server. CPU of this process alone; Redis has a core of its own or shares one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type KeyedCharge, type LimitAnswer, NetworkFault } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { openLimitStores } from '@mintmark/gateway';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '3' } } });
const seconds = Number(values.seconds);
const port = 40_000 + (process.pid % 20_000);
const line = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
const server = spawn('redis-server', line, { stdio: ['ignore', 'pipe', 'inherit'] });
await once(server.stdout, 'data');

const target = { url: `redis://127.0.0.1:${port}`, deadlineMs: 5_000 };
const stores = openLimitStores({ clock: systemClock, timers: systemTimers }, { target });
const common = stores.common!;

/** Two limits of one of a thousand callers. */
function charges(caller: number): readonly KeyedCharge[] {
  const own = { group: 'user', cost: 1, isReserved: false };
  return [
    { ...own, key: `w${caller}`, rule: { kind: 'window', quota: 1e6, windowMs: 60_000 } },
    { ...own, key: `r${caller}`, rule: { kind: 'rate', quota: 1e6, windowMs: 1_000, burst: 1e6 } },
  ];
}

async function connected(): Promise<void> {
  for (;;) {
    try {
      await common.look(charges(0));
      return;
    } catch (fault) {
      if (!(fault instanceof NetworkFault)) throw fault;
      await new Promise((resolve) => systemTimers.after(50, () => resolve(undefined)));
    }
  }
}

type Spend = (caller: number) => LimitAnswer | Promise<LimitAnswer>;

/** Sixty-four requests under way, each followed by the next. */
async function run(name: string, spend: Spend): Promise<void> {
  const endMs = systemClock.monotonicMs() + seconds * 1_000;
  const waits: number[] = [];
  let done = 0;
  const before = process.cpuUsage();
  const one = async (first: number): Promise<void> => {
    for (let caller = first; systemClock.monotonicMs() < endMs; caller += 64) {
      const beganMs = systemClock.monotonicMs();
      const answer = spend(caller % 1_000);
      if (answer instanceof Promise) await answer;
      else if (done % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
      done += 1;
      if (done % 16 === 0) waits.push(systemClock.monotonicMs() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, first) => one(first)));
  const { user, system } = process.cpuUsage(before);
  waits.sort((a, b) => a - b);
  const median = waits[Math.floor(waits.length / 2)]!.toFixed(3);
  const micros = ((user + system) / done).toFixed(1);
  const rate = Math.round(done / seconds);
  console.log(`${name.padEnd(12)} ${micros.padStart(6)} µs CPU  ${median} ms median  ${rate}/s`);
}

await connected();
await run('in process', (caller) => stores.local.spend(charges(caller)));
await run('fast', (caller) => common.spend(charges(caller), 'fast'));
await run('strict', (caller) => common.spend(charges(caller), 'strict'));
stores.close();
server.kill();
