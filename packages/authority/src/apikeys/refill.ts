/** When a refill is due: at a fixed time in UTC, each day, week or month. Pure. */
import type { Refill } from '../store/key-tables.ts';

const dayMs = 86_400_000;

/** @returns the first moment behind `after` at which it is due, unix milliseconds */
export function nextRefill({ every, on, atMinute }: Refill, after: number): number {
  const timeMs = atMinute * 60_000;
  const today = Math.floor(after / dayMs) * dayMs;
  switch (every) {
    case 'day': {
      const first = today + timeMs;
      return first > after ? first : first + dayMs;
    }
    case 'week': {
      // 1 January 1970 was a Thursday; Monday is 1.
      const weekday = ((today / dayMs + 3) % 7) + 1;
      const first = today + (on - weekday) * dayMs + timeMs;
      return first > after ? first : first + 7 * dayMs;
    }
    case 'month': {
      const date = new Date(after);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
      const first = dayOfMonth(year, month, on) + timeMs;
      return first > after ? first : dayOfMonth(year, month + 1, on) + timeMs;
    }
  }
}

/** A month that is shorter has it on its last day. */
function dayOfMonth(year: number, month: number, day: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(day, last));
}
