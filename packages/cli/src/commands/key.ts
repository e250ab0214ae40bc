/** `mintmark key …`: API keys through `/v1/keys`. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, Option } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readToken, tokenOperand } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { importKeys } from './import-keys.ts';
import { acceptCommands } from './key-accept.ts';
import { bulkCommands } from './key-bulk.ts';
import { createKey } from './key-create.ts';
import { keyFields, newKey, withStatus } from './key-shown.ts';
import { updateKey } from './key-update.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send } from './send.ts';
import { subKeyCommands } from './sub-key.ts';

const idOperand = { name: '<id>', description: 'the key id, as list shows it' };

const listKeys: Command = {
  name: 'key list',
  summary: 'lists API keys',
  options: [
    { flags: '--owner <owner>', description: 'only keys of this owner' },
    {
      flags: '--status <status>',
      description: 'only keys in this state',
      choices: ['active', 'disabled', 'quarantined', 'revoked'],
    },
    { flags: '--tag <tag>', description: 'only keys with this tag' },
    { flags: '--environment <name>', description: 'only keys of this environment' },
    maxOption,
  ],
  examples: [['mintmark key list --owner payments', 'every key of one owner']],
  run(invocation) {
    const { options } = invocation;
    const query = {
      owner: options.text('owner'),
      status: options.text('status'),
      tag: options.text('tag'),
      environment: options.text('environment'),
    };
    return list(invocation, { path: '/v1/keys', query }, (style, items) =>
      table(
        style,
        ['ID', 'NAME', 'STATUS', 'OWNER', 'EXPIRES', 'SCOPES'],
        items.map((item) =>
          ['id', 'name', 'status', 'owner', 'expires_at', 'scopes'].map((name) =>
            cell(withStatus(item), name),
          ),
        ),
      ),
    );
  },
};

const violations: Command = {
  name: 'key violations',
  summary: 'lists keys that break the tenant’s policy for keys, with owner and rule',
  options: [{ flags: '--owner <owner>', description: 'only keys of this owner' }, maxOption],
  examples: [['mintmark key violations', 'what is to be mended, and by whom']],
  run(invocation) {
    const query = { owner: invocation.options.text('owner'), violating: 'true' };
    return list(invocation, { path: '/v1/keys', query }, (style, items) =>
      table(
        style,
        ['ID', 'NAME', 'STATUS', 'OWNER', 'MEND BY', 'BREAKS'],
        items.map((item) => [
          ...['id', 'name', 'status', 'owner', 'mend_by'].map((name) =>
            cell(withStatus(item), name),
          ),
          (item['violations'] as readonly Item[]).map((one) => cell(one, 'rule')).join(' '),
        ]),
      ),
    );
  },
};

const show: Command = {
  name: 'key show',
  summary: 'shows one API key, never the key itself',
  operands: [idOperand],
  examples: [['mintmark key show 0b9xTq3LkWm2PzR7v', 'state, scopes, life and last use']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathOf`/v1/keys/${idOf(invocation)}` }, keyFields),
};

const rotate: Command = {
  name: 'key rotate',
  summary: 'makes a successor; the old key works on for an overlap',
  operands: [idOperand],
  options: [{ flags: '--overlap <span>', description: 'how long the old key still works' }],
  examples: [['mintmark key rotate 0b9xTq3LkWm2PzR7v --overlap 1h', 'an hour to change over']],
  async run(invocation) {
    const overlap = invocation.options.text('overlap');
    const seconds = overlap === undefined ? ok(undefined) : parseDuration('overlap', overlap);
    if (!seconds.ok) return seconds;
    const path = pathOf`/v1/keys/${idOf(invocation)}/rotate`;
    const body = { overlap_seconds: seconds.value };
    return send(invocation, { method: 'POST', path, body, creates: true }, newKey);
  },
};

const disable: Command = {
  name: 'key disable',
  summary: 'refuses a key until it is enabled again',
  operands: [idOperand],
  examples: [
    ['mintmark key disable 0b9xTq3LkWm2PzR7v', 'every gateway refuses it within a second'],
  ],
  run: (invocation) => setStatus(invocation, 'disabled'),
};

const enable: Command = {
  name: 'key enable',
  summary: 'lets a disabled key work again',
  operands: [idOperand],
  examples: [['mintmark key enable 0b9xTq3LkWm2PzR7v', 'the opposite of disable']],
  run: (invocation) => setStatus(invocation, 'active'),
};

const because: Option = {
  flags: '--reason <text>',
  description: 'a code of docs/revocation.md; other words are kept sealed, and shown as other',
  required: true,
};

const quarantine: Command = {
  name: 'key quarantine',
  summary: 'holds a key back on suspicion, and keeps every attempt with it as evidence',
  operands: [idOperand],
  options: [because],
  examples: [
    [
      'mintmark key quarantine 0b9xTq3LkWm2PzR7v --reason "in a public log"',
      'until it is released',
    ],
  ],
  run: (invocation) => actOn(invocation, 'quarantine'),
};

const release: Command = {
  name: 'key release',
  summary: 'ends a quarantine: the key is what it was before',
  operands: [idOperand],
  options: [because],
  examples: [['mintmark key release 0b9xTq3LkWm2PzR7v --reason "false alarm"', 'it works again']],
  run: (invocation) => actOn(invocation, 'release'),
};

const reveal: Command = {
  name: 'key reveal',
  summary: 'shows a recoverable key again, on the record, and tells its owner',
  operands: [idOperand],
  options: [because],
  examples: [['mintmark key reveal 0b9xTq3LkWm2PzR7v --reason "vault lost"', 'the key itself']],
  run(invocation) {
    const path = `${pathOf`/v1/keys/${idOf(invocation)}`}/reveal`;
    const body = { reason: invocation.options.text('reason') };
    return send(invocation, { method: 'POST', path, body }, (style, answer) =>
      fields(style, rowsOf(answer, ['key', 'id'])),
    );
  },
};

const topUp: Command = {
  name: 'key top-up',
  summary: 'adds to the uses or credits of a key',
  description: 'Whatever is spent at the same moment counts too.',
  operands: [idOperand],
  options: [
    { flags: '--uses <count>', description: 'how many more uses' },
    { flags: '--credits <count>', description: 'how many more credits' },
  ],
  examples: [['mintmark key top-up 0b9xTq3LkWm2PzR7v --credits 1000', 'after a payment']],
  run(invocation) {
    const { options } = invocation;
    const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
    const body = { uses: number(options.text('uses')), credits: number(options.text('credits')) };
    const path = `${pathOf`/v1/keys/${idOf(invocation)}`}/top-up`;
    return send(invocation, { method: 'POST', path, body, creates: true }, (style, answer) =>
      fields(style, rowsOf(answer, ['id', 'limits'])),
    );
  },
};

const revoke: Command = {
  name: 'key revoke',
  summary: 'ends a key for good',
  operands: [idOperand],
  options: [because],
  examples: [['mintmark key revoke 0b9xTq3LkWm2PzR7v --reason leaked', 'it never works again']],
  run(invocation) {
    const target = { kind: 'key', id: idOf(invocation) };
    const body = { target, reason: invocation.options.text('reason') };
    const request = { method: 'POST', path: '/v1/revocations', body, creates: true } as const;
    return send(invocation, request, (style, answer) =>
      [style.good('revoked'), fields(style, rowsOf(answer, ['id', 'effective_at']))].join('\n'),
    );
  },
};

const verify: Command = {
  name: 'key verify',
  summary: 'asks whether a key is good, and for what',
  operands: [tokenOperand],
  options: [
    { flags: '--scope <scopes...>', description: 'what the key must be allowed to do' },
    { flags: '--address <address>', description: 'address that the request would come from' },
    { flags: '--cost <count>', description: 'what the use costs; default 1, and 0 takes nothing' },
  ],
  examples: [['mintmark key verify --scope packages:read < key.txt', 'exit 1 if it is refused']],
  async run(invocation) {
    const { options } = invocation;
    const cost = options.text('cost');
    const key = await readToken(invocation);
    if (!key.ok) return key;
    const body = {
      key: key.value,
      scopes: options.list('scope'),
      address: options.text('address'),
      cost: cost === undefined ? undefined : Number(cost),
    };
    const request = { method: 'POST', path: '/v1/keys/verify', body } as const;
    const outcome = await send(invocation, request, verdict);
    if (!outcome.ok) return outcome;
    return ok({ ...outcome.value, negative: (outcome.value.json as Item)['active'] !== true });
  },
};

export const keyCommands: readonly Command[] = [
  createKey,
  listKeys,
  violations,
  show,
  updateKey,
  rotate,
  disable,
  enable,
  quarantine,
  release,
  topUp,
  reveal,
  revoke,
  importKeys,
  ...acceptCommands,
  ...bulkCommands,
  verify,
  ...subKeyCommands,
];

function idOf(invocation: Invocation): string {
  return invocation.operands[0] as string;
}

function setStatus(invocation: Invocation, status: 'active' | 'disabled') {
  const path = pathOf`/v1/keys/${idOf(invocation)}`;
  return edit(invocation, { method: 'PATCH', path, read: path, body: { status } }, keyFields);
}

function actOn(invocation: Invocation, act: 'quarantine' | 'release') {
  const path = `${pathOf`/v1/keys/${idOf(invocation)}`}/${act}`;
  const body = { reason: invocation.options.text('reason') };
  return send(invocation, { method: 'POST', path, body }, keyFields);
}

function verdict(style: Style, body: Item): string {
  const active = body['active'] === true;
  const line = active ? style.good('active') : style.bad(`refused: ${cell(body, 'code')}`);
  return [line, fields(style, rowsOf(body, ['id', 'owner', 'scopes', 'limits']))].join('\n').trim();
}
