/** What an upstream is told of the caller by a signed token in place of the outside credential. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { isHopByHop, isReservedFieldName } from './field-names.ts';
import { internalClaims } from './internal-token.ts';
import { type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteInternalToken {
  /** Undefined: the upstream's origin. */
  readonly audience: string | undefined;
  /** Claims of the credential that it carries too, where they are there. */
  readonly claims: readonly string[];
  readonly ttlSeconds: number;
  /** How long one is given again for the same request of the same caller; 0: never. */
  readonly reuseSeconds: number;
  /** In lower case; in `authorization` as a bearer token. */
  readonly header: string;
}

type Parsed<T> = Result<T, RouteRefusal>;

const at = '/internal_token';

/** @returns undefined where the route has none */
export function readInternalToken(value: unknown): Parsed<RouteInternalToken | undefined> {
  if (value === undefined) return ok(undefined);
  const known = ['audience', 'claims', 'ttl_seconds', 'reuse_seconds', 'header'];
  const members = readObject(value, at, known);
  if (!members.ok) return members;
  const { audience, claims, ttl_seconds: ttl, reuse_seconds: reuse, header } = members.value;
  const isText = typeof audience === 'string' && /^[\x21-\x7e]{1,512}$/.test(audience);
  if (audience !== undefined && !isText) {
    return refuse('malformed', `${at}/audience`, 'an audience is one text of visible ASCII');
  }
  const names = readClaims(claims);
  if (!names.ok) return names;
  const life = limits.internalTokenSecondsMax;
  const ttlSeconds = readSeconds(ttl ?? limits.internalTokenSecondsDefault, 'ttl_seconds', [
    1,
    life,
  ]);
  if (!ttlSeconds.ok) return ttlSeconds;
  const again = limits.internalTokenReuseSecondsMax;
  const reuseSeconds = readSeconds(reuse ?? 0, 'reuse_seconds', [0, again]);
  if (!reuseSeconds.ok) return reuseSeconds;
  if (reuseSeconds.value >= ttlSeconds.value) {
    return refuse('malformed', `${at}/reuse_seconds`, 'this is less than ttl_seconds');
  }
  const name = readHeader(header ?? 'authorization');
  if (!name.ok) return name;
  return ok({
    ...{ audience: audience as string | undefined, claims: names.value, header: name.value },
    ...{ ttlSeconds: ttlSeconds.value, reuseSeconds: reuseSeconds.value },
  });
}

function readClaims(value: unknown): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  const most = limits.matchConditionsMax;
  if (!Array.isArray(value) || value.length > most) {
    return refuse('malformed', `${at}/claims`, `claims is a list of at most ${most} names`);
  }
  for (const [index, name] of value.entries()) {
    if (typeof name !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(name)) {
      return refuse('malformed', `${at}/claims/${index}`, 'a claim is named by visible ASCII');
    }
    if (internalClaims.includes(name)) {
      return refuse('malformed', `${at}/claims/${index}`, 'the gateway itself says this');
    }
  }
  return ok([...new Set(value as string[])]);
}

function readSeconds(
  value: unknown,
  name: string,
  [least, most]: readonly [number, number],
): Parsed<number> {
  const fits = typeof value === 'number' && Number.isInteger(value);
  if (fits && value >= least && value <= most) return ok(value);
  return refuse('malformed', `${at}/${name}`, `${name} is a whole number from ${least} to ${most}`);
}

function readHeader(value: unknown): Parsed<string> {
  const name = typeof value === 'string' ? value.toLowerCase() : '';
  if (name === 'authorization') return ok(name);
  const isOurs = isHopByHop(name) || isReservedFieldName(name) || name.startsWith('content-');
  if (/^[a-z0-9-]{1,64}$/.test(name) && !isOurs) return ok(name);
  return refuse('malformed', `${at}/header`, 'a header of your own, or authorization');
}
