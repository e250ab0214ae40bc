/**
 * Follows things whose changes are numbered, page by page, by asking again and again for what came
 * after the newest number. Asks only while somebody wants to know.
 */
import { type Clock, limits, type Timers } from '@mintmark/core';

export interface ChangePage {
  readonly newest: number;
  readonly next?: string;
}

export interface ChangeFollower {
  /** Asks now, and goes on asking. */
  start(): void;
  /** Asks now, unless that is under way. Resolves when it was asked. */
  look(): Promise<void>;
  stop(): void;
}

export interface ChangeFollowerParts<Page extends ChangePage> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly read: (from: {
    readonly after: number;
    readonly cursor: string | undefined;
  }) => Promise<Page>;
  readonly apply: (page: Page) => void;
  /** Forgets everything: it is told anew. */
  readonly begin: () => void;
  readonly isWanted: () => boolean;
  readonly onFault: (error: unknown) => void;
}

/** Of one question: all that there can be, twice. */
const pagesMax = (2 * limits.threatBlocksMax) / limits.threatPageBlocksMax;

export function followChanges<Page extends ChangePage>(
  parts: ChangeFollowerParts<Page>,
): ChangeFollower {
  const { clock } = parts;
  let newest = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  let stop = (): void => {};

  function begin(): void {
    parts.begin();
    newest = 0;
  }

  async function ask(): Promise<void> {
    const startedAtMs = clock.monotonicMs();
    // What ended meanwhile may be told no more: everything anew.
    const isLost = startedAtMs - askedAtMs > (limits.threatEndedKeptSeconds * 1000) / 2;
    if (isLost) begin();
    const after = newest;
    let first: number | undefined;
    let cursor: string | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const answer = await parts.read({ after, cursor });
      first ??= answer.newest;
      if (first < after) {
        // Another store, or restored data: its numbers mean something else.
        begin();
        return;
      }
      parts.apply(answer);
      cursor = answer.next;
      if (cursor === undefined) break;
    }
    newest = first ?? after;
    askedAtMs = startedAtMs;
  }

  function look(): Promise<void> {
    if (!parts.isWanted()) return Promise.resolve();
    underWay ??= ask()
      .catch(parts.onFault)
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  return {
    start() {
      void look();
      stop = parts.timers.every(limits.threatPollMs, () => void look());
    },
    look,
    stop: () => stop(),
  };
}
