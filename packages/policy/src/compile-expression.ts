/**
 * An expression as a closure. What needs no request is worked out once; what fails without one
 * still fails when it is reached, as Cedar has it.
 */
import { assertNever } from '@mintmark/core';
import type { Expression } from './ast.ts';
import { attributeReader, compileHas } from './compile-attribute.ts';
import { compileCall, compileMethod } from './compile-call.ts';
import { compileComparison } from './compile-comparison.ts';
import { compileIn } from './compile-hierarchy.ts';
import { EntityUid } from './entity-uid.ts';
import { likeMatcher } from './like.ts';
import { addLongs, type Long, multiplyLongs, subtractLongs } from './long.ts';
import { type Env, fail, failed, type Outcome, type Run, wrongType } from './outcome.ts';
import type { Value } from './value.ts';

/** A closure, and its value if every request would get the same. */
export interface Code {
  readonly run: Run;
  readonly constant: Value | undefined;
}

export function compileExpression(expression: Expression): Code {
  const { at } = expression;
  switch (expression.kind) {
    case 'literal':
      return constantCode(expression.value);
    case 'variable':
      return { run: readVariable(expression.name), constant: undefined };
    case 'if':
      return compileIf(expression);
    case 'and':
    case 'or':
      return compileJunction(expression, expression.kind === 'and');
    case 'not':
      return folded([compileExpression(expression.operand)], ([operand]) => negation(operand!, at));
    case 'negate':
      return folded([compileExpression(expression.operand)], ([operand]) => minus(operand!, at));
    case 'binary':
      return compileBinary(expression);
    case 'has':
      return unfolded(compileHas(compileExpression(expression.target).run, expression));
    case 'like':
      return folded([compileExpression(expression.target)], ([target]) =>
        like(target!, expression),
      );
    case 'is':
      return compileIs(expression);
    case 'attribute':
      return compileAttribute(expression);
    case 'method': {
      const codes = [expression.target, ...expression.parameters].map(compileExpression);
      const runs = codes.map((code) => code.run);
      const run = compileMethod(expression, runs, codes[0]!);
      const asksEntities = expression.name === 'getTag' || expression.name === 'hasTag';
      return asksEntities ? unfolded(run) : folded(codes, () => run);
    }
    case 'call':
      return folded(expression.parameters.map(compileExpression), (runs) =>
        compileCall(expression, runs),
      );
    case 'set':
      return folded(expression.elements.map(compileExpression), setOf);
    case 'record': {
      const names = expression.entries.map((entry) => entry.name);
      const values = expression.entries.map((entry) => compileExpression(entry.value));
      return folded(values, (runs) => recordOf(names, runs));
    }
    default:
      return assertNever(expression);
  }
}

type Form<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

function constantCode(value: Value): Code {
  return { run: () => value, constant: value };
}

function unfolded(run: Run): Code {
  return { run, constant: undefined };
}

/** Builds the closure, and runs it here and now if all that it takes is constant. */
function folded(parts: readonly Code[], build: (runs: readonly Run[]) => Run): Code {
  const run = build(parts.map((part) => part.run));
  if (parts.some((part) => part.constant === undefined)) return { run, constant: undefined };
  // Constants ask nothing of a request, and where they fail the failure is made anew each time.
  const outcome = run({} as Env);
  return outcome === failed ? { run, constant: undefined } : constantCode(outcome);
}

function readVariable(name: Form<'variable'>['name']): Run {
  switch (name) {
    case 'principal':
      return (env) => env.principal;
    case 'action':
      return (env) => env.action;
    case 'resource':
      return (env) => env.resource;
    case 'context':
      return (env) => env.context;
    default:
      return assertNever(name);
  }
}

function compileIf(expression: Form<'if'>): Code {
  const test = compileExpression(expression.test);
  const then = compileExpression(expression.then);
  const otherwise = compileExpression(expression.otherwise);
  if (test.constant === true) return then;
  if (test.constant === false) return otherwise;
  const { at } = expression.test;
  const [ask, yes, no] = [test.run, then.run, otherwise.run];
  const run: Run = (env) => {
    const answer = ask(env);
    if (answer === true) return yes(env);
    if (answer === false) return no(env);
    return wrongType(env, at, { wanted: 'bool', found: answer });
  };
  return unfolded(run);
}

/**
 * `&&` and `||`: from left to right until one decides. Constants that pass are left out, and what
 * stands behind one that decides is never reached.
 */
function compileJunction(expression: Form<'and' | 'or'>, passes: boolean): Code {
  const runs: Run[] = [];
  const positions: number[] = [];
  for (const operand of expression.operands) {
    const code = compileExpression(operand);
    if (code.constant === passes) continue;
    if (code.constant === !passes && runs.length === 0) return constantCode(!passes);
    runs.push(code.run);
    positions.push(operand.at);
    if (code.constant === !passes) break;
  }
  if (runs.length === 0) return constantCode(passes);
  if (runs.length === 2) {
    return unfolded(junctionOfTwo(runs, positions, passes));
  }
  const run: Run = (env) => {
    for (let index = 0; index < runs.length; index += 1) {
      const outcome = runs[index]!(env);
      if (outcome === passes) continue;
      if (outcome === !passes) return outcome;
      return wrongType(env, positions[index]!, { wanted: 'bool', found: outcome });
    }
    return passes;
  };
  return { run, constant: undefined };
}

