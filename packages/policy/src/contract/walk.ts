/** What the keywords of schemas share: a walk through a value, and how they say no. */
import {
  canonicalJson,
  type JsonObject,
  type JsonValue,
  limits,
  pointerToken,
} from '@mintmark/core';

/** What does not fit: where in the value, and by which keyword. Never what stands there. */
export interface Misfit {
  /** RFC 6901, into the value that was judged. */
  readonly pointer: string;
  /** The keyword, or `too_complex`. */
  readonly rule: string;
}

/** One judgement: how much of it is left, where it is, and what was found. */
export interface Walk {
  stepsLeft: number;
  depth: number;
  readonly path: (string | number)[];
  /**
   * Values came as text, which has no types: `5` fits a number and a text, and one value a list.
   */
  readonly textual: boolean;
  /** Undefined where only yes or no counts. */
  found: Misfit[] | undefined;
}

/** @returns whether the value fits; what does not goes to the walk */
export type Check = (value: JsonValue, walk: Walk) => boolean;

/** Hands out the check of a schema in place, and of one by reference. */
export interface Compiler {
  compile(schema: JsonValue, pointer: string): Check;
  /** @throws Malformed where there is none of the name */
  refer(reference: JsonValue, pointer: string): Check;
}

/** Makes the check of one keyword; sees its neighbours, on which some depend. */
export type Keyword = (
  value: JsonValue,
  at: {
    readonly schema: JsonObject;
    readonly pointer: string;
    readonly compiler: Compiler;
  },
) => Check | undefined;

/** Thrown by keywords and caught by `compileSchemas`: a schema that cannot be read. */
export class Malformed extends Error {
  readonly pointer: string;

  constructor(pointer: string, message: string) {
    super(message);
    this.pointer = pointer;
  }
}

/** Notes what does not fit. @returns false, for the caller to return */
export function miss(walk: Walk, rule: string): false {
  const { found, path } = walk;
  if (found !== undefined && found.length < limits.misfitsMax) {
    found.push({ pointer: path.map((part) => `/${shownToken(part)}`).join(''), rule });
  }
  return false;
}

/** Names come from whoever is judged: as long as honest ones, and no longer. */
function shownToken(part: string | number): string {
  return pointerToken(String(part).slice(0, limits.misfitNameCharsMax));
}

/** Whether the value fits, and nobody asks why. Costs steps of the same walk. */
export function quietly(check: Check, value: JsonValue, walk: Walk): boolean {
  const { found } = walk;
  walk.found = undefined;
  const good = check(value, walk);
  walk.found = found;
  return good;
}

/** The same one place further inside. */
export function within(check: Check, value: JsonValue, walk: Walk, part: string | number): boolean {
  walk.path.push(part);
  const good = check(value, walk);
  walk.path.pop();
  return good;
}

/** Equal as JSON: the order of members says nothing. */
export function sameJson(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  return canonicalJson(a) === canonicalJson(b);
}

/** Whether the schema speaks of texts at all, so that rules for them count. */
export function allowsText({ type }: JsonObject): boolean {
  return (
    type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'))
  );
}

/** The number that a value is, or that its text stands for. */
export function numberIn(value: JsonValue, walk: Walk): number | undefined {
  if (typeof value === 'number') return value;
  if (!walk.textual || typeof value !== 'string' || value.length > 32) return undefined;
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/.test(value)
    ? Number(value)
    : undefined;
}

/** The value itself, and what its text may stand for beside. */
export function readingsOf(value: JsonValue, walk: Walk): readonly JsonValue[] {
  if (!walk.textual || typeof value !== 'string') return [value];
  if (value === 'true' || value === 'false') return [value, value === 'true'];
  if (value === 'null') return [value, null];
  const number = numberIn(value, walk);
  return number === undefined ? [value] : [value, number];
}

/** The list that a value is; one text is a list of one. */
export function listIn(value: JsonValue, walk: Walk): readonly JsonValue[] | undefined {
  if (Array.isArray(value)) return value;
  return walk.textual && typeof value === 'string' ? [value] : undefined;
}
