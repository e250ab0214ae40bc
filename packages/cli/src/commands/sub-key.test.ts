import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededEntropy } from '@mintmark/core';
import { buildSecretToken, derivationKeyOf, parseSubKey, verifySubKey } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { json, run, startMs } from '../fake-ports.ts';

const key = buildSecretToken({
  ...{ prefix: 'mm', kind: 'key', id: 'A'.repeat(17) },
  entropy: seededEntropy(5),
});
const derivationKey = derivationKeyOf({ keyId: key.id, secret: key.secret });
const input = `${key.text}\n`;
const root = fileURLToPath(new URL('../../../..', import.meta.url));

describe('mintmark key derive', () => {
  it('prints a sub-key that the key has signed, and asks nobody', async () => {
    const line = ['key', 'derive', '--expires-in', '15m', '--scope', 'read', '--method', 'get'];
    const options = ['--path-prefix', '/v1', '--label', 'job 7', '--starts-in', '1m'];
    const { out, exit, sent } = await run([...line, ...options], { input });
    expect({ exit, sent }).toEqual({ exit: 0, sent: [] });
    const parsed = parseSubKey(out.trim(), 'mm');
    if (!parsed.ok) throw new Error(parsed.refusal.reason);
    expect(verifySubKey(parsed.value, derivationKey).ok).toBe(true);
    expect(parsed.value.links[0]).toMatchObject({
      ...{ scopes: ['read'], methods: ['GET'], pathPrefix: '/v1', label: 'job 7' },
      issuedAt: startMs / 1000,
      notBefore: startMs / 1000 + 60,
      expiresAt: startMs / 1000 + 900,
    });
  });

  it('takes the key from a variable, and narrows a sub-key twice more', async () => {
    const environment = { JOB_KEY: key.text };
    let text = '';
    for (const [index, exit] of [0, 0, 0, 2].entries()) {
      const world = index === 0 ? { environment } : { input: text };
      const from = index === 0 ? ' --from-env JOB_KEY' : ' --stdin';
      const made = await run(`key derive --expires-in 15m${from}`, world);
      expect(made.exit).toBe(exit);
      if (exit === 0) text = made.out.trim();
    }
    expect(parseSubKey(text, 'mm')).toMatchObject({ ok: true, value: { links: [{}, {}, {}] } });
  });

  it('says what it made with --json', async () => {
    const { out } = await run('key derive --expires-in 1h --without-scopes --json', { input });
    expect(JSON.parse(out)).toMatchObject({
      sub_key: expect.stringMatching(/^mm_sub_/),
      key: key.id,
      links: [{ scopes: [], id: expect.stringContaining(`${key.id}.`) }],
    });
  });

  it.each([
    ['no key', 'key derive --expires-in 1h', 'hello'],
    ['too long a life', 'key derive --expires-in 91d', input],
    ['no span', 'key derive --expires-in soon', input],
    ['no span to its start', 'key derive --expires-in 1h --starts-in soon', input],
    ['two places', 'key derive --expires-in 1h --stdin --from-env X', input],
    ['a path that is none', 'key derive --expires-in 1h --path-prefix v1', input],
    ['nothing', 'key derive --expires-in 1h', ''],
  ])('refuses %s', async (_, line, text) => {
    expect((await run(line, { input: text })).exit).toBe(2);
  });

  it.each([
    ['--path-prefix v1', '--path-prefix has not its form', 'begins with /'],
    ['--address here', '--address has not its form', '192.0.2.0/24'],
    ['--expires-in 91d', '--expires-in has not its form', 'at most 90d'],
  ])('says what is wrong with %s', async (wrong, message, hint) => {
    const line = wrong.startsWith('--expires') ? wrong : `--expires-in 1h ${wrong}`;
    const { err } = await run(`key derive ${line}`, { input });
    for (const text of [message, hint]) expect(err).toContain(text);
  });

  it('says why nothing can be derived from what it was given, and repeats it nowhere', async () => {
    const admin = buildSecretToken({
      ...{ prefix: 'mm', kind: 'admin', id: 'A'.repeat(17), entropy: seededEntropy(6) },
    }).text;
    const cases = [
      [key.text.slice(0, -1) + (key.text.endsWith('x') ? 'y' : 'x'), 'checksum does not fit'],
      [admin, 'kind "admin"'],
      ['hello', 'no API key, no personal access token and no sub-key'],
    ] as const;
    for (const [text, message] of cases) {
      const { exit, err } = await run('key derive --expires-in 1h', { input: text });
      expect([exit, err]).toEqual([2, expect.stringContaining(message)]);
      expect(err).not.toContain(text);
    }
  });

  it('refuses one that would outlive its parent, or not fit', async () => {
    const made = await run('key derive --expires-in 1h', { input });
    expect((await run('key derive --expires-in 2h', { input: made.out })).exit).toBe(2);
    const many = Array.from({ length: 32 }, (_, i) => `https://a${i}.example/`.padEnd(100, 'x'));
    const line = ['key', 'derive', '--expires-in', '1h', ...many.flatMap((a) => ['--audience', a])];
    expect((await run(line, { input })).err).toContain('longer than a sub-key');
  });
});

