/**
 * Limits counted in common, at a Redis or Valkey. `strict` asks it at each request: one script does
 * all charges or none, on the store's clock, whatever the nodes' clocks say. `fast` decides by a
 * copy of the store's count and tells it afterwards (`fast-copies.ts`).
 */
import { hash } from 'node:crypto';
import {
  type Clock,
  type KeyedCharge,
  type LimitAnswer,
  type LimitMoment,
  type LimitStore,
  limitHoldMs,
  settlementOf,
  spendAccount,
  type Timers,
} from '@mintmark/core';
import { FastCopies } from './fast-copies.ts';
import {
  firstArgument,
  limitScripts,
  readAccount,
  settleArguments,
  spendArguments,
} from './redis-script.ts';
import { type ScriptRunner, scriptOf } from './script-runner.ts';

export interface CommonLimitsParts {
  readonly runner: ScriptRunner;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'after'>;
  /** How long reservations last that nobody settles; the same at all nodes. */
  readonly holdMs?: number;
}

/** Scripts of a text each, made once. */
const scripts = Object.fromEntries(
  Object.entries(limitScripts()).map(([name, text]) => [name, scriptOf(text)]),
) as Record<keyof ReturnType<typeof limitScripts>, ReturnType<typeof scriptOf>>;

export function createCommonLimits(parts: CommonLimitsParts): LimitStore {
  const { runner, clock, timers, holdMs = limitHoldMs } = parts;
  const first = firstArgument(holdMs);
  const copies = new FastCopies({
    ...{ clock, timers, holdMs },
    tell: (told) =>
      runner.run(
        scripts.settle,
        told.map(({ key }) => storeKey(key)),
        [first, ...told.flatMap(({ settlement }) => settleArguments(settlement))],
      ),
  });

  async function ask(charges: readonly KeyedCharge[]) {
    const args = [first, ...charges.flatMap(spendArguments)];
    const [allowed, now, ...texts] = await runner.run(scripts.spend, keysOf(charges), args);
    const at = momentOf(now);
    const accounts = texts.map(readAccount);
    const looks = charges.map((charge, i) => spendAccount(charge, accounts[i], { at, holdMs }));
    return { isAllowed: Number(allowed) === 1, at, accounts, looks };
  }

  return {
    isCommon: true,
    spend(charges, mode) {
      const known = mode === 'fast' ? copies.spend(charges) : undefined;
      if (known !== undefined) return known;
      return ask(charges).then(({ isAllowed, at, accounts, looks }): LimitAnswer => {
        if (mode === 'fast') {
          for (const [place, charge] of charges.entries()) {
            const account = isAllowed ? looks[place]!.account : accounts[place]!;
            copies.learn(charge, { account, at });
          }
        }
        return { isAllowed, looks, receipt: isAllowed ? { charges, spent: at } : undefined };
      });
    },
    settle(receipt, costs) {
      const { charges } = receipt;
      const settlements = charges.map((charge, place) =>
        settlementOf(receipt, { charge, cost: costs[place]! }),
      );
      for (const charge of charges) copies.doubt(charge);
      const args = [first, ...settlements.flatMap(settleArguments)];
      // What cannot be told is lost, in the caller's favour; reservations lapse.
      runner.run(scripts.settle, keysOf(charges), args).catch(() => undefined);
    },
    async look(charges) {
      const [now, ...texts] = await runner.run(scripts.look, keysOf(charges), [first]);
      const at = momentOf(now);
      return charges.map((charge, place) =>
        spendAccount({ ...charge, cost: 0 }, readAccount(texts[place]!), { at, holdMs }),
      );
    },
    async forget(charges) {
      await runner.run(scripts.forget, keysOf(charges), []);
      for (const charge of charges) copies.doubt(charge);
    },
  };
}

/** Redis has one clock, and it is taken to stand still where it goes back. */
function momentOf(now: string | undefined): LimitMoment {
  const ms = Number(now);
  return { steadyMs: ms, wallMs: ms };
}

function keysOf(charges: readonly KeyedCharge[]): readonly string[] {
  return charges.map(({ key }) => storeKey(key));
}

/** Of one length, and without the names, addresses and subjects that a key is made of. */
function storeKey(key: string): string {
  return `mintmark:limit:${hash('sha256', key, 'base64url').slice(0, 24)}`;
}
