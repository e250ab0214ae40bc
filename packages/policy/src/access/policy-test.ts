/**
 * The tests beside a policy: requests as people write them, and what is to become of each. They are
 * asked of the very version that they stand beside, and of nothing else.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  type PolicyVerdict,
  type Result,
} from '@mintmark/core';
import type { EntityInput } from '../entities.ts';
import { EntityUid, isTypeName } from '../entity-uid.ts';
import type { RecordValue, Value } from '../value.ts';
import { parseContext, parseEntities, parseEntityUidJson } from '../value-json.ts';
import {
  type AccessRequest,
  actionOf,
  momentContext,
  type PrincipalFacts,
  principalOf,
} from './access-request.ts';
import { askVersion, type JudgedVersion } from './judge.ts';
import type { DocumentError } from './policy-document.ts';

export interface PolicyTest {
  readonly name: string;
  readonly request: AccessRequest;
  readonly expect: PolicyVerdict;
  /** Ids of exactly the policies that make it so; undefined: whichever. */
  readonly reasons: readonly string[] | undefined;
}

export interface TestOutcome {
  readonly name: string;
  readonly passed: boolean;
  readonly expected: PolicyVerdict;
  readonly verdict: PolicyVerdict;
  readonly reasons: readonly string[];
  /** Why it failed, or what went wrong on the way. */
  readonly notes: readonly string[];
}

/** Asks a version all of its tests. */
export function runTests(
  version: JudgedVersion,
  tests: readonly PolicyTest[],
): readonly TestOutcome[] {
  return tests.map((test) => runTest(version, test));
}

function runTest(version: JudgedVersion, test: PolicyTest): TestOutcome {
  const asked = askVersion(version, test.request);
  const { verdict, reasons, errors } = asked.ok
    ? asked.value
    : { verdict: 'deny' as const, reasons: [], errors: [{ policy: '', message: asked.refusal }] };
  const notes = errors.map(({ policy, message }) => `${policy}: ${message}`);
  const isVerdict = verdict === test.expect;
  const isReason = test.reasons === undefined || isSameSet(reasons, test.reasons);
  if (!isVerdict) notes.push(`is ${verdict}, not ${test.expect}`);
  else if (!isReason) {
    notes.push(`because of ${told(reasons)}, not of ${told(test.reasons ?? [])}`);
  }
  const { name, expect: expected } = test;
  return { name, passed: isVerdict && isReason, expected, verdict, reasons, notes };
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === new Set(b).size && a.every((one) => b.includes(one));
}

function told(reasons: readonly string[]): string {
  return reasons.length === 0 ? 'nothing that permits' : reasons.join(', ');
}

/** Reads `tests`; what is wrong is added to `errors`. */
export function readTests(
  value: JsonValue | undefined,
  errors: DocumentError[],
): readonly PolicyTest[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > limits.policyTestsMax) {
    errors.push({ pointer: '/tests', message: `is a list of at most ${limits.policyTestsMax}` });
    return [];
  }
  return value.flatMap((one, index) => {
    const test = readTest(one);
    if (test.ok) return [test.value];
    errors.push({ pointer: `/tests/${index}${test.refusal.at}`, message: test.refusal.message });
    return [];
  });
}

type Read<T> = Result<T, { readonly at: string; readonly message: string }>;

const testMembers = ['name', 'request', 'expect', 'reasons'];
const requestMembers = ['principal', 'action', 'resource', 'context', 'at', 'entities'];

function readTest(value: JsonValue): Read<PolicyTest> {
  if (!isJsonObject(value)) return wrong('', 'is not an object');
  const unknown = Object.keys(value).find((name) => !testMembers.includes(name));
  if (unknown !== undefined) return wrong(`/${unknown}`, 'is unknown');
  const { name, request, expect, reasons } = value;
  if (typeof name !== 'string' || name === '') return wrong('/name', 'says what is claimed');
  if (expect !== 'allow' && expect !== 'deny') return wrong('/expect', 'is "allow" or "deny"');
  const isList = Array.isArray(reasons) && reasons.every((one) => typeof one === 'string');
  if (reasons !== undefined && !isList) return wrong('/reasons', 'is a list of ids of policies');
  if (!isJsonObject(request)) return wrong('/request', 'is not an object');
  const read = readRequest(request);
  if (!read.ok) return wrong(`/request${read.refusal.at}`, read.refusal.message);
  return ok({ name, request: read.value, expect, reasons: reasons as string[] | undefined });
}

