/** `mintmark tenant …`: the tenants of an installation, for its operator. */
import { ok, type Result } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Option } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const members = ['tenant', 'name', 'status', 'issuer', 'settings', 'created_at'];

const operand = { name: '<tenant>', description: 'its name in URLs: a-z, 0-9 and -' };

const settingOptions: readonly Option[] = [
  { flags: '--name <name>', description: 'what people call it' },
  {
    flags: '--settings <json>',
    description: 'registration, sessions, branding, clients: in place of the configuration',
  },
];

const create: Command = {
  name: 'tenant create',
  summary: 'makes a tenant, and shows the key of its first administrator once',
  description: 'Its administrators use its issuer as --server.',
  operands: [operand],
  options: settingOptions,
  examples: [['mintmark tenant create acme --name "ACME Inc."', 'an issuer at ISSUER/t/acme']],
  async run(invocation) {
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const body = { tenant: invocation.operands[0], ...settings.value };
    return send(invocation, { method: 'POST', path: '/v1/tenants', body, creates: true }, made);
  },
};

const listTenants: Command = {
  name: 'tenant list',
  summary: 'lists tenants by name',
  options: [maxOption],
  examples: [['mintmark tenant list', 'name, state, issuer']],
  run: (invocation) =>
    list(invocation, { path: '/v1/tenants' }, (style, items) =>
      table(
        style,
        ['TENANT', 'NAME', 'STATUS', 'ISSUER'],
        items.map((item) => ['tenant', 'name', 'status', 'issuer'].map((name) => cell(item, name))),
      ),
    ),
};

const show: Command = {
  name: 'tenant show',
  summary: 'shows a tenant',
  operands: [operand],
  examples: [['mintmark tenant show acme', 'its issuer and settings']],
  run: (invocation) => send(invocation, { method: 'GET', path: pathTo(invocation) }, shown),
};

const update: Command = {
  name: 'tenant update',
  summary: 'names a tenant anew, or replaces its settings',
  operands: [operand],
  options: settingOptions,
  examples: [
    [
      'mintmark tenant update acme --settings \'{"clients":{"access_token_seconds_max":300}}\'',
      'no access token lives longer than five minutes',
    ],
  ],
  async run(invocation) {
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const path = pathTo(invocation);
    return edit(invocation, { method: 'PATCH', path, read: path, body: settings.value }, shown);
  },
};

const disable: Command = {
  name: 'tenant disable',
  summary: 'ends everything of a tenant at once, until it is enabled',
  description: 'Its sessions and tokens are over for good; its keys work again when it is enabled.',
  operands: [operand],
  examples: [['mintmark tenant disable acme', 'nobody gets in any more']],
  run: (invocation) => turn(invocation, 'disabled'),
};

const enable: Command = {
  name: 'tenant enable',
  summary: 'lets a disabled tenant go on',
  operands: [operand],
  examples: [['mintmark tenant enable acme', 'people sign in again']],
  run: (invocation) => turn(invocation, 'active'),
};

const remove: Command = {
  name: 'tenant delete',
  summary: 'deletes a disabled tenant with everything in it',
  description: 'Its audit records stay, and its name is never given again.',
  operands: [operand],
  examples: [['mintmark tenant delete acme', 'for good']],
  async run(invocation) {
    const path = pathTo(invocation);
    const gone = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!gone.ok) return gone;
    const name = invocation.operands[0] as string;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

const admin: Command = {
  name: 'tenant admin-key',
  summary: 'makes another administrator of a tenant: its way back in',
  operands: [operand],
  options: [{ flags: '--name <name>', description: 'what the key is for', required: true }],
  examples: [['mintmark tenant admin-key acme --name recovery', 'shows the key once']],
  run(invocation) {
    const path = pathOf`/v1/tenants/${invocation.operands[0] as string}/admin-keys`;
    const body = { name: invocation.options.text('name') };
    return send(invocation, { method: 'POST', path, body, creates: true }, made);
  },
};

export const tenantCommands: readonly Command[] = [
  create,
  listTenants,
  show,
  update,
  disable,
  enable,
  remove,
  admin,
];

function turn(invocation: Invocation, status: 'active' | 'disabled') {
  const path = pathTo(invocation);
  return edit(invocation, { method: 'PATCH', path, read: path, body: { status } }, shown);
}

function pathTo(invocation: Invocation): string {
  return pathOf`/v1/tenants/${invocation.operands[0] as string}`;
}

function settingsOf({ options }: Invocation): Result<Item, CommandRefusal> {
  const name = options.text('name');
  const text = options.text('settings');
  if (text === undefined) return ok({ name });
  try {
    return ok({ name, settings: JSON.parse(text) as unknown });
  } catch {
    return usage('--settings is not JSON', 'see docs/tenants.md for its members');
  }
}

function shown(style: Style, body: Item): string {
  return fields(style, rowsOf(body, members));
}

function made(style: Style, body: Item): string {
  const rows = rowsOf(body, ['tenant', 'name', 'issuer', 'id', 'admin_key']);
  return [fields(style, rows), style.warn('Keep the admin key now: it is not shown again.')].join(
    '\n',
  );
}
