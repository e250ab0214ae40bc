/**
 * Lets a process come to rest. What a request leaves in memory that was given back (V8's heap, the
 * buffers of sockets and of Node's parser) is overwritten by the requests of others, and swept once
 * nobody asks any more. So others ask, in the same ways, and then nobody does. What is still there
 * after that is not rubbish that waits for its next use: somebody keeps it.
 */
import { until } from '../rig/until.ts';

const roundsMax = 6;
/** Twice what a server waits before it calls itself idle, and the time to collect. */
const restMs = 6_000;

/**
 * @param others one round of what other callers do, with credentials of their own
 * @param look what is still to be seen
 * @returns what remained in the end
 */
export async function settle<T>(
  others: () => Promise<void>,
  look: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  let left: readonly T[] = [];
  for (let round = 0; round < roundsMax; round++) {
    await others();
    left = await lookWhileIdle(look);
    if (left.length === 0) break;
  }
  return left;
}

/** Looking disturbs nothing, so it is done until nothing is left, or the rest is over. */
async function lookWhileIdle<T>(look: () => Promise<readonly T[]>): Promise<readonly T[]> {
  let left: readonly T[] = [];
  const end = performance.now() + restMs;
  await until(
    'the process is idle',
    async () => {
      left = await look();
      return left.length === 0 || performance.now() > end ? true : undefined;
    },
    { everyMs: 1_000 },
  );
  return left;
}
