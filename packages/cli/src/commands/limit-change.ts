/** `mintmark limits changes|explain|undo`: how limits that adapt changed, and why. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { fields, table } from '../style.ts';
import { cell, type Item, list, maxOption, rowsOf, send } from './send.ts';

const path = '/v1/limit-changes';
const idOperand = { name: '<id>', description: 'the id of the change' };

const idOf = ({ operands }: Pick<Invocation, 'operands'>): string => operands[0] as string;

function highOf(item: Item, when: 'before' | 'after'): string {
  const { low, high } = (item[when] ?? {}) as Item;
  return low === high ? String(high) : `${low}–${high}`;
}

const changes: Command = {
  name: 'limits changes',
  summary: 'lists changes of limits that adapt, newest first',
  options: [maxOption],
  examples: [['mintmark limits changes', 'whose limits changed, from what to what']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['ID', 'AT', 'ROUTE', 'LIMIT', 'CALLER', 'BEFORE', 'AFTER', 'MODE', 'STATUS'],
        items.map((item) => [
          ...['id', 'at', 'route', 'limit', 'caller'].map((name) => cell(item, name)),
          ...[highOf(item, 'before'), highOf(item, 'after')],
          ...['mode', 'status'].map((name) => cell(item, name)),
        ]),
      ),
    ),
};

const explain: Command = {
  name: 'limits explain',
  summary: 'says why a limit changed, step by step',
  operands: [idOperand],
  examples: [['mintmark limits explain 0jD8x2', 'what the new limit rests on']],
  run: (invocation) =>
    send(
      invocation,
      { method: 'GET', path: pathOf`/v1/limit-changes/${idOf(invocation)}` },
      (style, body) => {
        const evidence = (body['evidence'] ?? {}) as Item;
        const reasons = (body['reasons'] ?? []) as readonly Item[];
        return [
          fields(style, [
            ...rowsOf(body, ['route', 'limit', 'caller', 'at', 'until', 'mode', 'status']),
            ['before', highOf(body, 'before')],
            ['after', highOf(body, 'after')],
            ...rowsOf(evidence, ['busiest', 'growth_bound', 'denied', 'would_deny']),
          ]),
          ...reasons.map((reason) => `${cell(reason, 'value')}: ${cell(reason, 'words')}`),
        ].join('\n');
      },
    ),
};

const undo: Command = {
  name: 'limits undo',
  summary: 'takes a change back: the limit is what it was, for a declared time',
  operands: [idOperand],
  options: [
    { flags: '--for <duration>', description: 'how long it stays undone; default 7d' },
    { flags: '--reason <text>', description: 'why, for the audit trail' },
  ],
  examples: [['mintmark limits undo 0jD8x2 --for 14d --reason sale', 'room for two weeks']],
  run(invocation) {
    const { options } = invocation;
    const text = options.text('for');
    const span = text === undefined ? ok(undefined) : parseDuration('for', text);
    if (!span.ok) return Promise.resolve(span);
    const body = { for_seconds: span.value, reason: options.text('reason') };
    const one = pathOf`/v1/limit-changes/${idOf(invocation)}/undo`;
    return send(invocation, { method: 'POST', path: one, body }, (style, answer) => {
      const undone = (answer['undone'] ?? {}) as Item;
      return style.good(`undone until ${cell(undone, 'until')}`);
    });
  },
};

export const limitChangeCommands: readonly Command[] = [changes, explain, undo];
