/** `mintmark admin-key …`: credentials of administrators, automation and gateways. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { expiryOf, expiryOptions } from './key-settings.ts';
import { newKey } from './key-shown.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send } from './send.ts';

const members = ['id', 'name', 'status', 'permissions', 'created_by', 'created_at', 'expires_at'];

const idOperand = { name: '<id>', description: 'the id, as list shows it' };

const create: Command = {
  name: 'admin-key create',
  summary: 'makes an admin key and shows it once',
  description: 'It can hold no permission that its maker does not hold.',
  options: [
    { flags: '--name <name>', description: 'what it is for, for people', required: true },
    {
      flags: '--permission <permissions...>',
      description: 'such as keys:read, keys:* or *; may be repeated',
      required: true,
    },
    { flags: '--address <blocks...>', description: 'address or block that it works from' },
    ...expiryOptions,
  ],
  examples: [
    [
      'mintmark admin-key create --name gateway ' +
        '--permission feed:read decisions:write gateway_keys:write',
      'a credential for a gateway apart',
    ],
  ],
  async run(invocation) {
    const { options } = invocation;
    const expires = expiryOf(invocation);
    if (!expires.ok) return expires;
    const body = {
      name: options.text('name'),
      permissions: options.list('permission'),
      allowed_addresses: options.list('address'),
      expires_at: expires.value,
    };
    const request = { method: 'POST', path: '/v1/admin-keys', body, creates: true } as const;
    return send(invocation, request, newKey);
  },
};

const listKeys: Command = {
  name: 'admin-key list',
  summary: 'lists admin keys, newest first',
  options: [maxOption],
  examples: [['mintmark admin-key list', 'who may administrate']],
  run: (invocation) =>
    list(invocation, { path: '/v1/admin-keys' }, (style, items) =>
      table(
        style,
        ['ID', 'NAME', 'STATUS', 'EXPIRES', 'PERMISSIONS'],
        items.map((item) =>
          ['id', 'name', 'status', 'expires_at', 'permissions'].map((name) => cell(item, name)),
        ),
      ),
    ),
};

const revoke: Command = {
  name: 'admin-key revoke',
  summary: 'ends an admin key for good',
  description: 'The last key that can make administrators stays.',
  operands: [idOperand],
  examples: [['mintmark admin-key revoke 0b9xTq3LkWm2PzR7v', 'at once']],
  run(invocation) {
    const path = pathOf`/v1/admin-keys/${invocation.operands[0] as string}`;
    return edit(invocation, { method: 'DELETE', path, read: path }, show);
  },
};

const recover: Command = {
  name: 'admin-key recover',
  summary: 'makes an admin key without one: the way back in where all were lost',
  description:
    'Works on the database itself, so it needs the data folder and the key that opens custody, ' +
    'and the server on SQLite to be stopped. The keys that there are stay as they are; the audit ' +
    'trail tells that it was done.',
  configured: true,
  examples: [['mintmark admin-key recover --data ./data', 'shows the new key once']],
  async run({ ports, config }) {
    const { recoverAdminKey } = await import('../serve/installation.ts');
    const { id, adminKey } = await recoverAdminKey(ports, config().config);
    const json = { id, admin_key: adminKey };
    return ok({
      json,
      text: (style) =>
        [
          fields(style, Object.entries(json)),
          style.warn('Keep the admin key now: it is not shown again.'),
        ].join('\n'),
    });
  },
};

export const adminKeyCommands: readonly Command[] = [create, listKeys, revoke, recover];

function show(style: Style, body: Item): string {
  return fields(style, rowsOf(body, members));
}
