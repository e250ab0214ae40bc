import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';
import { injectionPlaces, injectionRules } from './route-injection.ts';

function read(injection: unknown): unknown {
  const small = { name: 'api', match: {}, upstream: 'http://127.0.0.1:9000' };
  const parsed = parseRoute({ ...small, injection });
  return parsed.ok ? parsed.value.injection : parsed.refusal;
}

const enforce = (more: Record<string, unknown>) => ({ mode: 'enforce', ...more });

describe('injection', () => {
  it('looks for everything everywhere, but in headers that nobody named', () => {
    expect(read({ mode: 'observe' })).toEqual({
      ...{ mode: 'observe', rules: injectionRules, places: injectionPlaces },
      ...{ headers: [], exempt: [] },
    });
    const exempt = [
      { in: 'json', name: '/a~1b/*', rules: ['sql', 'sql'] },
      { in: 'form', name: 'q' },
    ];
    expect(read(enforce({ rules: ['sql'], in: ['json'], headers: ['Referer'], exempt }))).toEqual({
      ...{ mode: 'enforce', rules: ['sql'], places: ['json'], headers: ['referer'] },
      exempt: [
        { in: 'json', path: ['a/b', '*'], rules: ['sql'] },
        { in: 'form', path: ['q'], rules: injectionRules },
      ],
    });
  });

  it.each([
    ['/injection', 'enforce'],
    ['/injection/mode', {}],
    ['/injection/mode', { mode: 'off' }],
    ['/injection/rules', enforce({ rules: [] })],
    ['/injection/rules/1', enforce({ rules: ['sql', 'all'] })],
    ['/injection/in/0', enforce({ in: ['cookie'] })],
    ['/injection/headers', enforce({ headers: 'a' })],
    ['/injection/headers/0', enforce({ headers: ['a b'] })],
    ['/injection/exempt', enforce({ exempt: {} })],
    ['/injection/exempt/0/in', enforce({ exempt: [{ name: 'a' }] })],
    ['/injection/exempt/0/name', enforce({ exempt: [{ in: 'json', name: 'a' }] })],
    ['/injection/exempt/0/name', enforce({ exempt: [{ in: 'query', name: '' }] })],
    ['/injection/exempt/0/rules', enforce({ exempt: [{ in: 'query', name: 'a', rules: [] }] })],
  ] as [string, unknown][])('refuses %s in %j', (path, injection) => {
    expect(read(injection)).toMatchObject({ reason: 'malformed', path });
  });
});
