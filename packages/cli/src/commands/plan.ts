/** `mintmark plan …`: how much whoever has one may ask for. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, send } from './send.ts';

const nameOperand = { name: '<name>', description: 'the name of the plan' };
const pathTo = (name: string): string => pathOf`/v1/plans/${name}`;

/** `1000000 a month, 20 a second (40 at once)`. */
function limitWords(limit: Item): string {
  const quota = cell(limit, 'quota');
  if (limit['kind'] === 'calendar') return `${quota} a ${cell(limit, 'period')}`;
  const seconds = Number(limit['window_seconds']);
  const burst = limit['burst'] === undefined ? '' : ` (${cell(limit, 'burst')} at once)`;
  return `${quota} in ${seconds} s${burst}`;
}

function limitsOf(plan: Item): string {
  const limits = Array.isArray(plan['limits']) ? (plan['limits'] as Item[]) : [];
  return limits.map((limit) => `${cell(limit, 'name')}: ${limitWords(limit)}`).join(', ');
}

const listPlans: Command = {
  name: 'plan list',
  summary: 'lists plans by name',
  description: 'Plans are written with "mintmark apply"; who has one, with "mintmark limits give".',
  options: [maxOption],
  examples: [['mintmark plan list', 'what there is to have']],
  run: (invocation) =>
    list(invocation, { path: '/v1/plans' }, (style, items) =>
      table(
        style,
        ['PLAN', 'LIMITS'],
        items.map((item) => [cell(item, 'name'), limitsOf(item)]),
      ),
    ),
};

const show: Command = {
  name: 'plan show',
  summary: 'shows a plan as "mintmark apply" takes it',
  operands: [nameOperand],
  examples: [['mintmark plan show free', 'its limits']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathTo(invocation.operands[0] as string) }, (_, body) =>
      JSON.stringify(body, null, 2),
    ),
};

const remove: Command = {
  name: 'plan delete',
  summary: 'takes a plan away; whoever had it is held by the next who has one for him',
  operands: [nameOperand],
  examples: [['mintmark plan delete trial', 'it limits nobody any more']],
  async run(invocation) {
    const name = invocation.operands[0] as string;
    const path = pathTo(name);
    const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

export const planCommands: readonly Command[] = [listPlans, show, remove];
