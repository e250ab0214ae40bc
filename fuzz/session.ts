/**
 * One fuzzing session: seeds and corpus first, then mutations of what did something new. Everything
 * follows from the seed, so that a printed seed brings a failure back.
 */
import type { Harness } from './harness.ts';
import { mutate } from './mutate.ts';
import { seededRandom } from './random.ts';

/** Beyond the largest input that any parser here accepts, so that its bound is met too. */
const bytesMax = 40_000;
/**
 * Processor time of one input. The parsers take microseconds; what takes this long at this size is
 * not linear. Processor time, because a busy machine must not fail the run.
 */
const inputMicrosMaxDefault = 500_000;

export interface Finding {
  readonly input: Uint8Array;
  readonly iteration: number;
  readonly error: unknown;
}

export interface SessionReport {
  readonly iterations: number;
  /** The shortest input for each thing that the parser did. */
  readonly behaviours: ReadonlyMap<string, Uint8Array>;
  readonly slowestMicros: number;
  readonly finding: Finding | undefined;
}

/** @param input.goOn asked before each mutation, with the number of inputs so far */
export function fuzz(input: {
  readonly harness: Harness;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly goOn: (iterations: number) => boolean;
  readonly inputMicrosMax?: number;
}): SessionReport {
  const { harness, goOn, inputMicrosMax = inputMicrosMaxDefault } = input;
  const random = seededRandom(input.seed);
  const corpus = [...harness.seeds.map((seed) => Buffer.from(seed)), ...input.corpus];
  const behaviours = new Map<string, Uint8Array>();
  const pending: Uint8Array[] = [...corpus];
  let iterations = 0;
  let slowestMicros = 0;
  let finding: Finding | undefined;
  while (finding === undefined && (pending.length > 0 || goOn(iterations))) {
    const source = { random, dictionary: harness.dictionary, corpus, bytesMax };
    const bytes = pending.shift() ?? mutate(corpus[random(corpus.length)]!, source);
    const started = process.cpuUsage();
    try {
      const behaviour = harness.run(bytes);
      const known = behaviours.get(behaviour);
      if (known === undefined) corpus.push(bytes);
      if (known === undefined || bytes.length < known.length) behaviours.set(behaviour, bytes);
    } catch (error) {
      finding = { input: bytes, iteration: iterations, error };
    }
    const { user, system } = process.cpuUsage(started);
    slowestMicros = Math.max(slowestMicros, user + system);
    if (user + system > inputMicrosMax) {
      const error = new Error(`took ${user + system} µs of processor time`);
      finding ??= { input: bytes, iteration: iterations, error };
    }
    iterations++;
  }
  return { iterations, behaviours, slowestMicros, finding };
}
