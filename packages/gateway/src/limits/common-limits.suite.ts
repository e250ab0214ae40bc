/** Limits in common, at a real Redis: exact, bounded, and what becomes of them when it goes. */
import { type LimitRule, type LimitStore, NetworkFault } from '@mintmark/core';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCommonProofs } from '../verify/common-proofs.ts';
import { createCommonLimits } from './common-limits.ts';
import { openRedis, type TestRedis } from './conformance/redis.ts';
import { createScriptRunner, type ScriptRunner } from './script-runner.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await openRedis();
});
afterAll(() => redis.close());

const runners: ScriptRunner[] = [];
beforeEach(async () => {
  await redis.client.flushall();
});
afterEach(() => {
  for (const runner of runners.splice(0)) runner.close();
});

function openNode(options: { deadlineMs?: number; holdMs?: number } = {}): LimitStore {
  const { deadlineMs = 5_000, ...more } = options;
  const target = { url: redis.url, password: redis.password, deadlineMs };
  const runner = createScriptRunner(target, { clock: systemClock });
  runners.push(runner);
  return createCommonLimits({ runner, clock: systemClock, timers: systemTimers, ...more });
}

const hourly = (quota: number): LimitRule => ({ kind: 'window', quota, windowMs: 3_600_000 });

function charge(rule: LimitRule, key = 'k', more: { cost?: number; isReserved?: boolean } = {}) {
  return [{ key, group: 'user', rule, cost: 1, isReserved: false, ...more }];
}

/** Waits until the node is connected. */
async function ready(node: LimitStore): Promise<LimitStore> {
  for (;;) {
    try {
      await node.look(charge(hourly(1), 'ready'));
      return node;
    } catch (error) {
      if (!(error instanceof NetworkFault)) throw error;
      await later(5);
    }
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => systemTimers.after(ms, resolve));
}

async function outcome(node: LimitStore, mode: 'strict' | 'fast', rule: LimitRule, key?: string) {
  return (await node.spend(charge(rule, key), mode)).isAllowed;
}

