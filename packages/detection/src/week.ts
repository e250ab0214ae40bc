/** Hours of the week in UTC: 0 is Monday from midnight. */
import type { UnixMs } from '@mintmark/core';

/** Hours since 1970 UTC. */
export type Hour = number;

export const hoursOfWeek = 168;
/** 1970 began on a Thursday. */
const firstMonday = 72;

export function hourOf(at: UnixMs): Hour {
  return Math.floor(at / 3_600_000);
}

/** Weeks from Monday to Sunday, counted from the one that 1970 began in. */
export function weekOf(hour: Hour): number {
  return Math.floor((hour + firstMonday) / hoursOfWeek);
}

/** 0 to 167. */
export function slotOf(hour: Hour): number {
  const slot = (hour + firstMonday) % hoursOfWeek;
  return slot < 0 ? slot + hoursOfWeek : slot;
}

/** When the week of this hour ends. */
export function endOfWeek(hour: Hour): UnixMs {
  return (((weekOf(hour) + 1) * hoursOfWeek - firstMonday) * 3_600_000) as UnixMs;
}
