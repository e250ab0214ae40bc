/** `mintmark scan`: finds leaked tokens in files, folders, history, and what is piped in. */
import { readFileSync } from 'node:fs';
import { ConfigFault, ok, type Result } from '@mintmark/core';
import { isTokenPrefix } from '@mintmark/tokens';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { exitCodes } from '../failure.ts';
import { gitIn } from '../scan/git.ts';
import { reportFinds, type ScanReport } from '../scan/report-finds.ts';
import { nameOfKind, sarifOf } from '../scan/sarif.ts';
import { type FileWishes, scanListed, scanPath } from '../scan/scan-files.ts';
import { scanHistory, scanStaged } from '../scan/scan-history.ts';
import { beginPlace, emptyRecord, type Find, type ScanRecord } from '../scan/scan-record.ts';
import { printable, type Style } from '../style.ts';
import { usage } from './send.ts';

const scan: Command = {
  name: 'scan',
  summary: 'finds leaked tokens in files, folders, git history and logs',
  description:
    'Looks for tokens of every kind, of this and any other installation, in all that is there: ' +
    'hidden and ignored files and binaries too. A checksum keeps it from false alarms. ' +
    'Tokens in base64, broken into lines too, in UTF-16, in URLs, in gzip and zip archives are ' +
    'found; other compressed files and archives beyond the bounds are counted. No token is ' +
    'shown whole. Exit codes: 0 none found, 1 found, 2 usage, 3 something could not be read.',
  operands: [
    { name: '[paths...]', description: 'files and folders, - for standard input; default .' },
  ],
  options: [
    {
      flags: '--prefix <prefixes...>',
      description: 'only tokens of installations with this prefix',
    },
    { flags: '--history', description: 'all that the branches and tags of repositories reach' },
    { flags: '--staged', description: 'what the next commit brings, as a pre-commit hook asks' },
    { flags: '--gitignore', description: 'leaves out what git ignores' },
    { flags: '--exclude <globs...>', description: 'leaves out what these match' },
    { flags: '--known <file>', description: 'ids of tokens that are settled, one a line' },
    {
      flags: '--report',
      description: 'tells the server, which refuses what it finds to be its own',
    },
    { flags: '--sarif', description: 'the answer as SARIF 2.1.0' },
  ],
  examples: [
    ['mintmark scan', 'this folder and all below it'],
    ['mintmark scan --history --sarif . > leaks.sarif', 'every commit, for a code host'],
    ['mintmark scan --report --server https://id.example logs', 'and has them refused at once'],
    ['mintmark scan --staged', 'in a pre-commit hook: exit 1 stops the commit'],
    ['kubectl logs api | mintmark scan -', 'a log, as it comes'],
  ],
  async run(invocation) {
    const wishes = wishesOf(invocation);
    if (!wishes.ok) return wishes;
    const { options } = invocation;
    const named = (invocation.operands[0] ?? []) as readonly string[];
    const record = emptyRecord();
    for (const path of named.length === 0 ? ['.'] : named) {
      await scanOne(invocation, { record, wishes: wishes.value, path });
    }
    const report = options.flag('report') ? await reportFinds(invocation, record) : undefined;
    return shown(record, { asSarif: options.flag('sarif'), report });
  },
};

export const scanCommands: readonly Command[] = [scan];

function wishesOf({ options }: Invocation): Result<FileWishes, CommandRefusal> {
  const ways = ['history', 'staged', 'gitignore'].filter((name) => options.flag(name));
  if (ways.length > 1) return usage(`--${ways[0]} and --${ways[1]} exclude one another`);
  const prefixes = options.list('prefix');
  const bad = prefixes?.find((one) => !isTokenPrefix(one));
  if (bad !== undefined) {
    return usage(`"${bad}" is no prefix of tokens`, 'write --prefix mm, without the _');
  }
  const known = options.text('known');
  return ok({
    prefixes,
    known: new Set(known === undefined ? [] : readKnown(known)),
    keepsText: options.flag('report'),
    exclude: options.list('exclude') ?? [],
  });
}

