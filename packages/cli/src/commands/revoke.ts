/** `mintmark revoke`: ends a token, or everything of a client, user, tenant or signing key. */
import { isJsonObject, ok, type Result } from '@mintmark/core';
import { parseSecretToken, parseSubKey, subKeyName, subKeyTargetId } from '@mintmark/tokens';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { readSecret } from '../secret-input.ts';
import { fields, printable, type Style, table } from '../style.ts';
import { decodeJwt } from './decode-jwt.ts';
import { cell, type Item, rowsOf, send, usage } from './send.ts';

/** Option → kind of target on the wire. */
const targets = {
  token: 'token',
  key: 'key',
  'sub-key': 'sub_key',
  family: 'family',
  client: 'client',
  user: 'user',
  tenant: 'tenant',
  'signing-key': 'signing_key',
} as const;

const reasonCodes =
  'leaked, stolen, key_compromise, suspicious_use, incident, device_lost, owner_left, requested, ' +
  'superseded, unused, policy, test, other';

const revoke: Command = {
  name: 'revoke',
  summary: 'ends credentials for good, everywhere',
  description:
    'Answers once the revocation is durable and holds on the server; gateways that are connected ' +
    'refuse within a second. Name exactly one target or a query. What ends does not come back.',
  options: [
    {
      flags: '--token <id>',
      description: 'one access token, by its id (jti); - reads the token from standard input',
    },
    { flags: '--key <id>', description: 'one API key' },
    { flags: '--sub-key <id>', description: 'one sub-key, and all that was made from it' },
    { flags: '--family <id>', description: 'all tokens of one sign-in' },
    { flags: '--client <id>', description: 'all tokens of a client' },
    { flags: '--user <id>', description: 'all tokens of a user, and the API keys that he owns' },
    { flags: '--tenant <id>', description: 'all tokens and API keys of a tenant' },
    { flags: '--signing-key <kid>', description: 'all tokens that a key has signed' },
    {
      flags: '--before <time>',
      description: 'only what was issued before this moment (RFC 3339)',
    },
    {
      flags: '--query <query>',
      description:
        'everything that matches, such as client=ci,scope=orders:write; names: client, user, ' +
        'scope, audience, grant, signing_key, owner, environment, tag.NAME, issued_after, ' +
        'issued_before',
    },
    { flags: '--preview', description: 'say what would end, and end nothing' },
    { flags: '--yes', description: 'end what the query finds, after showing it' },
    {
      flags: '--undo <id>',
      description: 'enable again what was disabled with this revocation; tokens stay refused',
    },
    {
      flags: '--reason <text>',
      description: `why: ${reasonCodes}, or any text, which is kept sealed`,
    },
  ],
  examples: [
    ['mintmark revoke --client ci --reason leaked', 'every token of the client'],
    ['mintmark revoke --user u1 --preview', 'what would end, and what breaks'],
    [
      'mintmark revoke --query client=ci,scope=orders:write --yes --reason leaked',
      'tokens of one client with one scope',
    ],
    [
      'mintmark revoke --tenant default --before 2026-11-21T09:00:00Z --reason incident',
      'all of before',
    ],
    ['mintmark revoke --signing-key kT2v… --reason stolen', 'every token that it signed'],
    ['mintmark revoke --undo r7Kq… --reason requested', 'a client that was disabled works again'],
  ],
  async run(invocation) {
    const { options } = invocation;
    const undo = options.text('undo');
    if (undo !== undefined) return takeBack(invocation, undo);
    const asked = await askedIn(invocation);
    if (!asked.ok) return asked;
    const isQuery = 'query' in asked.value;
    if (options.flag('preview')) return previewOf(invocation, asked.value);
    const reason = options.text('reason');
    if (reason === undefined) return usage('--reason is missing', 'for example --reason leaked');
    return isQuery
      ? endQuery(invocation, { ...asked.value, reason })
      : end(invocation, { ...asked.value, reason });
  },
};

export const revokeCommands: readonly Command[] = [revoke];

interface Target {
  readonly kind: string;
  readonly id: string;
}

/** What is to end, as the server takes it. */
async function askedIn(invocation: Invocation): Promise<Result<Item, CommandRefusal>> {
  const { options } = invocation;
  const before = options.text('before');
  const text = options.text('query');
  const named = Object.entries(targets).filter(([option]) => options.text(option) !== undefined);
  if (named.length + (text === undefined ? 0 : 1) !== 1) {
    return usage('name exactly one target, or a query', 'for example --client ci');
  }
  if (text !== undefined) {
    if (before !== undefined) return usage('say issued_before in the query, not --before');
    const query = readQuery(text);
    return query.ok ? ok({ query: query.value }) : query;
  }
  const target = await targetOf(invocation, named[0]!);
  return target.ok ? ok({ target: target.value, ...(before && { before }) }) : target;
}

const queryNames = [
  ...['client', 'user', 'scope', 'audience', 'grant', 'signing_key', 'owner', 'environment'],
  ...['issued_after', 'issued_before'],
];

