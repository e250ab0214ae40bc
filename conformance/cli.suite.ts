import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startChild } from './rig/child.ts';
import {
  command,
  type Folder,
  freshFolder,
  mintmark,
  type Server,
  startMintmark,
} from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

/** Every command that talks to a server, against a real one: both ends mean the same. */
describe('the mintmark command and its server', () => {
  let folder: Folder;
  let server: Server;
  let upstream: Upstream;
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = freshFolder();
    server = await startMintmark([], { cwd: folder.path });
    upstream = await startUpstream();
    env = { MINTMARK_TOKEN: server.adminKey!, MINTMARK_SERVER: server.url };
  });

  afterAll(async () => {
    await server?.child.stop();
    await upstream?.close();
    folder.remove();
  });

  function run(args: readonly string[], input = '') {
    return mintmark(args, { cwd: folder.path, env, input });
  }

  async function json(line: string, input = '') {
    const { code, stdout, stderr } = await run([...line.split(' '), '--json'], input);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    return JSON.parse(stdout);
  }

  it('takes an API key from its making to its end, and tells the story', async () => {
    const made = await json('key create --name build --scope read --expires-in 90d');
    expect(await json('key verify --scope read', made.key)).toMatchObject({ active: true });
    expect((await run(['key', 'verify', '--scope', 'write'], made.key)).code).toBe(1);
    const next = await json(`key rotate ${made.id} --overlap 1h`);
    for (const key of [made.key, next.key]) {
      expect(await json('key verify', key)).toMatchObject({ active: true });
    }
    await json(`key disable ${next.id}`);
    expect((await run(['key', 'verify'], next.key)).code).toBe(1);
    await json(`key enable ${next.id}`);
    await json(`key revoke ${next.id} --reason leaked`);
    const refused = await run(['key', 'verify', '--json'], next.key);
    expect(JSON.parse(refused.stdout)).toMatchObject({ active: false, code: 'revoked' });
    expect(await json(`key show ${next.id}`)).toMatchObject({ status: 'revoked' });
    const { items } = await json(`key history ${next.id}`);
    const story = items.map((one: { action: string }) => one.action);
    expect(story[0]).toBe('key.create');
    expect(story).toContain('key.rotate');
    expect(story.at(-1)).toBe('revocation.create');
  });

  it('imports keys of another system, once', async () => {
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256').update('sk_legacy_1').digest('hex');
    const rows = `${JSON.stringify({ hash, name: 'old', scopes: ['read'] })}\n`;
    const line = 'key import - --prefix sk_';
    expect(await json(line, rows)).toMatchObject({ imported: 1, unchanged: 0 });
    expect(await json(line, rows)).toMatchObject({ imported: 0, unchanged: 1 });
    expect(await json('key verify', 'sk_legacy_1')).toMatchObject({ active: true });
  });

  it('takes a client and its tokens from making to end', async () => {
    const { client_secret } = await json('client create --client-id ci --scope read write');
    const issue = 'token issue --client-id ci --client-secret - --scope read';
    const { access_token } = await json(issue, client_secret);
    expect(await json('token verify', access_token)).toMatchObject({ valid: true });
    expect(await json('token verify --offline', access_token)).toMatchObject({ valid: true });
    const { claims } = await json('token inspect', access_token);
    await json('revoke --token - --reason drill', access_token);
    expect((await run(['token', 'verify'], access_token)).code).toBe(1);
    const { items } = await json(`token history ${claims.jti}`);
    expect(items.map((one: { action: string }) => one.action)).toEqual([
      'token.issue',
      'revocation.create',
    ]);
    const opaque = await json('client update ci --format opaque --ttl 5m');
    expect(opaque).toMatchObject({ access_token_format: 'opaque', access_token_ttl_seconds: 300 });
    const second = await json(issue, client_secret);
    expect(await json('token verify', second.access_token)).toMatchObject({ valid: true });
    const rolled = await json('client rotate-secret ci --overlap 0s');
    expect((await run([...issue.split(' ')], client_secret)).code).toBe(1);
    await json(issue, rolled.client_secret);
    await json('client delete ci');
    expect((await run(['token', 'verify'], second.access_token)).code).toBe(1);
  });

  it('applies files, and finds nothing to do the second time', async () => {
    const text = `
clients:
  - {client_id: reports, client_name: reports, scope: read, access_token_format: opaque}
keys:
  - {name: robot, scopes: [read]}
routes:
  - name: hello
    match: {path_prefix: /hello}
    upstream: ${upstream.origin}
    scopes: [read]
`;
    writeFileSync(join(folder.path, 'all.yaml'), text);
    const planned = await json('apply all.yaml --dry-run');
    expect(planned.changes.map((one: { action: string }) => one.action)).toEqual([
      'create',
      'create',
      'create',
    ]);
    const { changes } = await json('apply all.yaml');
    const { key } = changes.find((one: { section: string }) => one.section === 'keys');
    const again = await json('apply all.yaml');
    expect(again.changes.every((one: { action: string }) => one.action === 'unchanged')).toBe(true);
    const call = () =>
      fetch(`${server.gatewayUrl}/hello`, { headers: { authorization: `Bearer ${key}` } });
    await until('the gateway knows the route', async () =>
      (await call()).status === 200 ? true : undefined,
    );
    expect((await fetch(`${server.gatewayUrl}/hello`)).status).toBe(401);
    expect(await json('route list')).toMatchObject({ items: [{ name: 'hello' }] });
    expect(await json('route delete hello')).toEqual({ deleted: 'hello' });
    await until('the gateway forgets the route', async () =>
      (await call()).status === 404 ? true : undefined,
    );
    expect((await json('node list')).items).toHaveLength(1);
  });

  it('rotates signing keys, and ends one with all that it signed', async () => {
    const { client_secret } = await json('client create --client-id signer --scope read');
    const issue = 'token issue --client-id signer --client-secret -';
    const before = await json(issue, client_secret);
    await json('signing-key rotate --reason drill');
    const { items } = await json('signing-key list');
    const active = items.find(
      (one: { status: string; algorithm: string }) =>
        one.status === 'active' && one.algorithm === 'ES256',
    );
    const ended = await json(`signing-key emergency ${active.kid} --reason stolen`);
    expect(ended.replacement).toEqual(expect.any(String));
    expect((await run(['token', 'verify'], before.access_token)).code).toBe(1);
    const after = await json(issue, client_secret);
    expect(await json('token verify', after.access_token)).toMatchObject({ valid: true });
  });

  it('follows the audit trail as it grows, and verifies it in two ways', async () => {
    const args = [command, 'audit', 'tail', '--follow', '--json'];
    const tail = startChild(process.execPath, args, { cwd: folder.path, env });
    const { id } = await json('key create --name watched');
    await until('the tail shows the new key', () =>
      tail.stdout().includes(id) ? true : undefined,
    );
    expect(await tail.stop()).toBe(0);
    expect(await json('audit verify')).toMatchObject({ ok: true, problems: [] });
    const exported = await run(['audit', 'export']);
    expect(await json('audit verify -', exported.stdout)).toMatchObject({ ok: true });
    const found = await json(`audit search --object key:${id} --personal`);
    expect(found.items[0]).toMatchObject({
      action: 'key.create',
      personal: { address: '127.0.0.1' },
    });
  });

  it('gives and takes the rights of administrators', async () => {
    const made = await json('admin-key create --name reader --permission keys:read');
    const asReader = (line: string) =>
      mintmark(line.split(' '), { cwd: folder.path, env: { ...env, MINTMARK_TOKEN: made.key } });
    expect((await asReader('key list')).code).toBe(0);
    const refused = await asReader('key create --name x');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('needs keys:write');
    await json(`admin-key revoke ${made.id}`);
    expect((await asReader('key list')).code).toBe(1);
    expect((await json('admin-key list')).items.length).toBeGreaterThan(1);
  });

  it('finds the running installation sound', async () => {
    const data = ['--data', join(folder.path, 'data'), '--issuer', server.url];
    const { code, stdout } = await run(['doctor', '--json', ...data]);
    const { checks } = JSON.parse(stdout);
    const failed = checks.filter((one: { verdict: string }) => one.verdict === 'fail');
    expect(failed).toEqual([]);
    expect(code).toBe(0);
    expect(checks).toContainEqual(expect.objectContaining({ check: 'server', verdict: 'pass' }));
  });
});
