/**
 * `node bench/scan.ts [--gigabytes 1] [--folder node_modules]`: how fast leaked tokens are looked
 * for, on one core, in CPU time: the search alone over data of several kinds, then a folder with
 * all its files, opened and read. All of the data is fresh or real, none holds a token, so each
 * find is a false alarm.
 */
import { createCipheriv } from 'node:crypto';
import { parseArgs } from 'node:util';
import { scanPath } from '../packages/cli/src/scan/scan-files.ts';
import { beginPlace, emptyRecord } from '../packages/cli/src/scan/scan-record.ts';

const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '1' },
    folder: { type: 'string', default: 'node_modules' },
  },
});
const pieceBytes = 1024 * 1024;

/** Random bytes from a counter: the same in each run. */
const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
const random = (bytes: number): Buffer => stream.update(Buffer.alloc(bytes));

const kinds: Readonly<Record<string, () => Buffer>> = {
  'random bytes': () => random(pieceBytes),
  'base64, unbroken': () => Buffer.from(random((pieceBytes * 3) / 4).toString('base64')),
  'base64 in lines': () =>
    Buffer.from(
      random((pieceBytes * 3) / 4)
        .toString('base64')
        .replaceAll(/.{76}/g, '$&\n'),
    ).subarray(0, pieceBytes),
  'hex, unbroken': () => Buffer.from(random(pieceBytes / 2).toString('hex')),
  'log lines': () => {
    const lines: string[] = [];
    for (let bytes = 0; bytes < pieceBytes; bytes += lines.at(-1)!.length) {
      const id = random(12);
      const path = `/v1/things/${id.toString('base64url')}`;
      lines.push(`2026-11-22T07:00:00Z info GET ${path} 200 key=${id.toString('hex')}\n`);
    }
    return Buffer.from(lines.join('')).subarray(0, pieceBytes);
  },
};
const kindsCount = Object.keys(kinds).length;
const pieces = Math.ceil((Number(values.gigabytes) * 1e9) / kindsCount / pieceBytes);
const wishes = { prefixes: undefined, known: new Set<string>(), keepsText: false, exclude: [] };

let alarms = 0;
for (const [name, make] of Object.entries(kinds)) {
  const found = emptyRecord();
  const place = beginPlace(found, wishes, { path: name });
  let micros = 0;
  for (let count = 0; count < pieces; count++) {
    const piece = make();
    const before = process.cpuUsage();
    place.take(piece, false);
    const { user, system } = process.cpuUsage(before);
    micros += user + system;
  }
  place.end();
  alarms += found.finds.length;
  tell(name, pieces * pieceBytes, micros);
}

const record = emptyRecord();
const before = process.cpuUsage();
scanPath(record, wishes, values.folder);
const { user, system } = process.cpuUsage(before);
alarms += record.finds.length;
tell(`${record.places} files`, record.bytes, user + system);
console.log(`false alarms: ${alarms}`);
process.exitCode = alarms === 0 ? 0 : 1;

function tell(name: string, bytes: number, micros: number): void {
  const speed = Math.round(bytes / micros);
  console.log(`${name.padEnd(28)} ${(bytes / 1e6).toFixed(0).padStart(6)} MB ${speed} MB/s`);
}
