import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits for something to become true in another process, which has no way to tell us.
 *
 * @param ask is asked again until it gives something other than undefined
 * @throws with `what` once the deadline has passed
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { deadlineMs = 20_000, everyMs = 25 } = {},
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms: ${what}`);
    await pause(everyMs);
  }
}
