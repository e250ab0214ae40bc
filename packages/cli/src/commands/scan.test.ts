import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { limits, seededEntropy } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { run } from '../fake-ports.ts';

const entropy = seededEntropy(11);
let count = 0;

function make(kind: 'key' | 'cs' = 'key', prefix = 'mm'): { text: string; id: string } {
  count += 1;
  const id = String(count).padStart(17, '0');
  return buildSecretToken({ prefix, kind, id, entropy });
}

const root = new URL('../../../../', import.meta.url).pathname;
const schemaFile = join(root, 'vectors/sarif/sarif-schema-2.1.0.json');
const sarifSchema = z.fromJSONSchema(JSON.parse(readFileSync(schemaFile, 'utf8')));
const { text, id } = make();
/** Where git is. */
const systemPath = '/usr/local/bin:/usr/bin:/bin';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-scan-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

function git(...args: string[]): string {
  const who = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  const env = { PATH: systemPath, HOME: folder, GIT_CONFIG_SYSTEM: '/dev/null' };
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync('git', [...who, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: [...stdio],
  });
}

async function scan(...args: string[]) {
  const environment = { PATH: systemPath, HOME: folder };
  const done = await run(['scan', '--json', ...args], { environment });
  return { ...done, answer: JSON.parse(done.out || done.err) };
}

const pathsOf = (answer: { findings: { path: string }[] }): string[] =>
  answer.findings.map((one) => one.path.replace(`${folder}/`, ''));

describe('mintmark scan, files', () => {
  it('finds tokens in hidden, ignored and binary files, and says where', async () => {
    write('.gitignore', 'secret.env\n');
    write('.hidden/secret.env', `a=1\nKEY=${text}\n`);
    write('image.bin', Buffer.concat([Buffer.alloc(99, 10), Buffer.from(`\0${text}\xff`)]));
    write('deep/er/clean.txt', 'nothing');
    const { exit, answer, out } = await scan(folder);
    expect(exit).toBe(1);
    expect(pathsOf(answer)).toEqual(['image.bin', '.hidden/secret.env']);
    expect(answer.findings[1]).toMatchObject({ line: 2, column: 5, offset: 8, id, kind: 'key' });
    expect(answer.findings[0]).toMatchObject({ line: 100, column: 2 });
    expect(out).not.toContain(text);
  });

  it('ends with 0 where there is none', async () => {
    write('clean.txt', `${text.slice(0, -1)}!`);
    const { exit, answer } = await scan(folder);
    expect([exit, answer.findings]).toEqual([0, []]);
  });

  it('shows the place, the id and the last four characters, and never the token', async () => {
    write('a.txt', `${text} ${Buffer.from(`user:${text}`).toString('base64')}`);
    const { exit, out } = await run(['scan', join(folder, 'a.txt')]);
    expect(exit).toBe(1);
    expect(out).toContain(`a.txt:1:1  API key mm_key_${id}…${text.slice(-4)}`);
    expect(out).toContain('(in base64)');
    expect(out).not.toContain(text);
  });

  it('finds a token wherever the pieces end in which a file is read', async () => {
    for (let before = 0; before <= text.length; before++) {
      write('big', `${'\n'.repeat(limits.scanPieceBytes - before)}${text}\nrest`);
      const { answer } = await scan(folder);
      expect(answer.findings).toHaveLength(1);
      expect(answer.findings[0].line).toBe(limits.scanPieceBytes - before + 1);
      expect(answer.findings[0].column).toBe(1);
    }
  });

  it('takes known tokens, other prefixes and excluded paths out', async () => {
    const other = make('key', 'acme');
    write('a.txt', `${text}\n${other.text}`);
    write('b/c.txt', text);
    write('known', `# revoked in March\n${id} # ci\n`);
    const byPrefix = await scan(folder, '--prefix', 'acme');
    expect(byPrefix.answer.findings.map((one: { id: string }) => one.id)).toEqual([other.id]);
    const byKnown = await scan(folder, '--known', join(folder, 'known'));
    expect(byKnown.answer.findings.map((one: { id: string }) => one.id)).toEqual([other.id]);
    const byGlob = await scan(folder, '--exclude', '**/b', '**/known');
    expect(pathsOf(byGlob.answer)).toEqual(['a.txt', 'a.txt']);
  });

  it('follows no link, opens no archive, and counts what it did not open', async () => {
    write('a.zip', Buffer.from('504b0304aaaa', 'hex'));
    symlinkSync(folder, join(folder, 'loop'));
    const { exit, answer } = await scan(folder);
    expect([exit, answer.archives_not_opened, answer.scanned.places]).toEqual([0, 1, 1]);
    expect((await run(['scan', folder])).out).toContain('not opened, or not all 1 compressed');
  });

  it('reads standard input as it comes', async () => {
    const { exit, out } = await run('scan -', { input: `${'x'.repeat(70)}\nkey ${text}` });
    expect(exit).toBe(1);
    expect(out).toContain('-:2:5');
  });

  it('refuses what it cannot do, and does not look clean where it could not read', async () => {
    expect((await run('scan --prefix M!')).exit).toBe(2);
    expect((await run('scan --history --staged')).exit).toBe(2);
    expect((await scan(join(folder, 'missing'))).answer.error.code).toBe('path_unreadable');
    expect((await scan(folder, '--known', join(folder, 'no'))).exit).toBe(3);
    write('locked', 'x');
    const { exit, answer } = await scan(join(folder, 'locked'), '--history');
    expect([exit, answer.error.code]).toEqual([3, 'git_failed']);
  });
});

