/** `mintmark policy …`: what is judged by beside scopes, its versions, why decisions were so. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, Outcome } from '../command.ts';
import { type PolicyFile, readPolicyFiles } from '../policy/policy-file.ts';
import { fields, printable, type Style, table } from '../style.ts';
import { offlinePolicyCommands } from './policy-offline.ts';
import { cell, edit, type Item, list, maxOption, rowsOf, send } from './send.ts';

const nameOperand = { name: '<name>', description: 'the name of the policy' };
const stages = ['draft', 'shadow', 'enforce'];
const reasonOption = {
  ...{ flags: '--reason <text>', description: 'why, for the trail and the versions' },
  ...({ required: true } as const),
};

const put: Command = {
  name: 'policy put',
  summary: 'writes policies from files: new versions, in shadow unless told otherwise',
  description:
    'A text that cannot be read, or that is to decide and fails its own tests, is refused, and ' +
    'what was judged by before goes on. The same text makes no new version.',
  operands: [{ name: '<files...>', description: 'Cedar (.cedar), or YAML with "cedar" and more' }],
  options: [
    { flags: '--reason <text>', description: 'why; default what the file says' },
    {
      flags: '--stage <stage>',
      description: 'default what the file says, else shadow',
      choices: stages,
    },
  ],
  examples: [
    ['mintmark policy put office.yaml --reason "agreed on Monday"', 'a version in shadow'],
    ['mintmark policy put office.yaml --reason mend --stage enforce', 'one that decides at once'],
  ],
  async run(invocation) {
    const read = await readPolicyFiles(invocation.operands[0] as readonly string[]);
    if (!read.ok) return read;
    const made: Item[] = [];
    for (const policy of read.value) {
      const outcome = await putOne(invocation, policy);
      if (!outcome.ok) return outcome;
      made.push(outcome.value.json as Item);
    }
    return ok({
      json: { policies: made },
      text: (style) => made.map((one) => staged(style, one)).join('\n'),
    });
  },
};

async function putOne(invocation: Invocation, policy: PolicyFile): Promise<Outcome> {
  const { options } = invocation;
  const api = await invocation.api();
  if (!api.ok) return api;
  const path = pathOf`/v1/policies/${policy.name}`;
  const seen = await api.value.call({ method: 'GET', path });
  const isNew = !seen.ok && seen.refusal.reason === 'refused' && seen.refusal.status === 404;
  if (!seen.ok && !isNew) return seen;
  const body = {
    ...policy.document,
    reason: options.text('reason') ?? policy.reason ?? `from ${policy.file}`,
    stage: options.text('stage') ?? policy.stage,
  };
  const ifMatch = seen.ok ? seen.value.etag : undefined;
  return send(invocation, { method: 'PUT', path, body, ifMatch }, () => '');
}

function staged(style: Style, item: Item): string {
  const name = printable(cell(item, 'name'));
  const done = style.good(`${name} version ${cell(item, 'version')}: ${cell(item, 'stage')}`);
  const warnings = (item['warnings'] ?? []) as readonly string[];
  return [done, ...warnings.map((text) => style.warn(`  ${printable(text)}`))].join('\n');
}

const listPolicies: Command = {
  name: 'policy list',
  summary: 'lists policies by name',
  options: [maxOption],
  examples: [['mintmark policy list', 'what decides, and what stands in shadow']],
  run: (invocation) =>
    list(invocation, { path: '/v1/policies' }, (style, items) =>
      table(
        style,
        ['NAME', 'NEWEST', 'ENFORCED', 'SHADOW', 'UPDATED'],
        items.map((item) =>
          ['name', 'version', 'enforced_version', 'shadow_version', 'updated_at'].map((name) =>
            cell(item, name),
          ),
        ),
      ),
    ),
};

const show: Command = {
  name: 'policy show',
  summary: 'shows a policy with its newest version, or another one',
  operands: [nameOperand],
  options: [{ flags: '--number <version>', description: 'default the newest' }],
  examples: [
    ['mintmark policy show office', 'the newest version'],
    ['mintmark policy show office --number 3 --json', 'another one, for a script'],
  ],
  run(invocation) {
    const name = invocation.operands[0] as string;
    const version = invocation.options.text('number');
    const path =
      version === undefined
        ? pathOf`/v1/policies/${name}`
        : pathOf`/v1/policies/${name}/versions/${version}`;
    return send(invocation, { method: 'GET', path }, (style, body) => {
      const head = ['name', 'version', 'stage', 'author', 'reason', 'created_at'];
      const more = ['uses', 'routes', 'resource_types', 'enforced_version', 'shadow_version'];
      return `${fields(style, rowsOf(body, [...head, ...more]))}\n\n${cell(body, 'cedar').trim()}`;
    });
  },
};

const versions: Command = {
  name: 'policy versions',
  summary: 'lists the versions of a policy, newest first',
  operands: [nameOperand],
  options: [maxOption],
  examples: [['mintmark policy versions office', 'who wrote which, and why']],
  run(invocation) {
    const path = pathOf`/v1/policies/${invocation.operands[0] as string}/versions`;
    const names = ['version', 'stage', 'created_at', 'author', 'reason'];
    return list(invocation, { path }, (style, items) =>
      table(
        style,
        names.map((name) => name.toUpperCase()),
        items.map((item) => names.map((name) => cell(item, name))),
      ),
    );
  },
};

const stage: Command = {
  name: 'policy stage',
  summary: 'moves a version to another stage: draft, shadow or enforce',
  description: 'The one that stood there before makes room; gateways follow within a second.',
  operands: [nameOperand],
  options: [
    { flags: '--number <version>', description: 'which', required: true },
    { flags: '--stage <stage>', description: 'where to', required: true, choices: stages },
    reasonOption,
  ],
  examples: [
    [
      'mintmark policy stage office --number 4 --stage enforce --reason "no difference in a week"',
      'version 4 decides',
    ],
    ['mintmark policy stage office --number 4 --stage draft --reason wrong', 'it does not'],
  ],
  run(invocation) {
    const name = invocation.operands[0] as string;
    const { options } = invocation;
    const read = pathOf`/v1/policies/${name}`;
    const path = pathOf`/v1/policies/${name}/versions/${options.text('number') ?? ''}/stage`;
    const body = { stage: options.text('stage'), reason: options.text('reason') };
    return edit(invocation, { method: 'POST', path, read, body }, staged);
  },
};

const rollback: Command = {
  name: 'policy rollback',
  summary: 'writes an old version again as the newest one, which decides at once',
  operands: [nameOperand],
  options: [{ flags: '--to <version>', description: 'which', required: true }, reasonOption],
  examples: [['mintmark policy rollback office --to 3 --reason "too strict"', 'as it was']],
  run(invocation) {
    const { options } = invocation;
    const read = pathOf`/v1/policies/${invocation.operands[0] as string}`;
    const body = { version: Number(options.text('to')), reason: options.text('reason') };
    const request = { method: 'POST', path: `${read}/rollback`, read, body } as const;
    return edit(invocation, request, staged);
  },
};

const remove: Command = {
  name: 'policy delete',
  summary: 'takes a policy away that nothing is judged by, with all its versions',
  operands: [nameOperand],
  examples: [['mintmark policy delete office', 'after its versions were made drafts']],
  async run(invocation) {
    const name = invocation.operands[0] as string;
    const path = pathOf`/v1/policies/${name}`;
    const outcome = await edit(invocation, { method: 'DELETE', path, read: path }, () => '');
    if (!outcome.ok) return outcome;
    return ok({ json: { deleted: name }, text: (style) => style.good(`deleted ${name}`) });
  },
};

const difference: Command = {
  name: 'policy difference',
  summary: 'shows what a version in shadow would have changed on real traffic',
  operands: [nameOperand],
  options: [{ flags: '--number <version>', description: 'default the one in shadow' }],
  examples: [['mintmark policy difference office', 'by route and action, with examples']],
  run(invocation) {
    const path = pathOf`/v1/policies/${invocation.operands[0] as string}/difference`;
    const query = { version: invocation.options.text('number') };
    return send(invocation, { method: 'GET', path, query }, renderDifference);
  },
};

function renderDifference(style: Style, body: Item): string {
  const counts = ['judged', 'newly_denied', 'newly_allowed', 'failed'];
  const items = body['items'] as readonly Item[];
  const names = ['route', 'action', ...counts, 'denied_example', 'allowed_example'];
  const rows = items.map((item) => names.map((name) => cell(item, name)));
  const head = fields(style, rowsOf(body, ['name', 'version', ...counts]));
  const titles = names.map((name) => name.toUpperCase().replaceAll('_', ' '));
  return rows.length === 0 ? head : `${head}\n\n${table(style, titles, rows)}`;
}

const decisions: Command = {
  name: 'policy decisions',
  summary: 'lists decisions that were kept, newest first',
  options: [maxOption],
  examples: [['mintmark policy decisions --max 20', 'the last ones, with their ids']],
  run(invocation) {
    const names = ['id', 'at', 'decision', 'reason', 'principal', 'action', 'resource'];
    return list(invocation, { path: '/v1/decisions' }, (style, items) =>
      table(
        style,
        names.map((name) => name.toUpperCase()),
        items.map((item) => names.map((name) => partyOf(cell(item, name)))),
      ),
    );
  },
};

/** An entity as other tables name things: `User:ann` for Cedar's `User::"ann"`. */
function partyOf(text: string): string {
  const [, type, id] = /^([\w:]+)::("(?:[^"\\]|\\.)*")$/.exec(text) ?? [];
  return type === undefined ? text : `${type}:${JSON.parse(id!)}`;
}

