/** `mintmark detail-type …`: what clients may ask people for in detail (RFC 9396). */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, send } from './send.ts';

const typeOperand = { name: '<type>', description: 'the name of the type' };
const pathTo = (type: string): string => pathOf`/v1/authorization-details-types/${type}`;

const listTypes: Command = {
  name: 'detail-type list',
  summary: 'lists types of authorization details by name',
  description: 'Types are written with "mintmark apply".',
  options: [maxOption],
  examples: [['mintmark detail-type list', 'what clients may ask for in detail']],
  run: (invocation) =>
    list(invocation, { path: '/v1/authorization-details-types' }, (style, items) =>
      table(
        style,
        ['TYPE', 'WORDS'],
        items.map((item) => [cell(item, 'type'), cell((item['words'] ?? {}) as Item, 'en')]),
      ),
    ),
};

const show: Command = {
  name: 'detail-type show',
  summary: 'shows a type of authorization details as "mintmark apply" takes it',
  operands: [typeOperand],
  examples: [['mintmark detail-type show payment', 'its schema and its words']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathTo(invocation.operands[0] as string) }, (_, body) =>
      JSON.stringify(body, null, 2),
    ),
};

const remove: Command = {
  name: 'detail-type delete',
  summary: 'takes a type of authorization details away; no new token carries it',
  operands: [typeOperand],
  examples: [['mintmark detail-type delete payment', 'nobody is asked for it any more']],
  async run(invocation) {
    const type = invocation.operands[0] as string;
    const path = pathTo(type);
    const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: type }, text: (style) => style.good(`deleted ${type}`) });
  },
};

export const detailTypeCommands: readonly Command[] = [listTypes, show, remove];