describe('mintmark scan, repositories', () => {
  beforeEach(() => git('init', '-q', '-b', 'main'));

  it('finds what a commit once held, with the first commit and path', async () => {
    write('clean.txt', 'one');
    git('add', '.');
    git('commit', '-qm', 'one');
    write('config/secret one.txt', text);
    git('add', '.');
    git('commit', '-qm', 'two');
    const second = git('rev-parse', 'HEAD').trim();
    git('mv', 'config/secret one.txt', 'moved.txt');
    git('commit', '-qm', 'three');
    rmSync(join(folder, 'moved.txt'));
    git('commit', '-qam', 'four');
    git('gc', '-q');
    const { exit, answer } = await scan(folder, '--history');
    expect(exit).toBe(1);
    expect(answer.findings).toHaveLength(1);
    expect(answer.findings[0]).toMatchObject({
      path: 'config/secret one.txt',
      commit: second,
      line: 1,
    });
    expect((await scan(folder)).exit).toBe(0);
  });

  it('finds what another branch, a tag, a merge or a message holds', async () => {
    write('a.txt', 'a');
    git('add', '.');
    git('commit', '-qm', 'one');
    git('checkout', '-qb', 'side');
    write('side.txt', make().text);
    git('add', '.');
    git('commit', '-qm', `side ${make().text}`);
    git('checkout', '-q', 'main');
    write('main.txt', 'm');
    git('add', '.');
    git('commit', '-qm', 'two');
    git('merge', '-q', '--no-ff', '--no-commit', 'side');
    write('evil.txt', make().text);
    git('add', '.');
    git('commit', '-qm', 'merge');
    git('tag', '-am', `v1 ${make().text}`, 'v1');
    const { answer } = await scan(folder, '--history');
    const found = pathsOf(answer).sort();
    expect(found).toEqual(['(commit message)', '(tag message)', 'evil.txt', 'side.txt']);
    expect(answer.findings.every((one: { commit?: string }) => one.commit !== undefined)).toBe(
      true,
    );
  });

  it('looks at what the next commit brings, before the first one too', async () => {
    write('staged.txt', text);
    git('add', '.');
    write('loose.txt', text);
    expect(pathsOf((await scan(folder, '--staged')).answer)).toEqual(['staged.txt']);
    git('commit', '-qm', 'one');
    expect((await scan(folder, '--staged')).exit).toBe(0);
    write('more.txt', text);
    git('add', 'more.txt');
    expect(pathsOf((await scan(folder, '--staged')).answer)).toEqual(['more.txt']);
  });

  it('leaves out what git ignores only where it is told so', async () => {
    write('.gitignore', 'out/\n');
    write('out/secret', text);
    write('new.txt', text);
    write('gone.txt', text);
    git('add', 'gone.txt');
    rmSync(join(folder, 'gone.txt'));
    expect(pathsOf((await scan(folder)).answer)).toContain('out/secret');
    expect(pathsOf((await scan(folder, '--gitignore')).answer)).toEqual(['new.txt']);
  });

  it.each([
    ['gpg.program', 'log.showSignature=true'],
    ['core.fsmonitor'],
    ['diff.external'],
    ['diff.own.command'],
    ['diff.own.textconv'],
    ['filter.own.clean'],
    ['filter.own.process', 'filter.own.required=true'],
    ['core.pager', 'pager.log=true'],
    ['core.sshCommand', 'remote.origin.url=ssh://host.example/x', 'protocol.ssh.allow=always'],
    ['remote.origin.uploadpack', 'remote.origin.url=/', 'protocol.file.allow=always'],
    ['alias.log'],
    ['alias.rev-list'],
    ['core.hooksPath'],
  ])('starts nothing that the repository names as its %s', async (name, ...more) => {
    const ran = join(folder, '.git/ran');
    write('.gitattributes', '*.txt diff=own filter=own\n');
    write('a.txt', text);
    git('add', '.');
    git('commit', '-qm', 'one');
    // Signed by whomever.
    const signed = git('cat-file', 'commit', 'HEAD').replace(
      '\n\n',
      '\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n',
    );
    write('.git/signed', signed);
    const id = git('hash-object', '-t', 'commit', '-w', '.git/signed').trim();
    git('update-ref', 'HEAD', id);
    write('b.txt', make().text);
    git('add', '.');
    git('commit', '-qm', 'two');
    const lost = git('rev-parse', 'HEAD:b.txt').trim();
    write('c.txt', make().text);
    git('add', 'c.txt');
    write('.git/hooks/script', `#!/bin/sh\ntouch ${ran}\n`);
    chmodSync(join(folder, '.git/hooks/script'), 0o755);
    copyFileSync(join(folder, '.git/hooks/script'), join(folder, '.git/hooks/post-index-change'));
    const script = join(folder, '.git/hooks', name === 'core.hooksPath' ? '' : 'script');
    git('config', name, name.startsWith('alias.') ? `!${script}` : script);
    for (const one of more) git('config', ...(one.split('=') as [string, string]));
    if (more.some((one) => one.startsWith('remote.'))) {
      // An object that only another place has.
      git('config', 'core.repositoryFormatVersion', '1');
      git('config', 'extensions.partialClone', 'origin');
      git('config', 'remote.origin.promisor', 'true');
      rmSync(join(folder, '.git/objects', lost.slice(0, 2), lost.slice(2)));
    }
    // Another moment of the files than the index knows: whoever compares them must read them.
    utimesSync(join(folder, 'a.txt'), 1, 1);
    for (const flag of ['--staged', '--history', '--gitignore']) await scan(folder, flag);
    expect(existsSync(ran)).toBe(false);
  });

  it('starts no program that the repository names, and says where history is cut off', async () => {
    write('a.txt', text);
    git('add', '.');
    git('commit', '-qm', 'one');
    git('config', 'core.fsmonitor', `touch ${folder}/ran; false`);
    await scan(folder, '--staged');
    await scan(folder, '--history');
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    git('rm', '-q', 'a.txt');
    git('commit', '-qm', 'two');
    execFileSync('git', ['clone', '-q', '--depth', '1', `file://${folder}`, 'cut'], {
      cwd: folder,
    });
    const { exit, answer } = await scan(join(folder, 'cut'), '--history');
    expect([exit, answer.unreadable]).toEqual([3, [{ path: 'history', reason: 'shallow clone' }]]);
  });
});

