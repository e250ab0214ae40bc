/** How a gateway finds out what a request has cost, once its response is there. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { readWhole } from './limit-rule.ts';
import { missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteCost {
  /** Units held until it is known, and spent where it never is. */
  readonly reserve: number;
  readonly from:
    | {
        readonly kind: 'response_header';
        /** In lower case. */
        readonly header: string;
        /** Whether clients see it. */
        readonly isPassedOn: boolean;
      }
    /** One unit for each so many bytes of the body that were begun. */
    | { readonly kind: 'response_bytes'; readonly unitBytes: number }
    /** Reference tokens of a JSON Pointer (RFC 6901) to a number. */
    | { readonly kind: 'json_pointer'; readonly tokens: readonly string[] };
}

const own = { response_header: ['header', 'pass_on'], response_bytes: ['unit_bytes'] } as const;

/** @returns undefined where nothing is said */
export function readCostAfter(value: unknown): Result<RouteCost | undefined, RouteRefusal> {
  if (value === undefined) return ok(undefined);
  const known = ['reserve', 'from', 'header', 'pass_on', 'unit_bytes', 'pointer'];
  const members = readObject(value, '/cost_after', known);
  if (!members.ok) return members;
  const { from, ...rest } = members.value;
  const reserve = readWhole(rest['reserve'], '/cost_after/reserve', limits.limitQuotaMax);
  if (!reserve.ok) return reserve;
  if (from === undefined) return missing('/cost_after/from');
  if (from !== 'response_header' && from !== 'response_bytes' && from !== 'json_pointer') {
    const message = 'from is response_header, response_bytes or json_pointer';
    return refuse('malformed', '/cost_after/from', message);
  }
  const allowed: readonly string[] = from === 'json_pointer' ? ['pointer'] : own[from];
  for (const member of ['header', 'pass_on', 'unit_bytes', 'pointer']) {
    if (rest[member] === undefined || allowed.includes(member)) continue;
    return refuse('malformed', `/cost_after/${member}`, `${from} has no ${member}`);
  }
  const found = readers[from](rest);
  return found.ok ? ok({ reserve: reserve.value, from: found.value }) : found;
}

type From = Result<RouteCost['from'], RouteRefusal>;

const readers: Readonly<
  Record<RouteCost['from']['kind'], (members: Readonly<Record<string, unknown>>) => From>
> = {
  response_header({ header, pass_on: passOn = false }) {
    if (header === undefined) return missing('/cost_after/header');
    if (typeof header !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(header)) {
      return refuse('malformed', '/cost_after/header', 'header is the name of a field');
    }
    if (typeof passOn !== 'boolean') {
      return refuse('malformed', '/cost_after/pass_on', 'pass_on is true or false');
    }
    return ok({ kind: 'response_header', header: header.toLowerCase(), isPassedOn: passOn });
  },
  response_bytes({ unit_bytes: unit = 1 }) {
    const unitBytes = readWhole(unit, '/cost_after/unit_bytes', limits.limitQuotaMax);
    return unitBytes.ok ? ok({ kind: 'response_bytes', unitBytes: unitBytes.value }) : unitBytes;
  },
  json_pointer({ pointer }) {
    if (pointer === undefined) return missing('/cost_after/pointer');
    if (typeof pointer !== 'string' || !/^(?:\/(?:[^/~]|~[01]){1,64}){1,16}$/.test(pointer)) {
      const message = 'pointer is a JSON Pointer (RFC 6901), such as /usage/total_tokens';
      return refuse('malformed', '/cost_after/pointer', message);
    }
    const tokens = pointer
      .slice(1)
      .split('/')
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    return ok({ kind: 'json_pointer', tokens });
  },
};
