import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const main = new URL('./main.ts', import.meta.url).pathname;
/** As the C library does where the program has capabilities of its own. */
const forgetful = ['--import', 'data:text/javascript,delete process.env.GLIBC_TUNABLES'];

describe('a server', () => {
  it.each([
    ['heard', []],
    ['taken away', forgetful],
  ])('begins once more and not again where its wish is %s', (_what, flags) => {
    const args = [...flags, main, 'serve', '--help'];
    const done = spawnSync(process.execPath, args, { timeout: 10_000, encoding: 'utf8' });
    expect([done.status, done.signal]).toEqual([0, null]);
    expect(done.stdout).toContain('Usage: mintmark serve');
  });
});