describe('mintmark key inspect', () => {
  it('shows every link, and says that nothing is verified', async () => {
    const one = await run('key derive --expires-in 1h --scope a --label ci', { input });
    const two = await run('key derive --expires-in 1h --scope a', { input: one.out });
    const { out } = await run('key inspect', { input: two.out });
    for (const text of ['not verified', key.id, 'link 2 of 2', 'ci']) expect(out).toContain(text);
  });

  it('shows the id of a key and never its secret', async () => {
    const { out } = await run('key inspect', { input });
    expect(out).toContain(key.id);
    expect(out).not.toContain(key.secret);
  });

  it('refuses what is neither', async () => {
    expect((await run('key inspect', { input: 'mm_sub_x' })).exit).toBe(2);
    expect((await run('key inspect', { input: 'hello' })).exit).toBe(2);
  });
});

describe('examples/sub-keys', () => {
  it('gives the job a key of its own, and takes the wide one away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mintmark-sub-'));
    const bin = join(root, 'packages/cli/bin/mintmark.mjs');
    const own = join(folder, 'mintmark');
    await writeFile(own, `#!/bin/sh\nexec ${process.execPath} ${bin} "$@"\n`, { mode: 0o755 });
    const env = { PATH: [folder, '/usr/bin', '/bin'].join(delimiter), DEPLOY_KEY: key.text };
    const script = join(root, 'examples/sub-keys/ci.sh');
    const show = 'echo "$JOB_KEY/$DEPLOY_KEY"';
    const { stdout } = spawnSync(script, ['sh', '-c', show], { encoding: 'utf8', env });
    await rm(folder, { recursive: true });
    const parsed = parseSubKey(stdout.trim().split('/')[0]!, 'mm');
    expect(stdout).toMatch(/^mm_sub_\w+\/\n$/);
    expect(parsed.ok && verifySubKey(parsed.value, derivationKey).ok).toBe(true);
  }, 30_000);
});

describe('mintmark key sub-keys', () => {
  it('shows what was derived from a key and used', async () => {
    const state = { status: 'revoked', last_used_at: 'then', uses_allowed: 3 };
    const item = { id: 'k.j', label: 'job 7', ...state };
    const server = () => json(200, { items: [item], next: null });
    const { out, sent } = await run('key sub-keys k', { server });
    expect(sent[0]!.url).toContain('/v1/keys/k/sub-keys');
    for (const text of ['k.j', 'job 7', 'STATUS', 'revoked', 'then']) expect(out).toContain(text);
  });
});

describe('mintmark revoke', () => {
  it('ends a sub-key by its text or by its id', async () => {
    const made = await run('key derive --expires-in 1h --json', { input });
    const { sub_key: text, links } = JSON.parse(made.out);
    const server = () => json(200, { id: 'r' });
    const target = { kind: 'sub_key', id: links[0].id };
    const byText = await run('revoke --token - --reason x', { input: text, server });
    expect(byText.sent[0]!.body).toMatchObject({ target });
    const byId = await run(`revoke --sub-key ${links[0].id} --reason x`, { server });
    expect(byId.sent[0]!.body).toMatchObject({ target });
  });
});
