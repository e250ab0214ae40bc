import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, freshFolder, mintmark, type Server, startMintmark } from './rig/mintmark.ts';

/** A backup is taken from a running server, and restored where the key that opens it is. */
describe('mintmark backup and restore', () => {
  let folder: Folder;
  let server: Server | undefined;
  let admin: string;
  let cwd: string;

  beforeEach(async () => {
    folder = freshFolder();
    cwd = folder.path;
    server = await startMintmark([], { cwd });
    admin = server.adminKey!;
  });

  afterEach(async () => {
    await server?.child.stop('SIGKILL');
    folder.remove();
  });

  function run(line: string) {
    const env = { MINTMARK_TOKEN: admin, MINTMARK_SERVER: server?.url ?? '' };
    return mintmark(line.split(' '), { cwd, env });
  }

  async function json(line: string) {
    const { code, stdout, stderr } = await run(`${line} --json`);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    return JSON.parse(stdout);
  }

  /** Backs up, revokes a key afterwards, and loses the database. */
  async function loseDatabase(): Promise<{ readonly id: string; readonly key: string }> {
    const made = await json('key create --name build --scope read');
    await json('backup saved');
    await json(`key revoke ${made.id} --reason leaked`);
    await server!.child.stop();
    for (const name of readdirSync(join(cwd, 'data'))) {
      if (name.startsWith('mintmark.db')) rmSync(join(cwd, 'data', name));
    }
    return made;
  }

  async function verify(key: string) {
    server = await startMintmark([], { cwd });
    const env = { MINTMARK_TOKEN: admin, MINTMARK_SERVER: server.url };
    const { stdout } = await mintmark(['key', 'verify', '--json'], { cwd, env, input: key });
    return JSON.parse(stdout);
  }

  it('copies while the server goes on, for its owner alone, without the key', async () => {
    await json('backup saved');
    expect(readdirSync(join(cwd, 'saved')).sort()).toEqual([
      'backup.json',
      'custody.json',
      'mintmark.db',
    ]);
    expect(statSync(join(cwd, 'saved')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(cwd, 'saved'))) {
      expect(statSync(join(cwd, 'saved', name)).mode & 0o077).toBe(0);
      expect(readFileSync(join(cwd, 'saved', name)).includes(admin.slice(-40, -8))).toBe(false);
    }
    expect((await run('key list')).code).toBe(0);
  });

  it('refuses a folder that exists, and leaves nothing of a backup that failed', async () => {
    await json('backup saved');
    const twice = await run('backup saved');
    expect(twice.code).toBe(3);
    expect(twice.stderr).toContain('store_exists');
    const lost = await run('backup other --custody-file ./gone.json');
    expect(lost.code).toBe(3);
    expect(readdirSync(cwd)).not.toContain('other');
  });

  it('shows the time that is lost, and changes nothing until it is told what to do', async () => {
    await loseDatabase();
    const { code, stderr } = await run('restore saved');
    expect(code).toBe(1);
    expect(stderr).toContain('minutes ago');
    expect(stderr).toContain('--credentials refuse');
    expect(readdirSync(join(cwd, 'data'))).not.toContain('mintmark.db');
  });

  it('lets nothing of before in until somebody vouches for it', async () => {
    const { id, key } = await loseDatabase();
    const restored = await json('restore saved --credentials refuse');
    expect(restored).toMatchObject({ credentials: 'refuse', epoch: expect.any(String) });
    admin = restored.admin_key;
    expect(await verify(key)).toMatchObject({ active: false, code: 'disabled' });
    const history = await json('audit search --action installation.restore');
    expect(history.items[0].detail).toMatchObject({ credentials: 'refuse' });
    expect(await json('audit verify')).toMatchObject({ ok: true });
    await json(`key enable ${id}`);
    expect(readdirSync(join(cwd, 'data'))).not.toContain('restoring');
  });

  it('accepts what was good at the backup where the operator vouches', async () => {
    const { key } = await loseDatabase();
    await json('restore saved --credentials accept');
    expect(await verify(key)).toMatchObject({ active: true });
  });

  it('refuses to restore over a database', async () => {
    await json('backup saved');
    const { code, stderr } = await run('restore saved --credentials accept');
    expect(code).toBe(3);
    expect(stderr).toContain('store_exists');
  });

  it('refuses what is no complete backup, and one whose key is not here', async () => {
    await loseDatabase();
    const nothing = await run('restore data --credentials accept');
    expect(nothing.stderr).toContain('backup_unreadable');
    rmSync(join(cwd, 'data', 'custody.json'));
    writeFileSync(join(cwd, 'data', 'custody.key'), Buffer.alloc(32, 7));
    const foreign = await run('restore saved --credentials accept');
    expect(foreign.code).toBe(3);
    expect(foreign.stderr).toContain('custody_wrong_key');
    expect(readdirSync(join(cwd, 'data'))).not.toContain('mintmark.db');
  });

  it('finds nothing to migrate in a new installation, once nobody serves it', async () => {
    const busy = await run('migrate');
    expect(busy.stderr).toContain('store_in_use');
    await server!.child.stop();
    expect(await json('migrate')).toEqual({ applied: [] });
  });

  it('makes an admin key without one, where nobody serves the folder', async () => {
    const running = await run('admin-key recover --data data');
    expect(`${running.code} ${running.stderr}`).toContain('3 ');
    expect(running.stderr).toContain('store_in_use');
    await server!.child.stop();
    const { id, admin_key: recovered } = await json('admin-key recover --data data');
    server = await startMintmark([], { cwd });
    const old = await json('admin-key list');
    expect(old.items.map((item: { id: string }) => item.id)).toContain(id);
    admin = recovered;
    const trail = await json('audit search --action installation.recover');
    expect(trail.items).toHaveLength(1);
    expect((await run('key list')).code).toBe(0);
  });
});
