import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSecretReference } from './unlock.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mintmark-unlock-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('reads a secret from a private file without its final newline', async () => {
  const path = join(folder, 'passphrase');
  for (const [content, secret] of [
    ['correct horse\n', 'correct horse'],
    ['correct horse\r\n', 'correct horse'],
    ['correct horse\n\n', 'correct horse\n'],
    ['correct horse', 'correct horse'],
  ] as const) {
    await writeFile(path, content, { mode: 0o600 });
    const bytes = await readSecretReference(`file:${path}`, {});
    expect(Buffer.from(bytes).toString()).toBe(secret);
  }
});

it('refuses a secret file that others can read', async () => {
  const path = join(folder, 'passphrase');
  await writeFile(path, 'correct horse');
  await chmod(path, 0o644);
  await expect(readSecretReference(`file:${path}`, {})).rejects.toMatchObject({
    code: 'custody_permissions',
    hint: `chmod 600 ${path}`,
  });
});

it('reads a secret from the environment it is given', async () => {
  const bytes = await readSecretReference('env:PASS', { PASS: 'correct horse' });
  expect(Buffer.from(bytes).toString()).toBe('correct horse');
});

it.each(['env:MISSING', 'env:EMPTY', 'correct horse'])(
  'refuses the reference %s without repeating it',
  async (reference) => {
    const fault = await readSecretReference(reference, { EMPTY: '' }).catch((cause) => cause);
    expect(fault.code).toBe('custody_reference');
    expect(fault.message).not.toContain('horse');
  },
);
