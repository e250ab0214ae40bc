import { describe, expect, it } from 'vitest';
import { etagOf, isMatching, parseIfMatch } from './etag.ts';

function matches(header: string, version: number): boolean | string {
  const parsed = parseIfMatch(header);
  if (!parsed.ok) return parsed.refusal.reason;
  return isMatching(parsed.value!, version);
}

describe('parseIfMatch', () => {
  it.each([
    ['*', true],
    [etagOf(7), true],
    [`"1", ${etagOf(7)}`, true],
    [' "7" ', true],
    ['"8"', false],
    ['"07"', false],
    ['"abc"', false],
    // Weak comparison is not allowed here (RFC 9110 §13.1.1).
    ['W/"7"', false],
    ['7', 'malformed_if_match'],
    ['', 'malformed_if_match'],
    ['"7', 'malformed_if_match'],
    ['"7",', 'malformed_if_match'],
    ['*, "7"', 'malformed_if_match'],
  ])('judges %j on version 7: %s', (header, verdict) => {
    expect(matches(header, 7)).toBe(verdict);
  });

  it('takes the tag of what was never written', () => {
    expect(matches(etagOf(0), 0)).toBe(true);
    expect([matches('"00"', 0), matches(etagOf(0), 7)]).toEqual([false, false]);
  });

  it('knows absence from emptiness', () => {
    expect(parseIfMatch(undefined)).toEqual({ ok: true, value: undefined });
  });
});
