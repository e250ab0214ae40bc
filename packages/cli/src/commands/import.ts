/** `mintmark import`: takes over keys, clients and people of another system out of its export. */
import { appendFileSync, readFileSync } from 'node:fs';
import { ConfigFault, ok, type Result } from '@mintmark/core';
import { parse as parseYaml } from 'yaml';
import type { Command, CommandRefusal, Invocation } from '../command.ts';
import { applyMove, type MoveReport } from '../moves/apply-move.ts';
import { itemOf, itemsOf, type Moved } from '../moves/moved.ts';
import { readHydra } from '../moves/read-hydra.ts';
import { readKeycloak } from '../moves/read-keycloak.ts';
import { readKong } from '../moves/read-kong.ts';
import { type Rows, readCsv, readSql } from '../moves/read-rows.ts';
import { readTable, type TableKind, tableFields } from '../moves/read-table.ts';
import { readUnkey } from '../moves/read-unkey.ts';
import { fields, printable, type Style, table } from '../style.ts';
import { usage } from './send.ts';

const systems = ['kong', 'unkey', 'keycloak', 'hydra', 'csv', 'sql'] as const;
type System = (typeof systems)[number];

const move: Command = {
  name: 'import',
  summary: 'takes over keys, clients, people and their roles from another system',
  description:
    'FILE is what the other system exports. What is there already stays as it is, so an import ' +
    'that broke off is simply repeated. Keys and passwords go on working; nothing is sent in ' +
    'clear but client secrets. The report says what was refused, and where it stood, and what ' +
    'has no place here. See docs/moving.md.',
  operands: [{ name: '<file>', description: 'the export; - for standard input' }],
  options: [
    { flags: '--from <system>', description: 'what made it', choices: systems, required: true },
    { flags: '--dry-run', description: 'only says what would be done' },
    { flags: '--prefix <text>', description: 'what every key begins with; default nothing' },
    { flags: '--separator <text>', description: 'between look-up id and secret of a key' },
    {
      flags: '--hashed <part>',
      description: 'what the hashes of keys cover; default key',
      choices: ['key', 'secret'],
    },
    {
      flags: '--kind <kind>',
      description: 'csv, sql: what the rows are; default keys',
      choices: Object.keys(tableFields),
    },
    { flags: '--table <name>', description: 'sql: the table' },
    {
      flags: '--column <ours=theirs...>',
      description: 'csv, sql: a column of another name, such as hash=key_hash',
    },
    {
      flags: '--secrets-file <file>',
      description: 'keeps new secrets of clients whose old one is only a hash',
    },
  ],
  examples: [
    ['mintmark import --from kong kong.yaml --dry-run', 'what a gateway’s keys would become'],
    ['mintmark import --from keycloak realm.json', 'clients, people, their roles and groups'],
    [
      'mintmark import --from sql dump.sql --table api_keys --column hash=digest',
      'keys out of a database of one’s own',
    ],
  ],
  async run(invocation) {
    const { options } = invocation;
    const moved = await readMoved(invocation);
    if (!moved.ok) return moved;
    const api = await invocation.api();
    if (!api.ok) return api;
    const hashed = options.text('hashed') as 'key' | 'secret' | undefined;
    const secretsFile = options.text('secrets-file');
    const report = await applyMove(api.value, moved.value, {
      format: {
        prefix: options.text('prefix') ?? '',
        separator: options.text('separator') ?? '',
        ...(hashed === undefined ? {} : { hashed }),
      },
      dryRun: options.flag('dry-run'),
      keepSecret: secretsFile === undefined ? undefined : keeperIn(secretsFile),
    });
    if (!report.ok) return report;
    const negative = report.value.refused.length > 0;
    return ok({ json: report.value, text: (style) => reportText(style, report.value), negative });
  },
};

export const importCommands: readonly Command[] = [move];

