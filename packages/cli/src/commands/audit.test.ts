import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

const record = (id: string, more: Readonly<Record<string, unknown>> = {}) => ({
  id,
  index: 0,
  time: '2026-11-21T22:00:00.000Z',
  action: 'key.create',
  object: { kind: 'key', id: 'k1' },
  actor: { kind: 'admin_key', id: 'a1' },
  result: 'done',
  ...more,
});

describe('mintmark audit search', () => {
  it('asks by object, actor, action and time', async () => {
    const line =
      'audit search --object client:urn:x --actor admin_key:a1 --action key.create ' +
      '--from 2026-01-01T00:00:00Z --to 2027-01-01T00:00:00Z';
    const server = () => json(200, { items: [record('r1')], next: null });
    const { out, sent } = await run(line, { server });
    const query = Object.fromEntries(new URL(sent[0]!.url).searchParams);
    expect(query).toMatchObject({
      object_kind: 'client',
      object_id: 'urn:x',
      actor_kind: 'admin_key',
      actor_id: 'a1',
      action: 'key.create',
      from: '2026-01-01T00:00:00Z',
      to: '2027-01-01T00:00:00Z',
    });
    expect(query).not.toHaveProperty('personal');
    expect(out).toMatch(/key\.create +key:k1 +admin_key:a1 +done/);
  });

  it('shows from where only when it is asked', async () => {
    const items = [record('r1', { personal: { address: '192.0.2.1' } }), record('r2')];
    const server = () => json(200, { items, next: null });
    const { out, sent } = await run('audit search --personal', { server });
    expect(sent[0]!.url).toContain('personal=include');
    expect(out).toContain('192.0.2.1');
  });

  it.each(['key', ':x', 'key:'])('refuses the object %s', async (object) => {
    expect((await run(`audit search --object ${object}`)).exit).toBe(2);
    expect((await run(`audit search --actor ${object}`)).exit).toBe(2);
  });

  it('shows a record that cannot be read', async () => {
    const items = [{ id: 'r1', time: 'then', unreadable: true }];
    const { out } = await run('audit search', { server: () => json(200, { items, next: null }) });
    expect(out).toContain('unreadable');
  });
});

describe('mintmark key history', () => {
  it('names the sub-key that was revoked, and not its key', async () => {
    const detail = { target_kind: 'sub_key', target_id: 'k1.j1' };
    const items = [record('r1', { action: 'revocation.create', detail }), record('r2')];
    const server = () => json(200, { items, complete: true });
    const { out } = await run('key history k1', { server });
    const [, ended, made] = out.split('\n');
    expect(ended).toMatch(/revocation\.create +sub_key:k1\.j1 /);
    expect(made).toMatch(/key\.create +key:k1 /);
  });

  it('tells the life of one thing, and whether that was all', async () => {
    const server = () => json(200, { items: [record('r1'), record('r2')], complete: false });
    const { out, sent } = await run('key history k/1', { server });
    expect(sent[0]!.url).toContain('/v1/audit/history/key/k%2F1');
    expect(out).toContain('more than one answer holds');
    const all = () => json(200, { items: [record('r1')], complete: true });
    expect((await run('token history t1', { server: all })).out).not.toContain('more than');
  });
});

describe('mintmark audit tail', () => {
  it('shows the newest records, the oldest of them first', async () => {
    const items = [record('r2', { action: 'key.rotate' }), record('r1')];
    const server = () => json(200, { items, next: null });
    const { out, sent } = await run('audit tail --max 2', { server });
    expect(out.indexOf('key.create')).toBeLessThan(out.indexOf('key.rotate'));
    expect(sent[0]!.url).toContain('limit=2');
    const machine = await run('audit tail --json', { server });
    expect(
      machine.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['r1', 'r2']);
    expect((await run('audit tail --max 0', { server })).exit).toBe(2);
  });

  it('follows until it is stopped, and shows no record twice', async () => {
    let looks = 0;
    const server = () => {
      looks += 1;
      const items = looks < 3 ? [record('r1')] : [record('r2'), record('r1')];
      return json(200, { items, next: null });
    };
    const { exit, out } = await run('audit tail --follow --json', {
      server,
      stopAfterTimers: 3,
    });
    expect(exit).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['r1', 'r2']);
  });

  it('ends where the server refuses', async () => {
    const server = () => json(403, { code: 'insufficient_permission', title: 'No' });
    expect((await run('audit tail --follow', { server })).exit).toBe(1);
  });
});