describe('limits in common', () => {
  it('count strictly for all nodes together, all charges or none', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => ready(openNode())));
    const asked = Array.from({ length: 900 }, (_, i) =>
      outcome(nodes[i % 3]!, 'strict', hourly(100)),
    );
    const allowed = (await Promise.all(asked)).filter(Boolean).length;
    expect(allowed).toBe(100);
    const both = [...charge(hourly(5), 'other'), ...charge(hourly(100))];
    expect((await nodes[0]!.spend(both, 'strict')).looks.map((look) => look.isAllowed)).toEqual([
      true,
      false,
    ]);
    const [left] = await nodes[1]!.look(charge(hourly(5), 'other'));
    expect(left).toMatchObject({ remaining: 5, resetMs: 0 });
  });

  it('let through fast no more than a batch of each node too many', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => ready(openNode())));
    const quota = 1_000;
    let allowed = 0;
    // Each node is asked by many at once, and each comes back as soon as it is answered.
    const crowd = Array.from({ length: 60 }, async (_, i) => {
      for (let round = 0; round < 60; round++) {
        if (await outcome(nodes[i % 3]!, 'fast', hourly(quota))) allowed += 1;
      }
    });
    await Promise.all(crowd);
    expect(allowed).toBeGreaterThanOrEqual(quota);
    expect(allowed).toBeLessThanOrEqual(quota + 3 * 10);
    await later(100);
    const [look] = await nodes[0]!.look(charge(hourly(quota + 100)));
    // Everything that was let through was told in the end.
    expect(quota + 100 - look!.remaining).toBe(allowed);
  });

  it('never deny fast whoever stays under the limit at several nodes', async () => {
    const nodes = await Promise.all([1, 2, 3].map(() => ready(openNode())));
    const rule: LimitRule = { kind: 'window', quota: 300, windowMs: 3_600_000 };
    for (let i = 0; i < 300; i++) expect(await outcome(nodes[i % 3]!, 'fast', rule)).toBe(true);
  });

  it('answer most requests from the copy in fast mode', async () => {
    const node = await ready(openNode());
    await node.spend(charge(hourly(100_000)), 'fast');
    let atOnce = 0;
    for (let i = 0; i < 500; i++) {
      const answer = node.spend(charge(hourly(100_000)), 'fast');
      if (!(answer instanceof Promise)) atOnce += 1;
      await answer;
    }
    expect(atOnce).toBe(500);
  });

  it('free what a node had reserved that is gone', async () => {
    const [gone, other] = await Promise.all([1, 2].map(() => ready(openNode({ holdMs: 600 }))));
    const held = charge(hourly(10), 'k', { cost: 10, isReserved: true });
    expect((await gone!.spend(held, 'strict')).isAllowed).toBe(true);
    expect(await outcome(other!, 'strict', hourly(10))).toBe(false);
    await later(650);
    expect(await outcome(other!, 'strict', hourly(10))).toBe(true);
  });

  it('settle what was reserved to what it came to, at any node', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => ready(openNode())));
    const held = charge(hourly(10), 'k', { cost: 8, isReserved: true });
    const { receipt } = await one!.spend(held, 'fast');
    one!.settle(receipt!, [3]);
    await expect.poll(async () => (await other!.look(charge(hourly(10))))[0]!.remaining).toBe(7);
    const spent = await other!.spend(charge(hourly(10)), 'strict');
    other!.settle(spent.receipt!, [0]);
    await expect.poll(async () => (await one!.look(charge(hourly(10))))[0]!.remaining).toBe(7);
  });

  it('begin anew for whom they are told to forget', async () => {
    const node = await ready(openNode());
    expect(await outcome(node, 'fast', hourly(1))).toBe(true);
    expect(await outcome(node, 'fast', hourly(1))).toBe(false);
    await node.forget(charge(hourly(1)));
    expect(await outcome(node, 'fast', hourly(1))).toBe(true);
  });

  it('go on where the scripts of the store were lost', async () => {
    const node = await ready(openNode());
    expect(await outcome(node, 'strict', hourly(5))).toBe(true);
    await redis.client.script('FLUSH');
    expect(await outcome(node, 'strict', hourly(5))).toBe(true);
    expect((await node.look(charge(hourly(5))))[0]!.remaining).toBe(3);
  });

  it('give up a store that does not answer, and do not wait for it again', async () => {
    const node = await ready(openNode({ deadlineMs: 50 }));
    expect(await outcome(node, 'strict', hourly(5))).toBe(true);
    await redis.client.client('PAUSE', 300, 'ALL');
    const beganMs = systemClock.monotonicMs();
    await expect(outcome(node, 'strict', hourly(5))).rejects.toThrow(NetworkFault);
    const waitedMs = systemClock.monotonicMs() - beganMs;
    expect(waitedMs).toBeGreaterThan(40);
    expect(waitedMs).toBeLessThan(250);
    const againMs = systemClock.monotonicMs();
    await expect(outcome(node, 'strict', hourly(5))).rejects.toThrow(NetworkFault);
    expect(systemClock.monotonicMs() - againMs).toBeLessThan(20);
    await expect.poll(() => outcome(node, 'strict', hourly(50)).catch(() => false)).toBe(true);
  });

  it('come back by themselves after the store was killed, and begin empty', async () => {
    const node = await ready(openNode());
    expect(await outcome(node, 'strict', hourly(1))).toBe(true);
    expect(await outcome(node, 'strict', hourly(1))).toBe(false);
    await redis.kill();
    await expect(outcome(node, 'strict', hourly(1))).rejects.toThrow(NetworkFault);
    await redis.restart();
    await ready(node);
    expect(await outcome(node, 'strict', hourly(1))).toBe(true);
    expect(await outcome(node, 'strict', hourly(1))).toBe(false);
  });
});

describe('proofs in common', () => {
  it('count at one node of all, whatever is done to their signature, and end', async () => {
    const nodes = Array.from({ length: 3 }, () => {
      const target = { url: redis.url, password: redis.password, deadlineMs: 5_000 };
      const runner = createScriptRunner(target, { clock: systemClock });
      runners.push(runner);
      return createCommonProofs(runner);
    });
    await ready(openNode());
    for (const node of nodes) await until(() => node.first(`a.${Math.random()}.s`));
    const asked = nodes.flatMap((node) =>
      Array.from({ length: 20 }, (_, n) => node.first(`head.claims.signature-${n}`)),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter((isFirst) => isFirst)).toHaveLength(1);
    expect(await nodes[0]!.first('head.other.signature-0')).toBe(true);
    const [key] = await redis.client.keys('mintmark:proof:*');
    const seconds = await redis.client.ttl(key!);
    expect(seconds).toBeGreaterThan(100);
    expect(seconds).toBeLessThanOrEqual(121);
  });

  async function until(ask: () => Promise<boolean>): Promise<void> {
    for (;;) {
      try {
        await ask();
        return;
      } catch {
        await later(5);
      }
    }
  }
});
