/** `mintmark user …`: people, through `/v1/users`. */
import { err, ok, type Result } from '@mintmark/core';
import { type Api, pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Option } from '../command.ts';
import { readSecret } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const userOperand = { name: '<user>', description: 'the username, in any spelling, or the id' };

const claimOption: Option = {
  flags: '--claim <name=value...>',
  description: 'a standard claim, such as email=a@example.com; may be repeated',
};

const passwordOption: Option = {
  flags: '--password <reference>',
  description: 'where the password is: file:PATH, env:NAME, - for standard input',
};

const create: Command = {
  name: 'user create',
  summary: 'creates a user',
  operands: [{ name: '<username>', description: 'the name to sign in with' }],
  options: [passwordOption, claimOption],
  examples: [
    ['mintmark user create alice --password -', 'the password from standard input'],
    ['mintmark user create bob --claim email=bob@example.com email_verified=true', 'no password'],
  ],
  async run(invocation) {
    const claims = claimsOf(invocation);
    if (!claims.ok) return claims;
    const password = await passwordOf(invocation);
    if (!password.ok) return password;
    const username = invocation.operands[0] as string;
    const body = { username, password: password.value, claims: claims.value };
    return send(invocation, { method: 'POST', path: '/v1/users', body, creates: true }, user);
  },
};

const listUsers: Command = {
  name: 'user list',
  summary: 'lists users',
  options: [maxOption],
  examples: [['mintmark user list', 'id, name, state']],
  run: (invocation) =>
    list(invocation, { path: '/v1/users' }, (style, items) =>
      table(
        style,
        ['ID', 'USERNAME', 'STATUS', 'CREATED'],
        items.map((item) =>
          ['id', 'username', 'status', 'created_at'].map((name) => cell(item, name)),
        ),
      ),
    ),
};

const show: Command = {
  name: 'user show',
  summary: 'shows a user with all claims',
  operands: [userOperand],
  examples: [['mintmark user show alice', 'everything but the password']],
  async run(invocation) {
    const path = await pathOfUser(invocation);
    return path.ok ? send(invocation, { method: 'GET', path: path.value }, user) : path;
  },
};

const update: Command = {
  name: 'user update',
  summary: 'renames a user, or sets the claims in place of those before',
  operands: [userOperand],
  options: [{ flags: '--username <name>', description: 'the new name' }, claimOption],
  examples: [['mintmark user update alice --username alicia', 'tokens and sessions go on']],
  async run(invocation) {
    const claims = claimsOf(invocation);
    if (!claims.ok) return claims;
    const body = { username: invocation.options.text('username'), claims: claims.value };
    return change(invocation, { method: 'PATCH', under: '', body });
  },
};

const setPassword: Command = {
  name: 'user set-password',
  summary: 'sets the password; sessions and tokens of the user end',
  operands: [userOperand],
  options: [passwordOption],
  examples: [['mintmark user set-password alice --password -', 'from standard input']],
  async run(invocation) {
    const password = await passwordOf(invocation);
    if (!password.ok) return password;
    if (password.value === undefined) {
      return usage('there is no password', 'give --password file:PATH, env:NAME or -');
    }
    const body = { password: password.value };
    return change(invocation, { method: 'PUT', under: '/password', body });
  },
};

const resetPassword: Command = {
  name: 'user reset-password',
  summary: 'makes a link with which the user sets a new password, once, within half an hour',
  operands: [userOperand],
  examples: [['mintmark user reset-password alice', 'hand the link over by a way that is safe']],
  async run(invocation) {
    const user = await pathOfUser(invocation);
    if (!user.ok) return user;
    const path = `${user.value}/password/reset`;
    return send(invocation, { method: 'POST', path }, (style, body) =>
      fields(style, rowsOf(body, ['url', 'expires_at'])),
    );
  },
};

const disable: Command = {
  name: 'user disable',
  summary: 'stops a user at once, sessions and tokens included',
  operands: [userOperand],
  examples: [['mintmark user disable alice', 'until enabled again']],
  run: (invocation) => change(invocation, { method: 'POST', under: '/disable' }),
};

const enable: Command = {
  name: 'user enable',
  summary: 'lets a disabled user sign in again',
  operands: [userOperand],
  examples: [['mintmark user enable alice', 'what had ended stays ended']],
  run: (invocation) => change(invocation, { method: 'POST', under: '/enable' }),
};

