import { describe, expect, it } from 'vitest';
import { compareParsers } from './conformance/parser-differential.ts';

describe('the parser against cedar-wasm', () => {
  it('takes and refuses the same texts', () => {
    const tally = compareParsers(20261122, 2000);
    expect(tally.accepted).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(500);
  }, 120_000);
});
