/**
 * JSON, read strictly and written canonically. Two readers must never see two different values in
 * one text: duplicate names are refused, as are strings and numbers that JavaScript would bend
 * (lone surrogates, numbers beyond a double): I-JSON, RFC 7493 §2.
 */
import { limits } from './limits.ts';
import { err, ok, type Result } from './result.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export type JsonRefusal = {
  readonly reason: 'not_json' | 'duplicate_key' | 'forbidden_key' | 'too_deep' | 'too_many_members';
};

/** Arrays are not objects here, nor is null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses one JSON text (RFC 8259) in time linear in its length, which the caller has bounded.
 * The depth is bounded before anything is built.
 *
 * @param options.depthMax containers inside one another; default `limits.jsonDepthMax`
 * @param options.membersMax members of any one object; default `limits.jsonMembersMax`
 * @returns the value; refusals: not_json (also for what RFC 7493 excludes: lone surrogates, numbers
 *   that no double holds), duplicate_key (names compared after unescaping), forbidden_key
 *   (`__proto__`, which a careless copy would turn into a prototype), too_deep, too_many_members
 */
export function parseJson(
  text: string,
  options: { readonly depthMax?: number; readonly membersMax?: number } = {},
): Result<JsonValue, JsonRefusal> {
  const members = countMembers(text, options.depthMax ?? limits.jsonDepthMax);
  if (typeof members === 'string') return err({ reason: members });
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return err({ reason: 'not_json' });
  }
  const walk: Walk = {
    membersMax: options.membersMax ?? limits.jsonMembersMax,
    // Only an escape can bring a lone surrogate into well-formed text.
    checkStrings: text.includes('\\u') || !text.isWellFormed(),
    membersFound: 0,
  };
  const refused = inspect(value, walk);
  if (refused !== undefined) return err({ reason: refused });
  // JSON.parse keeps the last of several equal names, so that fewer members are left than the text
  // has colons.
  return walk.membersFound === members ? ok(value) : err({ reason: 'duplicate_key' });
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * Counts the colons outside strings: one a member, if the text is JSON at all, which JSON.parse
 * decides afterwards.
 */
function countMembers(text: string, depthMax: number): number | 'not_json' | 'too_deep' {
  let depth = 0;
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote:
        i = endOfString(text, i + 1);
        if (i < 0) return 'not_json';
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth++;
        if (depth > depthMax) return 'too_deep';
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x3a: // :
        members++;
        break;
    }
  }
  return members;
}

/** Index of the closing quote, or -1. Each backslash is looked at once, so this stays linear. */
function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from);
  while (end >= 0) {
    let before = end;
    while (before > from && text.charCodeAt(before - 1) === backslash) before--;
    if ((end - before) % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return -1;
}

interface Walk {
  readonly membersMax: number;
  readonly checkStrings: boolean;
  membersFound: number;
}

function inspect(value: JsonValue, walk: Walk): JsonRefusal['reason'] | undefined {
  if (typeof value === 'string') {
    return walk.checkStrings && !value.isWellFormed() ? 'not_json' : undefined;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'not_json';
  if (typeof value !== 'object' || value === null) return undefined;
  if (isJsonObject(value)) return inspectObject(value, walk);
  for (const element of value) {
    const refused = inspect(element, walk);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function inspectObject(value: JsonObject, walk: Walk): JsonRefusal['reason'] | undefined {
  const names = Object.keys(value);
  if (names.length > walk.membersMax) return 'too_many_members';
  walk.membersFound += names.length;
  for (const name of names) {
    if (name === '__proto__') return 'forbidden_key';
    if (walk.checkStrings && !name.isWellFormed()) return 'not_json';
    const refused = inspect(value[name]!, walk);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/**
 * The one canonical text of a value (JSON Canonicalization Scheme, RFC 8785), for hashing and
 * signing. Members whose value is undefined are not possible by type and are a bug here.
 *
 * @throws TypeError where the value has no JSON form: a non-finite number, a lone surrogate, or
 *   anything that is not a JsonValue. Values that came from `parseJson` always have one.
 */
export function canonicalJson(value: JsonValue): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new TypeError('canonicalJson: lone surrogate');
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('canonicalJson: number is not finite');
      // JSON.stringify follows ECMAScript, which RFC 8785 §3.2.2.3 prescribes; -0 becomes 0.
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      break;
    default:
      throw new TypeError(`canonicalJson: ${typeof value} is not JSON`);
  }
  if (value === null) return 'null';
  if (!isJsonObject(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const names = Object.keys(value);
  // The default order of sort() is by UTF-16 code units, as RFC 8785 §3.2.3 asks.
  if (!isSorted(names)) names.sort();
  let text = '{';
  for (const name of names) {
    text += text.length === 1 ? '' : ',';
    text += `${canonicalJson(name)}:${canonicalJson(value[name]!)}`;
  }
  return `${text}}`;
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return false;
  return true;
}
