/** `mintmark pat …`: personal access tokens of users, through `/v1/pats`. */

import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { fields, type Style, table } from '../style.ts';
import { expiryOf, expiryOptions } from './key-settings.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const idOperand = { name: '<id>', description: 'the id of the token, as list shows it' };
const pathTo = (id: string): string => pathOf`/v1/pats/${id}`;

const members = ['id', 'user', 'name', 'status', 'scopes', 'effective_scopes', 'audience'];
members.push('approved', 'awaiting_approval', 'created_at', 'expires_at', 'last_used_at');

const shown = (style: Style, body: Item): string => fields(style, rowsOf(body, members));

const create: Command = {
  name: 'pat create',
  summary: 'makes a personal access token in the name of a user, and shows it once',
  description: 'People make theirs on their account page. It never may more than its user.',
  options: [
    { flags: '--user <user>', description: 'whose it is: the name or the id', required: true },
    { flags: '--name <name>', description: 'what it is for', required: true },
    { flags: '--scope <scopes...>', description: 'what it may do' },
    { flags: '--audience <resources...>', description: 'where; default: everywhere' },
    ...expiryOptions,
  ],
  examples: [
    [
      'mintmark pat create --user alice --name laptop --scope orders:read --expires-in 90d',
      'a token of alice',
    ],
  ],
  async run(invocation) {
    const { options } = invocation;
    const expires = expiryOf(invocation);
    if (!expires.ok) return expires;
    if (expires.value === undefined) return usage('give --expires-in or --expires-at');
    const body = {
      user: options.text('user'),
      name: options.text('name'),
      scopes: options.list('scope') ?? [],
      audience: options.list('audience'),
      expires_at: expires.value,
    };
    const request = { method: 'POST', path: '/v1/pats', body, creates: true } as const;
    return send(invocation, request, (style, answer) => {
      const token = cell(answer, 'token');
      const first: [string, string][] = [['token', token === '' ? '(was shown before)' : token]];
      return fields(style, [...first, ...rowsOf(answer, members)]);
    });
  },
};

const listPats: Command = {
  name: 'pat list',
  summary: 'lists personal access tokens, newest first',
  options: [
    { flags: '--user <user>', description: 'of this user only' },
    { flags: '--waiting', description: 'those that wait for approval only' },
    maxOption,
  ],
  examples: [
    ['mintmark pat list --user alice', 'with what each may now, and when it was used last'],
    ['mintmark pat list --waiting', 'what has to be approved'],
  ],
  run(invocation) {
    const { options } = invocation;
    const query = {
      user: options.text('user'),
      awaiting_approval: options.flag('waiting') ? 'true' : undefined,
    };
    return list(invocation, { path: '/v1/pats', query }, (style, items) =>
      table(
        style,
        ['ID', 'USER', 'NAME', 'STATUS', 'MAY', 'EXPIRES', 'LAST USED'],
        items.map((item) =>
          ['id', 'user', 'name', 'status', 'effective_scopes', 'expires_at', 'last_used_at'].map(
            (name) => (name === 'status' ? statusOf(item) : cell(item, name)),
          ),
        ),
      ),
    );
  },
};

/** One that waits for approval is active and refused all the same. */
function statusOf(item: Item): string {
  return item['awaiting_approval'] === true ? 'waiting' : cell(item, 'status');
}

const show: Command = {
  name: 'pat show',
  summary: 'shows a personal access token, never its text',
  operands: [idOperand],
  examples: [['mintmark pat show ID', 'what it may now']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathTo(invocation.operands[0] as string) }, shown),
};

const approve: Command = {
  name: 'pat approve',
  summary: 'lets a token be used that waits for it; its user is told',
  operands: [idOperand],
  examples: [['mintmark pat approve ID', 'it works within a second']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'POST', path: `${pathTo(invocation.operands[0] as string)}/approve` },
      shown,
    ),
};

const enable: Command = {
  name: 'pat enable',
  summary: 'lets a token work again that was disabled because nobody used it',
  operands: [idOperand],
  examples: [['mintmark pat enable ID', 'it works within a second']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'POST', path: `${pathTo(invocation.operands[0] as string)}/enable` },
      shown,
    ),
};

const revoke: Command = {
  name: 'pat revoke',
  summary: 'revokes a personal access token, for good',
  operands: [idOperand],
  examples: [['mintmark pat revoke ID', 'refused everywhere within a second']],
  async run(invocation) {
    const id = invocation.operands[0] as string;
    const request = { method: 'POST', path: `${pathTo(id)}/revoke` } as const;
    const outcome = await send(invocation, request, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { revoked: id }, text: (style) => style.good(`revoked ${id}`) });
  },
};

const policyMembers = ['max_life_seconds', 'allowed_scopes', 'requires_approval', 'makers'];
const policyShown = (style: Style, body: Item) => fields(style, rowsOf(body, policyMembers));

const policyShow: Command = {
  name: 'pat policy show',
  summary: 'shows what personal access tokens may be',
  examples: [['mintmark pat policy show', 'life, scopes, approval, and who may make them']],
  run: (invocation) => send(invocation, { method: 'GET', path: '/v1/pat-policy' }, policyShown),
};

const policySet: Command = {
  name: 'pat policy set',
  summary: 'says anew what personal access tokens may be, those that are there too',
  description: 'What is left out stays as it is; --reset takes the default of each instead.',
  options: [
    { flags: '--max-life <span>', description: 'longest life; default 366d' },
    { flags: '--reset', description: 'what is left out has its default' },
    { flags: '--allow-scope <scopes...>', description: 'scopes that they may have; default: any' },
    { flags: '--require-approval', description: 'each is refused until it is approved' },
    { flags: '--maker <roles...>', description: 'roles of which makers need one; default: none' },
  ],
  examples: [['mintmark pat policy set --max-life 90d --require-approval', 'a strict one']],
  async run(invocation) {
    const { options } = invocation;
    const span = options.text('max-life');
    const life = span === undefined ? undefined : parseDuration('max-life', span);
    if (life !== undefined && !life.ok) return life;
    const body = {
      max_life_seconds: life?.value,
      allowed_scopes: options.list('allow-scope'),
      requires_approval: options.flag('require-approval') ? true : undefined,
      makers: options.list('maker'),
    };
    const path = '/v1/pat-policy';
    const keeps = options.flag('reset') ? [] : policyMembers;
    const isNothing = Object.values(body).every((value) => value === undefined);
    if (isNothing && keeps.length > 0) return usage('nothing is changed', 'name what is to be');
    return edit(invocation, { method: 'PUT', path, read: path, keeps, body }, policyShown);
  },
};

export const patCommands: readonly Command[] = [
  ...[create, listPats, show, approve, enable, revoke],
  ...[policyShow, policySet],
];
