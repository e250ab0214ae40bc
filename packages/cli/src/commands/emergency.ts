/** `mintmark emergency …`: what is done when somebody else may hold a key of ours. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Outcome } from '../command.ts';
import { fields, printable, type Style } from '../style.ts';
import { previewText } from './revoke.ts';
import { cell, type Item, rowsOf, send, usage } from './send.ts';

const signingKey: Command = {
  name: 'emergency signing-key',
  summary: 'ends a stolen signing key with all that it signed, saying first what breaks',
  description:
    'In one act a new key signs, the old one leaves the key set and every token that it signed ' +
    'is refused everywhere. Refresh tokens go on; owners of the clients concerned are told.',
  operands: [{ name: '<kid>', description: 'the key, as `signing-key list` shows it' }],
  options: [
    { flags: '--dry-run', description: 'say what would break, and change nothing' },
    { flags: '--reason <text>', description: 'why: a code such as stolen, or any text' },
  ],
  examples: [
    ['mintmark emergency signing-key kT2v… --dry-run', 'what would break, for how long'],
    ['mintmark emergency signing-key kT2v… --reason stolen', 'every token of it is void'],
  ],
  async run(invocation) {
    const path = pathOf`/v1/signing-keys/${invocation.operands[0] as string}/emergency`;
    const reason = invocation.options.text('reason');
    const dryRun = invocation.options.flag('dry-run');
    if (!dryRun && reason === undefined) {
      return usage('--reason is missing', 'for example --reason stolen');
    }
    const seen = await send(invocation, { method: 'GET', path }, breaking);
    if (!seen.ok || dryRun) return seen;
    const done = await send(invocation, { method: 'POST', path, body: { reason } }, ended);
    if (!done.ok) return done;
    return both(seen.value.json as Item, done.value.json as Item);
  },
};

function both(seen: Item, done: Item): Outcome {
  const text = (style: Style) => `${breaking(style, seen)}\n\n${ended(style, done)}`;
  return ok({ json: { preview: seen, ...done }, text });
}

function breaking(style: Style, seen: Item): string {
  const names = ['kid', 'algorithm', 'status', 'signs'];
  const lines = [fields(style, rowsOf(seen, names)), previewText(style, seen)];
  return [style.warn('what breaks:'), ...lines].join('\n');
}

function ended(style: Style, done: Item): string {
  const clients = done['clients'] as Item[];
  const byHand = clients.filter((one) => one['recovers'] === 'by_signing_in');
  const names = byHand.map((one) => printable(cell(one, 'client_id')));
  return [
    style.good('ended, with all that it signed'),
    fields(style, rowsOf(done, ['revocation', 'replacement', 'owners_told'])),
    ...(names.length === 0 ? [] : [`people sign in again at: ${names.join(', ')}`]),
  ].join('\n');
}

export const emergencyCommands: readonly Command[] = [signingKey];
