/**
 * Follows the feed for another program that judges in our place. The same view as a gateway's says
 * whether what is known is complete and how old it is; the target is told of each change, and that
 * there are news, for as long as a gateway would go by them. What must never happen: the authority
 * hearing that a revocation has arrived before the target goes by it, or the target hearing that
 * there are news while it lacks any.
 */
import {
  type FeedDelta,
  type FeedSnapshot,
  type FeedSource,
  limits,
  NetworkFault,
  nowSeconds,
  type RevocationEntry,
  type TenantId,
} from '@mintmark/core';
import { type FollowParts, followFeed } from '../view/follow-feed.ts';
import { StatusView, type ViewEvent } from '../view/status-view.ts';
import { type NativeChange, NativeMirror, type NativeView } from './native-view.ts';

/** All that is known. */
export interface NativeState {
  readonly view: NativeView;
  readonly revocations: Iterable<RevocationEntry>;
  /** Milliseconds for which this may still be gone by; negative: it is too old. */
  readonly leaseLeftMs: number;
}

/** The other program, as this node reaches it. Its calls come one after another. */
export interface NativeTarget {
  /**
   * Resolves once it goes by the state.
   *
   * @param change what is new since the last state that it took; undefined: anything
   * @throws NetworkFault where it cannot be told; it is told all of it later
   */
  apply(state: NativeState, change: NativeChange | undefined): Promise<void>;
  /** Says that there are news: it may go on. Comes several times in a lease. */
  renew(state: NativeState): Promise<void>;
  /** Says that nothing is known: it may not. */
  refuse(): Promise<void>;
}

export interface NativeFollowParts
  extends Pick<FollowParts, 'clock' | 'timers' | 'entropy' | 'tenant' | 'node' | 'onFault'> {
  readonly source: FeedSource;
  readonly target: NativeTarget;
  readonly log: (event: ViewEvent) => void;
  readonly onTargetFault: (fault: unknown) => void;
  /** It was told, whatever was before. */
  readonly onTargetWell: () => void;
}

export interface NativeFollower {
  /** Resolves with the first snapshot, whether or not the target took it. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** How often the target hears that there are news, and that revocations have ended. */
const renewMs = 300;
const expireMs = 60_000;

export function followNatively(parts: NativeFollowParts): NativeFollower {
  const following = new Following(parts);
  const source = following.source();
  const { view } = following;
  const follower = followFeed({
    ...{ ...parts, source, view },
    onChange: () => following.changed(),
  });
  const stopRenewing = parts.timers.every(renewMs, () => void following.renew());
  const stopExpiring = parts.timers.every(expireMs, () => following.expire());
  return {
    ready: follower.ready,
    async stop() {
      stopRenewing();
      stopExpiring();
      await follower.stop();
      await following.settled();
    },
  };
}

class Following {
  readonly view: StatusView;
  readonly #parts: NativeFollowParts;
  readonly #mirror = new NativeMirror();
  /** The last answer, until the view has taken it. */
  #answer: { readonly snapshot: FeedSnapshot } | { readonly delta: FeedDelta } | undefined;
  /** What the target has not taken; `all` after it failed, or a snapshot. */
  #pending: NativeChange | 'all' | undefined = 'all';
  #work: Promise<void> = Promise.resolve();
  #isBusy = false;

  constructor(parts: NativeFollowParts) {
    const { tenant, clock, log } = parts;
    this.#parts = parts;
    this.view = new StatusView({ tenant, clock, log });
  }

  /** The feed, asked on only once the target goes by what it said. */
  source(): FeedSource {
    const { source } = this.#parts;
    return {
      snapshot: async (tenant: TenantId) => {
        const snapshot = await source.snapshot(tenant);
        this.#answer = { snapshot };
        // Keys are judged elsewhere: a million of them would be held for nothing.
        const { nextKeys: _, ...head } = snapshot;
        return { ...head, entries: snapshot.entries.filter(({ type }) => type !== 'key') };
      },
      keys: (input) => source.keys(input),
      delta: async (input) => {
        await this.#work;
        if (this.#pending !== undefined) {
          await this.#bring();
          if (this.#pending !== undefined) {
            throw new NetworkFault('proxy_unreachable', 'the proxy cannot be told what is revoked');
          }
        }
        const delta = await source.delta(input);
        this.#answer = delta === 'resync' ? undefined : { delta };
        return delta;
      },
    };
  }

  /** The view has taken an answer, or has let go of everything. */
  changed(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    if (this.view.freshness().kind === 'absent' || answer === undefined) {
      this.#pending = 'all';
      this.#queue(() => this.#parts.target.refuse());
      return;
    }
    if ('snapshot' in answer) {
      this.#mirror.replace(answer.snapshot);
      this.#pending = 'all';
    } else {
      this.#pending = joined(this.#pending, this.#mirror.continue(answer.delta));
    }
    void this.#bring();
  }

  renew(): Promise<void> {
    if (this.#isBusy || this.view.freshness().kind !== 'fresh') return this.#work;
    if (this.#pending !== undefined) return this.#bring();
    return this.#queue(() => this.#parts.target.renew(this.#state()));
  }

  expire(): void {
    this.view.expire();
    const ended = this.#mirror.expire(nowSeconds(this.#parts.clock));
    if (ended.length > 0) this.#pending = 'all';
  }

  settled(): Promise<void> {
    return this.#work;
  }

  #state(): NativeState {
    return {
      view: this.#mirror.view(),
      revocations: this.#mirror.revocations(),
      leaseLeftMs: limits.feedLeaseMs - this.view.ageMs(),
    };
  }

  /** Tells the target what it lacks. */
  #bring(): Promise<void> {
    return this.#queue(async () => {
      const pending = this.#pending;
      if (pending === undefined || this.view.freshness().kind === 'absent') return;
      this.#pending = undefined;
      try {
        const change = pending === 'all' ? undefined : pending;
        await this.#parts.target.apply(this.#state(), change);
      } catch (fault) {
        this.#pending = 'all';
        throw fault;
      }
    });
  }

  #queue(act: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      this.#isBusy = true;
      try {
        await act();
        this.#parts.onTargetWell();
      } catch (fault) {
        // It goes by nothing that it is not told: its lease ends.
        this.#pending = 'all';
        this.#parts.onTargetFault(fault);
      } finally {
        this.#isBusy = false;
      }
    });
    return this.#work;
  }
}

function joined(known: NativeChange | 'all' | undefined, more: NativeChange): NativeChange | 'all' {
  if (known === 'all') return 'all';
  return {
    isStructural: more.isStructural || known?.isStructural === true,
    revoked: [...(known?.revoked ?? []), ...more.revoked],
  };
}