function junctionOfTwo(runs: readonly Run[], at: readonly number[], passes: boolean): Run {
  const [left, right] = runs as [Run, Run];
  const decides = !passes;
  return (env) => {
    const first = left(env);
    if (first !== passes) {
      if (first === decides) return decides;
      return wrongType(env, at[0]!, { wanted: 'bool', found: first });
    }
    const second = right(env);
    if (typeof second === 'boolean') return second;
    return wrongType(env, at[1]!, { wanted: 'bool', found: second });
  };
}

function negation(operand: Run, at: number): Run {
  return (env) => {
    const outcome = operand(env);
    if (typeof outcome === 'boolean') return !outcome;
    return wrongType(env, at, { wanted: 'bool', found: outcome });
  };
}

function minus(operand: Run, at: number): Run {
  return (env) => {
    const outcome = operand(env);
    if (!isLong(outcome)) return wrongType(env, at, { wanted: 'long', found: outcome });
    return subtractLongs(0, outcome) ?? overflow(env, at);
  };
}

/** A number that is no safe integer never came from Cedar, and is no Long. */
function isLong(outcome: Outcome): outcome is Long {
  return typeof outcome === 'number' ? Number.isSafeInteger(outcome) : typeof outcome === 'bigint';
}

function overflow(env: Env, at: number): typeof failed {
  return fail(env, at, 'the result does not fit into 64 bits');
}

const arithmetic = { '+': addLongs, '-': subtractLongs, '*': multiplyLongs } as const;

function compileBinary(expression: Form<'binary'>): Code {
  const { operator, at } = expression;
  const left = compileExpression(expression.left);
  const right = compileExpression(expression.right);
  if (operator === 'in') return unfolded(compileIn(left.run, right, at));
  return folded([left, right], ([first, second]) => {
    switch (operator) {
      case '+':
      case '-':
      case '*':
        return calculation(arithmetic[operator], [first!, second!], at);
      default:
        return compileComparison(operator, [left, right], at);
    }
  });
}

function calculation(
  combine: (left: Long, right: Long) => Long | undefined,
  [left, right]: readonly [Run, Run],
  at: number,
): Run {
  return (env) => {
    const first = left(env);
    if (first === failed) return failed;
    const second = right(env);
    if (!isLong(first)) return wrongType(env, at, { wanted: 'long', found: first });
    if (!isLong(second)) return wrongType(env, at, { wanted: 'long', found: second });
    return combine(first, second) ?? overflow(env, at);
  };
}

function like(target: Run, { at, pattern }: Form<'like'>): Run {
  const matches = likeMatcher(pattern);
  return (env) => {
    const text = target(env);
    if (typeof text !== 'string') return wrongType(env, at, { wanted: 'string', found: text });
    return matches(text);
  };
}

/** `x is T in y` is `x is T && x in y`: the hierarchy is not asked about another type. */
function compileIs(expression: Form<'is'>): Code {
  const { at, entityType, ancestor } = expression;
  const target = compileExpression(expression.target);
  const isType: Run = (env) => {
    const uid = target.run(env);
    if (!(uid instanceof EntityUid)) return wrongType(env, at, { wanted: 'entity', found: uid });
    return uid.type === entityType;
  };
  if (ancestor === null) return folded([target], () => isType);
  const above = compileExpression(ancestor);
  const isIn = compileIn(target.run, above, at);
  const both: Run = (env) => {
    const outcome = isType(env);
    return outcome === true ? isIn(env) : outcome;
  };
  return unfolded(both);
}

function compileAttribute(expression: Form<'attribute'>): Code {
  const { target, name, at } = expression;
  const variable = target.kind === 'variable' ? target.name : undefined;
  const code = compileExpression(target);
  const run = attributeReader(code.run, { name, at, variable });
  // What an entity holds is known only when there are entities.
  return code.constant instanceof EntityUid ? unfolded(run) : folded([code], () => run);
}

function setOf(runs: readonly Run[]): Run {
  return (env) => {
    const elements: Value[] = [];
    for (const run of runs) {
      const element = run(env);
      if (element === failed) return failed;
      elements.push(element);
    }
    return elements;
  };
}

function recordOf(names: readonly string[], runs: readonly Run[]): Run {
  return (env) => {
    const entries: [string, Value][] = [];
    for (let index = 0; index < runs.length; index += 1) {
      const value = runs[index]!(env);
      if (value === failed) return failed;
      entries.push([names[index]!, value]);
    }
    return Object.fromEntries(entries);
  };
}