const remove: Command = {
  name: 'user delete',
  summary: 'deletes a user with everything personal; sessions and tokens end',
  operands: [userOperand],
  examples: [['mintmark user delete alice', 'for good']],
  async run(invocation) {
    const path = await pathOfUser(invocation);
    if (!path.ok) return path;
    const request = { method: 'DELETE', path: path.value, read: path.value } as const;
    const gone = await edit(invocation, request, () => '');
    if (!gone.ok) return gone;
    const name = invocation.operands[0] as string;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

/** Gives or takes a role or group; the others stay. */
function memberOf(kind: 'role' | 'group', what: 'add' | 'remove'): Command {
  const effect = what === 'add' ? 'gives' : 'takes from';
  const summaries = {
    role: `${effect} a user roles; whatever the user holds follows within a second`,
    group: what === 'add' ? 'puts a user into groups' : 'takes a user out of groups',
  };
  return {
    name: `user ${kind} ${what}`,
    summary: summaries[kind],
    operands: [userOperand, { name: `<${kind}s...>`, description: `names of ${kind}s` }],
    examples: [[`mintmark user ${kind} ${what} alice dev`, 'the others stay']],
    async run(invocation) {
      const api = await invocation.api();
      if (!api.ok) return api;
      const path = await pathOfUser(invocation);
      if (!path.ok) return path;
      const seen = await api.value.call({ method: 'GET', path: path.value });
      if (!seen.ok) return seen;
      const named = invocation.operands[1] as readonly string[];
      const before = (seen.value.body[`${kind}s`] ?? []) as readonly string[];
      const rest = before.filter((one) => !named.includes(one));
      const body = { [`${kind}s`]: what === 'add' ? [...rest, ...named] : rest };
      const { etag: ifMatch } = seen.value;
      return send(invocation, { method: 'PATCH', path: path.value, body, ifMatch }, user);
    },
  };
}

export const userCommands: readonly Command[] = [
  create,
  listUsers,
  show,
  update,
  setPassword,
  resetPassword,
  disable,
  enable,
  remove,
  memberOf('role', 'add'),
  memberOf('role', 'remove'),
  memberOf('group', 'add'),
  memberOf('group', 'remove'),
];

async function change(
  invocation: Invocation,
  request: {
    readonly method: 'PATCH' | 'PUT' | 'POST';
    readonly under: string;
    readonly body?: unknown;
  },
) {
  const { method, under, body } = request;
  const read = await pathOfUser(invocation);
  if (!read.ok) return read;
  const path = `${read.value}${under}`;
  return edit(invocation, { method, path, read: read.value, body }, user);
}

async function pathOfUser(invocation: Invocation): Promise<Result<string, CommandRefusal>> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const called = invocation.operands[0] as string;
  const id = await idOfUsername(api.value, called);
  // What nobody is called may be an id.
  return id.ok ? ok(pathOf`/v1/users/${id.value ?? called}`) : id;
}

/** @returns undefined where nobody has the name */
export async function idOfUsername(
  api: Api,
  username: string,
): Promise<Result<string | undefined, CommandRefusal>> {
  const query = { username };
  const answer = await api.call({ method: 'GET', path: '/v1/users', query });
  if (!answer.ok) return err(answer.refusal);
  const [found] = answer.value.body['items'] as readonly Item[];
  return ok(found === undefined ? undefined : String(found['id']));
}

async function passwordOf({
  options,
  ports,
}: Invocation): Promise<Result<string | undefined, CommandRefusal>> {
  const reference = options.text('password');
  return reference === undefined ? ok(undefined) : readSecret(ports, reference);
}

/** `name=value`; `…_verified`, `updated_at` and `address` are JSON (OpenID Connect Core §5.1). */
function claimsOf({
  options,
}: Invocation): Result<Readonly<Record<string, unknown>> | undefined, CommandRefusal> {
  const given = options.list('claim');
  if (given === undefined) return ok(undefined);
  const claims: [string, unknown][] = [];
  for (const text of given) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      return usage(`--claim ${text} has no value`, 'write it as name=value');
    }
    const typed = typedValue(name, value);
    if (typed === undefined) return usage(`--claim ${name} cannot be "${value}"`);
    claims.push([name, typed]);
  }
  return ok(Object.fromEntries(claims));
}

/** The server judges names and values; here only their JSON types are settled. */
function typedValue(name: string, text: string): unknown {
  if (!name.endsWith('_verified') && name !== 'updated_at' && name !== 'address') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const members = ['id', 'username', 'status', 'roles', 'groups', 'has_password', 'created_at'];
members.push('updated_at');

function user(style: Style, body: Item): string {
  const claims = (body['claims'] ?? {}) as Item;
  return fields(style, [...rowsOf(body, members), ...rowsOf(claims, Object.keys(claims))]);
}
