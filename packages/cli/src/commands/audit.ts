/** `mintmark audit …`, and the history of one thing. */

import { ok, type Result } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { recordTable } from './audit-record.ts';
import { auditTail } from './audit-tail.ts';
import { auditExport, auditVerify } from './audit-verify.ts';
import { type Item, list, maxOption, send, usage } from './send.ts';

const personalOption = {
  flags: '--personal',
  description: 'with addresses and the like; needs the permission audit:personal',
};

const search: Command = {
  name: 'audit search',
  summary: 'finds audit records, newest first',
  options: [
    { flags: '--object <kind:id>', description: 'on what, such as key:0b9xTq3LkWm2PzR7v' },
    { flags: '--actor <kind:id>', description: 'by whom, such as admin_key:1Kq7nj0n2zJVFMJqU' },
    { flags: '--action <action>', description: 'what was done, such as key.rotate' },
    { flags: '--from <time>', description: 'not before, RFC 3339' },
    { flags: '--to <time>', description: 'before, RFC 3339' },
    personalOption,
    maxOption,
  ],
  examples: [
    ['mintmark audit search --action revocation.create', 'everything that was revoked'],
    ['mintmark audit search --object client:ci --from 2026-11-01T00:00:00Z', 'what happened to it'],
  ],
  async run(invocation) {
    const { options } = invocation;
    const object = partyOf(options.text('object'), 'object');
    const actor = partyOf(options.text('actor'), 'actor');
    if (!object.ok) return object;
    if (!actor.ok) return actor;
    const query = {
      ...object.value,
      ...actor.value,
      action: options.text('action'),
      from: options.text('from'),
      to: options.text('to'),
      personal: options.flag('personal') ? 'include' : undefined,
    };
    return list(invocation, { path: '/v1/audit/events', query }, recordTable);
  },
};

/** One thing's life; the same command under the name of each kind. */
function historyOf(name: string, kind: string, what: string): Command {
  return {
    name: `${name} history`,
    summary: `tells the whole life of ${what}, oldest first, across its rotations`,
    operands: [{ name: '<id>', description: `the id of ${what}` }],
    options: [personalOption],
    examples: [[`mintmark ${name} history ID`, 'who, what, when and why']],
    run: (invocation) => history(invocation, kind),
  };
}

async function history(invocation: Invocation, kind: string): Promise<Outcome> {
  const id = invocation.operands[0] as string;
  const personal = invocation.options.flag('personal') ? 'include' : undefined;
  const path = pathOf`/v1/audit/history/${kind}/${id}`;
  return send(invocation, { method: 'GET', path, query: { personal } }, (style, body) => {
    const lines = [recordTable(style, (body['items'] ?? []) as readonly Item[])];
    if (body['complete'] === false) lines.push(style.warn('There is more than one answer holds.'));
    return lines.join('\n');
  });
}

export const auditCommands: readonly Command[] = [
  auditTail,
  search,
  auditVerify,
  auditExport,
  historyOf('key', 'key', 'an API key'),
  historyOf('token', 'token', 'an access token'),
  historyOf('client', 'client', 'a client'),
];

/** `kind:id`; an id may hold colons of its own. */
function partyOf(
  text: string | undefined,
  name: 'object' | 'actor',
): Result<Record<string, string>, CommandRefusal> {
  if (text === undefined) return ok({});
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) {
    return usage(`--${name} "${text}" is not kind:id`, 'for example client:ci');
  }
  return ok({ [`${name}_kind`]: text.slice(0, colon), [`${name}_id`]: text.slice(colon + 1) });
}
