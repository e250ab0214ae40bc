/** `mintmark client …`: OAuth clients through `/v1/clients`. */
import { ok, type Result } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Option } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readSecret } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const idOperand = { name: '<client-id>', description: 'the client' };

/** What create and update have in common. */
const settingOptions: readonly Option[] = [
  { flags: '--name <name>', description: 'what people call it' },
  { flags: '--owner <owner>', description: 'who answers for it' },
  { flags: '--scope <scopes...>', description: 'what it may ask for; may be repeated' },
  { flags: '--audience <urls...>', description: 'APIs that it may ask for; the first is default' },
  { flags: '--resource <urls...>', description: 'APIs that it serves: it may introspect for them' },
  { flags: '--format <format>', description: 'access tokens', choices: ['jwt', 'opaque'] },
  { flags: '--ttl <span>', description: 'life of its access tokens, such as 10m' },
  { flags: '--algorithm <name>', description: 'signs its JWTs, such as ES256 or ML-DSA-65' },
  { flags: '--grant <types...>', description: 'grants, such as authorization_code' },
  { flags: '--redirect-uri <uris...>', description: 'where answers go: exact strings' },
  { flags: '--auth-method <name>', description: 'how it proves who it is; none for public' },
  {
    flags: '--set <member=value...>',
    description: 'any other member of RFC 7591 or ours; the value is JSON, or else text',
  },
];

const create: Command = {
  name: 'client create',
  summary: 'registers a client and shows its secret once',
  options: [
    { flags: '--client-id <id>', description: 'a fixed id; default a fresh one' },
    {
      flags: '--client-secret <reference>',
      description: 'a secret of your own: file:PATH, env:NAME, -; default a fresh one',
    },
    ...settingOptions,
  ],
  examples: [
    ['mintmark client create --client-id ci --scope packages:read', 'for client_credentials'],
    ['mintmark client create --name reports --format opaque --ttl 5m', 'tokens that say nothing'],
  ],
  async run(invocation) {
    const { options, ports } = invocation;
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const reference = options.text('client-secret');
    const secret = reference === undefined ? ok(undefined) : await readSecret(ports, reference);
    if (!secret.ok) return secret;
    const body = {
      ...settings.value,
      client_id: options.text('client-id'),
      client_secret: secret.value,
    };
    const request = { method: 'POST', path: '/v1/clients', body, creates: true } as const;
    return send(invocation, request, newSecret);
  },
};

const listClients: Command = {
  name: 'client list',
  summary: 'lists clients',
  options: [maxOption],
  examples: [['mintmark client list', 'id, name, state, scopes']],
  run: (invocation) =>
    list(invocation, { path: '/v1/clients' }, (style, items) =>
      table(
        style,
        ['CLIENT', 'NAME', 'STATUS', 'OWNER', 'FORMAT', 'SCOPE', 'PENDING'],
        items.map((item) =>
          [
            ...['client_id', 'client_name', 'status', 'owner', 'access_token_format', 'scope'],
            'pending_scopes',
          ].map((name) => cell(item, name)),
        ),
      ),
    ),
};

const show: Command = {
  name: 'client show',
  summary: 'shows a client, never its secret',
  operands: [idOperand],
  examples: [['mintmark client show ci', 'everything that is set']],
  run: (invocation) => send(invocation, { method: 'GET', path: pathOfClient(invocation) }, client),
};

const update: Command = {
  name: 'client update',
  summary: 'changes a client; what is not named stays',
  operands: [idOperand],
  options: [
    ...settingOptions,
    {
      flags: '--status <status>',
      description: 'a disabled client gets nothing, and its tokens end',
      choices: ['active', 'disabled'],
    },
  ],
  examples: [
    ['mintmark client update ci --scope packages:read packages:write', 'may ask for more'],
    ['mintmark client update ci --status disabled', 'stops it at once'],
  ],
  async run(invocation) {
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const path = pathOfClient(invocation);
    const body = { ...settings.value, status: invocation.options.text('status') };
    return edit(invocation, { method: 'PATCH', path, read: path, body }, client);
  },
};

const approve: Command = {
  name: 'client approve',
  summary: 'gives a client that registered itself what waits for an administrator',
  operands: [idOperand],
  options: [
    { flags: '--scope <scopes...>', description: 'these only' },
    { flags: '--grant <grants...>', description: 'these only' },
  ],
  examples: [['mintmark client approve https://agent.example/client', 'all that waits']],
  async run(invocation) {
    const read = pathOfClient(invocation);
    const { options } = invocation;
    const body = { scopes: options.list('scope'), grant_types: options.list('grant') };
    return edit(invocation, { method: 'POST', path: `${read}/approve`, read, body }, client);
  },
};

