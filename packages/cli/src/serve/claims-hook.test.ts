import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, seededEntropy } from '@mintmark/core';
import { afterAll, describe, expect, it } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { openClaimsHook } from './claims-hook.ts';

const folder = mkdtempSync(join(tmpdir(), 'mintmark-'));
afterAll(() => rmSync(folder, { recursive: true }));

const invalid = { code: 'claims_hook_invalid' };
const secret = 'a secret of thirty-two bytes or more';

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function open(section: Record<string, unknown>, environment: Record<string, string> = {}) {
  const ports = { environment, clock: manualClock(0), entropy: seededEntropy(1) };
  const config = configSchema.parse({ claims_hook: section }).claims_hook;
  return openClaimsHook(ports, config, { send: () => Promise.reject(new Error('not asked')) });
}

describe('the claims hook of a configuration', () => {
  it('is none unless one is named', async () => {
    expect(await open({})).toBeUndefined();
  });

  it('is a TypeScript file, which is loaded at the start', async () => {
    const text =
      'export default (q: { subject: string }) => ({ access_token: { me: q.subject } });';
    const hook = await open({ module: fileOf('good.ts', text) });
    expect(hook).toMatchObject({ deadlineMs: 500, onFailure: 'refuse' });
    expect(await hook?.source({ subject: 's' }, 500)).toEqual({
      ok: true,
      value: '{"access_token":{"me":"s"}}',
    });
  });

  it('is a URL with a secret', async () => {
    const section = { url: 'https://hook.example/claims', secret: 'env:HOOK' };
    expect(await open({ ...section, on_failure: 'without' }, { HOOK: secret })).toMatchObject({
      onFailure: 'without',
    });
  });

  it('says how a secret is made that is not there, and nothing more of other faults', async () => {
    const url = 'https://hook.example/claims';
    const file = join(folder, 'absent');
    await expect(open({ url, secret: `file:${file}` })).rejects.toMatchObject({
      ...invalid,
      message: `claims_hook: there is no secret ${file}`,
      hint: `make one: openssl rand -hex 32 > ${file}; chmod 600 ${file}`,
    });
    const fault = { code: 'custody_reference' };
    await expect(open({ url, secret: 'env:ABSENT' })).rejects.toMatchObject(fault);
  });

  it.each<[string, Record<string, unknown>]>([
    ['both', { url: 'https://hook.example/', secret: 'env:HOOK', module: 'x.ts' }],
    ['a URL without secret', { url: 'https://hook.example/' }],
    ['a secret that is too short', { url: 'https://hook.example/', secret: 'env:SHORT' }],
    ['a file that is not there', { module: join(folder, 'gone.ts') }],
    ['a file that does not run', { module: fileOf('broken.ts', 'throw new Error("x");') }],
    ['a file without function', { module: fileOf('empty.ts', 'export default 1;') }],
  ])('is refused: %s', async (_what, section) => {
    await expect(open(section, { HOOK: secret, SHORT: 'x' })).rejects.toMatchObject(invalid);
  });
});
