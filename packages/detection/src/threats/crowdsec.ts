/**
 * The decision stream of CrowdSec's local API (`GET /v1/decisions/stream`): what was decided since
 * it was asked last, and what has ended since. Decisions on countries, networks by number and user
 * names are passed over.
 */
import { err, isJsonObject, type JsonValue, ok, type UnixSeconds } from '@mintmark/core';
import { createListing, type ListResult } from './listed.ts';

export function readCrowdsecStream(value: JsonValue, now: UnixSeconds): ListResult {
  if (!isJsonObject(value)) return malformed('the answer is no object');
  const { new: added = null, deleted = null } = value;
  const listing = createListing();
  // An empty list is `null` there.
  for (const [name, list] of [
    ['new', added],
    ['deleted', deleted],
  ] as const) {
    if (list === null) continue;
    if (!Array.isArray(list)) return malformed(`${name} is no list`);
    for (const decision of list) {
      if (!isJsonObject(decision)) return malformed(`${name} holds what is no decision`);
      readDecision(decision, { isNew: name === 'new', listing, now });
    }
  }
  return ok(listing.read());
}

function malformed(message: string): ListResult {
  return err({ reason: 'malformed_list', message });
}

function readDecision(
  decision: Readonly<Record<string, JsonValue>>,
  into: {
    readonly isNew: boolean;
    readonly listing: ReturnType<typeof createListing>;
    readonly now: UnixSeconds;
  },
): void {
  const { value, scope, duration, scenario = '', type = '', origin = '' } = decision;
  const { isNew, listing, now } = into;
  const about = typeof scope === 'string' ? scope.toLowerCase() : '';
  if (typeof value !== 'string' || (about !== 'ip' && about !== 'range')) {
    const text = `${String(scope)} ${String(value)}`.slice(0, 64);
    listing.passOver({ reason: 'malformed', text, message: 'is about no address' });
    return;
  }
  if (!isNew) {
    listing.remove(value);
    return;
  }
  const seconds = typeof duration === 'string' ? goSeconds(duration) : undefined;
  if (seconds === undefined) {
    listing.passOver({ reason: 'malformed', text: value.slice(0, 64), message: 'has no duration' });
    return;
  }
  const reason = [type, scenario, origin === '' ? '' : `(${String(origin)})`].join(' ');
  listing.add(value, { reason, until: Math.floor(now + seconds) as UnixSeconds });
}

const unitSeconds: Readonly<Record<string, number>> = {
  ...{ h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 },
};

/** A duration as Go writes it, `3h59m58.5s`; undefined for any other text. */
function goSeconds(text: string): number | undefined {
  if (!/^-?(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s|us|µs|ns)){1,7}$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(h|ms|m|s|us|µs|ns)/g)) {
    seconds += Number(amount) * unitSeconds[unit!]!;
  }
  // 30 years: what is to hold for ever is written so.
  return Math.min(text.startsWith('-') ? 0 : seconds, 950_000_000);
}
