import { describe, expect, it } from 'vitest';
import { createSlowHashQueue } from './slow-hash-queue.ts';

function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe('createSlowHashQueue', () => {
  it('runs few at once, lets few wait, and turns the rest away', async () => {
    const queue = createSlowHashQueue({ concurrencyMax: 2, queueMax: 3 });
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await opened;
      running--;
      return 'done';
    };
    const all = Array.from({ length: 8 }, () => queue.run(work));
    open();
    const results = await Promise.all(all);
    expect(results.filter((one) => one === 'done')).toHaveLength(5);
    expect(results.filter((one) => one === 'busy')).toHaveLength(3);
    expect(most).toBe(2);
  });

  it('gives the place back after a failure', async () => {
    const queue = createSlowHashQueue({ concurrencyMax: 1, queueMax: 0 });
    await expect(queue.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await queue.run(async () => 'done')).toBe('done');
  });
});
