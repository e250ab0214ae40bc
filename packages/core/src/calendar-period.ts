/** Days and months as quotas know them: in UTC, or so many minutes before it. */

export interface CalendarPeriod {
  /** Milliseconds since 1970 UTC, whole. */
  readonly startMs: number;
  /** The first moment that is no longer in it. */
  readonly endMs: number;
}

/** @param nowMs a moment of the years 1970 to 9999 */
export function calendarPeriod(
  { period, offsetMinutes }: { readonly period: 'day' | 'month'; readonly offsetMinutes: number },
  nowMs: number,
): CalendarPeriod {
  const offsetMs = offsetMinutes * 60_000;
  if (period === 'day') {
    const startMs = Math.floor((nowMs + offsetMs) / 86_400_000) * 86_400_000 - offsetMs;
    return { startMs, endMs: startMs + 86_400_000 };
  }
  const local = new Date(nowMs + offsetMs);
  const [year, month] = [local.getUTCFullYear(), local.getUTCMonth()];
  return { startMs: Date.UTC(year, month) - offsetMs, endMs: Date.UTC(year, month + 1) - offsetMs };
}
