import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addToLimit, type LimitRule, type LimitState, spendLimit } from './limiter.ts';

const rules = fc.oneof(
  fc.record({
    kind: fc.constant('window' as const),
    quota: fc.integer({ min: 1, max: 20 }),
    windowMs: fc.integer({ min: 1, max: 5_000 }),
  }),
  fc
    .record({
      quota: fc.integer({ min: 1, max: 20 }),
      windowMs: fc.integer({ min: 1, max: 5_000 }),
    })
    .map(({ quota, windowMs }) => ({ kind: 'rate' as const, quota, windowMs, burst: quota })),
);
const calls = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 2_000 }), cost: fc.integer({ min: 0, max: 5 }) }),
  { maxLength: 60 },
);

interface Accepted {
  readonly nowMs: number;
  readonly cost: number;
}

/** @returns what was let through, and for each call whether it was */
function run(
  rule: LimitRule,
  made: readonly { readonly afterMs: number; readonly cost: number }[],
) {
  let state: LimitState | undefined;
  let nowMs = 1_000_000;
  const accepted: Accepted[] = [];
  const answers = made.map(({ afterMs, cost }) => {
    nowMs += afterMs;
    const look = spendLimit(rule, state, { nowMs, cost });
    if (look.isAllowed) accepted.push({ nowMs, cost });
    else expect(look.state).toEqual(state ?? []);
    state = look.state;
    return { nowMs, cost, ...look };
  });
  return { accepted, answers };
}

/** Of what was let through in the window that ends at the moment, that moment included. */
function within(accepted: readonly Accepted[], endMs: number, windowMs: number): number {
  return accepted
    .filter(({ nowMs }) => nowMs <= endMs && nowMs > endMs - windowMs)
    .reduce((sum, { cost }) => sum + cost, 0);
}

