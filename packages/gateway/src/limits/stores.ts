/**
 * Where a process counts its limits: in its own memory always, and in common where a cache is
 * named. An authority and a gateway in one process have the same.
 */
import {
  type Clock,
  createLocalLimits,
  type LimitReceipt,
  type LimitStore,
  type LocalLimits,
  limitHoldMs,
  NetworkFault,
  type Timers,
} from '@mintmark/core';
import { type CommonProofs, createCommonProofs } from '../verify/common-proofs.ts';
import { createCommonLimits } from './common-limits.ts';
import { createScriptRunner, type RedisTarget, type RunnerPorts } from './script-runner.ts';

export interface LimitStores {
  readonly local: LocalLimits;
  /** Undefined: each process counts by itself. */
  readonly common: LimitStore | undefined;
  /** The one in common while it can be asked, and this process's own otherwise. */
  readonly either: LimitStore;
  /** Of the same cache; undefined: each process remembers its own. */
  readonly proofs: CommonProofs | undefined;
  close(): void;
}

export interface LimitStoresInput {
  /** The cache; undefined: none. */
  readonly target: RedisTarget | undefined;
  readonly onChange?: RunnerPorts['onChange'];
  /** How long reservations last that nobody settles; the same at all nodes. */
  readonly holdMs?: number;
}

/** Connects by itself; what is asked before goes on without it. */
export function openLimitStores(
  ports: { readonly clock: Clock; readonly timers: Pick<Timers, 'after'> },
  { target, onChange, holdMs = limitHoldMs }: LimitStoresInput,
): LimitStores {
  const { clock, timers } = ports;
  const local = createLocalLimits(clock);
  if (target === undefined) {
    const alone = { common: undefined, proofs: undefined };
    return { ...alone, local, either: local, close: () => undefined };
  }
  const runner = createScriptRunner(target, { clock, onChange });
  const common = createCommonLimits({ runner, clock, timers, holdMs });
  const proofs = createCommonProofs(runner);
  return { local, common, proofs, either: eitherOf(local, common), close: () => runner.close() };
}

function eitherOf(local: LocalLimits, common: LimitStore): LimitStore {
  /** Receipts of our own: what they say is settled here. */
  const own = new WeakSet<LimitReceipt>();
  return {
    ...common,
    async spend(charges, mode) {
      try {
        return await common.spend(charges, mode);
      } catch (fault) {
        if (!(fault instanceof NetworkFault)) throw fault;
        const answer = local.spend(charges);
        if (answer.receipt !== undefined) own.add(answer.receipt);
        return answer;
      }
    },
    settle: (receipt, costs) => (own.has(receipt) ? local : common).settle(receipt, costs),
  };
}