/** `name=value` with commas between; a value has no comma. */
function readQuery(text: string): Result<Item, CommandRefusal> {
  const query: Record<string, unknown> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim();
    const value = part.slice(at + 1).trim();
    const isTag = name.startsWith('tag.') && name.length > 4;
    if (value === '' || !(isTag || queryNames.includes(name)) || (isTag ? 'tag' : name) in query) {
      return usage(`${part} is no part of a query`, 'for example client=ci,scope=orders:write');
    }
    query[isTag ? 'tag' : name] = isTag ? { name: name.slice(4), value } : value;
  }
  return ok(query);
}

async function previewOf(invocation: Invocation, asked: Item): Promise<Outcome> {
  const request = { method: 'POST', path: '/v1/revocations/preview', body: asked } as const;
  return send(invocation, request, previewText);
}

function end(invocation: Invocation, body: Item): Promise<Outcome> {
  const request = { method: 'POST', path: '/v1/revocations', body, creates: true } as const;
  return send(invocation, request, (style, answer) =>
    [
      style.good('revoked'),
      fields(style, rowsOf(answer, ['id', 'effective_at', 'feed_position', 'state', 'ended'])),
    ].join('\n'),
  );
}

/** What is shown is what is done: the server refuses where more would end by now. */
async function endQuery(invocation: Invocation, body: Item): Promise<Outcome> {
  const { reason, ...asked } = body;
  const seen = await previewOf(invocation, asked);
  if (!seen.ok) return seen;
  const json = seen.value.json as Item;
  if (!invocation.options.flag('yes')) {
    const message = `${previewText(invocation.style, json)}\n\nnothing was ended`;
    return usage(message, 'say --yes to end it, or --preview to look alone');
  }
  const done = await end(invocation, { ...asked, reason, preview: json['preview'] });
  if (!done.ok) return done;
  const { value } = done;
  return ok({ ...value, text: (style) => `${previewText(style, json)}\n\n${value.text(style)}` });
}

async function takeBack(invocation: Invocation, id: string): Promise<Outcome> {
  const reason = invocation.options.text('reason');
  if (reason === undefined) return usage('--reason is missing', 'for example --reason requested');
  const path = pathOf`/v1/revocations/${id}/undo`;
  return send(invocation, { method: 'POST', path, body: { reason } }, (style, answer) => {
    const { kind, id: name } = answer['enabled'] as Item;
    return style.good(`${kind} ${printable(String(name))} is enabled again`);
  });
}

/** Counts, then what breaks, sentence by sentence. */
export function previewText(style: Style, answer: Item): string {
  const counts = answer['counts'] as Item;
  const names = ['unredeemed_grants', 'access_tokens', 'refresh_families', 'api_keys'];
  const clients = (answer['clients'] as Item[]).slice(0, 20);
  const owners = (answer['owners'] as Item[]).slice(0, 20);
  const columns = ['client_id', 'access_tokens', 'refresh_families', 'recovers', 'audiences'];
  return [
    fields(style, rowsOf(counts, names)),
    ...(answer['complete'] === true ? [] : [style.warn('there is more: these are the least')]),
    ...(clients.length === 0
      ? []
      : [
          table(
            style,
            ['CLIENT', 'TOKENS', 'FAMILIES', 'RECOVERS', 'AUDIENCES'],
            clients.map((one) => columns.map((name) => cell(one, name))),
          ),
        ]),
    ...owners.map((one) => `${cell(one, 'api_keys')} keys of ${printable(cell(one, 'owner'))}`),
    ...(answer['breaks'] as string[]).map((one) => `- ${printable(one)}`),
    ...(typeof answer['undo'] === 'string' ? [printable(answer['undo'])] : []),
  ].join('\n');
}

async function targetOf(
  invocation: Invocation,
  first: [string, string],
): Promise<Result<Target, CommandRefusal>> {
  const [option, kind] = first;
  const id = invocation.options.text(option)!;
  if (kind !== 'token' || id !== '-') return ok({ kind, id });
  const token = await readSecret(invocation.ports, '-');
  return token.ok ? tokenTarget(token.value) : token;
}

/** The id inside a token: a JWT's `jti`, the look-up id of an opaque one. */
function tokenTarget(token: string): Result<Target, CommandRefusal> {
  const prefix = token.split('_', 1)[0]!;
  const derived = parseSubKey(token, prefix);
  if (derived.ok) {
    const { keyId, links } = derived.value;
    return ok({ kind: 'sub_key', id: subKeyTargetId(keyId, subKeyName(links).id) });
  }
  const opaque = parseSecretToken(token, prefix);
  if (opaque.ok) {
    const kind = opaque.value.kind === 'key' ? 'key' : 'token';
    return ok({ kind, id: opaque.value.id });
  }
  const jwt = decodeJwt(token);
  const jti = jwt !== undefined && isJsonObject(jwt.claims) ? jwt.claims['jti'] : undefined;
  if (typeof jti === 'string') return ok({ kind: 'token', id: jti });
  return usage('standard input holds no token of ours', 'give its id after --token');
}
