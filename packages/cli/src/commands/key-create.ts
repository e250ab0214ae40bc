/** `mintmark key create`. */
import type { Command } from '../command.ts';
import { settingOptions, settingsOf } from './key-settings.ts';
import { newKey } from './key-shown.ts';
import { type Item, send } from './send.ts';

export const createKey: Command = {
  name: 'key create',
  summary: 'makes an API key and shows it once',
  description: 'The key is in this answer only: the server keeps nothing that could show it again.',
  options: [
    { flags: '--name <name>', description: 'what it is for, for people', required: true },
    ...settingOptions,
    { flags: '--recoverable', description: 'it can be shown again, where the tenant allows it' },
  ],
  examples: [
    ['mintmark key create --name build --scope packages:read', 'a key that may read packages'],
    ['mintmark key create --name ci --expires-in 90d --json', 'one that ends, for a script'],
  ],
  async run(invocation) {
    const settings = settingsOf(invocation);
    if (!settings.ok) return settings;
    const body = {
      ...settings.value,
      scopes: settings.value['scopes'] ?? [],
      recoverable: invocation.options.flag('recoverable') || undefined,
    };
    const request = { method: 'POST', path: '/v1/keys', body, creates: true } as const;
    // Of counters the answer says nothing: they are what was asked for.
    const counters = Object.fromEntries(
      ['uses', 'credits'].map((name) => [name, counterOf(settings.value[name] as Item)]),
    );
    return send(invocation, request, (style, made) => newKey(style, { ...counters, ...made }));
  },
};

function counterOf(budget: Item | undefined): string | undefined {
  if (budget === undefined) return undefined;
  const refill = budget['refill'] as Item | undefined;
  return refill === undefined
    ? String(budget['remaining'])
    : `${budget['remaining']}, refilled each ${refill['every']}`;
}
