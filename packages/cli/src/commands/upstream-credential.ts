/** `mintmark upstream-credential …`: what upstreams know gateways by. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, Option } from '../command.ts';
import { readSecret } from '../secret-input.ts';
import { table } from '../style.ts';
import { cell, edit, list, maxOption, send } from './send.ts';

const path = '/v1/upstream-credentials';
const nameOperand = { name: '<name>', description: 'the name that routes call it by' };
const pathTo = (name: string): string => pathOf`/v1/upstream-credentials/${name}`;

const nameOf = ({ operands }: Pick<Invocation, 'operands'>): string => operands[0] as string;

const formOptions: readonly Option[] = [
  { flags: '--scheme <scheme>', description: 'bearer, basic or header', required: true },
  { flags: '--header <name>', description: 'of the scheme header: its name' },
  { flags: '--username <name>', description: 'of the scheme basic' },
];

const formOf = ({ options }: Invocation) => ({
  ...{ scheme: options.text('scheme'), header: options.text('header') },
  username: options.text('username'),
});

const secretWords = 'file:PATH, env:NAME or -: token, password or value of the header';

const listCredentials: Command = {
  name: 'upstream-credential list',
  summary: 'lists what upstreams know gateways by, without secrets',
  options: [maxOption],
  examples: [['mintmark upstream-credential list', 'what routes can name']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['NAME', 'SCHEME', 'HEADER', 'USERNAME', 'UPDATED'],
        items.map((item) =>
          ['name', 'scheme', 'header', 'username', 'updated_at'].map((name) => cell(item, name)),
        ),
      ),
    ),
};

const show: Command = {
  name: 'upstream-credential show',
  summary: 'shows how an upstream knows gateways; never the secret',
  operands: [nameOperand],
  examples: [['mintmark upstream-credential show billing', 'since when it is what it is']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathTo(nameOf(invocation)) }, (_, body) =>
      JSON.stringify(body, null, 2),
    ),
};

const create: Command = {
  name: 'upstream-credential create',
  summary: 'keeps a credential of an upstream, for routes with upstream_credential',
  operands: [nameOperand],
  options: [
    ...formOptions,
    { flags: '--secret <reference>', description: secretWords, required: true },
  ],
  examples: [
    [
      'mintmark upstream-credential create billing --scheme bearer --secret file:billing.token',
      'Authorization: Bearer …',
    ],
    [
      'mintmark upstream-credential create search --scheme header --header x-api-key --secret -',
      'a header of the upstream’s own',
    ],
  ],
  async run(invocation) {
    const secret = await readSecret(invocation.ports, invocation.options.text('secret') ?? '-');
    if (!secret.ok) return secret;
    const name = nameOf(invocation);
    const body = { name, ...formOf(invocation), secret: secret.value };
    return send(invocation, { method: 'POST', path, body, creates: true }, (style) =>
      style.good(`${name} is kept; name it in a route as upstream_credential`),
    );
  },
};

const replace: Command = {
  name: 'upstream-credential replace',
  summary: 'replaces a credential; gateways send the new one within a second',
  operands: [nameOperand],
  options: [
    ...formOptions,
    { flags: '--secret <reference>', description: `${secretWords}; default: it stays` },
  ],
  examples: [
    [
      'mintmark upstream-credential replace billing --scheme bearer --secret env:BILLING_TOKEN',
      'after the upstream gave another',
    ],
  ],
  async run(invocation) {
    const reference = invocation.options.text('secret');
    const secret =
      reference === undefined ? ok(undefined) : await readSecret(invocation.ports, reference);
    if (!secret.ok) return secret;
    const one = pathTo(nameOf(invocation));
    const body = { ...formOf(invocation), secret: secret.value };
    return edit(invocation, { method: 'PUT', path: one, read: one, body }, (style) =>
      style.good(`replaced ${nameOf(invocation)}`),
    );
  },
};

const remove: Command = {
  name: 'upstream-credential delete',
  summary: 'takes a credential away; routes that name it refuse from then on',
  operands: [nameOperand],
  examples: [['mintmark upstream-credential delete billing', 'no route sends it any more']],
  async run(invocation) {
    const name = nameOf(invocation);
    const one = pathTo(name);
    const outcome = await edit(invocation, { method: 'DELETE', path: one, read: one }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

export const upstreamCredentialCommands: readonly Command[] = [
  ...[listCredentials, show, create, replace, remove],
];
