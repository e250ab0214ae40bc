/** `mintmark route …` and `node list`: what gateways send where, and which gateways there are. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, send } from './send.ts';

const nameOperand = { name: '<name>', description: 'the name of the route' };

const listRoutes: Command = {
  name: 'route list',
  summary: 'lists routes by name',
  description: 'Routes are written with "mintmark apply".',
  options: [maxOption],
  examples: [['mintmark route list', 'what a gateway sends where']],
  run: (invocation) =>
    list(invocation, { path: '/v1/routes' }, (style, items) =>
      table(
        style,
        ['NAME', 'HOST', 'PATH', 'UPSTREAM', 'SCOPES'],
        items.map((item) => {
          const match = (item['match'] ?? {}) as Item;
          return [
            cell(item, 'name'),
            cell(match, 'host'),
            cell(match, 'path_prefix'),
            cell(item, 'upstream'),
            cell(item, 'scopes'),
          ];
        }),
      ),
    ),
};

const show: Command = {
  name: 'route show',
  summary: 'shows a route as "mintmark apply" takes it',
  operands: [nameOperand],
  examples: [['mintmark route show npm', 'everything that is set']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'GET', path: pathOf`/v1/routes/${invocation.operands[0] as string}` },
      (_, body) => JSON.stringify(body, null, 2),
    ),
};

const remove: Command = {
  name: 'route delete',
  summary: 'takes a route away; gateways refuse its requests within a second',
  operands: [nameOperand],
  examples: [['mintmark route delete npm', 'nothing is sent there any more']],
  async run(invocation) {
    const name = invocation.operands[0] as string;
    const path = pathOf`/v1/routes/${name}`;
    const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

const nodes: Command = {
  name: 'node list',
  summary: 'lists gateways and what they have heard',
  options: [maxOption],
  examples: [['mintmark node list', 'who is connected']],
  run: (invocation) =>
    list(invocation, { path: '/v1/nodes' }, (style, items) =>
      table(
        style,
        ['NODE', 'CREDENTIAL', 'CONNECTED', 'POSITION', 'SEEN'],
        items.map((item) =>
          ['node', 'credential', 'connected', 'position', 'seen_at'].map((name) =>
            cell(item, name),
          ),
        ),
      ),
    ),
};

export const routeCommands: readonly Command[] = [listRoutes, show, remove, nodes];
