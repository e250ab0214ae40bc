/** `mintmark threat-feed …`: whose lists of addresses are believed, and what they name. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readSecret } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send } from './send.ts';

const path = '/v1/threat-feeds';
const nameOperand = { name: '<name>', description: 'the name of the feed' };

const nameOf = ({ operands }: Pick<Invocation, 'operands'>): string => operands[0] as string;

function progressOf(item: Item, name: string): string {
  const value = (item['progress'] as Item | undefined)?.[name];
  return value === undefined || value === null ? '' : String(value);
}

const progressNames = [
  ...['listed', 'added', 'removed', 'refused', 'passed_over', 'failures', 'fault'],
  ...['succeeded_at', 'next_at', 'counts_until'],
];

function showProgress(style: Style, body: Item): string {
  const progress = (body['progress'] ?? {}) as Item;
  return fields(style, rowsOf(progress, progressNames));
}

const listFeeds: Command = {
  name: 'threat-feed list',
  summary: 'lists sources of listed addresses, and how their reading goes',
  options: [maxOption],
  examples: [['mintmark threat-feed list', 'how many blocks each lists, and what went wrong']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['NAME', 'KIND', 'LISTED', 'REFUSED', 'READ', 'COUNTS UNTIL', 'FAULT'],
        items.map((item) => [
          cell(item, 'name'),
          cell(item, 'kind'),
          progressOf(item, 'listed'),
          progressOf(item, 'refused'),
          progressOf(item, 'succeeded_at'),
          progressOf(item, 'counts_until'),
          progressOf(item, 'fault'),
        ]),
      ),
    ),
};

const show: Command = {
  name: 'threat-feed show',
  summary: 'shows a source as "mintmark apply" takes it, and how its reading goes',
  operands: [nameOperand],
  examples: [['mintmark threat-feed show crowd', 'what was refused of it, and why']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'GET', path: pathOf`/v1/threat-feeds/${nameOf(invocation)}` },
      (_, body) => JSON.stringify(body, null, 2),
    ),
};

const create: Command = {
  name: 'threat-feed create',
  summary: 'reads a list of addresses from now on: a plain one, of CrowdSec or of TAXII',
  description: 'What has no flag here is written with "mintmark apply".',
  operands: [nameOperand],
  options: [
    { flags: '--kind <kind>', description: 'plain, crowdsec or taxii', required: true },
    {
      flags: '--url <url>',
      description: 'of the list, the local API or the collection',
      required: true,
    },
    {
      flags: '--secret <reference>',
      description: 'file:PATH, env:NAME or -: what it is asked with',
    },
    { flags: '--user <name>', description: 'name beside the secret, for HTTP Basic' },
    { flags: '--every <duration>', description: 'how often it is read' },
    { flags: '--keep <duration>', description: 'how long it counts after the last good reading' },
  ],
  examples: [
    [
      'mintmark threat-feed create crowd --kind crowdsec --url http://127.0.0.1:8080 --secret -',
      'the decisions of a CrowdSec on this machine',
    ],
    [
      'mintmark threat-feed create drop --kind plain --url https://lists.example/drop.txt',
      'an address or block a line',
    ],
  ],
  async run(invocation) {
    const { options, ports } = invocation;
    const spans: Record<string, number | undefined> = {};
    for (const name of ['every', 'keep']) {
      const text = options.text(name);
      const span = text === undefined ? ok(undefined) : parseDuration(name, text);
      if (!span.ok) return span;
      spans[name] = span.value;
    }
    const reference = options.text('secret');
    const secret = reference === undefined ? ok(undefined) : await readSecret(ports, reference);
    if (!secret.ok) return secret;
    const body = {
      ...{ kind: options.text('kind'), url: options.text('url'), user: options.text('user') },
      ...{ every_seconds: spans['every'], keep_seconds: spans['keep'], secret: secret.value },
    };
    const one = pathOf`/v1/threat-feeds/${nameOf(invocation)}`;
    return send(invocation, { method: 'PUT', path: one, body }, (style) =>
      style.good(`${nameOf(invocation)} is read within a second; see "mintmark threat-feed list"`),
    );
  },
};

const remove: Command = {
  name: 'threat-feed delete',
  summary: 'believes a source no more; nothing that it lists counts from then on',
  operands: [nameOperand],
  examples: [['mintmark threat-feed delete drop', 'its addresses are as any others']],
  async run(invocation) {
    const name = nameOf(invocation);
    const one = pathOf`/v1/threat-feeds/${name}`;
    const outcome = await edit(invocation, { method: 'DELETE', path: one, read: one }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

const refresh: Command = {
  name: 'threat-feed refresh',
  summary: 'has a source read now, and as a whole',
  operands: [nameOperand],
  examples: [['mintmark threat-feed refresh crowd', 'after its list was mended']],
  run(invocation) {
    const one = pathOf`/v1/threat-feeds/${nameOf(invocation)}/refresh`;
    return send(invocation, { method: 'POST', path: one }, showProgress);
  },
};

const lookUp: Command = {
  name: 'threat-feed lookup',
  summary: 'says which lists name an address, why, and until when',
  operands: [{ name: '<address>', description: 'an IPv4 or IPv6 address' }],
  examples: [['mintmark threat-feed lookup 203.0.113.7', 'why somebody was refused']],
  run(invocation) {
    const address = encodeURIComponent(nameOf(invocation));
    const request = { method: 'GET', path: `/v1/threats?address=${address}` } as const;
    return send(invocation, request, (style, body) => {
      const items = body['items'] as readonly Item[];
      if (items.length === 0) return 'no list names it';
      const names = ['feed', 'network', 'reason', 'until'];
      const rows = items.map((item) => names.map((name) => cell(item, name)));
      return table(style, ['FEED', 'NETWORK', 'REASON', 'UNTIL'], rows);
    });
  },
};

export const threatFeedCommands: readonly Command[] = [
  ...[listFeeds, show, create, remove, refresh, lookUp],
];
