import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stageRelease } from './release.ts';

/** What a stranger does: an empty project, and the tarballs. */
describe('the staged release', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mintmark-release-'));
  const project = join(folder, 'project');

  function run(command: string, args: readonly string[]): string {
    const done = spawnSync(command, args, { cwd: project, encoding: 'utf8' });
    expect(`${done.status} ${done.stdout} ${done.stderr}`).toMatch(/^0 /);
    return done.stdout.trim();
  }

  function script(name: string, text: string): string {
    writeFileSync(join(project, name), text);
    return run('node', [name]);
  }

  beforeAll(() => {
    const tarballs = stageRelease(join(folder, 'release'));
    spawnSync('mkdir', ['-p', project]);
    writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
    run('npm', ['install', '--no-audit', '--no-fund', ...tarballs]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs as a command', () => {
    expect(run(join('node_modules', '.bin', 'mintmark'), ['--version'])).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('lets a program import an engine', () => {
    const text = `
      import { base64urlEncode } from '@mintmark/core';
      import { systemEntropy } from '@mintmark/core/system';
      import { parseSecretToken } from '@mintmark/tokens';
      console.log(base64urlEncode(systemEntropy.bytes(3)).length, typeof parseSecretToken);
    `;
    expect(script('engine.mjs', text)).toBe('4 function');
  });

  it('brings declarations that a strict compiler accepts', () => {
    const text = `
      import { parseSecretToken } from '@mintmark/tokens';
      const parsed: ReturnType<typeof parseSecretToken> = parseSecretToken('nonsense', 'mm');
      // @ts-expect-error a refusal has no value
      parsed.value;
    `;
    writeFileSync(join(project, 'use.ts'), text);
    const modules = new URL('../node_modules/', import.meta.url).pathname;
    const platform = ['--types', 'node', '--typeRoots', join(modules, '@types')];
    const language = ['--strict', '--module', 'nodenext', '--target', 'es2024'];
    run(join(modules, '.bin', 'tsc'), ['--noEmit', ...language, ...platform, 'use.ts']);
  });
});
