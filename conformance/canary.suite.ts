import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCanaries, findCanariesInProcess, spellingsOf } from './canary.ts';

const secret = 'q7Zk2VtY9wLm4XcR8sBn';
const needles = [{ name: 'the secret', secret }];
const raw = Buffer.from(secret);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-canary-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const spelled: readonly (readonly [string, Buffer])[] = [
  ['raw', raw],
  ['hex', Buffer.from(raw.toString('hex'))],
  ['hex', Buffer.from(raw.toString('hex').toUpperCase())],
  ['base64', Buffer.from(raw.toString('base64'))],
  ['utf-16', Buffer.from(secret, 'utf16le')],
  ['utf-16 (big end first)', Buffer.from(secret, 'utf16le').swap16()],
  ['hex in utf-16', Buffer.from(raw.toString('hex'), 'utf16le')],
];

describe('the search for canaries', () => {
  it.each(spelled)('finds a secret spelled in %s', async (spelling, planted) => {
    const bytes = Buffer.concat([Buffer.from('before '), planted, Buffer.from(' after')]);
    const { finds, bytesRead } = await findCanaries([{ name: 'here', bytes }], needles);
    expect(finds).toContainEqual({ needle: 'the secret', spelling, where: 'here', offset: 7 });
    expect(bytesRead).toBe(bytes.length);
  });

  it.each([0, 1, 2, 3, 4, 5])('finds it in base64 behind %i other bytes', async (before) => {
    const long = Buffer.concat([Buffer.alloc(before, 0xfb), raw, Buffer.from('more')]);
    for (const encoding of ['base64', 'base64url'] as const) {
      const bytes = Buffer.from(long.toString(encoding));
      const { finds } = await findCanaries([{ name: 'here', bytes }], needles);
      expect(finds.length).toBeGreaterThan(0);
    }
  });

  it('finds bytes whose two base64 spellings differ', async () => {
    const bytes = Buffer.from('fbefbefbefbefbefbefbef', 'hex');
    const binary = [{ name: 'bytes', secret: bytes }];
    for (const encoding of ['base64', 'base64url'] as const) {
      const place = { name: 'here', bytes: Buffer.from(bytes.toString(encoding)) };
      const { finds } = await findCanaries([place], binary);
      expect(finds.map((find) => find.spelling)).toContain(encoding);
    }
  });

  it('finds it in folders below, and across the border of what is read at once', async () => {
    mkdirSync(join(folder, 'a', 'b'), { recursive: true });
    const path = join(folder, 'a', 'b', 'data.db-wal');
    const border = 1024 * 1024;
    for (const offset of [0, border - 1, border - raw.length + 1, border, 3 * border - 7]) {
      const bytes = Buffer.alloc(3 * border + 100, 0x2e);
      raw.copy(bytes, offset);
      writeFileSync(path, bytes);
      const { finds } = await findCanaries([folder], needles);
      expect(finds).toEqual([{ needle: 'the secret', spelling: 'raw', where: path, offset }]);
    }
  });

  it('finds nothing where there is nothing, and says how much it read', async () => {
    writeFileSync(join(folder, 'clean'), 'x'.repeat(5000));
    const search = await findCanaries([folder, { name: 'log', bytes: raw.subarray(1) }], needles);
    expect(search).toEqual({ finds: [], bytesRead: 5000 + raw.length - 1 });
    await expect(findCanaries([join(folder, 'missing')], needles)).rejects.toThrow('ENOENT');
  });

  it('refuses a secret so short that chance would find it', () => {
    expect(() => spellingsOf({ name: 'short', secret: '1234567' })).toThrow(RangeError);
  });
});

describe('the search in a process', () => {
  let child: ChildProcess | undefined;

  afterEach(() => {
    child?.kill('SIGKILL');
  });

  /** A process that keeps `held` in memory; it comes by its input, not by its arguments. */
  async function holding(held: string): Promise<number> {
    const program = `
      let text = '';
      process.stdin.on('data', (data) => { text += data; });
      process.stdin.on('end', () => {
        globalThis.held = Buffer.from(text, 'base64');
        setInterval(() => globalThis.held.length, 1000);
        console.log('ready');
      });`;
    child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin!.end(held);
    await once(child.stdout!, 'data');
    return child.pid!;
  }

  it('finds a secret that is held, and not one that is not', async () => {
    const pid = await holding(raw.toString('base64'));
    const other = { name: 'another', secret: 'Vb3nM8kLp1QxZ6tR5yWd' };
    const { finds, bytesRead } = await findCanariesInProcess(pid, [...needles, other]);
    expect(finds.map((find) => find.spelling)).toContain('raw');
    expect(finds.some((find) => find.needle === 'another')).toBe(false);
    expect(bytesRead).toBeGreaterThan(10 * 1024 * 1024);
  });
});
