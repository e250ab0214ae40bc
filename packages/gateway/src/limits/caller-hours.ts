/** What callers did in their current hours, and what is told of those that are over. Bounded. */
import {
  type Clock,
  type LimitObservation,
  limits,
  RecentMap,
  type TenantId,
} from '@mintmark/core';
import { type Hour, hourOf } from '@mintmark/detection';
import { type ProfileKey, profileKey } from '../view/profile-view.ts';

/** One caller in one hour. */
export interface CallerHour {
  readonly of: ProfileKey;
  readonly hour: Hour;
  window: number;
  /** Spent in that window. */
  spent: number;
  peak: number;
  denied: number;
  wouldDeny: number;
  answers: number;
  failed: number;
}

export class CallerHours {
  readonly #tenant: TenantId;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #seen = new RecentMap<string, CallerHour>(limits.adaptiveCallersMax);
  #ended: LimitObservation[] = [];
  #keys = new Set<string>();

  constructor(tenant: TenantId, clock: Pick<Clock, 'nowMs'>) {
    this.#tenant = tenant;
    this.#clock = clock;
  }

  /** The hour of now, begun where it is another than before. */
  of(caller: ProfileKey): CallerHour {
    const key = profileKey(caller);
    const hour = hourOf(this.#clock.nowMs());
    const known = this.#seen.peek(key);
    if (known?.hour === hour) {
      this.#seen.touch(key);
      return known;
    }
    if (known !== undefined) this.#end(known);
    const { route, limit, caller: name } = caller;
    const fresh: CallerHour = {
      ...{ of: { route, limit, caller: name }, hour },
      ...{ window: 0, spent: 0, peak: 0, denied: 0, wouldDeny: 0 },
      // What was answered in the hour before still says something, half as much.
      answers: Math.floor((known?.answers ?? 0) / 2),
      failed: Math.floor((known?.failed ?? 0) / 2),
    };
    this.#seen.set(key, fresh);
    this.#keys.add(key);
    return fresh;
  }

  /** Observations of hours that are over, or of all where the node stops. */
  take(which: 'ended' | 'all'): readonly LimitObservation[] {
    const now = hourOf(this.#clock.nowMs());
    const left = new Set<string>();
    for (const key of this.#keys) {
      const hour = this.#seen.peek(key);
      if (hour === undefined) continue;
      if (which === 'ended' && hour.hour === now) {
        left.add(key);
        continue;
      }
      this.#end(hour);
      this.#seen.delete(key);
    }
    this.#keys = left;
    const taken = this.#ended;
    this.#ended = [];
    return taken;
  }

  #end({ of, hour, peak, denied, wouldDeny }: CallerHour): void {
    if (peak === 0 && denied === 0 && wouldDeny === 0) return;
    if (this.#ended.length >= limits.adaptiveObservationsQueuedMax) return;
    this.#ended.push({ tenant: this.#tenant, ...of, hour, peak, denied, wouldDeny });
  }
}
