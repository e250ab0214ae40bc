/** Tokens in UTF-16, in base64 that is broken into lines, and in archives. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { limits, seededEntropy } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshBudget, openArchive } from './archive.ts';
import { beginPlace, emptyRecord } from './scan-record.ts';

const entropy = seededEntropy(12);
const { text } = buildSecretToken({ prefix: 'mm', kind: 'key', id: 'A'.repeat(17), entropy });
const other = buildSecretToken({ prefix: 'mm', kind: 'cs', id: 'B'.repeat(17), entropy }).text;

/** As files and streams are read: in pieces, whatever they cut. */
function scan(bytes: Uint8Array, pieceBytes = bytes.length || 1) {
  const record = emptyRecord();
  const wishes = { prefixes: undefined, known: new Set<string>(), keepsText: true };
  const place = beginPlace(record, wishes, { path: 'x' });
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    place.take(Buffer.from(bytes.subarray(at, at + pieceBytes)), false);
  }
  place.end();
  return record;
}

const foundIn = (bytes: Uint8Array, pieceBytes?: number) =>
  scan(bytes, pieceBytes).finds.map((find) => [find.form, find.text, find.line, find.column]);

const pieces = [1, 7, 100, 65_536];

describe('UTF-16', () => {
  const lines = `first line\r\nkey = ${text}\r\nlast\r\n`;
  const little = Buffer.from(`\ufeff${lines}`, 'utf16le');

  it.each(pieces)('in either order is looked through, in pieces of %i bytes', (bytes) => {
    expect(foundIn(little, bytes)).toEqual([['utf16', text, 2, expect.any(Number)]]);
    const big = Buffer.from(little).swap16();
    expect(foundIn(big, bytes)).toEqual([['utf16', text, 2, expect.any(Number)]]);
  });

  it('is told by where it stands', () => {
    const [find] = scan(Buffer.from(`ab ${text}`, 'utf16le')).finds;
    expect([find?.offset, find?.length]).toEqual([6, text.length * 2 - 1]);
  });

  it('is no second find of what stands plain beside a NUL', () => {
    expect(foundIn(Buffer.from(`\0\0${text}\0`))).toEqual([['plain', text, 1, 3]]);
  });
});

describe('base64 in lines', () => {
  const secret = Buffer.from(`user:${text}\npassword:${other}\n`.repeat(1)).toString('base64');
  const wrapped = (columns: number, indent = '', end = '\n') =>
    (secret.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [])
      .map((line) => indent + line + end)
      .join('');

  it.each(pieces)('is joined, in pieces of %i bytes', (bytes) => {
    for (const body of [wrapped(76), wrapped(64, '    ', '\r\n')]) {
      const mail = Buffer.from(`Content-Transfer-Encoding: base64\n\n${body}\nRegards, me\n`);
      const found = foundIn(mail, bytes).map(([form, token]) => [form, token]);
      expect(found).toEqual([
        ['base64_lines', text],
        ['base64_lines', other],
      ]);
    }
  });

  it('says in which line and column it begins, also where the file ends with it', () => {
    const file = Buffer.from(`a: |\n${wrapped(64, '  ').trimEnd()}`);
    const [first, second] = foundIn(file);
    // `user:` is 5 bytes of the first line: 6.67 characters behind the indent.
    expect(first).toEqual(['base64_lines', text, 2, 3 + Math.floor((5 * 4) / 3)]);
    expect(second?.[2]).toBe(3);
  });

  it('is found across what is searched at once', () => {
    const filler = Buffer.alloc(200_000, 'some text of no interest. ').toString('base64');
    const long = Buffer.concat([Buffer.from(filler, 'base64'), Buffer.from(` ${text} `)]);
    const lines = long.toString('base64').replaceAll(/.{76}/g, '$&\n');
    for (const bytes of [1_000, 1 << 20]) {
      expect(foundIn(Buffer.from(lines), bytes)).toEqual([['base64_lines', text, 3509, 61]]);
    }
  });

  it('is nothing where other words stand in the lines', () => {
    const broken = wrapped(60).replaceAll('\n', ' # note\n');
    expect(foundIn(Buffer.from(broken))).toEqual([]);
  });
});

/** A zip of the least that one needs (APPNOTE 6.3.10). */
function zipOf(files: readonly { readonly name: string; readonly data: Uint8Array }[], method = 8) {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of files) {
    const packed = method === 8 ? deflateRawSync(data) : Buffer.from(data);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(method, 4);
    head.writeUInt32LE(crc32(data), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed]);
    const entry = Buffer.alloc(16);
    entry.writeUInt32LE(offset, 12);
    const fields = Buffer.concat([Buffer.from([20, 0]), head, entry.subarray(2)]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), fields, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, entries, Buffer.from('PK\x05\x06'), end]);
}

const file = (name: string, data: string | Uint8Array) => ({ name, data: Buffer.from(data) });