/** The format of an export, written here once more from its description. */
function exportOf(start: { size: number; chain: Buffer }, ids: readonly string[]) {
  let { size, chain } = start;
  const lines = ids.map((id) => {
    // Members in the order of RFC 8785, so that the text is the canonical one.
    const leaf = {
      action: 'key.create',
      actor: { id: 'a1', kind: 'admin_key' },
      id,
      object: { id: 'k1', kind: 'key' },
      result: 'done',
      tenant: 'default',
      time: '2026-11-21T22:00:00.000Z',
      v: 1,
    };
    const bytes = Buffer.from(JSON.stringify(leaf));
    const leafHash = createHash('sha256')
      .update(Buffer.from([0]))
      .update(bytes)
      .digest();
    chain = createHash('sha256').update(chain).update(leafHash).digest();
    return JSON.stringify({ index: size++, chain: chain.toString('base64url'), leaf });
  });
  const head = { size, chain };
  const wire = (one: { size: number; chain: Buffer }) => ({
    size: one.size,
    chain: one.chain.toString('base64url'),
  });
  const header = { format: 'mintmark-audit-1', start: wire(start), head: wire(head) };
  return { text: `${[JSON.stringify(header), ...lines].join('\n')}\n`, head };
}

describe('mintmark audit verify and export', () => {
  const empty = { size: 0, chain: Buffer.alloc(32) };
  const first = exportOf(empty, ['a', 'b']);
  const second = exportOf(first.head, ['c']);
  const report = { ok: true, unsequenced: { count: 2 }, problems: [] };

  /** Two pages, the first of which names the second. */
  function server({ url }: Sent): Response {
    if (url.includes('/verify')) return json(200, report);
    const isSecond = url.includes('after=2');
    const link = '</v1/audit/export?after=2&limit=2>; rel="next"';
    return new Response(isSecond ? second.text : first.text, {
      headers: isSecond ? {} : { link },
    });
  }

  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-audit-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('exports every page, and verifies what it exported', async () => {
    const { exit, out } = await run('audit export', { server });
    expect(exit).toBe(0);
    expect(out).toBe(first.text + second.text);
    const judged = await run('audit verify - --json', { input: out });
    expect(judged.exit).toBe(0);
    expect(JSON.parse(judged.out)).toMatchObject({ ok: true, head: { size: 3 } });
  });

  it('verifies the log of the server here, and names what still waits', async () => {
    const { exit, out } = await run('audit verify', { server });
    expect(exit).toBe(0);
    expect(out).toContain('sound');
    expect(out).toMatch(/records +3/);
    expect(out).toMatch(/waiting +2/);
  });

  it('exits 1 when a file was changed, or the server finds something', async () => {
    const path = join(folder, 'audit.ndjson');
    writeFileSync(path, first.text.replace('"id":"a"', '"id":"x"'));
    const changed = await run(['audit', 'verify', path]);
    expect(changed.exit).toBe(1);
    expect(changed.out).toContain('wrong_chain');
    const found = { ok: false, problems: [{ problem: 'wrong_column', index: 1 }] };
    const broken = (request: Sent) =>
      request.url.includes('/verify') ? json(200, found) : server(request);
    const told = await run('audit verify', { server: broken });
    expect(told.exit).toBe(1);
    expect(told.out).toContain('wrong_column');
  });

  it('finds a log rewritten whole by a head that was noted earlier', async () => {
    const anchor = `${first.head.size}:${first.head.chain.toString('base64url')}`;
    const good = await run(['audit', 'verify', '-', '--anchor', anchor], {
      input: first.text + second.text,
    });
    expect(good.exit).toBe(0);
    const rewritten = exportOf(empty, ['x', 'y', 'z']);
    const bad = await run(['audit', 'verify', '-', '--anchor', anchor], { input: rewritten.text });
    expect(bad.exit).toBe(1);
    expect(bad.out).toContain('wrong_anchor');
    for (const wrong of ['12', '1:x', 'a:b']) {
      expect((await run(['audit', 'verify', '-', '--anchor', wrong])).exit).toBe(2);
    }
  });

  it('refuses what is no export, and a file that is not there', async () => {
    const nonsense = await run('audit verify -', { input: 'hello\n' });
    expect(nonsense.exit).toBe(3);
    expect(nonsense.err).toContain('audit_not_an_export');
    const missing = await run(['audit', 'verify', join(folder, 'gone')]);
    expect(missing.err).toContain('file_unreadable');
  });

  it('passes on what the server refuses, in the middle too', async () => {
    const refusal = () => json(403, { code: 'insufficient_permission', title: 'No' });
    expect((await run('audit export', { server: refusal })).exit).toBe(1);
    expect((await run('audit verify', { server: refusal })).exit).toBe(1);
    const halfway = (request: Sent) =>
      request.url.includes('after=2') ? refusal() : server(request);
    expect((await run('audit verify', { server: halfway })).exit).toBe(1);
  });
});
