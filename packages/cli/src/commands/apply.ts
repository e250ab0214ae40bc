/** `mintmark apply`: brings the server to what files say. */
import { Fault, ok } from '@mintmark/core';
import type { Api } from '../api/api.ts';
import { type Change, planChanges } from '../apply/plan.ts';
import { readWanted } from '../apply/wanted.ts';
import type { Command, CommandRefusal, Invocation, Outcome } from '../command.ts';
import { failureOfRefusal, failureOfThrown } from '../failure.ts';
import { printable, type Style } from '../style.ts';
import type { Item } from './send.ts';

const apply: Command = {
  name: 'apply',
  summary: 'brings tenants, clients, users, keys, routes and more to what files say',
  description:
    'FILES are YAML or JSON with the sections tenants, authorization_details_types, clients, ' +
    'users, keys, rotations, assertion_issuers, plans, plan_holders, apis, routes and ' +
    'policies, in the shapes of the ' +
    'management API. What a file does not name stays as it is. Everything is compared before ' +
    'anything is changed; secrets that are made are shown once.',
  operands: [{ name: '<files...>', description: 'files; - for standard input' }],
  options: [{ flags: '--dry-run', description: 'shows the difference and changes nothing' }],
  examples: [
    ['mintmark apply mintmark.d/routes.yaml --dry-run', 'what would change'],
    ['mintmark apply mintmark.d/*.yaml', 'changes it'],
  ],
  async run(invocation) {
    const files = invocation.operands[0] as readonly string[];
    const wanted = await readWanted(invocation.ports, files);
    if (!wanted.ok) return wanted;
    const api = await invocation.api();
    if (!api.ok) return api;
    const changes = await planChanges(api.value, wanted.value);
    if (!changes.ok) return changes;
    return invocation.options.flag('dry-run')
      ? ok({
          json: { dry_run: true, changes: changes.value.map(wireOf) },
          text: (style) => changes.value.map((change) => line(style, change)).join('\n'),
        })
      : make(invocation, api.value, changes.value);
  },
};

export const applyCommands: readonly Command[] = [apply];

/**
 * Makes the changes one by one, each shown as soon as it is made: a secret is in one answer only,
 * and must not be lost because a later change fails.
 */
async function make(
  { ports, json, style }: Invocation,
  api: Api,
  changes: readonly Change[],
): Promise<Outcome> {
  const made: Record<string, unknown>[] = [];
  for (const change of changes) {
    const answer = await send(api, change);
    if ('failure' in answer) {
      const { failure } = answer;
      const left = changes.slice(made.length).map(wireOf);
      const place = `  at ${change.section} "${printable(change.name)}"`;
      if (!json) ports.terminal.writeError(`${failure.text(style)}\n${place}\n`);
      return ok({
        json: { changes: made, ...failure.json, not_made: left },
        text: () => '',
        ending: failure.exit,
      });
    }
    const secrets = newSecrets(change, answer.body);
    made.push({ ...wireOf(change), ...secrets });
    if (json) continue;
    const secret = Object.entries(secrets).map(([name, value]) => `  ${name} ${value}`);
    ports.terminal.write(`${[line(style, change), ...secret].join('\n')}\n`);
  }
  return ok({ json: { changes: made }, text: () => '' });
}

async function send(
  api: Api,
  { request }: Change,
): Promise<{ readonly body: Item } | { readonly failure: ReturnType<typeof failureOfThrown> }> {
  if (request === undefined) return { body: {} };
  try {
    const answer = await api.call(request);
    if (answer.ok) return { body: answer.value.body };
    return { failure: failureOfRefusal(answer.refusal satisfies CommandRefusal) };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return { failure: failureOfThrown(fault) };
  }
}

/** What this one answer holds and no other will; not what the file itself said. */
function newSecrets({ members }: Change, body: Item): Record<string, unknown> {
  const names = ['key', 'client_secret'].filter(
    (name) => typeof body[name] === 'string' && !members.includes(name),
  );
  return Object.fromEntries(names.map((name) => [name, body[name]]));
}

function wireOf({ action, section, name, members }: Change): Record<string, unknown> {
  return { action, section, name, members };
}

function line(style: Style, { action, section, name, members }: Change): string {
  const what = `${section} ${printable(name)}`;
  switch (action) {
    case 'create':
      return style.good(`+ ${what}`);
    case 'update':
      return style.warn(`~ ${what}: ${members.map(printable).join(', ')}`);
    case 'unchanged':
      return style.dim(`= ${what}`);
  }
}
