/** `mintmark key …`: API keys through `/v1/keys`. */
import { ok, type Result, rfc3339, type UnixMs } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Option } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readToken, tokenOperand } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { importKeys } from './import-keys.ts';
import { bulkCommands } from './key-bulk.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';
import { subKeyCommands } from './sub-key.ts';

/** Two ways to say when a key ends. */
export const expiryOptions = [
  { flags: '--expires-in <span>', description: 'life, such as 90d' },
  { flags: '--expires-at <time>', description: 'end of life, RFC 3339' },
];

const idOperand = { name: '<id>', description: 'the key id, as list shows it' };

const create: Command = {
  name: 'key create',
  summary: 'makes an API key and shows it once',
  description: 'The key is in this answer only: the server keeps nothing that could show it again.',
  options: [
    { flags: '--name <name>', description: 'what it is for, for people', required: true },
    { flags: '--scope <scopes...>', description: 'what it may do; may be repeated' },
    { flags: '--owner <owner>', description: 'whose it is; default the caller' },
    ...expiryOptions,
    { flags: '--environment <name>', description: 'such as live or test' },
    { flags: '--address <blocks...>', description: 'address or block that it works from' },
    { flags: '--country <codes...>', description: 'country that it works from, such as DE' },
    { flags: '--not-country <codes...>', description: 'country that it does not work from' },
    { flags: '--uses <count>', description: 'how often it can be used' },
    { flags: '--credits <count>', description: 'how much its uses may cost together' },
    {
      flags: '--refill <span>',
      description: 'raises uses and credits to where they began, at midnight UTC',
      choices: ['day', 'week', 'month'],
    },
    { flags: '--recoverable', description: 'it can be shown again, where the tenant allows it' },
    { flags: '--plan <plan>', description: 'plan whose limits apply' },
    { flags: '--purpose <text>', description: 'why it exists, for people' },
    { flags: '--tag <tags...>', description: 'words to find it by; may be repeated' },
    { flags: '--not-before <time>', description: 'when it begins to work, RFC 3339' },
    { flags: '--metadata <json>', description: 'facts of your own: a JSON object' },
  ],
  examples: [
    ['mintmark key create --name build --scope packages:read', 'a key that may read packages'],
    ['mintmark key create --name ci --expires-in 90d --json', 'one that ends, for a script'],
  ],
  async run(invocation) {
    const { options } = invocation;
    const expires = expiryOf(invocation);
    if (!expires.ok) return expires;
    const metadata = metadataOf(options.text('metadata'));
    if (!metadata.ok) return metadata;
    const budgets = budgetsOf(invocation);
    if (!budgets.ok) return budgets;
    const body = {
      name: options.text('name'),
      scopes: options.list('scope') ?? [],
      owner: options.text('owner'),
      environment: options.text('environment'),
      allowed_addresses: options.list('address'),
      allowed_countries: options.list('country'),
      denied_countries: options.list('not-country'),
      ...budgets.value,
      recoverable: options.flag('recoverable') || undefined,
      plan: options.text('plan'),
      purpose: options.text('purpose'),
      tags: options.list('tag'),
      not_before: options.text('not-before'),
      metadata: metadata.value,
      expires_at: expires.value,
    };
    return send(invocation, { method: 'POST', path: '/v1/keys', body, creates: true }, newKey);
  },
};

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
          ['id', 'name', 'status', 'owner', 'expires_at', 'scopes'].map((name) => cell(item, name)),
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
        ['ID', 'NAME', 'STATUS', 'OWNER', 'BREAKS'],
        items.map((item) => [
          ...['id', 'name', 'status', 'owner'].map((name) => cell(item, name)),
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
  create,
  listKeys,
  violations,
  show,
  rotate,
  disable,
  enable,
  quarantine,
  release,
  topUp,
  reveal,
  revoke,
  importKeys,
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

function metadataOf(text: string | undefined): Result<unknown, CommandRefusal> {
  if (text === undefined) return ok(undefined);
  try {
    return ok(JSON.parse(text) as unknown);
  } catch {
    return usage('--metadata is not JSON', 'write a JSON object, such as \'{"team":"a"}\'');
  }
}

/** Uses and credits, each raised again to what it began with where a refill is asked for. */
function budgetsOf({ options }: Invocation): Result<Item, CommandRefusal> {
  const every = options.text('refill');
  const found: Record<string, unknown> = {};
  for (const name of ['uses', 'credits']) {
    const text = options.text(name);
    if (text === undefined) continue;
    const amount = Number(text);
    if (!/^\d{1,13}$/.test(text)) return usage(`--${name} is not a whole number`);
    const refill = every === undefined ? {} : { refill: { amount, every } };
    found[name] = { remaining: amount, ...refill };
  }
  const isIdle = every !== undefined && Object.keys(found).length === 0;
  return isIdle ? usage('--refill needs --uses or --credits') : ok(found);
}

/** The end of life that the options name, RFC 3339; undefined where they name none. */
export function expiryOf(invocation: Invocation): Result<string | undefined, CommandRefusal> {
  const { options, ports } = invocation;
  const at = options.text('expires-at');
  const span = options.text('expires-in');
  if (at !== undefined && span !== undefined) return usage('either --expires-in or --expires-at');
  if (span === undefined) return ok(at);
  const seconds = parseDuration('expires-in', span);
  if (!seconds.ok) return seconds;
  return ok(rfc3339((ports.clock.nowMs() + seconds.value * 1000) as UnixMs));
}

const lastTime = 'Keep the key now: it is not shown again.';

/** The answer that holds a new key, for the one time that it is shown. */
export function newKey(style: Style, body: Item): string {
  const rest = rowsOf(body, newKeyMembers);
  const key = cell(body, 'key');
  const first: [string, string][] = [['key', key === '' ? '(was shown before)' : key]];
  const isShownAgain = body['recoverable'] === true;
  const word = isShownAgain ? 'It can be had again by: mintmark key reveal' : lastTime;
  const once = key === '' ? [] : [style.warn(word)];
  return [fields(style, [...first, ...rest]), ...once].join('\n');
}

const newKeyMembers = [
  'id',
  'name',
  'scopes',
  'permissions',
  'owner',
  'expires_at',
  'previous_expires_at',
];

const keyMembers = [
  'id',
  'name',
  'status',
  'owner',
  'scopes',
  'environment',
  'plan',
  'allowed_addresses',
  'allowed_countries',
  'denied_countries',
  'purpose',
  'tags',
  'metadata',
  'created_at',
  'not_before',
  'expires_at',
  'quarantine',
  'violations',
  'predecessor',
  'successor',
  'first_used_at',
  'last_used_at',
  'last_address',
  'uses',
  'credits',
  'uses_allowed',
  'uses_denied',
  'uses_in_overlap',
];

function keyFields(style: Style, body: Item): string {
  return fields(style, rowsOf(body, keyMembers));
}

function verdict(style: Style, body: Item): string {
  const active = body['active'] === true;
  const line = active ? style.good('active') : style.bad(`refused: ${cell(body, 'code')}`);
  return [line, fields(style, rowsOf(body, ['id', 'owner', 'scopes', 'limits']))].join('\n').trim();
}
