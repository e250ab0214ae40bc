/** `mintmark limits …`: which plan somebody has, what is left of it, and more for one. */
import type { Result } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation, OptionValues } from '../command.ts';
import { fields, type Style, table } from '../style.ts';
import { limitsSimulate } from './limits-simulate.ts';
import { cell, edit, type Item, send, usage } from './send.ts';

const kinds = ['key', 'client', 'user', 'tenant'] as const;

const whose = kinds.map((kind) => ({
  flags: `--${kind} <id>`,
  description: kind === 'tenant' ? 'a tenant, by its name' : `one ${kind}, by its id`,
}));

function pathOfWhom(options: OptionValues): Result<string, CommandRefusal> {
  const named = kinds.filter((kind) => options.text(kind) !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    return usage('name one of --key, --client, --user, --tenant');
  }
  return { ok: true, value: pathOf`/v1/limits/${kind}/${options.text(kind)!}` };
}

function render(style: Style, body: Item): string {
  const limits = body['limits'] as readonly Item[];
  const head = fields(style, [
    [cell(body, 'kind'), cell(body, 'id')],
    ['plan', cell(body, 'plan') || 'none of its own'],
    ['counted', cell(body, 'counted').replaceAll('_', ' ')],
    ...raisedRows(body),
  ]);
  if (limits.length === 0) return head;
  const rows = limits.map((limit) => [
    cell(limit, 'name'),
    cell(limit, 'quota'),
    cell(limit, 'remaining') || 'unknown',
    cell(limit, 'reset_at'),
  ]);
  return `${head}\n\n${table(style, ['LIMIT', 'QUOTA', 'LEFT', 'ALL BACK AT'], rows)}`;
}

function raisedRows(body: Item): [string, string][] {
  const raised = (body['raised'] ?? []) as readonly Item[];
  return raised.map((one) => {
    const until = cell(one, 'until') === '' ? '' : ` until ${cell(one, 'until')}`;
    return ['raised', `${cell(one, 'limit')} to ${cell(one, 'quota')}${until}`];
  });
}

const show: Command = {
  name: 'limits show',
  summary: 'shows the plan of a key, client, user or tenant, and what is left of it',
  description:
    'Without a cache each process counts by itself, and this shows what the server has counted.',
  options: whose,
  examples: [
    ['mintmark limits show --key 01JK', 'what is left to one key'],
    ['mintmark limits show --tenant acme --json', 'the same of a tenant, for a program'],
  ],
  async run(invocation) {
    const path = pathOfWhom(invocation.options);
    if (!path.ok) return path;
    return send(invocation, { method: 'GET', path: path.value }, render);
  },
};

const reasonOption = {
  flags: '--reason <text>',
  description: 'why; kept in the audit trail',
  required: true,
} as const;

const give: Command = {
  name: 'limits give',
  summary: 'gives a client, user or tenant a plan, or raises limits of it for one',
  description:
    'Replaces what was raised before. The plan of a key is set with "mintmark key update".',
  options: [
    ...whose,
    { flags: '--plan <name>', description: 'its plan; left out: stays as it is; -: none' },
    {
      flags: '--raise <limit=quota...>',
      description: 'more of one limit of the plan; left out: nothing is raised any more',
    },
    { flags: '--until <time>', description: 'when what is raised ends (RFC 3339)' },
    reasonOption,
  ],
  examples: [
    ['mintmark limits give --client web --plan gold --reason upgrade', 'a plan for a client'],
    [
      'mintmark limits give --key 01JK --raise monthly=50000 --until 2027-01-01T00:00:00Z ' +
        '--reason launch',
      'more for one key, for a while',
    ],
  ],
  async run(invocation) {
    const { options } = invocation;
    const path = pathOfWhom(options);
    if (!path.ok) return path;
    const raised = readRaised(invocation);
    if (!raised.ok) return raised;
    const plan = options.text('plan');
    const named = plan === undefined ? {} : { plan: plan === '-' ? null : plan };
    const body = { ...named, raised: raised.value, reason: options.text('reason') };
    const keeps = plan === undefined ? ['plan'] : [];
    const request = { method: 'PUT', path: path.value, read: path.value, body, keeps } as const;
    return edit(invocation, request, render);
  },
};

function readRaised({ options }: Invocation): Result<readonly object[], CommandRefusal> {
  const until = options.text('until');
  const raised: object[] = [];
  for (const text of options.list('raise') ?? []) {
    const [, limit, quota] = /^([A-Za-z0-9._-]{1,32})=(\d{1,13})$/.exec(text) ?? [];
    if (limit === undefined) return usage(`"${text}" is not LIMIT=QUOTA`, 'as monthly=50000');
    raised.push({ limit, quota: Number(quota), ...(until === undefined ? {} : { until }) });
  }
  return { ok: true, value: raised };
}

const reset: Command = {
  name: 'limits reset',
  summary: 'lets the counts of a key, client, user or tenant begin anew',
  options: [
    ...whose,
    { flags: '--limit <name...>', description: 'only these; default: all of its plan' },
    reasonOption,
  ],
  examples: [['mintmark limits reset --key 01JK --reason "our outage"', 'all of it is back']],
  async run(invocation) {
    const { options } = invocation;
    const path = pathOfWhom(options);
    if (!path.ok) return path;
    const limits = options.list('limit');
    const body = { ...(limits === undefined ? {} : { limits }), reason: options.text('reason') };
    return send(invocation, { method: 'POST', path: `${path.value}/reset`, body }, render);
  },
};

export const limitCommands: readonly Command[] = [show, give, reset, limitsSimulate];
