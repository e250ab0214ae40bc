/** `mintmark rotation …`: what rotates by itself, and where new secrets are brought. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, OptionValues } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { fields, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const path = '/v1/rotations';
const nameOperand = { name: '<name>', description: 'the name of the rotation' };

const nameOf = ({ operands }: Pick<Invocation, 'operands'>): string => operands[0] as string;

function member(item: Item, group: string, name: string): string {
  const value = (item[group] as Item | undefined)?.[name];
  return value === undefined || value === null ? '' : String(value);
}

const listRotations: Command = {
  name: 'rotation list',
  summary: 'lists all that rotates by itself: signing keys, API keys, client secrets',
  options: [maxOption],
  examples: [['mintmark rotation list', 'what rotates when, and what is under way']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['NAME', 'KIND', 'CREDENTIAL', 'NEXT', 'UNDER WAY', 'FAULT'],
        items.map((item) => [
          cell(item, 'name'),
          member(item, 'target', 'kind'),
          member(item, 'state', 'credential'),
          member(item, 'state', 'next_at'),
          member(item, 'state', 'run'),
          member(item, 'state', 'fault'),
        ]),
      ),
    ),
};

const show: Command = {
  name: 'rotation show',
  summary: 'shows a rotation as "mintmark apply" takes it, and its last runs',
  operands: [nameOperand],
  examples: [['mintmark rotation show payments', 'its rule, and what it did']],
  async run(invocation) {
    const api = await invocation.api();
    if (!api.ok) return api;
    const one = pathOf`/v1/rotations/${nameOf(invocation)}`;
    const shown = await api.value.call({ method: 'GET', path: one });
    if (!shown.ok) return shown;
    const { body } = shown.value;
    // A schedule of a signing key has no runs of its own.
    const isRule = body['updated_at'] !== undefined;
    const runs = isRule ? await api.value.list(`${one}/runs`, {}, 10) : ok([]);
    if (!runs.ok) return runs;
    const json = { ...body, runs: runs.value };
    return ok({ json, text: () => JSON.stringify(json, null, 2) });
  },
};

const create: Command = {
  name: 'rotation create',
  summary: 'rotates a key or a client’s secret by age, and brings the new one where it is used',
  description:
    'Targets of --to are those of the server’s configuration. What has no flag here is written ' +
    'with "mintmark apply".',
  operands: [nameOperand],
  options: [
    { flags: '--key <id>', description: 'the key to rotate' },
    { flags: '--client <id>', description: 'or the client whose secret is rotated' },
    { flags: '--every <duration>', description: 'the age at which it rotates, such as 30d' },
    { flags: '--on <events...>', description: 'also on: leak, owner_left, custody_rotation' },
    { flags: '--overlap <duration>', description: 'how long both work; default 1d' },
    { flags: '--to <target>', description: 'where the new secret is brought', required: true },
    { flags: '--at <place>', description: 'where in the target: a file, a path, a Secret' },
    { flags: '--member <name>', description: 'the member of it that holds the secret' },
  ],
  examples: [
    [
      'mintmark rotation create pay --key 0b9xTq3LkWm2PzR7v --every 30d --to web --at pay.key',
      'a new key each month, in a file of the target "web"',
    ],
  ],
  async run(invocation) {
    const { options } = invocation;
    const target = targetOf(options);
    if (!target.ok) return target;
    const every = spanOf(options, 'every');
    if (!every.ok) return every;
    const overlap = spanOf(options, 'overlap');
    if (!overlap.ok) return overlap;
    const place = { to: options.text('to'), at: options.text('at'), key: options.text('member') };
    const body = {
      target: target.value,
      every_seconds: every.value,
      on: options.list('on'),
      overlap_seconds: overlap.value,
      deliver_to: [place],
    };
    const one = pathOf`/v1/rotations/${nameOf(invocation)}`;
    return send(invocation, { method: 'PUT', path: one, body }, (style, answer) =>
      fields(style, rowsOf((answer['state'] ?? {}) as Item, ['credential', 'next_at'])),
    );
  },
};

function targetOf(options: OptionValues) {
  const [key, client] = [options.text('key'), options.text('client')];
  if (key !== undefined && client === undefined) return ok({ kind: 'key', id: key });
  if (client !== undefined && key === undefined) return ok({ kind: 'client_secret', id: client });
  return usage('name a key or a client, and not both', 'write --key ID or --client ID');
}

function spanOf(options: OptionValues, name: string) {
  const text = options.text(name);
  return text === undefined ? ok(undefined) : parseDuration(name, text);
}

const run: Command = {
  name: 'rotation run',
  summary: 'rotates now, whatever the age; the secret is delivered and not shown',
  operands: [nameOperand],
  examples: [
    ['mintmark rotation run payments', 'a new key now'],
    ['mintmark rotation run signing_key:ES256', 'publishes the next signing key'],
  ],
  run(invocation) {
    const one = pathOf`/v1/rotations/${nameOf(invocation)}/run`;
    const request = { method: 'POST', path: one, creates: true } as const;
    return send(invocation, request, (style, answer) =>
      fields(style, rowsOf(answer, ['id', 'successor', 'predecessor_ends_at', 'kid'])),
    );
  },
};

const listRuns: Command = {
  name: 'rotation runs',
  summary: 'lists what a rotation did, newest first: deliveries, confirmations, faults',
  operands: [nameOperand],
  options: [maxOption],
  examples: [['mintmark rotation runs payments', 'whether each new secret arrived and was used']],
  run(invocation) {
    const names = ['id', 'status', 'cause', 'started_at', 'confirmed_at', 'predecessor_ends_at'];
    const runs = pathOf`/v1/rotations/${nameOf(invocation)}/runs`;
    return list(invocation, { path: runs }, (style, items) =>
      table(
        style,
        ['ID', 'STATUS', 'CAUSE', 'STARTED', 'CONFIRMED', 'OLD ONE ENDS', 'PLACES', 'FAULT'],
        items.map((item) =>
          [...names, 'places_delivered', 'delivery_failure'].map((name) => cell(item, name)),
        ),
      ),
    );
  },
};

const remove: Command = {
  name: 'rotation delete',
  summary: 'ends a rotation rule; what it rotates stays as it is',
  operands: [nameOperand],
  examples: [['mintmark rotation delete payments', 'its key is rotated by hand from now on']],
  async run(invocation) {
    const name = nameOf(invocation);
    const one = pathOf`/v1/rotations/${name}`;
    const outcome = await edit(invocation, { method: 'DELETE', path: one, read: one }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

export const rotationCommands: readonly Command[] = [
  ...[listRotations, show, create, run, listRuns, remove],
];