describe('archives', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-forms-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each(pieces)('gzip is opened, in pieces of %i bytes', (bytes) => {
    const { finds, archives } = scan(gzipSync(`log\n${text}\n`), bytes);
    expect(finds).toMatchObject([{ text, line: 2, place: { path: 'x!' } }]);
    expect(archives).toEqual([]);
  });

  it('zip is opened, and what lies in it, three deep', () => {
    const inner = zipOf([file('conf/app.yaml', `key: ${text}`)]);
    const jar = zipOf([file('README', 'nothing'), file('lib/inner.jar', inner)]);
    const { finds, archives } = scan(gzipSync(jar));
    expect(finds).toMatchObject([{ text, place: { path: 'x!!lib/inner.jar!conf/app.yaml' } }]);
    expect(archives).toEqual([]);
    const deeper = scan(gzipSync(zipOf([file('a', jar)])));
    expect([deeper.finds, deeper.archives]).toEqual([[], ['x!!a!lib/inner.jar']]);
  });

  it('what other programs packed is opened', () => {
    writeFileSync(join(folder, 'a.txt'), `token ${text}`);
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { cwd: folder });
    run('python3', '-m', 'zipfile', '-c', 'a.zip', 'a.txt');
    run('tar', 'czf', 'a.tar.gz', 'a.txt');
    run('tar', 'cf', 'a.tar', 'a.txt');
    for (const name of ['a.zip', 'a.tar.gz', 'a.tar']) {
      const record = scan(readFileSync(join(folder, name)));
      expect([name, record.finds.length, record.archives]).toEqual([name, 1, []]);
    }
  });

  it('stored entries are told once', () => {
    const { finds } = scan(zipOf([file('a.txt', ` ${text} `)], 0));
    expect(finds).toMatchObject([{ text, place: { path: 'x' } }]);
    const nested = scan(zipOf([file('a.gz', gzipSync(text))], 0));
    expect(nested.finds).toMatchObject([{ text, place: { path: 'x!a.gz!' } }]);
  });

  it('damaged, encrypted and unknown ones are counted as not opened', () => {
    const encrypted = zipOf([file('a', text)]);
    encrypted.writeUInt16LE(1, encrypted.indexOf('PK\x01\x02') + 8);
    const unknown = zipOf([file('a', text)], 12);
    const cut = gzipSync(text.repeat(9)).subarray(0, -12);
    const noEnd = zipOf([file('a', text)]).subarray(0, -22);
    const wild = zipOf([file('a', text)]);
    wild.writeUInt32LE(0xffff_fff0, wild.indexOf('PK\x01\x02') + 42);
    for (const bytes of [encrypted, cut, noEnd, wild, Buffer.from('BZh9')]) {
      expect(scan(bytes)).toMatchObject({ finds: [], archives: ['x'] });
    }
    expect(scan(unknown).archives).toEqual(['x']);
  });

  it('a bomb is left closed where the bound ends, and says so', () => {
    const zeros = Buffer.alloc(1 << 20);
    const files = Array.from({ length: 40 }, (_, i) => file(`${i}`, zeros));
    const budget = { ...freshBudget(), bytes: 10 * zeros.length };
    let opened = 0;
    const isWhole = openArchive(zipOf(files), budget, (_, contents) => {
      opened += contents.length;
    });
    expect([isWhole, opened]).toEqual([false, 10 * zeros.length]);
    const entries = { ...freshBudget(), entries: 5 };
    let count = 0;
    expect(openArchive(zipOf(files.slice(0, 9)), entries, () => count++)).toBe(false);
    expect(count).toBe(5);
    // One that would be larger than all that may be opened.
    const bomb = gzipSync(Buffer.alloc(20 << 20));
    expect(openArchive(bomb, { ...freshBudget(), bytes: 1 << 20 }, () => undefined)).toBe(false);
  });

  it('one budget holds for all that lies in one another', () => {
    const zeros = Buffer.alloc(1 << 20);
    const inner = zipOf(Array.from({ length: 4 }, (_, i) => file(`${i}`, zeros)));
    const outer = zipOf(Array.from({ length: 4 }, (_, i) => file(`${i}.zip`, inner)));
    const budget = { ...freshBudget(), bytes: 6 * zeros.length };
    let opened = 0;
    const isWhole = openArchive(outer, budget, (_, contents, within) => {
      openArchive(contents, within, (_name, zero) => {
        opened += zero.length;
      });
    });
    expect(isWhole).toBe(false);
    expect(opened).toBeLessThanOrEqual(6 * zeros.length);
  });

  it('one that is larger than is kept is not opened', () => {
    const head = gzipSync('x');
    const record = emptyRecord();
    const wishes = { prefixes: undefined, known: new Set<string>(), keepsText: false };
    const place = beginPlace(record, wishes, { path: 'x' });
    place.take(head, false);
    const piece = Buffer.alloc(8 << 20, ' ');
    const times = limits.scanArchiveBytesMax / piece.length;
    for (let i = 0; i < times; i++) place.take(piece, true);
    place.end();
    expect(record.archives).toEqual(['x']);
  });
});
