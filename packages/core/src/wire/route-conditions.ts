/**
 * What chooses among routes of one place beside the method: headers, and what a verified credential
 * says. They choose; what a route demands stands beside them.
 */
import { parseTenantId, type TenantId } from '../ids.ts';
import { limits } from '../limits.ts';
import { pointerToken } from '../pointer-token.ts';
import { ok, type Result } from '../result.ts';
import { canonicalFieldName, isHopByHop, isReservedFieldName } from './field-names.ts';
import { isScope } from './oauth.ts';
import { type RouteRefusal, readObject, refuse } from './route-refusal.ts';

export interface HeaderCondition {
  /** In lower case. */
  readonly name: string;
  /** One of them, whole; undefined: whatever it says. */
  readonly values: readonly string[] | undefined;
}

export type ClaimValue = string | number | boolean;

export interface ClaimCondition {
  readonly name: string;
  /** One of them, or one entry of a list; undefined: whatever it says. */
  readonly values: readonly ClaimValue[] | undefined;
}

/** All of it holds of the credential. */
export interface TokenCondition {
  readonly tenant: TenantId | undefined;
  readonly scopes: readonly string[];
  /** One of them; undefined: any. */
  readonly clients: readonly string[] | undefined;
  readonly plans: readonly string[] | undefined;
  readonly claims: readonly ClaimCondition[];
}

type Parsed<T> = Result<T, RouteRefusal>;

/** @param value `{name: value | [values] | true}` */
export function readHeaderConditions(value: unknown): Parsed<readonly HeaderCondition[]> {
  const path = '/match/headers';
  if (value === undefined) return ok([]);
  const entries = readEntries(value, path);
  if (!entries.ok) return entries;
  const read: HeaderCondition[] = [];
  for (const [key, wanted] of entries.value) {
    const name = key.toLowerCase();
    const at = `${path}/${name}`;
    if (!/^[a-z0-9-]{1,64}$/.test(name)) {
      return refuse('malformed', path, 'a header is named by letters, digits and -, at most 64');
    }
    if (isHopByHop(name) || isReservedFieldName(name)) {
      return refuse('malformed', at, 'a route is not chosen by what ends at the gateway');
    }
    if (read.some((other) => other.name === canonicalFieldName(name))) {
      return refuse('malformed', at, 'this header is named twice');
    }
    const values = readValues(wanted, at, isText);
    if (!values.ok) return values;
    read.push({ name, values: values.value as readonly string[] | undefined });
  }
  return ok(read);
}

/** @param value `{tenant?, scopes?, client?, plan?, claims?: {name: value | [values] | true}}` */
export function readTokenCondition(value: unknown): Parsed<TokenCondition | undefined> {
  const path = '/match/token';
  if (value === undefined) return ok(undefined);
  const known = ['tenant', 'scopes', 'client', 'plan', 'claims'];
  const members = readObject(value, path, known);
  if (!members.ok) return members;
  const wire = members.value;
  if (Object.keys(wire).length === 0) {
    return refuse('malformed', path, `this names at least one of ${known.join(', ')}`);
  }
  const tenant = readTenant(wire['tenant'], `${path}/tenant`);
  if (!tenant.ok) return tenant;
  const scopes = readScopes(wire['scopes'], `${path}/scopes`);
  if (!scopes.ok) return scopes;
  const clients = readNames(wire['client'], `${path}/client`);
  if (!clients.ok) return clients;
  const plans = readNames(wire['plan'], `${path}/plan`);
  if (!plans.ok) return plans;
  const claims = readClaimConditions(wire['claims'], `${path}/claims`);
  if (!claims.ok) return claims;
  return ok({
    ...{ tenant: tenant.value, scopes: scopes.value, clients: clients.value, plans: plans.value },
    claims: claims.value,
  });
}

function readTenant(value: unknown, path: string): Parsed<TenantId | undefined> {
  if (value === undefined) return ok(undefined);
  const tenant = parseTenantId(typeof value === 'string' ? value : '');
  return tenant.ok ? tenant : refuse('malformed', path, `a tenant is ${tenant.refusal.rule}`);
}

function readScopes(value: unknown, path: string): Parsed<readonly string[]> {
  if (value === undefined) return ok([]);
  const isGood = (one: unknown) => typeof one === 'string' && one.length <= 128 && isScope(one);
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.matchConditionsMax) {
    return refuse('malformed', path, `scopes is a list of 1 to ${limits.matchConditionsMax}`);
  }
  const wrong = value.findIndex((one) => !isGood(one));
  if (wrong !== -1) {
    return refuse('malformed', `${path}/${wrong}`, 'not a scope value (RFC 6749 §3.3)');
  }
  return ok(value as readonly string[]);
}

function readNames(value: unknown, path: string): Parsed<readonly string[] | undefined> {
  if (value === undefined) return ok(undefined);
  if (value === true) return refuse('malformed', path, 'this is a name or a list of them');
  const names = readValues(value, path, isText);
  return names as Parsed<readonly string[] | undefined>;
}

/** @param value `{name: value | [values] | true}` */
export function readClaimConditions(
  value: unknown,
  path: string,
): Parsed<readonly ClaimCondition[]> {
  if (value === undefined) return ok([]);
  const entries = readEntries(value, path);
  if (!entries.ok) return entries;
  const read: ClaimCondition[] = [];
  for (const [name, wanted] of entries.value) {
    if (!isText(name)) return refuse('malformed', path, 'a claim is named by visible ASCII');
    const values = readValues(wanted, `${path}/${pointerToken(name)}`, isClaimValue);
    if (!values.ok) return values;
    read.push({ name, values: values.value });
  }
  return ok(read);
}

function readEntries(
  value: unknown,
  path: string,
): Parsed<readonly (readonly [string, unknown])[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('malformed', path, 'this is an object of names and values');
  }
  const entries = Object.entries(value);
  const most = limits.matchConditionsMax;
  if (entries.length >= 1 && entries.length <= most) return ok(entries);
  return refuse('malformed', path, `this names 1 to ${most}`);
}

/** @returns undefined for `true`: that it is there is enough */
function readValues(
  value: unknown,
  path: string,
  isGood: (one: unknown) => boolean,
): Parsed<readonly ClaimValue[] | undefined> {
  if (value === true) return ok(undefined);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const fits = list.length > 0 && list.length <= limits.matchValuesMax && list.every(isGood);
  if (fits) return ok(list as readonly ClaimValue[]);
  const most = limits.matchValuesMax;
  return refuse('malformed', path, `this is a value, a list of 1 to ${most}, or true for any`);
}

/** As a header or a claim can say it: nothing to trim, nothing that ends a line. */
function isText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > limits.matchValueCharsMax) return false;
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
}

function isClaimValue(value: unknown): boolean {
  return isText(value) || typeof value === 'boolean' || Number.isFinite(value);
}
