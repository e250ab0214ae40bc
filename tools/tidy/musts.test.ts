import { describe, expect, it } from 'vitest';
import { checkMusts, type MustTable } from './musts.ts';
import { treeOf } from './tree.ts';

const test = 'packages/core/src/one.test.ts';
const path = 'conformance/musts/rfc1.json';
const shown = { section: '1', duty: 'answers', file: test, test: 'the one > is refused: %s' };

const tests = `
describe('the one', () => {
  it.each([1])('is refused: %s', () => {});
  it(\`holds \${count} times\`, () => {});
});
`;

function problems(table: Partial<MustTable>) {
  const whole = { standard: 'RFC 1', source: 'read', sections: ['1'], rows: [shown], ...table };
  const tree = treeOf({
    [test]: tests,
    'packages/core/src/plain.ts': "it('works');\n",
    'ROADMAP.md': '1. One thing that\n   is open.\n',
    'docs/spec-divergences.md': '# x\n\n| RFC 1 §2 | a | b | c |\n',
    [path]: JSON.stringify(whole, undefined, 2),
  });
  return checkMusts(tree, ['rfc1']).map(({ line, message }) => `${line} ${message}`);
}

describe('a table of duties', () => {
  it('is sound where each section has rows, and each row a test, reason, departure or plan', () => {
    const section = '1';
    const rows = [
      shown,
      { ...shown, test: `the one > holds \${count} times` },
      { section, duty: 'sends', not_ours: 'it is the client’s' },
      { section, duty: 'repeats', departs: 'RFC 1 §2' },
      { section, duty: 'waits', open: 'One thing that is open' },
    ];
    expect(problems({ rows })).toEqual([]);
  });

  it('must be there', () => {
    expect(checkMusts(treeOf({}), ['rfc1'])).toMatchObject([{ path, rule: 'musts' }]);
  });

  it.each<[string, Partial<MustTable>, string]>([
    ['a section without a row', { sections: ['1', '2'] }, '1 §2 has no row'],
    ['a row of no section', { sections: [], rows: [shown] }, '1 §1 is not in the list'],
    ['no word of where its sections are from', { source: '' }, '1 does not say where'],
    [
      'a test that is not there',
      { rows: [{ ...shown, test: 'is refused: %s' }] },
      `10 no test of ${test} is called`,
    ],
    [
      'a file that is none of tests',
      { rows: [{ ...shown, file: 'packages/core/src/plain.ts', test: 'works' }] },
      '10 packages/core/src/plain.ts is no file of tests',
    ],
    ['a row without answer', { rows: [{ section: '1', duty: 'a' }] }, '10 one duty has one'],
    ['a row with two', { rows: [{ ...shown, not_ours: 'x' }] }, '10 one duty has one answer'],
    ['an empty reason', { rows: [{ section: '1', duty: 'a', not_ours: '' }] }, '10 says no reason'],
    [
      'a plan that was carried out',
      { rows: [{ section: '1', duty: 'a', open: 'Another' }] },
      '10 ROADMAP.md no longer says "Another": name the test',
    ],
    [
      'a departure that is not told',
      { rows: [{ section: '1', duty: 'a', departs: 'RFC 1 §3' }] },
      '10 docs/spec-divergences.md has no row RFC 1 §3',
    ],
  ])('is refused with %s', (_title, table, problem) => {
    expect(problems(table)).toEqual([expect.stringContaining(problem)]);
  });
});
