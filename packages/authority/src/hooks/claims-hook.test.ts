import { err, limits, manualClock, ok, type Result } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ClaimsHook, createClaimsHook, type HookFailure, hintOf } from './claims-hook.ts';
import { type ClaimsModule, moduleSource } from './module-source.ts';

type Answer = Result<string, HookFailure>;

const nothing = ok('{}');
const clock = manualClock(0);
let failures: HookFailure[];
let thrown: unknown[];
let alarms: (() => void)[];

const parts = {
  clock,
  timers: {
    after(_ms: number, run: () => void) {
      alarms.push(run);
      return () => void alarms.splice(alarms.indexOf(run), 1);
    },
    every: () => () => undefined,
  },
  failed(failure: HookFailure, what?: unknown) {
    failures.push(failure);
    thrown.push(what);
  },
};

beforeEach(() => {
  failures = [];
  thrown = [];
  alarms = [];
});

function hookOf(source: () => Promise<Answer>): ClaimsHook {
  return createClaimsHook({ source, deadlineMs: 500, onFailure: 'refuse' }, parts);
}

function withModule(run: ClaimsModule): ClaimsHook {
  const settings = { source: moduleSource(run), deadlineMs: 500, onFailure: 'without' } as const;
  return createClaimsHook(settings, parts);
}

const consult = (hook: ClaimsHook) => hook.consult({ a: 1 }, ['read']);

describe('a hook that is down', () => {
  it('is left alone after five outages, for longer each time, and tried by one', async () => {
    let answer: Answer = err('unreachable');
    let asked = 0;
    const hook = hookOf(async () => {
      asked++;
      return answer;
    });
    for (let i = 0; i < limits.hookFailuresMax; i++) await consult(hook);
    expect(asked).toBe(5);
    expect(await consult(hook)).toEqual(err('resting'));
    expect(asked).toBe(5);
    clock.advanceMs(limits.hookRestMsMin);
    // One of the two tries, the other does not wait for what becomes of it.
    expect(await Promise.all([consult(hook), consult(hook)])).toEqual([
      err('unreachable'),
      err('resting'),
    ]);
    clock.advanceMs(limits.hookRestMsMin);
    expect(await consult(hook)).toEqual(err('resting'));
    clock.advanceMs(limits.hookRestMsMin);
    answer = nothing;
    expect(await consult(hook)).toMatchObject({ ok: true });
    expect(await Promise.all([consult(hook), consult(hook)])).toMatchObject([
      { ok: true },
      { ok: true },
    ]);
    expect(asked).toBe(9);
    expect(Object.fromEntries(hook.calls)).toEqual({ unreachable: 6, resting: 3, answered: 3 });
    expect(failures).toHaveLength(6);
  });

  it('rests no longer for those that were under way when it went down', async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    let answer = promise;
    const hook = hookOf(() => answer);
    const waiting = Array.from({ length: 50 }, () => consult(hook));
    resolve(err('timeout'));
    await Promise.all(waiting);
    answer = Promise.resolve(nothing);
    clock.advanceMs(limits.hookRestMsMin);
    expect(await consult(hook)).toMatchObject({ ok: true });
  });

  it('rests at most for half a minute', async () => {
    let asked = 0;
    const hook = hookOf(async () => {
      asked++;
      return err('timeout');
    });
    for (let i = 0; i < 20; i++) {
      await consult(hook);
      clock.advanceMs(limits.hookRestMsMax);
    }
    expect(asked).toBe(20);
  });

  it('is not the one that answers one question wrongly, or refuses', async () => {
    const hook = hookOf(async () => ok('{"refuse":{"reason":"no"},"scopes":["admin"]}'));
    for (let i = 0; i < 10; i++) expect(await consult(hook)).toEqual(err('wider_scope'));
    const refusing = hookOf(async () => ok('{"refuse":{"reason":"no"}}'));
    for (let i = 0; i < 10; i++) {
      expect(await consult(refusing)).toMatchObject({ value: { refused: 'no' } });
    }
    expect(Object.fromEntries(refusing.calls)).toEqual({ refused: 10 });
  });
});

it('holds so many requests at once and no more', async () => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const hook = hookOf(() => promise);
  const waiting = Array.from({ length: limits.hookCallsMax }, () => consult(hook));
  expect(await consult(hook)).toEqual(err('busy'));
  resolve(nothing);
  await Promise.all(waiting);
  expect(await consult(hook)).toMatchObject({ ok: true });
});

describe('a module', () => {
  it('is asked with a copy, and may answer nothing', async () => {
    const question = { list: [1] };
    const hook = withModule((given) => {
      (given['list'] as number[]).push(2);
    });
    expect(await hook.consult(question, [])).toMatchObject({ ok: true });
    expect(question).toEqual({ list: [1] });
  });

  it('answers as it would over the wire', async () => {
    const hook = withModule(async () => ({
      access_token: { since: new Date(0), gone: undefined },
    }));
    expect(await consult(hook)).toMatchObject({
      value: { accessToken: { since: '1970-01-01T00:00:00.000Z' } },
    });
  });

  const cycle: Record<string, unknown> = {};
  cycle['access_token'] = cycle;
  it.each<[string, ClaimsModule, HookFailure]>([
    ['throws', () => JSON.parse('{'), 'threw'],
    ['rejects', () => Promise.reject(new Error('x')), 'threw'],
    ['answers with a cycle', () => cycle, 'threw'],
    ['answers with a bigint', () => ({ access_token: { n: 1n } }), 'threw'],
    ['answers with a function', () => () => 1, 'malformed'],
    ['answers with what is reserved', () => ({ id_token: { sub: 'x' } }), 'reserved_claim'],
    [
      'answers with a prototype',
      () => JSON.parse('{"id_token":{"__proto__":{"a":1}}}'),
      'malformed',
    ],
  ])('that %s is a failure', async (_what, run, failure) => {
    expect(await consult(withModule(run))).toEqual(err(failure));
  });

  it('that throws tells what it threw, and no other failure tells anything', async () => {
    const broken = new Error('no such table');
    await consult(withModule(() => Promise.reject(broken)));
    await consult(withModule(() => () => 1));
    expect(thrown).toEqual([broken, undefined]);
  });

  it('that takes too long is left, and what it does then harms nobody', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const asked = consult(withModule(() => promise));
    await Promise.resolve();
    for (const ring of [...alarms]) ring();
    expect(await asked).toEqual(err('timeout'));
    reject(new Error('too late'));
    await promise.catch(() => undefined);
    expect(alarms).toEqual([]);
  });
});

it('has a hint that fits what went wrong', () => {
  expect(hintOf('threw')).toContain('mend the hook');
  expect(hintOf('unreachable')).toContain('claims_hook.url');
  expect(hintOf('malformed')).toContain('what it may answer');
});
