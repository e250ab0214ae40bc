/**
 * JSON Schema as OpenAPI 3.1 has it (draft 2020-12, without what looks across schemas), compiled to
 * functions. Schemas are the operator's, and still bounded: in nodes when they are compiled, in
 * steps when they judge. A keyword that is not understood is refused when the schema is read, for a
 * gateway that passed over it would seem to check what it does not.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  ok,
  pointerToken,
  type Result,
} from '@mintmark/core';
import { formats } from './formats.ts';
import { applicators } from './schema-applicators.ts';
import { assertions } from './schema-assertions.ts';
import {
  type Check,
  type Compiler,
  type Keyword,
  Malformed,
  type Misfit,
  miss,
  type Walk,
} from './walk.ts';

export interface SchemaRefusal {
  readonly reason: 'malformed_schema';
  /** Into the schema. */
  readonly pointer: string;
  readonly message: string;
}

/** Say something to people and tools, and nothing about what fits. */
const annotations: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'example', 'examples', 'deprecated', 'externalDocs'],
  ...['xml', 'writeOnly', 'readOnly', 'discriminator', '$comment', '$schema', '$defs'],
  ...['contentMediaType', 'contentEncoding', 'contentSchema'],
]);

const keywords: Readonly<Record<string, Keyword>> = {
  ...assertions,
  ...applicators,
  format: (value, { schema }) => formats(value, schema),
  $ref: (value, { pointer, compiler }) => compiler.refer(value, pointer),
};

export interface Schemas {
  /** Compiles one that may name the others. @throws Malformed */
  compile(schema: JsonValue, pointer: string): Check;
}

/** Where references of stored schemas lead. */
export const schemaPrefix = '#/components/schemas/';

/**
 * Opens a set of named schemas. Each is compiled once, when it is first named, so that they may
 * name each other and themselves.
 */
export function openSchemas(named: JsonObject): Schemas {
  const known = new Map<string, { check: Check | undefined }>();
  let nodes = 0;

  const compiler: Compiler = {
    compile(schema, pointer) {
      if (++nodes > limits.schemaNodesMax) throw new Malformed(pointer, 'is too much altogether');
      if (pointer.length > limits.schemaPointerCharsMax) throw new Malformed('', 'nests too deep');
      if (typeof schema === 'boolean') return schema ? fits : never;
      if (!isJsonObject(schema)) throw new Malformed(pointer, 'is no schema');
      return bounded(checksOf(schema, pointer, compiler));
    },
    refer(reference, pointer) {
      const text = typeof reference === 'string' ? reference : '';
      const token = text.startsWith(schemaPrefix) ? text.slice(schemaPrefix.length) : '';
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
      const schema = Object.hasOwn(named, name) ? named[name] : undefined;
      if (schema === undefined || token.includes('/')) {
        throw new Malformed(pointer, `is no reference to ${schemaPrefix}NAME of this description`);
      }
      const found = known.get(name);
      if (found !== undefined) return (value, walk) => found.check?.(value, walk) ?? false;
      const entry: { check: Check | undefined } = { check: undefined };
      known.set(name, entry);
      entry.check = compiler.compile(schema, `/schemas/${pointerToken(name)}`);
      return (value, walk) => entry.check?.(value, walk) ?? false;
    },
  };
  return { compile: compiler.compile };
}

function checksOf(schema: JsonObject, pointer: string, compiler: Compiler): readonly Check[] {
  const checks: Check[] = [];
  for (const [name, value] of Object.entries(schema)) {
    if (annotations.has(name) || name.startsWith('x-')) continue;
    const keyword = Object.hasOwn(keywords, name) ? keywords[name] : undefined;
    if (keyword === undefined) {
      throw new Malformed(`${pointer}/${pointerToken(name)}`, 'is not understood');
    }
    const at = { schema, pointer: `${pointer}/${pointerToken(name)}`, compiler };
    const check = keyword(value, at);
    if (check !== undefined) checks.push(check);
  }
  return checks;
}

const fits: Check = () => true;
const never: Check = (_value, walk) => miss(walk, 'false');

/** All of them, as long as there is something left of the walk. */
function bounded(checks: readonly Check[]): Check {
  return (value, walk) => {
    if (--walk.stepsLeft < 0 || walk.depth >= limits.schemaDepthMax) {
      walk.stepsLeft = -1;
      return miss(walk, 'too_complex');
    }
    walk.depth++;
    let good = true;
    for (const check of checks) {
      if (check(value, walk)) continue;
      good = false;
      // One is enough where nobody asks which.
      if (walk.found === undefined || walk.found.length >= limits.misfitsMax) break;
    }
    walk.depth--;
    return good;
  };
}

/** Runs something that compiles. */
export function compiling<T>(run: () => T): Result<T, SchemaRefusal> {
  try {
    return ok(run());
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return err({ reason: 'malformed_schema', pointer: error.pointer, message: error.message });
  }
}

/**
 * Judges a value from the beginning.
 *
 * @param as `text`: it came as text, which has no types
 * @returns what does not fit; none: it fits
 */
export function judgeValue(
  check: Check,
  value: JsonValue,
  as: 'json' | 'text' = 'json',
): readonly Misfit[] {
  const left = { stepsLeft: limits.schemaStepsMax, depth: 0 };
  const walk: Walk = { ...left, path: [], found: [], textual: as === 'text' };
  const good = check(value, walk);
  if (walk.stepsLeft < 0) return [{ pointer: '', rule: 'too_complex' }];
  return good ? [] : (walk.found ?? []);
}
