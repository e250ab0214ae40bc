/** `mintmark key bulk` and `key bulk-run`: one change of many keys, previewed before it is done. */
import { ok } from '@mintmark/core';
import { pathOf } from '../api/api.ts';
import type { Command, Invocation, Outcome } from '../command.ts';
import { type Style, table } from '../style.ts';
import { withStatus } from './key-shown.ts';
import { cell, type Item, send, usage } from './send.ts';

/** Acts, and the member that says more of them. */
const members: Readonly<Record<string, string | undefined>> = {
  disable: undefined,
  enable: undefined,
  quarantine: 'reason',
  revoke: 'reason',
  set_expiry: 'expires_at',
  add_tag: 'tag',
  remove_tag: 'tag',
  set_owner: 'owner',
};

const bulk: Command = {
  name: 'key bulk',
  summary: 'finds the keys of one change and shows them; changes nothing',
  description: 'All conditions must hold. `key bulk-run` does it, within the hour, to these keys.',
  operands: [{ name: '<act>', description: Object.keys(members).join(', ') }],
  options: [
    { flags: '--value <text>', description: 'reason, time (RFC 3339), tag or owner of the act' },
    {
      flags: '--kind <kind>',
      description: 'pat: personal access tokens, to quarantine or revoke; default key',
      choices: ['key', 'pat'],
    },
    { flags: '--owner <owner>', description: 'keys of this owner' },
    { flags: '--status <status>', description: 'keys in this state' },
    { flags: '--tag <tag>', description: 'keys with this tag' },
    { flags: '--environment <name>', description: 'keys of this environment' },
    { flags: '--scope <scope>', description: 'keys that have this scope' },
    { flags: '--name-prefix <text>', description: 'keys whose name begins so' },
    { flags: '--created-before <time>', description: 'keys made before, RFC 3339' },
    { flags: '--expires-before <time>', description: 'keys that end before, RFC 3339' },
    { flags: '--unused-since <time>', description: 'keys neither used nor made since, RFC 3339' },
    { flags: '--violating', description: 'keys that break the tenant’s policy' },
  ],
  examples: [
    ['mintmark key bulk disable --unused-since 2026-01-01T00:00:00Z', 'what nobody uses'],
    ['mintmark key bulk set_owner --value team-b --owner alice', 'the keys of who has left'],
  ],
  async run(invocation) {
    const { options, operands } = invocation;
    const name = operands[0] as string;
    if (!Object.hasOwn(members, name)) {
      return usage(`${name} is no act`, `write one of: ${Object.keys(members).join(', ')}`);
    }
    const member = members[name];
    const value = options.text('value');
    if ((member === undefined) !== (value === undefined)) {
      return usage(member === undefined ? `${name} takes no --value` : `${name} needs --value`);
    }
    const texts = [
      ...['kind', 'owner', 'status', 'tag', 'environment', 'scope'],
      ...['name-prefix', 'created-before', 'expires-before', 'unused-since'],
    ].map((option) => [option.replace('-', '_'), options.text(option)]);
    const filter = {
      ...Object.fromEntries(texts),
      violating: options.flag('violating') || undefined,
    };
    const act = { do: name, ...(member === undefined ? {} : { [member]: value }) };
    const request = { method: 'POST', path: '/v1/keys/bulk', body: { filter, act } } as const;
    return send(invocation, request, previewed);
  },
};

const bulkRun: Command = {
  name: 'key bulk-run',
  summary: 'does what was previewed, to exactly those keys',
  description: 'One that somebody changed since is passed over. What was cut off goes on.',
  operands: [{ name: '<id>', description: 'of the preview' }],
  examples: [['mintmark key bulk-run 0b9xTq3LkWm2PzR7v', 'until every key was gone through']],
  run: (invocation) => runAll(invocation),
};

export const bulkCommands: readonly Command[] = [bulk, bulkRun];

/** The server does a part in each call. */
async function runAll(invocation: Invocation): Promise<Outcome> {
  const api = await invocation.api();
  if (!api.ok) return api;
  const path = pathOf`/v1/keys/bulk/${invocation.operands[0] as string}/run`;
  for (let done = -1; ; ) {
    const answer = await api.value.call({ method: 'POST', path });
    if (!answer.ok) return answer;
    const { body } = answer.value;
    const now = Number(body['done']);
    // Nothing more was done: everything was, or the server stands still.
    if (now >= Number(body['count']) || now <= done) {
      return ok({ json: body, text: (style) => ran(style, body) });
    }
    done = now;
  }
}

function ran(style: Style, body: Item): string {
  const [count, done, changed] = ['count', 'done', 'changed'].map((name) => Number(body[name]));
  const said = [style.good(`${changed} of ${count} keys changed`)];
  // Somebody changed them since the preview, or they are gone.
  if (done! > changed!) said.push(style.warn(`${done! - changed!} passed over: changed since`));
  if (count! > done!) said.push(style.bad(`${count! - done!} left: run it again`));
  return said.join('\n');
}

function previewed(style: Style, body: Item): string {
  const count = Number(body['count']);
  const leftOut = Number(body['left_out']);
  const others = `${leftOut} of other owners are left out: that needs keys:assign`;
  const notes = leftOut > 0 ? [style.warn(others)] : [];
  if (count === 0) return ['no key would change', ...notes].join('\n');
  const sample = body['sample'] as readonly Item[];
  const names = ['id', 'name', 'status', 'owner'];
  const rows = sample.map((item) => names.map((name) => cell(withStatus(item), name)));
  const more = count - sample.length;
  return [
    table(style, ['ID', 'NAME', 'STATUS', 'OWNER'], rows),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...notes,
    `${count} keys; nothing is changed yet. Until ${cell(body, 'expires_at')} this does it:`,
    `mintmark key bulk-run ${cell(body, 'id')}`,
  ].join('\n');
}
