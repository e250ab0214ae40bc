/** `x.a`, `x["a"]` and `x has a`: of a record, or of an entity's attributes. */
import { assertNever } from '@mintmark/core';
import type { Expression, Variable } from './ast.ts';
import { EntityUid } from './entity-uid.ts';
import { type Env, entityIn, fail, failed, type Outcome, type Run, wrongType } from './outcome.ts';
import { attributeOf, isInherited, isRecord, type RecordValue, type Value } from './value.ts';

export interface AttributeRead {
  readonly name: string;
  readonly at: number;
  /** Set where the target is one of the request's own variables. */
  readonly variable: Variable | undefined;
}

export function attributeReader(target: Run, { name, at, variable }: AttributeRead): Run {
  const missing = `there is no attribute ${JSON.stringify(name)}`;
  if (variable !== undefined && !isInherited(name))
    return variableReader(variable, { name, at, missing });
  const read = reader(name);
  return (env) => {
    const holder = target(env);
    if (holder === failed) return failed;
    if (holder instanceof EntityUid) {
      const entity = entityIn(env, holder);
      if (entity === undefined) return fail(env, at, `there is no entity ${holder}`);
      return read(entity.attributes) ?? fail(env, at, missing);
    }
    if (!isRecord(holder)) return wrongType(env, at, { wanted: 'record', found: holder });
    return read(holder) ?? fail(env, at, missing);
  };
}

interface VariableRead {
  readonly name: string;
  readonly at: number;
  readonly missing: string;
}

/** What most conditions ask most often: without a call for the target, or a look at its type. */
function variableReader(variable: Variable, { name, at, missing }: VariableRead): Run {
  switch (variable) {
    case 'context':
      return (env) => env.context[name] ?? fail(env, at, missing);
    case 'principal':
      return (env) => {
        const entity = env.principalEntity;
        if (entity === undefined) return fail(env, at, `there is no entity ${env.principal}`);
        return entity.attributes[name] ?? fail(env, at, missing);
      };
    case 'resource':
      return (env) => {
        const entity = env.resourceEntity;
        if (entity === undefined) return fail(env, at, `there is no entity ${env.resource}`);
        return entity.attributes[name] ?? fail(env, at, missing);
      };
    case 'action':
      return (env) => {
        const entity = env.actionEntity;
        if (entity === undefined) return fail(env, at, `there is no entity ${env.action}`);
        return entity.attributes[name] ?? fail(env, at, missing);
      };
    default:
      return assertNever(variable);
  }
}

/** Plain access for names that JavaScript's objects do not inherit, which are nearly all. */
function reader(name: string): (record: RecordValue) => Value | undefined {
  return isInherited(name) ? (record) => attributeOf(record, name) : (record) => record[name];
}

type Has = Extract<Expression, { kind: 'has' }>;

/** `x has a.b` is `x has a && x.a has b`. An entity that does not exist has nothing. */
export function compileHas(run: Run, { path, at, target }: Has): Run {
  const variable = target.kind === 'variable' ? target.name : undefined;
  const readers = path.map(reader);
  const [only] = path;
  const asksContext = variable === 'context' && path.length === 1 && !isInherited(only!);
  if (asksContext) return (env) => env.context[only!] !== undefined;
  return (env) => {
    let holder: Outcome = run(env);
    for (let step = 0; step < readers.length; step += 1) {
      const record = recordFor(env, holder, at);
      if (record === failed) return failed;
      const value: Value | undefined = record === undefined ? undefined : readers[step]!(record);
      if (value === undefined) return false;
      holder = value;
    }
    return true;
  };
}

function recordFor(env: Env, holder: Outcome, at: number): RecordValue | undefined | typeof failed {
  if (holder instanceof EntityUid) return entityIn(env, holder)?.attributes;
  if (holder !== failed && isRecord(holder)) return holder;
  return wrongType(env, at, { wanted: 'record', found: holder });
}
