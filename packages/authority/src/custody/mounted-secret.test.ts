import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeMounted } from './mounted-secret.ts';
import { readPrivateFile } from './private-file.ts';

let mount: string;
let path: string;

/** As Kubernetes lays a secret out. */
beforeEach(async () => {
  mount = await mkdtemp(join(tmpdir(), 'mintmark-mount-'));
  path = join(mount, 'key');
  await mkdir(join(mount, '..2026_01'), { mode: 0o755 });
  await writeFile(join(mount, '..2026_01', 'key'), 'secret', { mode: 0o400 });
  await symlink('..2026_01', join(mount, '..data'));
  await symlink('..data/key', path);
});
afterEach(() => rm(mount, { recursive: true }));

async function read(mounted = true): Promise<string> {
  const options = { what: 'key file', bytesMax: 32, ...(mounted && ({ mounted: true } as const)) };
  try {
    return Buffer.from((await readPrivateFile(path, options)).bytes).toString();
  } catch (fault) {
    return (fault as { code: string }).code;
  }
}

describe('a mounted secret', () => {
  it('is read through its links, also in a sticky folder that all may add to', async () => {
    expect(await read()).toBe('secret');
    await chmod(mount, 0o1777);
    expect(await read()).toBe('secret');
  });

  it('is refused where the caller did not say that it may be one', async () => {
    expect(await read(false)).toBe('custody_symlink');
  });

  it.each([
    ['the folder of the first link', '.'],
    ['the folder that the second one names', '..2026_01'],
  ])('is refused where others could replace what is in %s', async (_title, folder) => {
    await chmod(join(mount, folder), 0o777);
    expect(await read()).toBe('custody_symlink');
    await chmod(join(mount, folder), 0o770);
    expect(await read()).toBe('custody_symlink');
  });

  it('is refused where the file behind it is open to others', async () => {
    await chmod(join(mount, '..2026_01', 'key'), 0o444);
    expect(await read()).toBe('custody_permissions');
  });

  it('is refused where it leads nowhere, in a circle, or to a folder', async () => {
    await rm(join(mount, '..2026_01', 'key'));
    expect(await read()).toBe('custody_missing');
    await mkdir(join(mount, '..2026_01', 'key'));
    expect(await read()).toBe('custody_malformed');
    await rm(path);
    await symlink('key', path);
    expect(await read()).toBe('custody_symlink');
  });

  it.each([
    [1000, 0o400, undefined],
    [1000, 0o600, undefined],
    [0, 0o440, undefined],
    [1000, 0o440, 'custody_permissions'],
    [0, 0o460, 'custody_permissions'],
    [0, 0o404, 'custody_permissions'],
    [2000, 0o400, 'custody_owner'],
  ] as const)('of account %i with mode %i is judged %s', (uid, mode, code) => {
    const stats = { uid, mode: 0o100000 | mode, isFile: () => true };
    const judged = judgeMounted({ stats, path, what: 'key file', self: 1000 });
    expect(judged?.code).toBe(code);
  });
});
