import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { freshBudget, openArchive } from '../../packages/cli/src/scan/archive.ts';
import { beginPlace, emptyRecord } from '../../packages/cli/src/scan/scan-record.ts';
import { type Harness, invariant } from '../harness.ts';
import { sampleTokens } from './parse-secret-token.ts';

const [token = ''] = sampleTokens();
const opened = 64 * 1024;

/** Made by another program, so that what is mutated is what is met. */
function sampleZip(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'mintmark-fuzz-'));
  writeFileSync(join(folder, 'a.txt'), `key: ${token}\n`.repeat(3));
  execFileSync('python3', ['-m', 'zipfile', '-c', 'a.zip', 'a.txt'], { cwd: folder });
  const zip = readFileSync(join(folder, 'a.zip'));
  rmSync(folder, { recursive: true });
  return zip;
}

const zip = sampleZip();
const mail = Buffer.from(`user:${token} `.repeat(3))
  .toString('base64')
  .replaceAll(/.{64}/g, '$&\n');

/** Whatever a file holds: no fault, places within it, and nothing opened beyond the bound. */
export const scanPlaceHarness: Harness = {
  name: 'scan-place',
  seeds: [zip, gzipSync(zip), gzipSync(token), mail, Buffer.from(token, 'utf16le')],
  dictionary: ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', '\x1f\x8b\x08', '\n', '\0', '\r\n'],
  run(input) {
    const record = emptyRecord();
    const wishes = { prefixes: undefined, known: new Set<string>(), keepsText: true };
    const place = beginPlace(record, wishes, { path: 'x' });
    const half = Math.floor(input.length / 2);
    for (const part of [input.subarray(0, half), input.subarray(half)]) place.take(part, false);
    place.end();
    for (const { offset, length, place: at, line, column } of record.finds) {
      invariant(length > 0 && offset >= 0 && line > 0 && column > 0, 'a place that is none');
      invariant(at.path !== 'x' || offset + length <= input.length, 'a place out of range');
    }
    let bytes = 0;
    const budget = { ...freshBudget(), bytes: opened };
    const isWhole = openArchive(input, budget, (_, contents) => {
      bytes += contents.length;
    });
    // What is stored as it is lies in the file already, and is told beside what was unpacked.
    invariant(bytes <= opened + input.length, 'more was opened than may be');
    return `${isWhole} ${[...new Set(record.finds.map(({ form }) => form))].sort().join(' ')}`;
  },
};
