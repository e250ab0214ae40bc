import { describe, expect, it } from 'vitest';
import { loadCorpus } from './corpus.ts';
import { type Harness, invariant } from './harness.ts';
import { harnesses } from './harnesses.ts';
import { fuzz } from './session.ts';

/** The short form: every saved input, then as many mutations, the same ones each time. */
const mutations = 1_000;

describe('no input breaks a parser', () => {
  it.each(harnesses.map((harness) => [harness.name, harness] as const))('%s', (name, harness) => {
    const corpus = loadCorpus(name);
    const most = harness.seeds.length + corpus.length + mutations;
    const report = fuzz({ harness, corpus, seed: 1, goOn: (iterations) => iterations < most });
    const { finding } = report;
    const input = Buffer.from(finding?.input ?? []).toString('base64');
    expect(finding?.error, `seed 1, input ${finding?.iteration}: ${input}`).toBeUndefined();
    // A parser that always does the same was never reached.
    expect(report.behaviours.size).toBeGreaterThan(2);
  });
});

describe('the fuzzer', () => {
  const fragile = (run: Harness['run']): Harness => ({
    name: 'fragile',
    seeds: ['hello'],
    dictionary: ['boom'],
    run,
  });
  const budget = { corpus: [], seed: 1, goOn: (iterations: number) => iterations < 5000 };

  it('finds a parser that throws, and the same input again from the same seed', () => {
    const harness = fragile((input) => {
      if (Buffer.from(input).includes('boom')) throw new RangeError('broken');
      return 'fine';
    });
    const first = fuzz({ harness, ...budget }).finding;
    const second = fuzz({ harness, ...budget }).finding;
    expect(first?.error).toBeInstanceOf(RangeError);
    expect(second?.iteration).toBe(first?.iteration);
    expect(second?.input).toEqual(first?.input);
  });

  it('finds a broken invariant, and keeps what showed a new behaviour', () => {
    const harness = fragile((input) => {
      const boom = Buffer.from(input).includes('boom');
      const both = boom && Buffer.from(input).includes('hello');
      invariant(!(both && input.length > 12), 'holds not');
      return boom ? 'boom' : 'quiet';
    });
    const { finding, behaviours } = fuzz({ harness, ...budget });
    expect(`${finding?.error}`).toContain('holds not');
    expect([...behaviours.keys()]).toEqual(['quiet', 'boom']);
  });

  it('finds a parser that takes far more time than its input is worth', () => {
    const harness = fragile((input) => {
      const started = process.cpuUsage();
      while (input.length > 500 && process.cpuUsage(started).user < 120_000);
      return 'slow';
    });
    const { finding } = fuzz({ harness, ...budget, inputMicrosMax: 100_000 });
    expect(finding?.input.length).toBeGreaterThan(500);
    expect(`${finding?.error}`).toContain('processor time');
  });
});
