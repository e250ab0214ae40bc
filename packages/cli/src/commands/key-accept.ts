/** `mintmark key accept` and `key unaccept`: keys that may break the tenant's policy. */
import { pathOf } from '../api/api.ts';
import type { Command, Invocation } from '../command.ts';
import { keyFields } from './key-shown.ts';
import { send } from './send.ts';

const operands = [{ name: '<id>', description: 'the key id, as list shows it' }];

const pathTo = ({ operands: [id] }: Invocation): string =>
  pathOf`/v1/keys/${id as string}/acceptance`;

export const acceptCommands: readonly Command[] = [
  {
    name: 'key accept',
    summary: 'lets a key be although it breaks the tenant’s policy, with a reason',
    description: 'For the rules that it breaks now; edits are judged by the policy all the same.',
    operands,
    options: [
      { flags: '--reason <text>', description: 'why it may be so', required: true },
      { flags: '--until <time>', description: 'when it wants mending again, RFC 3339' },
    ],
    examples: [
      [
        'mintmark key accept 0b9xTq3LkWm2PzR7v --reason "old till" --until 2027-01-01T00:00:00Z',
        'it is no violation until then',
      ],
    ],
    run(invocation) {
      const { options } = invocation;
      const body = { reason: options.text('reason'), until: options.text('until') };
      return send(invocation, { method: 'PUT', path: pathTo(invocation), body }, keyFields);
    },
  },
  {
    name: 'key unaccept',
    summary: 'takes back that a key may break the tenant’s policy',
    operands,
    examples: [['mintmark key unaccept 0b9xTq3LkWm2PzR7v', 'it is a violation again']],
    run: (invocation) =>
      send(invocation, { method: 'DELETE', path: pathTo(invocation) }, keyFields),
  },
];