function keeperIn(file: string): (clientId: string, secret: string) => void {
  return (client_id, client_secret) => {
    const line = JSON.stringify({ client_id, client_secret });
    appendFileSync(file, `${line}\n`, { mode: 0o600 });
  };
}

async function readMoved(invocation: Invocation): Promise<Result<Moved, CommandRefusal>> {
  const { options, operands, ports } = invocation;
  const name = operands[0] as string;
  const text = name === '-' ? await ports.terminal.readInput() : read(name);
  const from = options.text('from') as System;
  switch (from) {
    case 'kong':
    case 'keycloak': {
      const document = parsed(text);
      if (document === undefined) return usage(`${name} is not YAML or JSON`);
      return ok(from === 'kong' ? readKong(document) : readKeycloak(document));
    }
    case 'unkey':
    case 'hydra': {
      const rows = jsonRows(text);
      if (rows === undefined) return usage(`${name} is no JSON, and not one object a line`);
      return ok(from === 'unkey' ? readUnkey(rows) : readHydra(rows));
    }
    case 'csv':
    case 'sql':
      return readPlain(invocation, { from, name, text });
  }
}

function readPlain(
  { options }: Invocation,
  {
    from,
    name,
    text,
  }: { readonly from: 'csv' | 'sql'; readonly name: string; readonly text: string },
): Result<Moved, CommandRefusal> {
  const kind = (options.text('kind') ?? 'keys') as TableKind;
  const named = options.text('table');
  if (from === 'sql' && named === undefined) return usage('--from sql needs --table');
  const columns = new Map<string, string>();
  for (const pair of options.list('column') ?? []) {
    const [ours = '', theirs] = pair.split('=');
    const known: readonly string[] = tableFields[kind];
    if (theirs === undefined || !known.includes(ours)) {
      return usage(`--column ${pair} names none of ${known.join(', ')}`);
    }
    columns.set(ours, theirs);
  }
  const rows = from === 'csv' ? readCsv(text) : readSql(text, named ?? '');
  if (!rows.ok) return usage(`${name}: ${rows.refusal}`);
  return ok(readTable(rows.value, { kind, columns }));
}

function read(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${name} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}

function parsed(text: string) {
  try {
    const value: unknown = parseYaml(text);
    return typeof value === 'object' && value !== null ? itemOf(value) : undefined;
  } catch {
    return undefined;
  }
}

/** One document with a list in it, or one object a line. */
function jsonRows(text: string): Rows | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return itemsOf(value, '');
    const { keys, items, data } = itemOf(value);
    const list = keys ?? items ?? itemOf(data)['keys'] ?? data;
    return list === undefined ? [['', itemOf(value)]] : itemsOf(list, '');
  } catch {
    return jsonLines(text);
  }
}

function jsonLines(text: string): Rows | undefined {
  try {
    return text
      .split('\n')
      .flatMap((line, index) =>
        line.trim() === '' ? [] : [[`line ${index + 1}`, itemOf(JSON.parse(line))] as const],
      );
  } catch {
    return undefined;
  }
}

function reportText(style: Style, report: MoveReport): string {
  const counts = (['keys', 'clients', 'roles', 'groups', 'users'] as const)
    .filter((name) => report[name].imported + report[name].unchanged > 0)
    .map((name) => {
      const { imported, unchanged } = report[name];
      return [name, `${imported} imported, ${unchanged} unchanged`] as const;
    });
  const left = Object.entries(report.left_out).map(
    ([what, count]) => `  ${count} ${printable(what)}`,
  );
  const refused = report.refused.map(({ at, name, reason }) => [at, name, reason]);
  return [
    counts.length === 0 ? 'nothing imported' : fields(style, counts),
    ...(left.length === 0 ? [] : [style.bold('left out:'), ...left]),
    ...(refused.length === 0 ? [] : [table(style, ['REFUSED AT', 'NAME', 'REASON'], refused)]),
  ].join('\n');
}
