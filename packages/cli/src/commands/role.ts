/** `mintmark role …` and `group …`: what users may do, through `/v1/roles` and `/v1/groups`. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, Option, Outcome } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send } from './send.ts';

type Kind = 'role' | 'group';

const has: Readonly<Record<Kind, 'scopes' | 'roles'>> = { role: 'scopes', group: 'roles' };
const nameOf = (kind: Kind) => ({ name: '<name>', description: `the name of the ${kind}` });
const pathTo = (kind: Kind, name: string) =>
  kind === 'role' ? pathOf`/v1/roles/${name}` : pathOf`/v1/groups/${name}`;

function listOf(kind: Kind): Command {
  return {
    name: `${kind} list`,
    summary: `lists ${kind}s by name`,
    options: [maxOption],
    examples: [[`mintmark ${kind} list`, `all ${kind}s, and what each gives`]],
    run: (invocation) =>
      list(invocation, { path: `/v1/${kind}s` }, (style, items) =>
        table(
          style,
          ['NAME', has[kind].toUpperCase(), 'DESCRIPTION'],
          items.map((item) => ['name', has[kind], 'description'].map((name) => cell(item, name))),
        ),
      ),
  };
}

function showOf(kind: Kind): Command {
  return {
    name: `${kind} show`,
    summary: `shows a ${kind}`,
    operands: [nameOf(kind)],
    examples: [[`mintmark ${kind} show dev`, 'what it gives']],
    run: (invocation) =>
      send(
        invocation,
        { method: 'GET', path: pathTo(kind, invocation.operands[0] as string) },
        rendered(kind),
      ),
  };
}

const description: Option = { flags: '--description <text>', description: 'for people to read' };

const setRole: Command = {
  name: 'role set',
  summary: 'makes a role, or says anew which scopes it grants',
  description: 'Whatever its users hold has the new scopes, and no others, within a second.',
  operands: [nameOf('role')],
  options: [
    { flags: '--scope <scopes...>', description: 'all scopes that it grants' },
    description,
    {
      flags: '--exclusive',
      description: 'clients get its scopes only for users who have them by a role',
    },
  ],
  examples: [['mintmark role set dev --scope orders:read orders:write', 'what developers may']],
  run: (invocation) =>
    write(invocation, 'role', {
      scopes: invocation.options.list('scope') ?? [],
      description: invocation.options.text('description'),
      exclusive: invocation.options.flag('exclusive'),
    }),
};

const setGroup: Command = {
  name: 'group set',
  summary: 'makes a group, or says anew which roles it has',
  description: 'Who is in it is said by "mintmark user group add".',
  operands: [nameOf('group')],
  options: [{ flags: '--role <roles...>', description: 'all roles that it has' }, description],
  examples: [['mintmark group set platform --role dev oncall', 'what the team may']],
  run: (invocation) =>
    write(invocation, 'group', {
      roles: invocation.options.list('role') ?? [],
      description: invocation.options.text('description'),
    }),
};

/** Under the version that was just read, where there is one. */
async function write(invocation: Invocation, kind: Kind, body: Item): Promise<Outcome> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const path = pathTo(kind, invocation.operands[0] as string);
  const seen = await api.value.call({ method: 'GET', path });
  if (!seen.ok && !(seen.refusal.reason === 'refused' && seen.refusal.status === 404)) return seen;
  const ifMatch = seen.ok ? seen.value.etag : undefined;
  return send(invocation, { method: 'PUT', path, body, ifMatch }, rendered(kind));
}

function deleteOf(kind: Kind): Command {
  return {
    name: `${kind} delete`,
    summary: `takes a ${kind} away, and what it gave from everybody`,
    operands: [nameOf(kind)],
    examples: [[`mintmark ${kind} delete dev`, 'for good']],
    async run(invocation) {
      const name = invocation.operands[0] as string;
      const path = pathTo(kind, name);
      const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
      if (!outcome.ok) return outcome;
      return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
    },
  };
}

function rendered(kind: Kind) {
  const members = ['name', has[kind], 'description', 'exclusive', 'updated_at'];
  return (style: Style, body: Item) => fields(style, rowsOf(body, members));
}

export const roleCommands: readonly Command[] = [
  ...[listOf('role'), showOf('role'), setRole, deleteOf('role')],
  ...[listOf('group'), showOf('group'), setGroup, deleteOf('group')],
];
