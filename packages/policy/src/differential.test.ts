/**
 * Held equal to cedar-wasm, Cedar's own implementation: the decision, the policies that decided and
 * the policies that failed. `npm run policy:differential` asks a million times.
 */
import { describe, expect, it } from 'vitest';
import { compareConditions, compareDecisions } from './conformance/differential.ts';
import { expressions } from './conformance/expressions.ts';

describe('against cedar-wasm', () => {
  it('comes to the same with every operator on every kind of value', () => {
    const counts = compareConditions(expressions());
    expect(counts.held).toBeGreaterThan(1500);
    expect(counts.not).toBeGreaterThan(1500);
    expect(counts.failed).toBeGreaterThan(1500);
  }, 120_000);

  it('gives the same decisions, reasons and errors', () => {
    const tally = compareDecisions(20261122, 2000);
    // A generator that reaches nothing would agree as well.
    expect(tally.allowed).toBeGreaterThan(100);
    expect(tally.forbidden).toBeGreaterThan(50);
    expect(tally.withErrors).toBeGreaterThan(200);
    expect(tally.failures.size).toBeGreaterThan(20);
  }, 120_000);
});
