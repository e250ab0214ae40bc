/** Calls: the operators of sets and tags that look like methods, and the extension types. */
import type { Expression } from './ast.ts';
import type { Code } from './compile-expression.ts';
import { EntityUid } from './entity-uid.ts';
import { Extension } from './extension.ts';
import { extensionFunctions, extensionMethods } from './functions.ts';
import { entityIn, fail, failed, type Run, wrongType } from './outcome.ts';
import { attributeOf, isDisjoint, isSet, isSubset, setContains, type Value } from './value.ts';

type Method = Extract<Expression, { kind: 'method' }>;
type Call = Extract<Expression, { kind: 'call' }>;

/** @param runs the target's and then the arguments' */
export function compileMethod(method: Method, runs: readonly Run[], targetCode: Code): Run {
  const { at, name } = method;
  const [target, argument] = runs as [Run, Run];
  switch (name) {
    case 'contains':
      return contains([target, argument], targetCode, at);
    case 'containsAll':
      return ofSets([target, argument], at, (set, other) => isSubset(other, set));
    case 'containsAny':
      return ofSets([target, argument], at, (set, other) => !isDisjoint(set, other));
    case 'isEmpty':
      return (env) => {
        const set = target(env);
        if (set === failed || !isSet(set)) {
          return wrongType(env, at, { wanted: 'set', found: set });
        }
        return set.length === 0;
      };
    case 'getTag':
      return tag([target, argument], at, { mustExist: true });
    case 'hasTag':
      return tag([target, argument], at, { mustExist: false });
    default:
      return extensionMethod(method, runs);
  }
}

/** A function of an extension type, from the text that it parses. */
export function compileCall({ name, at }: Call, runs: readonly Run[]): Run {
  const { parse } = extensionFunctions[name]!;
  const [argument] = runs;
  if (argument === undefined || runs.length > 1) return arityError(name, { at, wanted: 1, runs });
  return (env) => {
    const text = argument(env);
    if (typeof text !== 'string') return wrongType(env, at, { wanted: 'string', found: text });
    return parse(text) ?? fail(env, at, `${name} does not take ${JSON.stringify(text)}`);
  };
}

function arityError(
  name: string,
  { at, wanted, runs }: { at: number; wanted: number; runs: readonly Run[] },
): Run {
  return (env) => fail(env, at, `${name} takes ${wanted} arguments, not ${runs.length}`);
}

function contains([target, argument]: readonly [Run, Run], code: Code, at: number): Run {
  const { constant } = code;
  if (constant !== undefined && isSet(constant) && constant.every(isText)) {
    const texts: ReadonlySet<unknown> = new Set(constant);
    return (env) => {
      const value = argument(env);
      return value === failed ? failed : texts.has(value);
    };
  }
  return (env) => {
    const set = target(env);
    if (set === failed) return failed;
    const value = argument(env);
    if (value === failed) return failed;
    if (!isSet(set)) return wrongType(env, at, { wanted: 'set', found: set });
    return setContains(set, value);
  };
}

function isText(value: Value): boolean {
  return typeof value === 'string';
}

function ofSets(
  [left, right]: readonly [Run, Run],
  at: number,
  holds: (set: readonly Value[], other: readonly Value[]) => boolean,
): Run {
  return (env) => {
    const first = left(env);
    if (first === failed) return failed;
    const second = right(env);
    if (second === failed) return failed;
    if (!isSet(first)) return wrongType(env, at, { wanted: 'set', found: first });
    if (!isSet(second)) return wrongType(env, at, { wanted: 'set', found: second });
    return holds(first, second);
  };
}

function tag(
  [target, argument]: readonly [Run, Run],
  at: number,
  { mustExist }: { mustExist: boolean },
): Run {
  return (env) => {
    const uid = target(env);
    if (uid === failed) return failed;
    const name = argument(env);
    if (!(uid instanceof EntityUid)) return wrongType(env, at, { wanted: 'entity', found: uid });
    if (typeof name !== 'string') return wrongType(env, at, { wanted: 'string', found: name });
    const entity = entityIn(env, uid);
    const value = entity === undefined ? undefined : attributeOf(entity.tags, name);
    if (!mustExist) return value !== undefined;
    if (entity === undefined) return fail(env, at, `there is no entity ${uid}`);
    return value ?? fail(env, at, `there is no tag ${JSON.stringify(name)}`);
  };
}

function extensionMethod({ name, at }: Method, runs: readonly Run[]): Run {
  const { target: targetKind, argument: argumentKind, body } = extensionMethods[name]!;
  const wanted = argumentKind === null ? 1 : 2;
  if (runs.length !== wanted) return arityError(name, { at, wanted, runs });
  const [target, argument] = runs as [Run, Run];
  if (argumentKind === null) {
    return (env) => {
      const value = target(env);
      if (!(value instanceof Extension) || value.kind !== targetKind) {
        return wrongType(env, at, { wanted: targetKind, found: value });
      }
      return body(value, undefined) ?? fail(env, at, `${name}: does not fit into 64 bits`);
    };
  }
  return (env) => {
    const value = target(env);
    if (value === failed) return failed;
    const other = argument(env);
    if (!(value instanceof Extension) || value.kind !== targetKind) {
      return wrongType(env, at, { wanted: targetKind, found: value });
    }
    if (!(other instanceof Extension) || other.kind !== argumentKind) {
      return wrongType(env, at, { wanted: argumentKind, found: other });
    }
    return body(value, other) ?? fail(env, at, `${name}: does not fit into 64 bits`);
  };
}