function readRequest(value: JsonObject): Read<AccessRequest> {
  const unknown = Object.keys(value).find((name) => !requestMembers.includes(name));
  if (unknown !== undefined) return wrong(`/${unknown}`, 'is unknown');
  const principal = readPrincipal(value['principal']);
  if (!principal.ok) return wrong('/principal', principal.refusal);
  const action = readAction(value['action']);
  if (!action.ok) return wrong('/action', action.refusal);
  const resource = readUid(value['resource']);
  if (!resource.ok) return wrong('/resource', resource.refusal);
  const context = readContext(value);
  if (!context.ok) return context;
  const others = readOthers(value['entities']);
  if (!others.ok) return wrong('/entities', others.refusal);
  const named = new Set(others.value.map(({ uid }) => uid.key));
  const own = [principal.value, action.value, { uid: resource.value }];
  return ok({
    principal: principal.value.uid,
    action: action.value.uid,
    resource: resource.value,
    context: context.value,
    entities: [...others.value, ...own.filter(({ uid }) => !named.has(uid.key))],
  });
}

/** Text as Cedar writes it, `User::"alice"`, or `{type, id, roles?, groups?, scopes?, …}`. */
function readPrincipal(value: JsonValue | undefined): Result<EntityInput, string> {
  const uid = readUid(value);
  if (!uid.ok) return uid;
  const kind = kinds[uid.value.type];
  if (kind === undefined) return ok({ uid: uid.value });
  const facts = isJsonObject(value) ? value : {};
  for (const name of ['roles', 'groups', 'scopes']) {
    const list = facts[name];
    const isList = Array.isArray(list) && list.every((one) => typeof one === 'string');
    if (list !== undefined && !isList) return err(`${name} is a list of text`);
  }
  for (const name of ['tenant', 'owner', 'client', 'environment', 'plan']) {
    const text = facts[name];
    if (text !== undefined && typeof text !== 'string') return err(`${name} is text`);
  }
  const given = facts as Partial<PrincipalFacts>;
  const { id } = uid.value;
  return ok(principalOf({ tenant: 'default', scopes: [], ...given, kind, id }));
}

const kinds: Readonly<Record<string, PrincipalFacts['kind']>> = {
  User: 'user',
  Client: 'client',
  Key: 'key',
  Anonymous: 'anonymous',
};

/** A name, or `{name, method}` where the action is an operation of that method. */
function readAction(value: JsonValue | undefined): Result<EntityInput, string> {
  if (typeof value === 'string') {
    const uid = readUid(value);
    const name = uid.ok && uid.value.type === 'Action' ? uid.value.id : value;
    return name === '' ? err('is the name of an action') : ok(actionOf(name));
  }
  const { name, method } = isJsonObject(value) ? value : {};
  if (typeof name !== 'string') return err('is the name of an action');
  if (method !== undefined && typeof method !== 'string') return err('its method is text');
  return ok(actionOf(name, method));
}

function readUid(value: JsonValue | undefined): Result<EntityUid, string> {
  if (isJsonObject(value)) {
    const { type, id } = value;
    const read = parseEntityUidJson({ type, id });
    return read.ok ? read : err(read.refusal.message);
  }
  const [, type = '', id = ''] =
    /^([A-Za-z0-9_:]+)::("(?:[^"\\]|\\.)*")$/.exec(String(value)) ?? [];
  if (!isTypeName(type)) return err('is an entity, as in User::"alice"');
  try {
    return ok(new EntityUid(type, JSON.parse(id) as string));
  } catch {
    return err('its id is badly quoted');
  }
}

/** With the moment `at`, and its address as an address. */
function readContext({ context = {}, at }: JsonObject): Read<RecordValue> {
  if (!isJsonObject(context)) return wrong('/context', 'is not an object');
  const { address, ...rest } = context;
  const isText = typeof address === 'string';
  const parsed = parseContext(isText || address === undefined ? rest : context);
  if (!parsed.ok) {
    const { path, message } = parsed.refusal;
    return wrong('/context', path === '' ? message : `at ${path}: ${message}`);
  }
  const ms = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  if (at !== undefined && Number.isNaN(ms)) return wrong('/at', 'is a time as RFC 3339 writes it');
  const moment: Record<string, Value> = momentContext({
    now: Math.floor((at === undefined ? 0 : ms) / 1000) as never,
    address: isText ? address : undefined,
  });
  if (isText && moment['address'] === undefined) {
    return wrong('/context/address', 'is an address');
  }
  if (at === undefined) delete moment['time'];
  return ok({ ...moment, ...parsed.value });
}

function readOthers(value: JsonValue | undefined): Result<readonly EntityInput[], string> {
  if (value === undefined) return ok([]);
  if (!Array.isArray(value)) return err('is a list of entities');
  const whole = value.map((one) => (isJsonObject(one) ? { attrs: {}, parents: [], ...one } : one));
  const parsed = parseEntities(whole);
  if (parsed.ok) return ok([...parsed.value]);
  const { refusal } = parsed;
  return err(refusal.reason === 'malformed' ? refusal.message : refusal.reason);
}

function wrong(at: string, message: string): Result<never, { at: string; message: string }> {
  return err({ at, message });
}