const explain: Command = {
  name: 'policy explain',
  summary: 'says why a decision was as it was',
  description: 'The id stands in `Mintmark-Decision` of the answer, and in "policy decisions".',
  operands: [{ name: '<id>', description: 'the id of the decision' }],
  examples: [['mintmark policy explain 1rT4bYcQx0Zw8kLmN2pVd', 'policies, versions, the request']],
  run(invocation) {
    const path = pathOf`/v1/decisions/${invocation.operands[0] as string}`;
    return send(invocation, { method: 'GET', path }, renderExplanation);
  },
};

function renderExplanation(style: Style, body: Item): string {
  const names = ['id', 'at', 'node', 'surface', 'principal', 'action', 'resource', 'reason'];
  const isAllowed = body['decision'] === 'allow';
  const verdict = isAllowed ? style.good('allow') : style.bad('deny');
  const policies = body['policies'] as readonly Item[];
  const parts = policies.map((policy) => renderAnswer(style, policy));
  const request = JSON.stringify(body['request'], null, 2);
  return [verdict, fields(style, rowsOf(body, names)), ...parts, request].join('\n\n');
}

function renderAnswer(style: Style, answer: Item): string {
  const [name, version, stage, decision] = ['policy', 'version', 'stage', 'decision'].map((one) =>
    cell(answer, one),
  );
  const determining = (answer['determining'] as readonly Item[]).map((policy) => {
    const text = cell(policy, 'text').replaceAll('\n', '\n    ');
    return `  ${cell(policy, 'effect')} "${printable(cell(policy, 'id'))}"\n    ${text}`;
  });
  const errors = (answer['errors'] as readonly Item[]).map((error) =>
    style.warn(`  failed "${printable(cell(error, 'policy'))}": ${cell(error, 'message')}`),
  );
  const none = determining.length === 0 ? ['  nothing permits it'] : determining;
  const head = style.bold(`${printable(name ?? '')} version ${version}, ${stage}: ${decision}`);
  return [head, ...none, ...errors].join('\n');
}

export const policyCommands: readonly Command[] = [
  ...offlinePolicyCommands,
  ...[put, listPolicies, show, versions, stage, rollback, remove, difference],
  ...[decisions, explain],
];
