import { manualClock } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { buildRequest } from './management/request-builder.ts';
import { handleOperations, sharedCheck } from './operations.ts';

describe('sharedCheck', () => {
  it('asks once for all who ask at once, and again after a second', async () => {
    const clock = manualClock(0);
    const asked: ((fault?: Error) => void)[] = [];
    const check = sharedCheck(
      () =>
        new Promise((resolve, reject) => {
          asked.push((fault) => (fault === undefined ? resolve() : reject(fault)));
        }),
      clock,
    );
    const first = [check(), check()];
    clock.advanceMs(60_000);
    first.push(check());
    expect(asked).toHaveLength(1);
    asked[0]!();
    await Promise.all(first);
    clock.advanceMs(999);
    await check();
    expect(asked).toHaveLength(1);
    clock.advanceMs(1);
    const failing = check();
    asked[1]!(new Error('disk full'));
    await expect(failing).rejects.toThrow('disk full');
    await expect(check()).rejects.toThrow('disk full');
    clock.advanceMs(1_000);
    const mended = check();
    asked[2]!();
    await mended;
  });
});

describe('handleOperations', () => {
  const deps = { check: () => Promise.reject(new Error('/var/lib secret')) };

  it('says that it is not ready, and not why', async () => {
    const answer = await handleOperations(deps, buildRequest('GET', '/readyz'));
    expect(answer).toMatchObject({ status: 503, body: 'not ready\n' });
  });

  it.each(['/livez', '/readyz'])('only reads %s', async (path) => {
    expect(await handleOperations(deps, buildRequest('DELETE', path))).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
  });
});
