/** `==` on everything, and the order of Longs, datetimes and durations. */
import { assertNever } from '@mintmark/core';
import type { Code } from './compile-expression.ts';
import { EntityUid } from './entity-uid.ts';
import { Datetime, Duration } from './extension.ts';
import type { Long } from './long.ts';
import { type Env, fail, failed, type Outcome, type Run, wrongType } from './outcome.ts';
import { equalValues, typeOf } from './value.ts';

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

const orders = {
  '<': (first: Long, second: Long) => first < second,
  '<=': (first: Long, second: Long) => first <= second,
  '>': (first: Long, second: Long) => first > second,
  '>=': (first: Long, second: Long) => first >= second,
} as const;

export function compileComparison(
  operator: Comparison,
  [left, right]: readonly [Code, Code],
  at: number,
): Run {
  switch (operator) {
    case '==':
      return equality([left, right], true);
    case '!=':
      return equality([left, right], false);
    default:
      return typeof right.constant === 'number'
        ? orderToConstant(operator, [left.run, right.constant], at)
        : ordering([left.run, right.run], at, orders[operator]);
  }
}

function equality([left, right]: readonly [Code, Code], wanted: boolean): Run {
  if (right.constant !== undefined) return equalsConstant(left.run, right.constant, wanted);
  if (left.constant !== undefined) return equalsConstant(right.run, left.constant, wanted);
  return (env) => {
    const first = left.run(env);
    if (first === failed) return failed;
    const second = right.run(env);
    if (second === failed) return failed;
    return equalValues(first, second) === wanted;
  };
}

function equalsConstant(run: Run, constant: Exclude<Outcome, symbol>, wanted: boolean): Run {
  if (typeof constant === 'string' || typeof constant === 'boolean') {
    return (env) => {
      const value = run(env);
      return value === failed ? failed : (value === constant) === wanted;
    };
  }
  if (constant instanceof EntityUid) {
    const { type, id } = constant;
    return (env) => {
      const value = run(env);
      if (value instanceof EntityUid) return (value.id === id && value.type === type) === wanted;
      return value === failed ? failed : !wanted;
    };
  }
  return (env) => {
    const value = run(env);
    return value === failed ? failed : equalValues(value, constant) === wanted;
  };
}

/** A closure of its own for each operator: the usual comparison is then one instruction. */
function orderToConstant(
  operator: keyof typeof orders,
  [left, limit]: readonly [Run, number],
  at: number,
): Run {
  const holds = orders[operator];
  const otherwise = (env: Env, first: Outcome): Outcome =>
    first === failed ? failed : orderedOtherwise(env, { first, second: limit, at, holds });
  switch (operator) {
    case '<':
      return (env) => {
        const value = left(env);
        return isShort(value) ? value < limit : otherwise(env, value);
      };
    case '<=':
      return (env) => {
        const value = left(env);
        return isShort(value) ? value <= limit : otherwise(env, value);
      };
    case '>':
      return (env) => {
        const value = left(env);
        return isShort(value) ? value > limit : otherwise(env, value);
      };
    case '>=':
      return (env) => {
        const value = left(env);
        return isShort(value) ? value >= limit : otherwise(env, value);
      };
    default:
      return assertNever(operator);
  }
}

function isShort(value: Outcome): value is number {
  return Number.isSafeInteger(value);
}

function ordering(
  [left, right]: readonly [Run, Run],
  at: number,
  holds: (first: Long, second: Long) => boolean,
): Run {
  return (env) => {
    const first = left(env);
    if (first === failed) return failed;
    const second = right(env);
    if (isShort(first) && isShort(second)) return holds(first, second);
    return orderedOtherwise(env, { first, second, at, holds });
  };
}

interface Ordered {
  readonly first: Exclude<Outcome, symbol>;
  readonly second: Outcome;
  readonly at: number;
  readonly holds: (first: Long, second: Long) => boolean;
}

function orderedOtherwise(env: Env, { first, second, at, holds }: Ordered): Outcome {
  if (second === failed) return failed;
  const kind = typeOf(first);
  if (kind !== 'long' && kind !== 'datetime' && kind !== 'duration') {
    return fail(env, at, `${kind} has no order`);
  }
  if (typeOf(second) !== kind) return wrongType(env, at, { wanted: kind, found: second });
  return holds(magnitude(first), magnitude(second));
}

function magnitude(value: Exclude<Outcome, symbol>): Long {
  if (value instanceof Datetime) return value.epochMs;
  if (value instanceof Duration) return value.ms;
  return value as Long;
}
