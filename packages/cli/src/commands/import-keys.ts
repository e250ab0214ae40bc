/** `mintmark key import`: takes over the keys of another system by their hashes, page by page. */
import { readFile } from 'node:fs/promises';
import { ConfigFault, limits, ok, type Result } from '@mintmark/core';
import type { Api } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, type Item, usage } from './send.ts';

/** Leaves room for the format and the commas around the rows. */
const pageBytesMax = limits.importBodyBytesMax - 4096;

export const importKeys: Command = {
  name: 'key import',
  summary: 'takes over keys of another system by their hashes',
  description:
    'FILE holds one JSON object a line: hash, and where the system has them id, name, owner, ' +
    'scopes, expires_at. A key works at once, and is hashed anew at its first use. Importing the ' +
    'same file again changes nothing, so an import that broke off is simply repeated.',
  operands: [{ name: '<file>', description: 'the keys; - for standard input' }],
  options: [
    { flags: '--prefix <text>', description: 'what every key begins with; default nothing' },
    {
      flags: '--separator <text>',
      description: 'between look-up id and secret; default none: keys carry no id',
    },
    {
      flags: '--hashed <part>',
      description: 'what the hash covers; default key',
      choices: ['key', 'secret'],
    },
  ],
  examples: [
    ['mintmark key import keys.ndjson --prefix sk_', 'SHA-256 of the whole key, in hex or base64'],
    [
      'mintmark key import keys.ndjson --prefix ak_ --separator . --hashed secret',
      'ak_ID.SECRET, with bcrypt or argon2 over the secret',
    ],
  ],
  async run(invocation) {
    const rows = await readRows(invocation);
    if (!rows.ok) return rows;
    const api = await invocation.api();
    if (!api.ok) return api;
    const { options } = invocation;
    const format = {
      prefix: options.text('prefix') ?? '',
      separator: options.text('separator') ?? '',
      hashed: options.text('hashed'),
    };
    return sendPages(api.value, format, rows.value);
  },
};

/** Rows as they stand in the file, each still JSON text, so that a page's size is known. */
async function readRows(invocation: Invocation): Promise<Result<string[], CommandRefusal>> {
  const name = invocation.operands[0] as string;
  const text = name === '-' ? await invocation.ports.terminal.readInput() : await read(name);
  const rows: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    if (!isObject(line)) return usage(`${name} line ${index + 1} is not a JSON object`);
    rows.push(line.trim());
  }
  return rows.length === 0 ? usage(`${name} holds no keys`) : ok(rows);
}

async function read(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${name} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

interface Report {
  imported: number;
  unchanged: number;
  readonly conflicts: Item[];
}

async function sendPages(api: Api, format: Item, rows: readonly string[]): Promise<Outcome> {
  const sent = await sendKeys(api, format, rows);
  if (!sent.ok) return sent;
  const report = sent.value;
  const negative = report.conflicts.length > 0;
  return ok({ json: report, text: (style) => reportText(style, report), negative });
}

/** Sends rows, each JSON text, in pages that the server takes. */
export async function sendKeys(
  api: Api,
  format: Item,
  rows: readonly string[],
): Promise<Result<Report, CommandRefusal>> {
  const report: Report = { imported: 0, unchanged: 0, conflicts: [] };
  let from = 0;
  for (const page of pagesOf(rows)) {
    // A system without scopes means: none.
    const keys = page.map((row) => ({ scopes: [], ...JSON.parse(row) }));
    const body = { format, keys };
    const answer = await api.call({ method: 'POST', path: '/v1/keys/import', body });
    if (!answer.ok) return answer;
    const { imported, unchanged, conflicts } = answer.value.body;
    report.imported += Number(imported);
    report.unchanged += Number(unchanged);
    for (const conflict of conflicts as { index: number }[]) {
      report.conflicts.push({ ...conflict, index: conflict.index + from });
    }
    from += page.length;
  }
  return ok(report);
}

function* pagesOf(rows: readonly string[]): Generator<string[]> {
  let page: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = Buffer.byteLength(row) + 1;
    if (page.length === limits.importKeysMax || bytes + size > pageBytesMax) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(row);
    bytes += size;
  }
  yield page;
}

function reportText(style: Style, { imported, unchanged, conflicts }: Report): string {
  const counts = fields(style, [
    ['imported', imported],
    ['unchanged', unchanged],
    ['conflicts', conflicts.length],
  ]);
  if (conflicts.length === 0) return counts;
  const rows = conflicts.map((one) => ['index', 'id', 'reason'].map((name) => cell(one, name)));
  return `${counts}\n${table(style, ['ROW', 'ID', 'REASON'], rows)}`;
}
