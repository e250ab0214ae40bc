import { globSync, readFileSync } from 'node:fs';
import { type InjectionRule, injectionRules, type RouteInjection } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { Look } from './look.ts';
import { judgeName } from './rules.ts';

interface Examples {
  readonly rules: Record<
    InjectionRule,
    Record<'attacks' | 'names' | 'harmless' | 'harmlessNames', readonly string[]>
  >;
  readonly everyday: readonly string[];
}

const root = new URL('../../../../../', import.meta.url);
const examples = JSON.parse(
  readFileSync(new URL('vectors/injection/examples.json', root), 'utf8'),
) as Examples;

const route: RouteInjection = {
  ...{ mode: 'enforce', rules: injectionRules, places: ['query', 'json', 'form'], headers: [] },
  exempt: [],
};

/** The rules that find something in a value, of one line or of many. */
function found(value: string, line = true): readonly string[] {
  const look = new Look(route);
  if (line) look.pairs('query', `q=${encodeURIComponent(value)}`);
  else look.json({ q: value });
  return look.found.map(({ rule }) => rule);
}

describe.each(injectionRules)('the rule %s', (rule) => {
  const { attacks, names, harmless, harmlessNames } = examples.rules[rule];

  it('has examples of both kinds', () => {
    expect(attacks.length + names.length).toBeGreaterThanOrEqual(4);
    expect(harmless.length + harmlessNames.length).toBeGreaterThanOrEqual(4);
  });

  it('finds what it is there for', () => {
    expect(attacks.filter((value) => !found(value).includes(rule))).toEqual([]);
    expect(names.filter((name) => !judgeName(rule, [name]))).toEqual([]);
  });

  it('leaves alone what only looks like it', () => {
    expect(harmless.filter((value) => found(value).includes(rule))).toEqual([]);
    expect(harmlessNames.filter((name) => judgeName(rule, [name]))).toEqual([]);
  });
});

/** Paragraphs of our own guides, and the lines of code in them: a wiki of programmers. */
function guides(): { readonly prose: readonly string[]; readonly code: readonly string[] } {
  const texts = globSync('docs/*.md', { cwd: root.pathname }).map((path) => {
    return readFileSync(new URL(path, root), 'utf8');
  });
  const parts = texts.flatMap((text) => text.split(/^```.*$/m));
  const isProse = (_: string, index: number) => index % 2 === 0;
  const prose = texts.flatMap((text) => text.split(/^```.*$/m).filter(isProse));
  const code = texts.flatMap((text) => text.split(/^```.*$/m).filter((_, i) => i % 2 === 1));
  expect(parts.length).toBeGreaterThan(prose.length);
  return { prose: prose.flatMap((one) => one.split(/\n\n+/)), code };
}

describe('false alarms', () => {
  it('are none in what people write every day', () => {
    const alarms = examples.everyday.filter((value) => found(value).length > 0);
    expect(alarms).toEqual([]);
  });

  it('are rare in prose about programs, and bearable in code', () => {
    const { prose, code } = guides();
    expect(prose.length).toBeGreaterThan(500);
    expect(code.length).toBeGreaterThan(50);
    const rate = (texts: readonly string[]) =>
      texts.filter((text) => found(text, false).length > 0).length / texts.length;
    // Written down in docs/injection.md; code is what exemptions are for.
    expect(rate(prose)).toBeLessThan(0.003);
    expect(rate(code)).toBeLessThan(0.03);
  });
});

it('ends in time on whatever is made to be slow', { timeout: 5_000 }, () => {
  const seeds = [
    ...["' or ", '$(', '{{', '/*', '<!doctype ', '../', '\r\n', ';cat ', '//', "'(((", '`a '],
    ...['"and ', '${', '<% ', ')(a', '` or', "'#", 'select ', '(((((', '      '],
  ];
  for (const seed of seeds) found(seed.repeat(Math.ceil(16_384 / seed.length)), false);
});

it('looks at a body of nothing but beginnings about once', () => {
  const value = (seed: string) => seed.repeat(Math.ceil(16_384 / seed.length));
  const userMs = (seed: string): number => {
    const body = Array.from({ length: 16 }, () => value(seed));
    const before = process.cpuUsage();
    new Look(route).json(body);
    return process.cpuUsage(before).user / 1_000;
  };
  userMs('abc ');
  for (const seed of ['{{', '{{a', '${', '#{*{']) expect(userMs(seed)).toBeLessThan(150);
});