describe('a limit', () => {
  it('never denies who stays within the quota in every window', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        const { answers } = run(rule, made);
        const before: Accepted[] = [];
        for (const { nowMs, cost, isAllowed } of answers) {
          const used = within(before, nowMs, rule.windowMs);
          if (used + cost <= rule.quota && rule.kind === 'window') expect(isAllowed).toBe(true);
          if (isAllowed) before.push({ nowMs, cost });
        }
      }),
    );
  });

  it('never denies a rate whose every window holds at most the quota', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        let nowMs = 0;
        const moments = made.map(({ afterMs, cost }) => {
          nowMs += afterMs;
          return { nowMs, cost };
        });
        const isModest = moments.every(({ nowMs: at }) => {
          return within(moments, at, rule.windowMs) <= rule.quota;
        });
        if (!isModest) return;
        expect(run(rule, made).answers.every(({ isAllowed }) => isAllowed)).toBe(true);
      }),
    );
  });

  it('lets through no more than the quota in a window, but for one slot of it', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        const { accepted } = run(rule, made);
        const slotMs = Math.max(1, Math.floor(rule.windowMs / 60));
        for (const { nowMs } of accepted) {
          const most =
            rule.kind === 'window'
              ? within(accepted, nowMs, rule.windowMs - 2 * slotMs)
              : within(accepted, nowMs, rule.windowMs) - rule.quota;
          expect(most).toBeLessThanOrEqual(rule.quota);
        }
      }),
    );
  });

  it('is open again when it said it would be, and not before', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        const { answers } = run(rule, made);
        const last = answers.at(-1);
        if (last === undefined || last.isAllowed || last.retryMs === Number.POSITIVE_INFINITY)
          return;
        const at = (waitMs: number) =>
          spendLimit(rule, last.state, { nowMs: last.nowMs + waitMs, cost: last.cost }).isAllowed;
        expect(at(last.retryMs)).toBe(true);
        if (last.retryMs > 1) expect(at(last.retryMs - 1)).toBe(false);
      }),
    );
  });

  it('says what remains, and when all of it is back', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        for (const { nowMs, state, remaining, resetMs } of run(rule, made).answers) {
          const now = { nowMs, cost: remaining };
          expect(spendLimit(rule, state, now).isAllowed).toBe(true);
          expect(spendLimit(rule, state, { nowMs, cost: remaining + 1 }).isAllowed).toBe(false);
          const later = { nowMs: nowMs + resetMs, cost: rule.quota };
          expect(spendLimit(rule, state, later).isAllowed).toBe(true);
        }
      }),
    );
  });

  it('is as before once a cost is given back', () => {
    fc.assert(
      fc.property(rules, calls, (rule, made) => {
        const last = run(rule, made).answers.at(-1);
        if (last === undefined || !last.isAllowed) return;
        const { nowMs, cost } = last;
        const state = addToLimit(rule, last.state, { nowMs, spentMs: nowMs, cost: -cost });
        const again = spendLimit(rule, state, { nowMs: last.nowMs, cost: last.cost });
        expect(again).toMatchObject({ isAllowed: true, remaining: last.remaining });
      }),
    );
  });

  it('knows what never fits', () => {
    const spent = { nowMs: 5, cost: 4 };
    const window = { kind: 'window', quota: 3, windowMs: 60_000 } as const;
    expect(spendLimit(window, undefined, spent).retryMs).toBe(Number.POSITIVE_INFINITY);
    const rate = { ...window, kind: 'rate', burst: 3 } as const;
    expect(spendLimit(rate, undefined, spent).retryMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('gives nothing back where a clock goes back', () => {
    for (const rule of [
      { kind: 'window', quota: 1, windowMs: 60_000 },
      { kind: 'rate', quota: 1, windowMs: 60_000, burst: 1 },
    ] as const) {
      const { state } = spendLimit(rule, undefined, { nowMs: 1_000_000, cost: 1 });
      expect(spendLimit(rule, state, { nowMs: 100, cost: 1 }).isAllowed).toBe(false);
      expect(spendLimit(rule, state, { nowMs: 1_060_000, cost: 1 }).isAllowed).toBe(true);
    }
  });
});

describe('what is added without asking', () => {
  it('counts as if it had been asked for, where it would have been allowed', () => {
    fc.assert(
      fc.property(rules, calls, fc.integer({ min: 0, max: 500 }), (rule, made, lateMs) => {
        const { answers } = run(rule, made);
        const last = answers.at(-1);
        if (last === undefined) return;
        const nowMs = last.nowMs + lateMs;
        const asked = spendLimit(rule, last.state, { nowMs, cost: 1 });
        if (!asked.isAllowed) return;
        const added = addToLimit(rule, last.state, { nowMs, spentMs: nowMs, cost: 1 });
        expect(added).toEqual(asked.state);
      }),
    );
  });

  it('counts from when it was spent, and not at all where that has left the window', () => {
    const rule = { kind: 'window', quota: 5, windowMs: 60_000 } as const;
    const added = addToLimit(rule, undefined, { nowMs: 600_000, spentMs: 570_000, cost: 5 });
    const at = (nowMs: number) => spendLimit(rule, added, { nowMs, cost: 5 }).isAllowed;
    expect([at(629_000), at(631_000)]).toEqual([false, true]);
    const old = addToLimit(rule, undefined, { nowMs: 600_000, spentMs: 500_000, cost: 5 });
    expect(spendLimit(rule, old, { nowMs: 600_000, cost: 5 }).isAllowed).toBe(true);
  });

  it('may be more than there is room for, and is owed then', () => {
    const rule = { kind: 'rate', quota: 1, windowMs: 1_000, burst: 2 } as const;
    const owed = addToLimit(rule, undefined, { nowMs: 0, spentMs: 0, cost: 5 });
    expect(spendLimit(rule, owed, { nowMs: 0, cost: 1 })).toMatchObject({
      ...{ isAllowed: false, remaining: 0, retryMs: 4_000 },
    });
    const most = { nowMs: 0, spentMs: 0, cost: 1e12 };
    expect(addToLimit({ ...rule, windowMs: 86_400_000 }, owed, most)[1]).toBe(2 ** 53 - 1);
  });
});

describe('a quota of the calendar', () => {
  const day = { kind: 'calendar', quota: 3, period: 'day', offsetMinutes: 0 } as const;
  const noon = Date.UTC(2026, 1, 27, 12);

  it('is there again when its period ends, and says so', () => {
    const look = spendLimit(day, undefined, { nowMs: noon, cost: 3 });
    expect(look).toMatchObject({ isAllowed: true, remaining: 0, resetMs: 12 * 3_600_000 });
    const denied = spendLimit(day, look.state, { nowMs: noon + 1, cost: 1 });
    expect(denied).toMatchObject({ isAllowed: false, retryMs: 12 * 3_600_000 - 1 });
    const midnight = Date.UTC(2026, 1, 28);
    const at = (nowMs: number) => spendLimit(day, look.state, { nowMs, cost: 3 }).isAllowed;
    expect([at(midnight - 1), at(midnight)]).toEqual([false, true]);
    const never = spendLimit(day, undefined, { nowMs: noon, cost: 4 });
    expect(never).toMatchObject({ isAllowed: false, retryMs: Number.POSITIVE_INFINITY });
  });

  it.each([
    ['day', 0, Date.UTC(2026, 1, 27), Date.UTC(2026, 1, 28)],
    ['day', 330, Date.UTC(2026, 1, 26, 18, 30), Date.UTC(2026, 1, 27, 18, 30)],
    ['day', -720, Date.UTC(2026, 1, 27, 12), Date.UTC(2026, 1, 28, 12)],
    ['month', 0, Date.UTC(2026, 1, 1), Date.UTC(2026, 2, 1)],
    ['month', 60, Date.UTC(2026, 0, 31, 23), Date.UTC(2026, 1, 28, 23)],
  ] as const)('of a %s begins %i minutes before UTC does', (period, offset, start, end) => {
    const rule = { ...day, period, offsetMinutes: offset };
    const { state, resetMs } = spendLimit(rule, undefined, { nowMs: noon, cost: 1 });
    expect(state).toEqual([start, 1]);
    expect(noon + resetMs).toBe(end);
  });

  it('gives nothing back where the clock goes back over its beginning', () => {
    const { state } = spendLimit(day, undefined, { nowMs: Date.UTC(2026, 1, 28, 0, 1), cost: 3 });
    const back = { nowMs: noon, cost: 1 };
    expect(spendLimit(day, state, back).isAllowed).toBe(false);
  });

  it('takes nothing back that was spent in the period before', () => {
    const [spentMs, nowMs] = [noon, noon + 86_400_000];
    const { state } = spendLimit(day, undefined, { nowMs, cost: 2 });
    expect(addToLimit(day, state, { nowMs, spentMs, cost: -2 })).toEqual(state);
    expect(addToLimit(day, state, { nowMs, spentMs: nowMs, cost: -2 })[1]).toBe(0);
  });
});
