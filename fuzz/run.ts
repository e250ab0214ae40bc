/**
 * `node fuzz/run.ts [--target NAME] [--seconds N] [--seed S] [--save]`: fuzzes one parser, or each
 * in turn. Exits 1 at the first broken invariant, whose input is saved in the corpus, so that the
 * tests run it from then on. `--save` also keeps inputs that showed a new behaviour.
 */
import { parseArgs } from 'node:util';
import { systemClock, systemEntropy } from '@mintmark/core/system';
import { loadCorpus, saveInput } from './corpus.ts';
import type { Harness } from './harness.ts';
import { harnesses } from './harnesses.ts';
import { fuzz } from './session.ts';

/** Larger ones are found again easily and only weigh on the repository. */
const savedBytesMax = 4096;

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed ?? Buffer.from(systemEntropy.bytes(4)).readUInt32BE());
const seconds = Number(values.seconds);
const chosen = harnesses.filter(
  ({ name }) => values.target === undefined || name === values.target,
);
if (chosen.length === 0 || !Number.isSafeInteger(seed) || !(seconds >= 0)) {
  console.error(`targets: ${harnesses.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

function attack(harness: Harness): boolean {
  const corpus = loadCorpus(harness.name);
  const end = systemClock.monotonicMs() + seconds * 1000;
  const goOn = () => systemClock.monotonicMs() < end;
  const report = fuzz({ harness, corpus, seed, goOn });
  const { iterations, behaviours, slowestMicros, finding } = report;
  console.log(
    `${harness.name}: seed ${seed}, ${iterations} inputs, ${corpus.length} saved, ` +
      `${behaviours.size} behaviours, slowest ${Math.ceil(slowestMicros / 1000)} ms`,
  );
  if (values.save) saveNew(harness, corpus, behaviours);
  if (finding === undefined) return true;
  console.error(`${harness.name}: broken at input ${finding.iteration} of seed ${seed}`);
  console.error(finding.error);
  console.error(`input: ${saveInput(harness.name, finding.input)}`);
  return false;
}

/** Keeps one input for each behaviour that neither the seeds nor the corpus show. */
function saveNew(
  harness: Harness,
  corpus: readonly Uint8Array[],
  behaviours: ReadonlyMap<string, Uint8Array>,
): void {
  const seeds = harness.seeds.map((seed) => Buffer.from(seed));
  const shown = new Set([...seeds, ...corpus].map((input) => harness.run(input)));
  for (const [behaviour, input] of behaviours) {
    if (!shown.has(behaviour) && input.length <= savedBytesMax) saveInput(harness.name, input);
  }
}

process.exit(chosen.every(attack) ? 0 : 1);
