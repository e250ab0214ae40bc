/** `mintmark leak …`: leaked credentials through `/v1/leaks`. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { readToken, tokenOperand } from '../secret-input.ts';
import { fields, type Style, table } from '../style.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send, usage } from './send.ts';

const path = '/v1/leaks';
const policyPath = '/v1/leak-policy';
const idOperand = { name: '<id>', description: 'the id of the leak, as list shows it' };
const idOf = (invocation: Invocation): string => invocation.operands[0] as string;

const listLeaks: Command = {
  name: 'leak list',
  summary: 'lists leaked credentials, newest first',
  options: [maxOption],
  examples: [['mintmark leak list', 'what was found, and what became of it']],
  run: (invocation) =>
    list(invocation, { path }, (style, items) =>
      table(
        style,
        ['ID', 'KIND', 'CREDENTIAL', 'OWNER', 'STATUS', 'REVOKED AT'],
        items.map((item) =>
          ['id', 'kind', 'credential', 'owner', 'status', 'revoke_at'].map((name) =>
            cell(item, name),
          ),
        ),
      ),
    ),
};

const show: Command = {
  name: 'leak show',
  summary: 'shows a leak: where it was seen, what was done, who tried the key since',
  operands: [idOperand],
  examples: [['mintmark leak show 0b9xTq3LkWm2PzR7v', 'with the evidence']],
  run: (invocation) =>
    send(invocation, { method: 'GET', path: pathOf`/v1/leaks/${idOf(invocation)}` }, leakText),
};

function leakText(style: Style, leak: Item): string {
  const names = ['id', 'kind', 'credential', 'owner', 'status', 'revoke_at', 'attempts'];
  const seen = ((leak['sightings'] ?? []) as readonly Item[]).map((one) =>
    ['at', 'by', 'source', 'url'].map((name) => cell(one, name)),
  );
  const steps = ((leak['steps'] ?? []) as readonly Item[]).map((one) =>
    ['at', 'step', 'outcome'].map((name) => cell(one, name)),
  );
  return [
    fields(style, rowsOf(leak, names)),
    table(style, ['SEEN', 'BY', 'SOURCE', 'URL'], seen),
    table(style, ['DONE', 'STEP', 'OUTCOME'], steps),
  ].join('\n');
}

const report: Command = {
  name: 'leak report',
  summary: 'reports a leaked token: it is held back or revoked before the answer',
  operands: [tokenOperand],
  options: [
    { flags: '--url <url>', description: 'where it was found' },
    { flags: '--source <text>', description: 'what found it' },
  ],
  examples: [
    ['mintmark leak report --url https://paste.example/x < token.txt', 'as the policy says'],
  ],
  async run(invocation) {
    const token = await readToken(invocation);
    if (!token.ok) return token;
    const { options } = invocation;
    const body = { token: token.value, url: options.text('url'), source: options.text('source') };
    return send(invocation, { method: 'POST', path, body }, leakText);
  },
};

const release: Command = {
  name: 'leak release',
  summary: 'lets a credential go that was held back: it works again',
  operands: [idOperand],
  options: [{ flags: '--reason <text>', description: 'why, for the audit trail', required: true }],
  examples: [['mintmark leak release 0b9xTq3LkWm2PzR7v --reason "a test"', 'a false alarm']],
  run: (invocation) =>
    send(
      invocation,
      {
        method: 'POST',
        path: pathOf`/v1/leaks/${idOf(invocation)}/release`,
        body: { reason: invocation.options.text('reason') },
      },
      leakText,
    ),
};

const showPolicy: Command = {
  name: 'leak policy show',
  summary: 'shows what is done about leaked credentials',
  examples: [['mintmark leak policy show', 'mode and time until revocation']],
  run: (invocation) => send(invocation, { method: 'GET', path: policyPath }, policyText),
};

const setPolicy: Command = {
  name: 'leak policy set',
  summary: 'says what is done about leaked credentials',
  options: [
    {
      flags: '--mode <mode>',
      description: 'dry_run only notes what would be done',
      choices: ['act', 'dry_run'],
      required: true,
    },
    {
      flags: '--revoke-after <span>',
      description: 'until a held one is revoked, or never',
      required: true,
    },
  ],
  examples: [['mintmark leak policy set --mode act --revoke-after 72h', 'the default']],
  async run(invocation) {
    const { options } = invocation;
    const after = options.text('revoke-after') ?? '';
    const seconds = after === 'never' ? ok(null) : parseDuration('revoke-after', after);
    if (!seconds.ok) return seconds;
    if (seconds.value === undefined) return usage('--revoke-after is empty');
    const body = { mode: options.text('mode'), revoke_after_seconds: seconds.value };
    return edit(
      invocation,
      { method: 'PUT', path: policyPath, read: policyPath, body },
      policyText,
    );
  },
};

function policyText(style: Style, policy: Item): string {
  const after = policy['revoke_after_seconds'];
  return fields(style, [
    ['mode', cell(policy, 'mode')],
    ['revoked after', after === null ? 'never' : `${String(after)} seconds`],
  ]);
}

export const leakCommands: readonly Command[] = [
  listLeaks,
  show,
  report,
  release,
  showPolicy,
  setPolicy,
];
