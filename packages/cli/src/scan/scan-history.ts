/**
 * A repository for a scan: every object that any branch, tag or stash reaches, each once, or what
 * is about to be committed. Contents of files and texts of commits and tags; where something was
 * found, the commit that brought it and its path there are looked up afterwards.
 */
import type { Git } from './git.ts';
import {
  beginPlace,
  type Find,
  noteUnreadable,
  type Place,
  type PlaceScan,
  type ScanRecord,
  type ScanWishes,
} from './scan-record.ts';

/** @throws ConfigFault `git_failed` */
export async function scanHistory(record: ScanRecord, wishes: ScanWishes, git: Git): Promise<void> {
  const shallow = await git.text(['rev-parse', '--is-shallow-repository']);
  if (shallow.trim() === 'true') noteUnreadable(record, 'history', 'shallow clone');
  const before = record.finds.length;
  const from = ['rev-list', '--objects', '--no-object-names', '--all'];
  await scanObjects(record, wishes, git.objects({ from }), ({ id, type }) =>
    type === 'blob'
      ? { path: id, object: id }
      : { path: `(${type} message)`, object: id, commit: id },
  );
  const found = record.finds.splice(before);
  const origins = await originsOf(git, found);
  for (const find of found) {
    const origin = origins.get(find.place.object ?? '');
    record.finds.push(origin === undefined ? find : { ...find, place: origin });
  }
}

/**
 * What the next commit would hold and the last one does not.
 *
 * @throws ConfigFault `git_failed`
 */
export async function scanStaged(record: ScanRecord, wishes: ScanWishes, git: Git): Promise<void> {
  const head = await git.text(['rev-parse', '--quiet', '--verify', 'HEAD']).catch(() => '');
  // Before the first commit everything is compared with nothing.
  const base = head.trim() || (await git.text(['hash-object', '-t', 'tree', '--stdin'])).trim();
  const changed = await git.text([
    ...[
      'diff-index',
      '--cached',
      '--no-ext-diff',
      '--no-textconv',
      '--raw',
      '-z',
      '--no-renames',
      '--no-abbrev',
    ],
    ...['--diff-filter=ACMRT', base, '--'],
  ]);
  const paths = new Map<string, string>();
  for (const [, mode, id, path] of changed.matchAll(rawEntry)) {
    // A submodule's commit is no object of this repository.
    if (mode !== '160000') paths.set(id!, path!);
  }
  const list = [...paths.keys()].map((id) => `${id}\n`).join('');
  await scanObjects(record, wishes, git.objects({ list }), ({ id }) => ({
    path: paths.get(id) ?? id,
  }));
}

/** `:‹mode› ‹mode› ‹id before› ‹id after› ‹status›␀‹path›␀` */
const rawEntry = /:\d+ (\d+) [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*\0([^\0]+)\0/g;

interface ObjectHead {
  readonly id: string;
  readonly type: string;
}

/** Takes `‹id› ‹type› ‹size›␊‹contents›␊` apart as it comes in, of whatever size. */
async function scanObjects(
  record: ScanRecord,
  wishes: ScanWishes,
  output: AsyncIterable<Buffer>,
  placeOf: (head: ObjectHead) => Place,
): Promise<void> {
  let head = '';
  let scan: PlaceScan | undefined;
  let left = -1;
  for await (const piece of output) {
    let at = 0;
    while (at < piece.length) {
      if (left < 0) {
        const end = piece.indexOf(lineFeed, at);
        head += piece.toString('latin1', at, end < 0 ? piece.length : end);
        at = end < 0 ? piece.length : end + 1;
        if (end < 0) break;
        const [id = '', type = '', size] = head.split(' ');
        head = '';
        if (size === undefined) {
          noteUnreadable(record, id, type);
          continue;
        }
        // A tree holds names and ids of what comes by itself.
        scan = type === 'tree' ? undefined : beginPlace(record, wishes, placeOf({ id, type }));
        left = Number(size);
        continue;
      }
      const count = Math.min(left, piece.length - at);
      if (count > 0) scan?.take(piece.subarray(at, at + count), count === left);
      at += count;
      left -= count;
      // The line end behind the contents.
      if (left === 0 && at < piece.length) {
        scan?.end();
        at += 1;
        left = -1;
      }
    }
  }
}

const lineFeed = 0x0a;
/** Objects that one command line names. */
const idsAtOnce = 500;

/** For each blob that something was found in: the first commit that has it, and where. */
async function originsOf(git: Git, finds: readonly Find[]): Promise<Map<string, Place>> {
  const origins = new Map<string, Place>();
  const ids = new Set(finds.flatMap((one) => (one.place.commit ? [] : [one.place.object ?? ''])));
  const wanted = [...ids];
  for (let from = 0; from < wanted.length; from += idsAtOnce) {
    const some = wanted.slice(from, from + idsAtOnce).map((id) => `--find-object=${id}`);
    // Parents before children, and a merge against each of its parents: what a merge alone brought
    // is found too.
    const log = await git.text([
      ...['log', '--all', '--topo-order', '--reverse', '-m', '--root', '--raw', '-z'],
      ...['--no-abbrev', '--no-renames', '--no-ext-diff', '--no-textconv', '--format=%x01%H%x02'],
      ...some,
    ]);
    for (const part of log.split('\x01')) {
      const commit = part.slice(0, part.indexOf('\x02'));
      for (const [, , object, path] of part.matchAll(rawEntry)) {
        if (!ids.has(object!) || origins.has(object!)) continue;
        origins.set(object!, { path: path!, object: object!, commit });
      }
    }
  }
  return origins;
}