const remove: Command = {
  name: 'client delete',
  summary: 'takes a client away; its tokens end',
  operands: [idOperand],
  examples: [['mintmark client delete ci', 'for good']],
  async run(invocation) {
    const path = pathOfClient(invocation);
    const id = invocation.operands[0] as string;
    const gone = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!gone.ok) return gone;
    return ok({ json: { deleted: id }, text: (style) => style.good(`deleted ${id}`) });
  },
};

const rotateSecret: Command = {
  name: 'client rotate-secret',
  summary: 'makes a new secret; the old one works on for an overlap',
  operands: [idOperand],
  options: [{ flags: '--overlap <span>', description: 'how long the old secret still works' }],
  examples: [['mintmark client rotate-secret ci --overlap 1h', 'an hour to change over']],
  async run(invocation) {
    const overlap = spanOf(invocation, 'overlap');
    if (!overlap.ok) return overlap;
    const path = `${pathOfClient(invocation)}/secrets/rotate`;
    const body = { overlap_seconds: overlap.value };
    return send(invocation, { method: 'POST', path, body, creates: true }, newSecret);
  },
};

export const clientCommands: readonly Command[] = [
  create,
  listClients,
  show,
  update,
  approve,
  remove,
  rotateSecret,
];

function pathOfClient(invocation: Invocation): string {
  return pathOf`/v1/clients/${invocation.operands[0] as string}`;
}

function settingsOf(
  invocation: Invocation,
): Result<Readonly<Record<string, unknown>>, CommandRefusal> {
  const { options } = invocation;
  const ttl = spanOf(invocation, 'ttl');
  if (!ttl.ok) return ttl;
  const others = membersOf(options.list('set') ?? []);
  if (!others.ok) return others;
  return ok({
    ...others.value,
    client_name: options.text('name'),
    owner: options.text('owner'),
    scope: options.list('scope')?.join(' '),
    audiences: options.list('audience'),
    resources: options.list('resource'),
    access_token_format: options.text('format'),
    access_token_ttl_seconds: ttl.value,
    access_token_signing_alg: options.text('algorithm'),
    grant_types: options.list('grant'),
    redirect_uris: options.list('redirect-uri'),
    token_endpoint_auth_method: options.text('auth-method'),
  });
}

/** `member=value` pairs; what is no JSON is meant as text. */
function membersOf(
  pairs: readonly string[],
): Result<Readonly<Record<string, unknown>>, CommandRefusal> {
  const members: Record<string, unknown> = {};
  for (const pair of pairs) {
    const [name, text] = /^([a-z_]+)=(.*)$/s.exec(pair)?.slice(1) ?? [];
    if (name === undefined || text === undefined) {
      return usage(`--set ${pair} is not member=value`, 'such as --set consent=implicit');
    }
    members[name] = jsonOrText(text);
  }
  return ok(members);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The span that an option names; undefined where it is not given. */
function spanOf({ options }: Invocation, name: string): Result<number | undefined, CommandRefusal> {
  const text = options.text(name);
  return text === undefined ? ok(undefined) : parseDuration(name, text);
}

/** Shown first; what else a client has follows. */
const members = [
  'client_id',
  'client_name',
  'status',
  'owner',
  'grant_types',
  'token_endpoint_auth_method',
  'scope',
  'audiences',
  'resources',
  'access_token_format',
  'access_token_ttl_seconds',
  'access_token_signing_alg',
  'created_at',
  'updated_at',
  'previous_expires_at',
];

function client(style: Style, body: Item): string {
  const secrets = ['client_secret', 'metadata'];
  const others = Object.keys(body).filter((name) => isSet(body[name]) && !secrets.includes(name));
  return fields(style, rowsOf(body, [...new Set([...members, ...others])]));
}

/** Of fifty members most say nothing. */
function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== false;
}

function newSecret(style: Style, body: Item): string {
  const secret = cell(body, 'client_secret');
  if (secret === '') return client(style, body);
  return [
    fields(style, [['client_secret', secret]]),
    client(style, body),
    style.warn('Keep the secret now: it is not shown again.'),
  ].join('\n');
}
