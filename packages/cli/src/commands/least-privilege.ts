/** `mintmark least-privilege …`: rights that were granted and never used. */
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const kindOption = {
  flags: '--kind <kind>',
  description: 'key (the default) or client',
  choices: ['key', 'client'],
};

const windowOption = { flags: '--window-days <days>', description: 'how far back; default 30' };

const report: Command = {
  name: 'least-privilege report',
  summary: 'shows what keys or clients may, and what of it they used',
  description:
    'Says since when use was measured: what was before that is unknown. Uses that nobody ' +
    'measured are counted beside.',
  options: [kindOption, windowOption, maxOption],
  examples: [['mintmark least-privilege report --window-days 90', 'every key, its unused scopes']],
  run(invocation) {
    const { options } = invocation;
    const query = { kind: options.text('kind'), window_days: options.text('window-days') };
    return list(invocation, { path: '/v1/least-privilege', query }, (style, items) =>
      table(
        style,
        ['ID', 'NAME', 'OWNER', 'UNUSED', 'USED', 'MEASURED SINCE', 'UNMEASURED'],
        items.map((item) => [
          ...['id', 'name', 'owner', 'unused'].map((name) => cell(item, name)),
          (item['used'] as Item[]).map((one) => cell(one, 'name')).join(' '),
          cell(item, 'measured_since'),
          cell(item, 'unmeasured_uses'),
        ]),
      ),
    );
  },
};

const narrow: Command = {
  name: 'least-privilege narrow',
  summary: 'takes away the scopes that were not used, on trial',
  operands: [{ name: '<id>', description: 'the key or client' }],
  options: [
    kindOption,
    { flags: '--trial-days <days>', description: 'how long it can be undone; default 14' },
    windowOption,
    { flags: '--despite-unmeasured', description: 'although not all of its use was measured' },
  ],
  examples: [['mintmark least-privilege narrow 0b9xTq3LkWm2PzR7v --trial-days 7', 'for a week']],
  async run(invocation) {
    const { options, operands } = invocation;
    const kind = options.text('kind') ?? 'key';
    const numbers = ['trial-days', 'window-days'].map((name) => options.text(name));
    if (numbers.some((text) => text !== undefined && !/^[1-9]\d{0,3}$/.test(text))) {
      return usage('days are a number above 0');
    }
    const [trial, window] = numbers.map((text) => (text === undefined ? undefined : Number(text)));
    const body = {
      trial_days: trial,
      window_days: window,
      despite_unmeasured: options.flag('despite-unmeasured') || undefined,
    };
    const path = pathOf`/v1/least-privilege/${kind}/${operands[0] as string}/narrow`;
    return send(invocation, { method: 'POST', path, body, creates: true }, narrowed);
  },
};

const trials: Command = {
  name: 'least-privilege list',
  summary: 'lists what was narrowed, with the refusals that came of it',
  options: [maxOption],
  examples: [['mintmark least-privilege list', 'what is on trial']],
  run: (invocation) =>
    list(invocation, { path: '/v1/narrowings' }, (style, items) =>
      table(
        style,
        ['ID', 'KIND', 'TARGET', 'STATUS', 'REMOVED', 'TRIAL ENDS', 'REFUSED'],
        items.map((item) => [
          ...['id', 'kind', 'target', 'status', 'removed', 'trial_ends_at'].map((name) => {
            return cell(item, name);
          }),
          (item['refused'] as Item[])
            .map((one) => `${cell(one, 'scope')}:${cell(one, 'count')}`)
            .join(' '),
        ]),
      ),
    ),
};

const idOperand = { name: '<id>', description: 'the narrowing, as list shows it' };

const undo: Command = {
  name: 'least-privilege undo',
  summary: 'gives the former scopes back exactly, while on trial',
  operands: [idOperand],
  examples: [['mintmark least-privilege undo r7Kq…', 'as if it had not been narrowed']],
  run: (invocation) => {
    const path = pathOf`/v1/narrowings/${invocation.operands[0] as string}/undo`;
    return send(invocation, { method: 'POST', path }, narrowed);
  },
};

const settle: Command = {
  name: 'least-privilege settle',
  summary: 'ends a trial before its time: what was taken away stays away',
  operands: [idOperand],
  examples: [['mintmark least-privilege settle r7Kq…', 'by itself it settles at its end']],
  run: (invocation) => {
    const path = pathOf`/v1/narrowings/${invocation.operands[0] as string}/settle`;
    return send(invocation, { method: 'POST', path }, narrowed);
  },
};

export const leastPrivilegeCommands: readonly Command[] = [report, narrow, trials, undo, settle];

function narrowed(style: Style, body: Item): string {
  const names = ['id', 'target', 'status', 'removed', 'narrowed', 'trial_ends_at'];
  return fields(style, rowsOf(body, names));
}
