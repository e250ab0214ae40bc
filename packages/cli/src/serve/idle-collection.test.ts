import { describe, expect, it } from 'vitest';
import { collectWhenIdle } from './idle-collection.ts';

function bed() {
  let tick = (): void => undefined;
  let collected = 0;
  const idle = collectWhenIdle({
    timers: {
      after: () => () => undefined,
      every: (_ms, run) => {
        tick = run;
        return () => undefined;
      },
    },
    collectGarbage: () => {
      collected += 1;
    },
  });
  return { idle, tick: () => tick(), collected: () => collected };
}

describe('collectWhenIdle', () => {
  it('collects once, after a whole interval without a request', () => {
    const { idle, tick, collected } = bed();
    idle.asked('/oauth2/token');
    tick();
    expect(collected()).toBe(0);
    tick();
    expect(collected()).toBe(1);
    for (let i = 0; i < 5; i++) tick();
    expect(collected()).toBe(1);
  });

  it('leaves a busy server alone', () => {
    const { idle, tick, collected } = bed();
    for (let i = 0; i < 5; i++) {
      idle.asked('/oauth2/token');
      tick();
    }
    expect(collected()).toBe(0);
  });

  it('does not take probes for work', () => {
    const { idle, tick, collected } = bed();
    for (const path of ['/livez', '/readyz']) idle.asked(path);
    tick();
    tick();
    expect(collected()).toBe(0);
  });
});
