/**
 * The fast mode: a node decides by its copy of the store's count, and tells the store a moment
 * later what it let through. It never has more than a batch, a hundredth of the quota, that the
 * store does not know of; with a batch untold, or a copy that is old, it asks. So all nodes
 * together let through at most nodes × batch too many. A copy knows of no spending that was not
 * done, and where room is about to come back the store is asked: nobody under a limit is denied.
 */
import {
  type Clock,
  GroupedMemory,
  type KeyedCharge,
  type LimitAccount,
  type LimitAnswer,
  type LimitMoment,
  type LimitRule,
  type LimitSettlement,
  limits,
  settleAccount,
  spendAccount,
  type Timers,
} from '@mintmark/core';
import { readAccount } from './redis-script.ts';

/** What the store is told of one key. */
export interface Told {
  readonly key: string;
  readonly settlement: LimitSettlement;
}

export interface FastCopiesParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Pick<Timers, 'after'>;
  readonly holdMs: number;
  /** @returns the store's time, and the account of each as it is then */
  readonly tell: (told: readonly Told[]) => Promise<readonly string[]>;
}

interface Copy {
  readonly key: string;
  rule: LimitRule;
  /** With what was let through here and not yet told. */
  account: LimitAccount;
  /** The store's time of it, and our own. */
  atMs: number;
  learnedMs: number;
  /** Let through, and to be told with the next; and since when, by the store's time. */
  untold: number;
  untoldSinceMs: number;
  /** On its way. */
  telling: number;
}

export class FastCopies {
  readonly #parts: FastCopiesParts;
  readonly #copies = new GroupedMemory<Copy>();
  readonly #waiting = new Set<Copy>();
  #isDue = false;

  constructor(parts: FastCopiesParts) {
    this.#parts = parts;
  }

  /** @returns undefined where the store must be asked */
  spend(charges: readonly KeyedCharge[]): LimitAnswer | undefined {
    const nowMs = this.#parts.clock.monotonicMs();
    const copies = charges.map((charge) => this.#copies.of(charge).peek(charge.key));
    const [first] = copies;
    if (first === undefined || !copies.every((copy) => copy !== undefined)) return undefined;
    const looks = charges.map((charge, place) => {
      const { account, atMs, learnedMs } = copies[place]!;
      const at = momentOf(atMs + nowMs - learnedMs);
      return spendAccount(charge, account, { at, holdMs: this.#parts.holdMs });
    });
    const isAllowed = looks.every((look) => look.isAllowed);
    for (const [place, charge] of charges.entries()) {
      const { retryMs, isAllowed: fits } = looks[place]!;
      if (!isSure(copies[place]!, { charge, nowMs, spends: isAllowed })) return undefined;
      // Where it is about to come back, the copy may be late to know.
      if (!fits && retryMs <= limits.limitCopyMarginMs) return undefined;
    }
    const spent = momentOf(first.atMs + nowMs - first.learnedMs);
    if (!isAllowed) return { isAllowed, looks, receipt: undefined };
    for (const [place, charge] of charges.entries()) {
      this.#keep(copies[place]!, { charge, account: looks[place]!.account, spent });
    }
    return { isAllowed, looks, receipt: { charges, spent } };
  }

  /** What the store said of a key when it was asked. */
  learn(charge: KeyedCharge, said: { readonly account: LimitAccount; at: LimitMoment }): void {
    const { key, rule } = charge;
    const copies = this.#copies.of(charge);
    const known = copies.peek(key);
    const copy: Copy = known ?? {
      ...{ key, rule, account: said.account, atMs: 0, learnedMs: 0 },
      ...{ untold: 0, untoldSinceMs: 0, telling: 0 },
    };
    copy.rule = rule;
    this.#take(copy, { account: said.account, atMs: said.at.steadyMs }, copy.untold + copy.telling);
    copies.set(key, copy);
  }

  /** Asks the store at the next spending: something changed there. */
  doubt(charge: KeyedCharge): void {
    const copy = this.#copies.of(charge).peek(charge.key);
    if (copy !== undefined) copy.learnedMs = Number.NEGATIVE_INFINITY;
  }

  /** @param own what it does not know of yet */
  #take(
    copy: Copy,
    said: { readonly account: LimitAccount; readonly atMs: number },
    own: number,
  ): void {
    const { account, atMs } = said;
    const added = { rule: copy.rule, cost: own, spent: undefined, freed: undefined };
    const { holdMs } = this.#parts;
    copy.account = settleAccount(added, account, { at: momentOf(atMs), holdMs });
    copy.atMs = atMs;
    copy.learnedMs = this.#parts.clock.monotonicMs();
  }

  #keep(
    copy: Copy,
    of: { readonly charge: KeyedCharge; readonly account: LimitAccount; spent: LimitMoment },
  ): void {
    const { charge, account, spent } = of;
    copy.rule = charge.rule;
    copy.account = account;
    if (charge.cost === 0) return;
    if (copy.untold === 0) copy.untoldSinceMs = spent.steadyMs;
    copy.untold += charge.cost;
    this.#waiting.add(copy);
    if (copy.untold * 2 >= batchOf(copy.rule)) this.#tellAll();
    else this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#parts.timers.after(limits.limitTellMs, () => {
      this.#isDue = false;
      this.#tellAll();
    });
  }

  /** Of each key one message at a time, so that the answers come in order. */
  #tellAll(): void {
    const ready = [...this.#waiting].filter(({ telling }) => telling === 0);
    for (let from = 0; from < ready.length; from += limits.limitTellKeysMax) {
      void this.#tell(ready.slice(from, from + limits.limitTellKeysMax));
    }
  }

  async #tell(copies: readonly Copy[]): Promise<void> {
    const told = copies.map((copy): Told => {
      this.#waiting.delete(copy);
      copy.telling = copy.untold;
      copy.untold = 0;
      const { key, rule, telling: cost, untoldSinceMs } = copy;
      const spent = momentOf(untoldSinceMs);
      return { key, settlement: { rule, cost, spent, freed: undefined } };
    });
    try {
      const [now, ...texts] = await this.#parts.tell(told);
      for (const [place, copy] of copies.entries()) {
        copy.telling = 0;
        const account = readAccount(texts[place]!);
        this.#take(copy, { account, atMs: Number(now) }, copy.untold);
      }
    } catch {
      // Whether it was counted is unknown; told again it might count twice. The store is asked
      // next, and whatever the route declares for its absence is done.
      for (const copy of copies) {
        copy.telling = 0;
        copy.learnedMs = Number.NEGATIVE_INFINITY;
      }
    }
    if (this.#waiting.size > 0) this.#tellSoon();
  }
}

/** Whether a copy may be believed. */
function isSure(
  { learnedMs, untold, telling }: Copy,
  of: { readonly charge: KeyedCharge; readonly nowMs: number; readonly spends: boolean },
): boolean {
  const { charge, nowMs, spends } = of;
  // What is reserved is told with the time of the reservation: only the store knows it.
  if (charge.isReserved || nowMs - learnedMs > limits.limitCopyMs) return false;
  return !spends || untold + telling + charge.cost <= batchOf(charge.rule);
}

/** What a node may have let through that the store does not know of. */
function batchOf({ quota }: LimitRule): number {
  return Math.max(1, Math.floor(quota / limits.limitBatchDivisor));
}

function momentOf(ms: number): LimitMoment {
  return { steadyMs: ms, wallMs: ms };
}