/** A whole token is no id: a list of them would be a leak of its own. */
function readKnown(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${path} cannot be read`, {
      cause,
      hint: 'name the file with --known',
    });
  }
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

async function scanOne(
  { ports, options }: Invocation,
  task: { readonly record: ScanRecord; readonly wishes: FileWishes; readonly path: string },
): Promise<void> {
  const { record, wishes, path } = task;
  const git = gitIn(path, ports.environment);
  if (path === '-') {
    const scan = beginPlace(record, wishes, { path: '-' });
    for await (const piece of ports.terminal.inputPieces()) scan.take(piece, false);
    scan.end();
  } else if (options.flag('history')) await scanHistory(record, wishes, git);
  else if (options.flag('staged')) await scanStaged(record, wishes, git);
  else if (options.flag('gitignore')) {
    const listed = await git.text(['ls-files', '-z', '-c', '-o', '--exclude-standard', '--dedup']);
    const names = listed.split('\0').filter((one) => one !== '');
    scanListed(record, wishes, { folder: path, names });
  } else scanPath(record, wishes, path);
}

interface Shape {
  readonly asSarif: boolean;
  readonly report: ScanReport | undefined;
}

function shown(record: ScanRecord, { asSarif, report }: Shape): Outcome {
  const isFound = record.finds.length > 0;
  const isWhole = record.unreadable.length === 0;
  const whole = isWhole ? exitCodes.success : exitCodes.fault;
  const found = isFound ? exitCodes.refused : whole;
  const ending = report?.error === undefined ? found : exitCodes.fault;
  if (asSarif) {
    const sarif = sarifOf(record);
    return ok({ json: sarif, text: () => JSON.stringify(sarif, null, 2), ending });
  }
  const text = (style: Style) => [textOf(style, record), ...reportLines(style, report)].join('\n');
  return ok({ json: { ...jsonOf(record), report }, text, ending });
}

function reportLines(style: Style, report: ScanReport | undefined): string[] {
  if (report === undefined) return [];
  const { known, unknown, others, error } = report;
  const told = [
    `${known} are of this server, which refuses them from now on`,
    ...(unknown === 0 ? [] : [`${unknown} are unknown there: ended long ago, or never made`]),
    ...(others === 0 ? [] : [`${others} are of other installations, and were not sent`]),
  ];
  const failed =
    error === undefined ? [] : [`${style.bad('not all reported:')} ${printable(error)}`];
  return [`reported: ${told.join('; ')}`, ...failed];
}

function jsonOf(record: ScanRecord) {
  return {
    findings: record.finds.map(({ place, text, ...find }) => ({ ...place, ...find })),
    findings_dropped: record.dropped,
    scanned: { places: record.places, bytes: record.bytes },
    archives_not_opened: record.archives.length + record.archivesUnlisted,
    unreadable: record.unreadable,
    unreadable_unlisted: record.unreadableUnlisted,
  };
}

function textOf(style: Style, record: ScanRecord): string {
  const lines = record.finds.map((find) => lineOf(style, find));
  if (record.dropped > 0) lines.push(`and ${record.dropped} more`);
  for (const { path, reason } of record.unreadable) {
    lines.push(`${style.warn('not read')} ${printable(path)}: ${printable(reason)}`);
  }
  if (record.unreadableUnlisted > 0) lines.push(`and ${record.unreadableUnlisted} more not read`);
  const archives = record.archives.length + record.archivesUnlisted;
  if (archives > 0) {
    const first = record.archives.slice(0, archivesShown).map(printable).join(', ');
    const more = archives > archivesShown ? ', …' : '';
    lines.push(`${style.warn('not opened, or not all')} ${archives} compressed: ${first}${more}`);
  }
  const count = record.finds.length + record.dropped;
  const tokens = count === 1 ? '1 token found' : `${count} tokens found`;
  const verdict = count === 0 ? style.good('no token found') : style.bad(tokens);
  const places = record.places === 1 ? '1 place' : `${record.places} places`;
  const size = `${places}, ${(record.bytes / 1e6).toFixed(1)} MB`;
  return [...lines, `${verdict} ${style.dim(`in ${size}`)}`].join('\n');
}

const archivesShown = 5;

function lineOf(style: Style, find: Find): string {
  const { place, line, column, kind, prefix, id, ending, form } = find;
  const where = `${printable(place.path)}:${line}:${column}`;
  const commit = place.commit === undefined ? '' : ` commit ${place.commit.slice(0, 12)}`;
  const wrapped = form === 'plain' ? '' : ` (in ${form.replace('_', ' in ')})`;
  const what = `${nameOfKind(kind)} ${prefix}_${kind}_${id}…${ending}`;
  return `${style.bold(where)}${commit}  ${what}${wrapped}`;
}
