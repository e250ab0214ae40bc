/** `mintmark signing-key …`: the keys that sign tokens. */
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { fields, table } from '../style.ts';
import { cell, list, maxOption, rowsOf, send } from './send.ts';

const listKeys: Command = {
  name: 'signing-key list',
  summary: 'lists the keys that sign tokens, and when they change',
  options: [maxOption],
  examples: [['mintmark signing-key list', 'which one signs, which one is next']],
  run: (invocation) =>
    list(invocation, { path: '/v1/signing-keys' }, (style, items) =>
      table(
        style,
        ['KID', 'ALGORITHM', 'STATUS', 'SIGNS FROM', 'RETIRES'],
        items.map((item) =>
          ['kid', 'algorithm', 'status', 'activate_at', 'retire_at'].map((name) =>
            cell(item, name),
          ),
        ),
      ),
    ),
};

const rotate: Command = {
  name: 'signing-key rotate',
  summary: 'publishes a new key that signs once verifiers know it',
  options: [
    {
      flags: '--algorithm <name>',
      description: 'which kind; default the first that is configured',
    },
    { flags: '--reason <text>', description: 'why, for the audit trail' },
  ],
  examples: [['mintmark signing-key rotate --algorithm ES256', 'ahead of its schedule']],
  run({ options, ...rest }) {
    const body = { algorithm: options.text('algorithm'), reason: options.text('reason') };
    const request = { method: 'POST', path: '/v1/signing-keys/rotate', body } as const;
    return send({ options, ...rest }, request, (style, answer) =>
      fields(style, rowsOf(answer, ['kid', 'activate_at'])),
    );
  },
};

const emergency: Command = {
  name: 'signing-key emergency',
  summary: 'ends a stolen key with all that it signed; another signs at once',
  operands: [{ name: '<kid>', description: 'the key, as list shows it' }],
  options: [{ flags: '--reason <text>', description: 'why, for the audit trail', required: true }],
  examples: [['mintmark signing-key emergency kT2v… --reason stolen', 'every token of it is void']],
  run(invocation) {
    const path = pathOf`/v1/signing-keys/${invocation.operands[0] as string}/emergency`;
    const body = { reason: invocation.options.text('reason') };
    return send(invocation, { method: 'POST', path, body }, (style, answer) =>
      [
        style.good('ended, with all that it signed'),
        fields(style, rowsOf(answer, ['revocation', 'replacement'])),
      ].join('\n'),
    );
  },
};

const report: Command = {
  name: 'signing-key report',
  summary: 'reports that a key may be known to others; it goes on, and rules rotate it',
  description:
    'Rotation rules that name `leak` publish its successor at once. Where you are sure that it ' +
    'is stolen, end it by "signing-key emergency".',
  operands: [{ name: '<kid>', description: 'the key, as list shows it' }],
  options: [{ flags: '--reason <text>', description: 'why, for the audit trail', required: true }],
  examples: [
    ['mintmark signing-key report kT2v… --reason "a laptop is missing"', 'rotate by rule'],
  ],
  run(invocation) {
    const path = pathOf`/v1/signing-keys/${invocation.operands[0] as string}/report`;
    const body = { reason: invocation.options.text('reason') };
    return send(invocation, { method: 'POST', path, body }, (style) => style.good('reported'));
  },
};

export const signingKeyCommands: readonly Command[] = [listKeys, rotate, report, emergency];