describe('mintmark scan, SARIF', () => {
  it('writes what the published schema allows', async () => {
    write('dir/a b.txt', `${text}\n${make('cs').text}`);
    const { exit, out } = await run(['scan', '--sarif', folder]);
    expect(exit).toBe(1);
    const sarif = JSON.parse(out);
    expect(sarifSchema.safeParse(sarif).error).toBeUndefined();
    const [first, second] = sarif.runs[0].results;
    expect(first.partialFingerprints).toEqual({ 'mintmarkTokenId/v1': `mm_key_${id}` });
    expect(second.ruleId).toBe('leaked-cs');
    const { artifactLocation, region } = first.locations[0].physicalLocation;
    expect(artifactLocation.uri).toMatch(/^file:.*\/dir\/a%20b\.txt$/);
    expect(region).toMatchObject({ startLine: 1, startColumn: 1, byteLength: text.length });
    expect(out).not.toContain(text);
    // The schema is one that can say no.
    sarif.runs[0].results[0].message = 'text';
    expect(sarifSchema.safeParse(sarif).success).toBe(false);
  });
});

describe('mintmark scan --report', () => {
  it('shows the server each token of its own once, and nobody else’s', async () => {
    write('a.txt', `${text} ${text} ${make('key', 'acme').text}`);
    const answer = [{ token_hash: 'x', token_type: 'mintmark_key', label: 'true_positive' }];
    const server = () => new Response(JSON.stringify(answer));
    const { exit, out, sent } = await run(['scan', '--report', folder], { server });
    expect(sent.map(({ url }) => url.replace(/^.*\/leaks/, '/leaks'))).toEqual(['/leaks/report']);
    const source = join(folder, 'a.txt');
    expect(sent[0]?.body).toEqual([{ token: text, type: 'mintmark_key', source }]);
    expect([exit, out]).toEqual([1, expect.stringContaining('1 are of this server')]);
    expect(out).toContain('1 are of other installations, and were not sent');
    expect(out).not.toContain(text);
  });

  it('says which of them the server does not know', async () => {
    write('a.txt', text);
    const server = () => new Response(JSON.stringify([{ label: 'false_positive' }]));
    const { out } = await run(['scan', '--report', folder], { server });
    expect(out).toContain('reported: 0 are of this server');
    expect(out).toContain('1 are unknown there');
  });

  it('shows what was found also where the server does not take it', async () => {
    write('a.txt', text);
    const server = () => new Response('{"error":"too_many_failures"}', { status: 429 });
    const { exit, out } = await run(['scan', '--report', folder], { server });
    expect([exit, out]).toEqual([
      3,
      expect.stringContaining('not all reported: too_many_failures'),
    ]);
    expect(out).toContain('a.txt:1:1');
    rmSync(join(folder, 'a.txt'));
    const clean = await run(['scan', '--report', folder], { server });
    expect([clean.exit, clean.sent]).toEqual([0, []]);
  });
});

