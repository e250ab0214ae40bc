/**
 * Held equal to cedar-wasm, Cedar's own implementation: the decision, the policies that decided and
 * the policies that failed. `npm run policy:differential` asks a million times.
 */
import { describe, expect, it } from 'vitest';
import { compareDecisions } from './conformance/differential.ts';

describe('against cedar-wasm', () => {
  it('gives the same decisions, reasons and errors', () => {
    const tally = compareDecisions(20261122, 2000);
    // A generator that reaches nothing would agree as well.
    expect(tally.allowed).toBeGreaterThan(100);
    expect(tally.forbidden).toBeGreaterThan(50);
    expect(tally.withErrors).toBeGreaterThan(200);
    expect(tally.failures.size).toBeGreaterThan(20);
  }, 120_000);
});
