/** `mintmark custody …`: the keys that protect everything at rest. */
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, type Item, rowsOf, send } from './send.ts';

const show: Command = {
  name: 'custody show',
  summary: 'shows root keys, data keys and peppers, and what is left of a rotation',
  examples: [['mintmark custody show', 'whether an old root key can be destroyed']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: '/v1/custody' }, (style, state) =>
      renderState(style, state, invocation.ports.clock.nowMs()),
    ),
};

const rotate: Command = {
  name: 'custody rotate',
  summary: 'makes a new root key, data key or pepper current, while serving',
  description:
    'Nothing that was protected before stops working, and nothing need be stopped. Back up the ' +
    'custody file again after a new root key.',
  options: [
    {
      flags: '--what <part>',
      description: 'root: wraps the others; data: seals this tenant’s records; pepper: hashes',
      choices: ['root', 'data', 'pepper'],
      required: true,
    },
    { flags: '--reason <text>', description: 'why, for the audit trail' },
  ],
  examples: [
    ['mintmark custody rotate --what root --reason yearly', 'the others are wrapped again'],
    ['mintmark custody rotate --what data', 'keys are sealed again after ten minutes'],
  ],
  run(invocation) {
    const { options } = invocation;
    const body = { what: options.text('what'), reason: options.text('reason') };
    const request = { method: 'POST', path: '/v1/custody/rotate', body } as const;
    return send(invocation, request, (style, answer) =>
      [
        style.good('rotated; the rest happens by itself: see mintmark custody show'),
        fields(style, rowsOf(answer, ['what', 'current'])),
      ].join('\n'),
    );
  },
};

const destroy: Command = {
  name: 'custody destroy',
  summary: 'destroys an older root key that wraps nothing any more',
  description:
    'Refused while anything names it. A backup of the database from before the key was replaced ' +
    'opens no more without a custody file of that time.',
  operands: [{ name: '<id>', description: 'the root key, as show names it' }],
  examples: [['mintmark custody destroy root_8sQm…', 'for ever']],
  run(invocation) {
    const path = pathOf`/v1/custody/keys/${invocation.operands[0] as string}`;
    return send(invocation, { method: 'DELETE', path }, (style) => style.good('destroyed'));
  },
};

function renderState(style: Style, state: Item, now: number): string {
  const rootKeys = itemsOf(state, 'root_keys').map((key) => [
    cell(key, 'id'),
    key['current'] === true ? 'current' : 'old',
    cell(key, 'created_at'),
    `${cell(key, 'algorithm')}, ${cell(key, 'protector')}`,
    cell(key, 'wraps'),
  ]);
  const left = state['under_way'] as Item;
  const isDone = left['rewrap'] === 0 && left['reseal'] === 0;
  return [
    table(style, ['ROOT KEY', 'STATUS', 'CREATED', 'KIND', 'WRAPS'], rootKeys),
    '',
    table(
      style,
      ['DATA KEY', 'STATUS', 'CREATED', 'USES'],
      rows(state, 'data_keys', ['id', 'status', 'created_at', 'uses']),
    ),
    '',
    table(
      style,
      ['PEPPER', 'STATUS', 'CREATED'],
      rows(state, 'peppers', ['version', 'status', 'created_at']),
    ),
    '',
    isDone
      ? style.good('nothing is left of any rotation')
      : style.warn(
          `under way: ${cell(left, 'rewrap')} keys to be wrapped again, ` +
            `records under ${cell(left, 'reseal')} data keys to be sealed again` +
            beginning(cell(left, 'reseal_from'), now),
        ),
  ].join('\n');
}

/** Nothing is wrong while it waits: a process may still use the key before. */
function beginning(from: string, now: number): string {
  const seconds = Math.ceil((Date.parse(from) - now) / 1000);
  if (!(seconds > 0)) return '';
  return `, which begins in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`}`;
}

function rows(state: Item, list: string, names: readonly string[]): readonly string[][] {
  return itemsOf(state, list).map((item) => names.map((name) => cell(item, name)));
}

function itemsOf(state: Item, name: string): readonly Item[] {
  return state[name] as readonly Item[];
}

export const custodyCommands: readonly Command[] = [show, rotate, destroy];