describe('examples/scan', () => {
  const bin = join(root, 'packages/cli/bin/mintmark.mjs');

  function shell(command: string, args: readonly string[] = []) {
    const own = join(folder, '.bin');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'mintmark'), `#!/bin/sh\nexec ${process.execPath} ${bin} "$@"\n`);
    chmodSync(join(own, 'mintmark'), 0o755);
    const env = { PATH: [own, systemPath].join(delimiter), HOME: folder };
    return spawnSync(command, args, { cwd: folder, encoding: 'utf8', env });
  }

  it('stop a commit, and fail a job, that bring a token in', () => {
    git('init', '-q', '-b', 'main');
    git('config', 'user.name', 'Test');
    git('config', 'user.email', 'test@example.com');
    copyFileSync(join(root, 'examples/scan/pre-commit'), join(folder, '.git/hooks/pre-commit'));
    write('a.txt', 'clean');
    git('add', 'a.txt');
    expect(shell('git', ['commit', '-qm', 'one']).status).toBe(0);
    expect(shell(join(root, 'examples/scan/ci.sh')).status).toBe(0);
    write('b.txt', text);
    git('add', 'b.txt');
    const stopped = shell('git', ['commit', '-qm', 'two']);
    expect([stopped.status, stopped.stderr]).toEqual([1, expect.stringContaining('b.txt:1:1')]);
    expect(shell('git', ['commit', '-qnm', 'two']).status).toBe(0);
    expect(shell(join(root, 'examples/scan/ci.sh')).status).toBe(1);
    expect(readFileSync(join(folder, 'leaks.sarif'), 'utf8')).toContain(id);
    write('.mintmark-known', `${id}\n`);
    expect(shell(join(root, 'examples/scan/ci.sh')).status).toBe(0);
  }, 30_000);
});
