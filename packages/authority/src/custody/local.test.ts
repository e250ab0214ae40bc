import { chmod, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CustodyFault, manualClock, seededEntropy, utf8 } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  initLocalCustody,
  type LocalCustodyOptions,
  localCustodyWarnings,
  openLocalCustody,
} from './local.ts';
import { judgePrivacy } from './private-file.ts';

let folder: string;
let options: LocalCustodyOptions;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mintmark-custody-'));
  options = {
    path: join(folder, 'custody.json'),
    unlock: { by: 'key_file', path: join(folder, 'custody.key') },
    entropy: seededEntropy(1),
    clock: manualClock(1_700_000_000_000),
  };
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function byPassphrase(text: string): LocalCustodyOptions {
  return { ...options, unlock: { by: 'passphrase', passphrase: async () => utf8(text) } };
}

async function faultOf(work: Promise<unknown>): Promise<CustodyFault> {
  const fault = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(fault instanceof CustodyFault)) throw new Error(`no custody fault, but ${String(fault)}`);
  return fault;
}

async function editFile(edit: (text: string) => string): Promise<void> {
  await writeFile(options.path, edit(await readFile(options.path, 'utf8')));
}

describe('local custody', () => {
  it('opens what it wrapped, after a restart too', async () => {
    const made = await initLocalCustody(options);
    const wrapped = await made.wrap(utf8('data key'), 'tenant a');
    await made.close();
    const opened = await openLocalCustody(options);
    expect(await opened.unwrap(wrapped, 'tenant a')).toEqual(utf8('data key'));
    expect(await opened.describe()).toMatchObject({
      kind: 'local',
      currentKey: wrapped.by,
      keys: [{ id: wrapped.by, createdAt: 1_700_000_000_000, protector: 'key_file' }],
    });
  });

  it('refuses a wrapped key moved to another record, and a changed one', async () => {
    const custody = await initLocalCustody(options);
    const wrapped = await custody.wrap(utf8('data key'), 'tenant a');
    expect((await faultOf(custody.unwrap(wrapped, 'tenant b'))).code).toBe('custody_tampered');
    for (let i = 0; i < wrapped.wrapped.length; i++) {
      const changed = wrapped.wrapped.map((byte, at) => (at === i ? byte ^ 1 : byte));
      const fault = await faultOf(custody.unwrap({ by: wrapped.by, wrapped: changed }, 'tenant a'));
      expect(fault.code).toBe('custody_tampered');
    }
    const short = wrapped.wrapped.subarray(0, 20);
    const fault = await faultOf(custody.unwrap({ by: wrapped.by, wrapped: short }, 'tenant a'));
    expect(fault.code).toBe('custody_tampered');
  });

  it('makes a new root key current and still opens what the old one wrapped', async () => {
    const custody = await initLocalCustody(options);
    const old = await custody.wrap(utf8('old'), 'x');
    const id = await custody.rotate();
    const fresh = await custody.wrap(utf8('new'), 'x');
    expect(fresh.by).toBe(id);
    expect(old.by).not.toBe(id);
    const reopened = await openLocalCustody(options);
    expect(await reopened.unwrap(old, 'x')).toEqual(utf8('old'));
    expect(await reopened.unwrap(fresh, 'x')).toEqual(utf8('new'));
  });

  it('wraps with what another process made current, and opens what that wrapped', async () => {
    const here = await initLocalCustody(options);
    const there = await openLocalCustody(options);
    const id = await there.rotate();
    const wrapped = await there.wrap(utf8('w'), 'x');
    expect(await here.unwrap(wrapped, 'x')).toEqual(utf8('w'));
    await there.rotate();
    const current = (await there.describe()).currentKey;
    expect((await here.wrap(utf8('w'), 'x')).by).toBe(current);
    expect(id).not.toBe(current);
  });

  it('loses no key where two processes rotate in turn', async () => {
    const here = await initLocalCustody(options);
    const there = await openLocalCustody(options);
    const ids = [await here.rotate(), await there.rotate(), await here.rotate()];
    const known = (await there.describe()).keys.map((key) => key.id);
    expect(known).toEqual(expect.arrayContaining(ids));
    expect(known).toHaveLength(4);
  });

  it('destroys an old key, never the current one or one unknown', async () => {
    const custody = await initLocalCustody(options);
    const old = await custody.wrap(utf8('old'), 'x');
    expect((await faultOf(custody.destroy(old.by))).code).toBe('custody_refused');
    await custody.rotate();
    await custody.destroy(old.by);
    expect((await faultOf(custody.unwrap(old, 'x'))).code).toBe('custody_unknown_key');
    expect((await faultOf(custody.destroy(old.by))).code).toBe('custody_unknown_key');
  });

  it('gives the same MAC after a rotation, another for another purpose', async () => {
    const custody = await initLocalCustody(options);
    const before = await custody.mac('cursor', utf8('input'));
    await custody.rotate();
    const reopened = await openLocalCustody(options);
    expect(await reopened.mac('cursor', utf8('input'))).toEqual(before);
    expect(await reopened.mac('other', utf8('input'))).not.toEqual(before);
    expect(before).toHaveLength(32);
  });

  it('has no signing keys, and nothing after it was closed', async () => {
    const custody = await initLocalCustody(options);
    const signing = custody.sign('k', 'ES256', utf8('input'));
    expect((await faultOf(signing)).code).toBe('custody_unsupported');
    const wrapped = await custody.wrap(utf8('w'), 'x');
    await custody.close();
    expect((await faultOf(custody.unwrap(wrapped, 'x'))).code).toBe('custody_unavailable');
    expect((await faultOf(custody.wrap(utf8('w'), 'x'))).code).toBe('custody_unavailable');
  });

  it('opens by passphrase and tells a wrong one from a damaged file', async () => {
    const custody = await initLocalCustody(byPassphrase('correct horse battery'));
    const wrapped = await custody.wrap(utf8('w'), 'x');
    const again = await openLocalCustody(byPassphrase('correct horse battery'));
    expect(await again.unwrap(wrapped, 'x')).toEqual(utf8('w'));
    const wrong = await faultOf(openLocalCustody(byPassphrase('correct horse batterz')));
    expect(wrong.code).toBe('custody_wrong_key');
    expect(wrong.message).not.toContain('batter');
    const weak = await faultOf(openLocalCustody(byPassphrase('short')));
    expect(weak.code).toBe('custody_weak_passphrase');
    const otherWay = await faultOf(openLocalCustody(options));
    expect(otherWay.code).toBe('custody_wrong_unlock');
    expect(JSON.parse(await readFile(options.path, 'utf8')).unlock).toMatchObject({
      kdf: 'argon2id',
      memory_kib: 65_536,
      passes: 3,
    });
  });

  it('overwrites the passphrase after use', async () => {
    const bytes = utf8('correct horse battery');
    const unlock = { by: 'passphrase' as const, passphrase: async () => bytes };
    await initLocalCustody({ ...options, unlock }).catch(() => undefined);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('holds no key in the clear in its file', async () => {
    const entropy = seededEntropy(1);
    const drawn: Uint8Array[] = [];
    const recording = {
      bytes(count: number) {
        const bytes = entropy.bytes(count);
        if (count === 32) drawn.push(Uint8Array.from(bytes));
        return bytes;
      },
    };
    await initLocalCustody({ ...options, entropy: recording });
    const text = await readFile(options.path);
    expect(drawn).toHaveLength(3);
    for (const key of drawn) {
      expect(text.includes(Buffer.from(key).toString('base64url'))).toBe(false);
      expect(text.includes(Buffer.from(key))).toBe(false);
    }
  });
});

describe('the custody file', () => {
  it('is made once and never replaced', async () => {
    const custody = await initLocalCustody(options);
    const wrapped = await custody.wrap(utf8('w'), 'x');
    expect((await faultOf(initLocalCustody(options))).code).toBe('custody_exists');
    const racing = await Promise.allSettled([custody.rotate(), initLocalCustody(options)]);
    expect(racing[0].status).toBe('fulfilled');
    expect(racing[1].status).toBe('rejected');
    expect(await (await openLocalCustody(options)).unwrap(wrapped, 'x')).toEqual(utf8('w'));
  });

  it('is refused where it is missing, and its key file too', async () => {
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_missing');
    await initLocalCustody(options);
    await rm(join(folder, 'custody.key'));
    const fault = await faultOf(openLocalCustody(options));
    expect(fault.code).toBe('custody_missing');
    expect(fault.message).toContain('key file');
  });

  it('is refused in a folder that is missing', async () => {
    const away = { ...options, path: join(folder, 'none', 'custody.json') };
    const fault = await faultOf(initLocalCustody(away));
    expect(fault.code).toBe('custody_missing');
    expect(fault.hint).toContain('mkdir -m 700');
  });

  it.each([
    ['folder', 0o755, 'chmod 700'],
    ['custody.json', 0o640, 'chmod 600'],
    ['custody.key', 0o604, 'chmod 600'],
  ])('is refused where %s is open to others (%o): %s', async (name, mode, hint) => {
    await initLocalCustody(options);
    await chmod(name === 'folder' ? folder : join(folder, name), mode);
    const fault = await faultOf(openLocalCustody(options));
    expect(fault.code).toBe('custody_permissions');
    expect(fault.hint).toContain(hint);
  });

  async function replaceByLink(name: string): Promise<void> {
    const elsewhere = join(folder, 'elsewhere');
    await writeFile(elsewhere, await readFile(join(folder, name)), { mode: 0o600 });
    await rm(join(folder, name));
    await symlink(elsewhere, join(folder, name));
  }

  it('is refused where it is a symbolic link', async () => {
    await initLocalCustody(options);
    await replaceByLink('custody.json');
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_symlink');
  });

  it('is opened by a key file that is a link, as mounted secrets are', async () => {
    await (await initLocalCustody(options)).close();
    await replaceByLink('custody.key');
    const custody = await openLocalCustody(options);
    expect((await custody.describe()).keys).toHaveLength(1);
    await custody.close();
  });

  it('is refused where another account owns it', async () => {
    const stats = { mode: 0o100600, uid: 1000, isFile: () => true, isDirectory: () => false };
    const input = { stats, path: '/x/custody.json', what: 'custody file', self: 1001 };
    const fault = judgePrivacy(input);
    expect(fault?.code).toBe('custody_owner');
    expect(fault?.hint).toContain('chown 1001');
    expect(judgePrivacy({ ...input, self: 1000 })).toBeUndefined();
    expect(judgePrivacy({ ...input, self: undefined })).toBeUndefined();
    expect(judgePrivacy({ ...input, self: 1000, folder: true })?.code).toBe('custody_malformed');
  });

  it('is refused cut off at any byte', async () => {
    await initLocalCustody(options);
    const whole = await readFile(options.path, 'utf8');
    // The final newline is the one byte that may go.
    for (let length = 0; length < whole.length - 1; length += 7) {
      await writeFile(options.path, whole.slice(0, length));
      expect((await faultOf(openLocalCustody(options))).code).toBe('custody_malformed');
    }
    await writeFile(options.path, 'x'.repeat(300_000));
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_malformed');
  });

  it('is refused where a key was dropped, a date changed or an old key made current', async () => {
    const custody = await initLocalCustody(options);
    const old = (await custody.describe()).currentKey;
    const id = await custody.rotate();
    const whole = await readFile(options.path, 'utf8');
    const edits: ((text: string) => string)[] = [
      (text) => text.replace(`"current": "${id}"`, `"current": "${old}"`),
      (text) => text.replaceAll(old, `${old.slice(0, -1)}_`),
      (text) => text.replace('1700000000000', '1700000000001'),
      (text) => {
        const file = JSON.parse(text);
        return JSON.stringify({ ...file, keys: file.keys.slice(1) });
      },
    ];
    for (const edit of edits) {
      await editFile(edit);
      expect((await faultOf(openLocalCustody(options))).code).toBe('custody_tampered');
      await writeFile(options.path, whole);
    }
    await editFile((text) => text.replace('"unlock"', '"unlok"'));
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_malformed');
  });

  it('is refused with the key file of another installation, or one of a wrong length', async () => {
    await initLocalCustody(options);
    await writeFile(join(folder, 'custody.key'), Buffer.alloc(32, 7));
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_wrong_key');
    await writeFile(join(folder, 'custody.key'), Buffer.alloc(31, 7));
    expect((await faultOf(openLocalCustody(options))).code).toBe('custody_malformed');
  });

  it('does not let an edited file weaken or inflate the passphrase stretching', async () => {
    await initLocalCustody(byPassphrase('correct horse battery'));
    const whole = await readFile(options.path, 'utf8');
    for (const memory of ['1024', '9999999']) {
      await editFile((text) => text.replace('65536', memory));
      const fault = await faultOf(openLocalCustody(byPassphrase('correct horse battery')));
      expect(fault.code).toBe('custody_malformed');
      await writeFile(options.path, whole);
    }
  });

  it('survives a rotation that was cut off, and says how to go on', async () => {
    const custody = await initLocalCustody(options);
    const before = await readFile(options.path);
    await writeFile(`${options.path}.next`, 'half a file');
    const fault = await faultOf(custody.rotate());
    expect(fault.code).toBe('custody_busy');
    expect(fault.hint).toContain(`rm ${options.path}.next`);
    expect(await readFile(options.path)).toEqual(before);
    await rm(`${options.path}.next`);
    await custody.rotate();
    expect((await readdir(folder)).sort()).toEqual(['custody.json', 'custody.key']);
  });

  it('warns where the key file lies beside it', () => {
    const [warning] = localCustodyWarnings(options);
    expect(warning?.code).toBe('custody_key_beside');
    const elsewhere = { by: 'key_file' as const, path: '/etc/mintmark/custody.key' };
    expect(localCustodyWarnings({ ...options, unlock: elsewhere })).toEqual([]);
    expect(localCustodyWarnings(byPassphrase('correct horse battery'))).toEqual([]);
  });
});
