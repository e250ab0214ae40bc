import { expect, it } from 'vitest';
import { manualClock, nowSeconds } from './clock.ts';
import { decisionName, readDecisionName } from './decision-name.ts';
import { seededEntropy } from './entropy.ts';

const now = nowSeconds(manualClock(1_790_000_000_000));
const entropy = seededEntropy(1);

it.each([true, false])('says when it was made, and whether it is kept: %s', (isKept) => {
  const name = decisionName(now, { isKept, entropy });
  expect(name).toMatch(/^[0-9A-Za-z]{21,22}$/);
  expect(readDecisionName(name)).toEqual({ at: now, isKept });
});

it.each(['', 'x', 'a'.repeat(20), `${'a'.repeat(21)}y`, 'a'.repeat(23), `-${'a'.repeat(20)}`])(
  'refuses %j',
  (text) => {
    expect(readDecisionName(text)).toBeUndefined();
  },
);
