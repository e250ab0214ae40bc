/**
 * What of an upstream's JSON a caller may not see. A rule names a place and what becomes of it; who
 * has a scope or a claim may be spared it.
 */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { isScope } from './oauth.ts';
import { type ClaimCondition, readClaimConditions } from './route-conditions.ts';
import type { InspectionMode } from './route-inspection.ts';
import { type Members, missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface RouteMask {
  /** `observe` counts what `enforce` masks. */
  readonly mode: InspectionMode;
  /** Longest answer that is held to be masked. */
  readonly bytesMax: number;
  /** Media types, or ranges of them, that go on as they are; all others but JSON are refused. */
  readonly passTypes: readonly string[];
  readonly rules: readonly MaskRule[];
}

export const maskActions = ['remove', 'redact', 'hash', 'last4'] as const;
export type MaskAction = (typeof maskActions)[number];

export interface MaskRule {
  /** Names of members or indexes; `*` any one of them, `**` any number of levels. */
  readonly path: readonly string[];
  readonly action: MaskAction;
  /** Who has it sees what is there. */
  readonly unlessScope: string | undefined;
  /** Whose credential says it sees what is there. */
  readonly unlessClaims: readonly ClaimCondition[];
}

type Parsed<T> = Result<T, RouteRefusal>;

/** @returns undefined where answers go on as they are */
export function readMask(wire: Members): Parsed<RouteMask | undefined> {
  const value = wire['mask'];
  if (value === undefined) return ok(undefined);
  const members = readObject(value, '/mask', ['mode', 'bytes_max', 'pass_types', 'rules']);
  if (!members.ok) return members;
  const { mode = 'enforce', bytes_max: bytes = limits.heldBodyBytesDefault } = members.value;
  if (mode !== 'observe' && mode !== 'enforce') {
    return refuse('malformed', '/mask/mode', 'mode is observe or enforce');
  }
  const most = limits.heldBodyBytesMax;
  const isWhole = typeof bytes === 'number' && Number.isInteger(bytes);
  if (!isWhole || bytes < 1 || bytes > most) {
    return refuse('malformed', '/mask/bytes_max', `this is a whole number from 1 to ${most}`);
  }
  const passTypes = readTypes(members.value['pass_types']);
  if (!passTypes.ok) return passTypes;
  const { rules } = members.value;
  if (rules === undefined) return missing('/mask/rules');
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > limits.maskRulesMax) {
    return refuse('malformed', '/mask/rules', `rules is a list of 1 to ${limits.maskRulesMax}`);
  }
  const read: MaskRule[] = [];
  for (const [index, one] of rules.entries()) {
    const rule = readRule(one, `/mask/rules/${index}`);
    if (!rule.ok) return rule;
    read.push(rule.value);
  }
  return ok({ mode, bytesMax: bytes, passTypes: passTypes.value, rules: read });
}

function readTypes(value: unknown): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value) || value.length > limits.matchConditionsMax) {
    return refuse('malformed', '/mask/pass_types', 'pass_types is a short list of media types');
  }
  const isType = (one: unknown) =>
    typeof one === 'string' && /^[a-z0-9.+-]{1,64}\/(?:[a-z0-9.+-]{1,64}|\*)$/.test(one);
  const wrong = value.findIndex((one) => !isType(one));
  if (wrong === -1) return ok(value as readonly string[]);
  return refuse('malformed', `/mask/pass_types/${wrong}`, 'a media type is text/html or image/*');
}

function readRule(value: unknown, at: string): Parsed<MaskRule> {
  const known = ['path', 'action', 'unless_scope', 'unless_claim'];
  const members = readObject(value, at, known);
  if (!members.ok) return members;
  const { path, unless_scope: scope, unless_claim: claim } = members.value;
  const segments = readMaskPath(path);
  if (segments === undefined) {
    const rule = 'a path is /names/parted/by/slashes, with * for any one and ** for any depth';
    return refuse('malformed', `${at}/path`, rule);
  }
  const action = maskActions.find((one) => one === (members.value['action'] ?? 'redact'));
  if (action === undefined) {
    return refuse('malformed', `${at}/action`, `action is one of ${maskActions.join(', ')}`);
  }
  if (scope !== undefined && !(typeof scope === 'string' && isScope(scope))) {
    return refuse('malformed', `${at}/unless_scope`, 'not a scope value (RFC 6749 §3.3)');
  }
  const claims = readClaimConditions(claim, `${at}/unless_claim`);
  if (!claims.ok) return claims;
  return ok({ path: segments, action, unlessScope: scope, unlessClaims: claims.value });
}

/** RFC 6901, but for the two stars; at least one segment. @returns undefined where it is none */
export function readMaskPath(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'string' || !/^(?:\/[^/~]*(?:~[01][^/~]*)*)+$/.test(value)) return undefined;
  const segments = value.slice(1).split('/');
  const isBounded = value.length <= limits.maskPathCharsMax && segments.length <= 32;
  // A rule that ends in any depth would say nothing about what it masks.
  if (!isBounded || segments.at(-1) === '**' || segments.filter((one) => one === '**').length > 1) {
    return undefined;
  }
  return segments.map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'));
}
