/** `mintmark key update`. */
import { pathOf } from '../api/api.ts';
import type { Command } from '../command.ts';
import { settingOptions, settingsOf } from './key-settings.ts';
import { keyFields } from './key-shown.ts';
import { edit, usage } from './send.ts';

/** Options whose setting can be taken away, and the members that they set. */
const clearable: Readonly<Record<string, string>> = {
  environment: 'environment',
  address: 'allowed_addresses',
  country: 'allowed_countries',
  'not-country': 'denied_countries',
  uses: 'uses',
  credits: 'credits',
  plan: 'plan',
  purpose: 'purpose',
  'not-before': 'not_before',
  expires: 'expires_at',
};

export const updateKey: Command = {
  name: 'key update',
  summary: 'changes what a key may do and how it is called; what is not named stays',
  description:
    'Its id and its secret stay. A list that is named replaces the whole list. Refused where ' +
    'somebody else changed the key in between.',
  operands: [{ name: '<id>', description: 'the key id, as list shows it' }],
  options: [
    { flags: '--name <name>', description: 'what it is for, for people' },
    ...settingOptions,
    { flags: '--without-scopes', description: 'no scope at all' },
    {
      flags: '--clear <settings...>',
      description: `takes settings away: ${Object.keys(clearable).join(', ')}`,
    },
  ],
  examples: [
    ['mintmark key update 0b9xTq3LkWm2PzR7v --scope packages:read', 'this scope alone'],
    ['mintmark key update 0b9xTq3LkWm2PzR7v --clear expires plan', 'no end, no plan'],
  ],
  async run(invocation) {
    const { options } = invocation;
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const cleared = options.list('clear') ?? [];
    const unknown = cleared.find((name) => !Object.hasOwn(clearable, name));
    if (unknown !== undefined) {
      return usage(`"${unknown}" cannot be cleared`, Object.keys(clearable).join(', '));
    }
    const body = {
      ...settings.value,
      ...(options.flag('without-scopes') ? { scopes: [] } : {}),
      ...Object.fromEntries(cleared.map((name) => [clearable[name]!, null])),
    };
    if (Object.values(body).every((value) => value === undefined)) {
      return usage('nothing is changed', 'name what is to be');
    }
    const path = pathOf`/v1/keys/${invocation.operands[0] as string}`;
    return edit(invocation, { method: 'PATCH', path, read: path, body }, keyFields);
  },
};
