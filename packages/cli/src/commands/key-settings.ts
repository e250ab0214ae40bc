/** What the options of `key create` and `key update` say of a key, as the API takes it. */
import { ok, type Result, rfc3339, type UnixMs } from '@mintmark/core';
import type { CommandRefusal, Invocation, Option } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { type Item, usage } from './send.ts';

/** Two ways to say when a key ends. */
export const expiryOptions = [
  { flags: '--expires-in <span>', description: 'life, such as 90d' },
  { flags: '--expires-at <time>', description: 'end of life, RFC 3339' },
];

/** What may be said of a key at any time. */
export const settingOptions: readonly Option[] = [
  { flags: '--scope <scopes...>', description: 'what it may do; may be repeated' },
  { flags: '--owner <owner>', description: 'whose it is; default the caller' },
  { flags: '--environment <name>', description: 'such as live or test' },
  { flags: '--address <blocks...>', description: 'address or block that it works from' },
  { flags: '--country <codes...>', description: 'country that it works from, such as DE' },
  { flags: '--not-country <codes...>', description: 'country that it does not work from' },
  { flags: '--uses <count>', description: 'how often it can be used' },
  { flags: '--credits <count>', description: 'how much its uses may cost together' },
  {
    flags: '--refill <span>',
    description: 'raises uses and credits to where they began, at midnight UTC',
    choices: ['day', 'week', 'month'],
  },
  { flags: '--plan <plan>', description: 'plan whose limits apply' },
  { flags: '--purpose <text>', description: 'why it exists, for people' },
  { flags: '--tag <tags...>', description: 'words to find it by; may be repeated' },
  { flags: '--not-before <time>', description: 'when it begins to work, RFC 3339' },
  { flags: '--metadata <json>', description: 'facts of your own: a JSON object' },
  ...expiryOptions,
];

/** Members that are not named are left out. */
export function settingsOf(invocation: Invocation): Result<Item, CommandRefusal> {
  const { options } = invocation;
  const expires = expiryOf(invocation);
  if (!expires.ok) return expires;
  const metadata = metadataOf(options.text('metadata'));
  if (!metadata.ok) return metadata;
  const budgets = budgetsOf(invocation);
  if (!budgets.ok) return budgets;
  return ok({
    name: options.text('name'),
    scopes: options.list('scope'),
    owner: options.text('owner'),
    environment: options.text('environment'),
    allowed_addresses: options.list('address'),
    allowed_countries: options.list('country'),
    denied_countries: options.list('not-country'),
    ...budgets.value,
    plan: options.text('plan'),
    purpose: options.text('purpose'),
    tags: options.list('tag'),
    not_before: options.text('not-before'),
    metadata: metadata.value,
    expires_at: expires.value,
  });
}

function metadataOf(text: string | undefined): Result<unknown, CommandRefusal> {
  if (text === undefined) return ok(undefined);
  try {
    return ok(JSON.parse(text) as unknown);
  } catch {
    return usage('--metadata is not JSON', 'write a JSON object, such as \'{"team":"a"}\'');
  }
}

/** Uses and credits, each raised again to what it began with where a refill is asked for. */
function budgetsOf({ options }: Invocation): Result<Item, CommandRefusal> {
  const every = options.text('refill');
  const found: Record<string, unknown> = {};
  for (const name of ['uses', 'credits']) {
    const text = options.text(name);
    if (text === undefined) continue;
    const amount = Number(text);
    if (!/^\d{1,13}$/.test(text)) return usage(`--${name} is not a whole number`);
    const refill = every === undefined ? {} : { refill: { amount, every } };
    found[name] = { remaining: amount, ...refill };
  }
  const isIdle = every !== undefined && Object.keys(found).length === 0;
  return isIdle ? usage('--refill needs --uses or --credits') : ok(found);
}

/** The end of life that the options name, RFC 3339; undefined where they name none. */
export function expiryOf(invocation: Invocation): Result<string | undefined, CommandRefusal> {
  const { options, ports } = invocation;
  const at = options.text('expires-at');
  const span = options.text('expires-in');
  if (at !== undefined && span !== undefined) return usage('either --expires-in or --expires-at');
  if (span === undefined) return ok(at);
  const seconds = parseDuration('expires-in', span);
  if (!seconds.ok) return seconds;
  return ok(rfc3339((ports.clock.nowMs() + seconds.value * 1000) as UnixMs));
}
