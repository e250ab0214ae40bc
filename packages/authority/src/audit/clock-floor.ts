/**
 * A clock set back while nothing ran would bring expired credentials back to life. The newest audit
 * record says how late it was: every act has one, so nothing that was kept is younger.
 */
import { type Clock, limits, rfc3339, StoreFault, steadyClock, type UnixMs } from '@mintmark/core';
import type { Store } from '../store/store.ts';

/**
 * The clock to go on with: never earlier than the newest record. Behind by no more than two clocks
 * may differ, it goes on from that record until the machine's has caught up.
 *
 * @param options.acceptEarlier goes on with the machine's clock, whatever the records say: after a
 *   clock was wrong by too much, and the operator knows which of the two is right
 * @throws StoreFault `clock_set_back` where it is behind by more
 */
export async function clockAfter(
  store: Pick<Store, 'auditLog' | 'auditPending'>,
  clock: Clock,
  options: { readonly acceptEarlier: boolean },
): Promise<Clock> {
  if (options.acceptEarlier) return clock;
  const [sequenced] = await store.auditLog.list({ descending: true, limit: 1 });
  // Ids begin with the second of their making: the last one is of the newest second.
  const [waiting] = await store.auditPending.list({ descending: true, limit: 1 });
  const newest = Math.max(sequenced?.at ?? 0, waiting?.at ?? 0) as UnixMs;
  const now = clock.nowMs();
  if (newest <= now) return clock;
  if (newest > now + limits.clockSkewSeconds * 1000) {
    throw new StoreFault(
      'clock_set_back',
      `it is ${rfc3339(now)}, and the newest audit record is of ${rfc3339(newest)}`,
      {
        hint:
          'set the clock right by NTP; if the record was made by a clock that was ahead, ' +
          'start once with --accept-earlier-clock',
      },
    );
  }
  return steadyClock(clock, { fromMs: newest });
}
