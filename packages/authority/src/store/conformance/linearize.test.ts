import { describe, expect, it } from 'vitest';
import { isLinearizable, type Operation } from './linearize.ts';

/** A register: `write 3`, `read 3`. */
function history(...lines: readonly [call: number, end: number, what: string][]) {
  return lines.map(([calledAt, returnedAt, what]): Operation<string, number> => {
    const [input = '', output] = what.split(' ');
    return { input, output: Number(output), calledAt, returnedAt };
  });
}

const register = (state: number, input: string, output: number): number | undefined => {
  if (input === 'write') return output;
  return output === state ? state : undefined;
};

describe('a history of a register', () => {
  it.each<[string, ReturnType<typeof history>, boolean]>([
    ['of nothing', history(), true],
    ['in order', history([0, 1, 'write 1'], [2, 3, 'read 1']), true],
    ['read before what was written earlier', history([0, 1, 'write 1'], [2, 3, 'read 0']), false],
    ['read old or new beside a write', history([0, 9, 'write 1'], [1, 2, 'read 0']), true],
    ['read new beside a write', history([0, 9, 'write 1'], [1, 2, 'read 1']), true],
    [
      'read new and then old beside a write',
      history([0, 9, 'write 1'], [1, 2, 'read 1'], [3, 4, 'read 0']),
      false,
    ],
    [
      'two writes that overlap, read in either order',
      history([0, 9, 'write 1'], [0, 9, 'write 2'], [10, 11, 'read 1'], [12, 13, 'read 1']),
      true,
    ],
    [
      'two writes that overlap, read in both orders',
      history([0, 9, 'write 1'], [0, 9, 'write 2'], [10, 11, 'read 1'], [12, 13, 'read 2']),
      false,
    ],
  ])('%s', (_, of, expected) => {
    expect(isLinearizable(of, 0, register)).toBe(expected);
  });
});
