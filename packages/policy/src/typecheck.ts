/**
 * The types of a policy's expressions for one kind of request, after Cedar's strict validation:
 * what passes here fails at run time only for missing entities and for overflow. What is known to
 * be false hides what stands behind it, and what was asked by `has` may be read.
 */
import { assertNever } from '@mintmark/core';
import type { Expression } from './ast.ts';
import { EntityUid, isActionType } from './entity-uid.ts';
import { expressionKey } from './expression-key.ts';
import { extensionFunctions, extensionMethods } from './functions.ts';
import { type AttributeType, commonType, type SchemaType, showType } from './schema.ts';
import type { SchemaFacts, TypeEnvironment } from './type-environment.ts';

/** What is known of an expression: its type, if it has one, and what holds wherever it is true. */
export interface Typed {
  readonly type: SchemaType | undefined;
  /** Attributes and tags that are there whenever the expression is true. */
  readonly known: Capabilities;
}

export type Capabilities = ReadonlySet<string>;

export const bool: SchemaType = { kind: 'bool', known: null };
const yes: SchemaType = { kind: 'bool', known: true };
const no: SchemaType = { kind: 'bool', known: false };
const long: SchemaType = { kind: 'long' };
const text: SchemaType = { kind: 'string' };
const nothing: Capabilities = new Set();

export interface TypeProblem {
  readonly at: number;
  readonly message: string;
}

type Form<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

export class Typechecker {
  readonly #facts: SchemaFacts;
  readonly #env: TypeEnvironment;
  readonly problems: TypeProblem[] = [];

  constructor(facts: SchemaFacts, env: TypeEnvironment) {
    this.#facts = facts;
    this.#env = env;
  }

  /** @param prior what is known to be there when the expression is reached */
  check(expression: Expression, prior: Capabilities): Typed {
    switch (expression.kind) {
      case 'literal':
        return typed(this.#literal(expression.value));
      case 'variable':
        return typed(this.#variable(expression.name));
      case 'if':
        return this.#if(expression, prior);
      case 'and':
      case 'or':
        return this.#junction(expression, prior);
      case 'not': {
        const type = this.expectBool(expression.operand, prior).type;
        const known = type?.kind === 'bool' ? type.known : null;
        return typed(known === null ? bool : known ? no : yes);
      }
      case 'negate':
        this.#expect(expression.operand, prior, 'long');
        return typed(long);
      case 'binary':
        return typed(this.#binary(expression, prior));
      case 'has':
        return this.#has(expression, prior);
      case 'like':
        this.#expect(expression.target, prior, 'string');
        return typed(bool);
      case 'is':
        return this.#is(expression, prior);
      case 'attribute':
        return typed(this.#attribute(expression, prior));
      case 'method':
        return this.#method(expression, prior);
      case 'call':
        return typed(this.#call(expression, prior));
      case 'set':
        return typed(this.#set(expression, prior));
      case 'record':
        return typed(this.#record(expression, prior));
      default:
        return assertNever(expression);
    }
  }

  expectBool(expression: Expression, prior: Capabilities): Typed {
    const found = this.check(expression, prior);
    if (found.type === undefined || found.type.kind === 'bool') return found;
    this.#problem(expression.at, `expected Bool, found ${showType(found.type)}`);
    return typed(undefined);
  }

  #problem(at: number, message: string): undefined {
    this.problems.push({ at, message });
  }

  #expect(expression: Expression, prior: Capabilities, kind: SchemaType['kind']) {
    const { type } = this.check(expression, prior);
    if (type === undefined || type.kind === kind) return type;
    return this.#problem(expression.at, `expected ${kind}, found ${showType(type)}`);
  }

  #literal(value: Form<'literal'>['value']): SchemaType | undefined {
    switch (typeof value) {
      case 'boolean':
        return value ? yes : no;
      case 'string':
        return text;
      case 'object':
        // Unknown types and actions are reported once, and not for each kind of request.
        return this.#isKnown(value) ? { kind: 'entity', name: value.type } : undefined;
      default:
        return long;
    }
  }

  #isKnown(uid: EntityUid): boolean {
    return isActionType(uid.type)
      ? this.#facts.hasAction(uid)
      : this.#facts.schema.entityTypes.has(uid.type);
  }

  #variable(name: Form<'variable'>['name']): SchemaType {
    const { principal, resource, action } = this.#env;
    switch (name) {
      case 'principal':
        return { kind: 'entity', name: principal };
      case 'resource':
        return { kind: 'entity', name: resource };
      case 'action':
        return { kind: 'entity', name: action.uid.type };
      case 'context':
        return { kind: 'record', attributes: action.context };
      default:
        return assertNever(name);
    }
  }

  #if({ at, test, then, otherwise }: Form<'if'>, prior: Capabilities): Typed {
    const asked = this.expectBool(test, prior);
    const known = asked.type?.kind === 'bool' ? asked.type.known : null;
    if (known === false) return this.check(otherwise, prior);
    const first = this.check(then, union(prior, asked.known));
    const whenTrue = union(first.known, asked.known);
    if (known === true) return { type: first.type, known: whenTrue };
    const second = this.check(otherwise, prior);
    const type = this.#common([first.type, second.type], at, 'the branches of an if');
    return { type, known: intersection(whenTrue, second.known) };
  }

  #common(types: readonly (SchemaType | undefined)[], at: number, what: string) {
    let common: SchemaType | undefined = types[0];
    for (const type of types.slice(1)) {
      if (common === undefined || type === undefined) return undefined;
      const both = commonType(common, type);
      if (both === undefined) {
        return this.#problem(at, `${what}: ${showType(common)} and ${showType(type)} differ`);
      }
      common = both;
    }
    return common;
  }

  #junction({ kind, operands }: Form<'and' | 'or'>, prior: Capabilities): Typed {
    const join = kind === 'and' ? conjunction : disjunction;
    const ends = kind === 'or';
    let left = this.expectBool(operands[0]!, prior);
    for (const operand of operands.slice(1)) {
      if (left.type?.kind === 'bool' && left.type.known === ends) {
        return ends ? left : typed(left.type);
      }
      const before = kind === 'and' ? union(prior, left.known) : prior;
      left = join(left, this.expectBool(operand, before));
    }
    return left;
  }

  #binary(expression: Form<'binary'>, prior: Capabilities): SchemaType | undefined {
    const { operator, left, right, at } = expression;
    switch (operator) {
      case '+':
      case '-':
      case '*':
        this.#expect(left, prior, 'long');
        this.#expect(right, prior, 'long');
        return long;
      case 'in':
        return this.inHierarchy({ left, right, at }, prior);
      case '==':
        return this.#equality(expression, prior);
      case '!=': {
        const equal = this.#equality(expression, prior);
        const known = equal?.kind === 'bool' ? equal.known : null;
        return known === null ? equal : known ? no : yes;
      }
      default:
        return this.#order(expression, prior);
    }
  }

  #equality({ left, right, at }: Form<'binary'>, prior: Capabilities): SchemaType | undefined {
    const first = this.check(left, prior).type;
    const second = this.check(right, prior).type;
    const isOther =
      first?.kind === 'entity' && second?.kind === 'entity' && first.name !== second.name;
    if (isOther) return no;
    const [one, other] = [this.#constant(left), this.#constant(right)];
    if (one !== undefined && other !== undefined) {
      const isSame =
        one instanceof EntityUid ? other instanceof EntityUid && one.equals(other) : one === other;
      return isSame ? yes : no;
    }
    this.#common([first, second], at, 'both sides of a comparison');
    return bool;
  }

  /** A literal's value; the action of a kind of request is as good as one. */
  #constant(expression: Expression): Form<'literal'>['value'] | undefined {
    if (expression.kind === 'literal') return expression.value;
    const isAction = expression.kind === 'variable' && expression.name === 'action';
    return isAction ? this.#env.action.uid : undefined;
  }

  #order({ left, right, at }: Form<'binary'>, prior: Capabilities): SchemaType {
    const first = this.check(left, prior).type;
    const second = this.check(right, prior).type;
    if (first === undefined || second === undefined) return bool;
    if (!isOrdered(first) || !isOrdered(second)) {
      const wrong = isOrdered(first) ? second : first;
      this.#problem(at, `${showType(wrong)} has no order`);
    } else if (commonType(first, second) === undefined) {
      this.#problem(at, `${showType(first)} and ${showType(second)} have no order`);
    }
    return bool;
  }

  /** `x in y`, in a condition and in the head of a policy. */
  inHierarchy(
    { left, right, at }: { left: Expression; right: Expression; at: number },
    prior: Capabilities,
  ): SchemaType | undefined {
    const below = this.#expect(left, prior, 'entity');
    const above = this.check(right, prior).type;
    const target = above?.kind === 'set' ? above.element : above;
    if (target !== undefined && target.kind !== 'entity') {
      this.#problem(at, `expected entity or set of entities, found ${showType(above!)}`);
      return bool;
    }
    if (below?.kind !== 'entity' || target === undefined) return bool;
    const action = this.#constant(left);
    const groups = this.#constants(right);
    if (action instanceof EntityUid && isActionType(action.type) && groups !== undefined) {
      const actions = groups.filter(({ type }) => isActionType(type));
      return actions.some((group) => this.#facts.isActionIn(action, group)) ? yes : no;
    }
    return this.#facts.mayBeIn(below.name, target.name) ? bool : no;
  }

  #constants(expression: Expression): EntityUid[] | undefined {
    const parts = expression.kind === 'set' ? expression.elements : [expression];
    const found = parts.map((part) => this.#constant(part));
    return found.every((one) => one instanceof EntityUid) ? found : undefined;
  }

  #attributeType(type: SchemaType, name: string): AttributeType | undefined {
    if (type.kind === 'record') return type.attributes.get(name);
    if (type.kind === 'entity') return this.#facts.attributesOf(type.name).get(name);
    return undefined;
  }

  #holder(target: Expression, prior: Capabilities): SchemaType | undefined {
    const { type } = this.check(target, prior);
    if (type === undefined || type.kind === 'entity' || type.kind === 'record') return type;
    return this.#problem(target.at, `expected a record or an entity, found ${showType(type)}`);
  }

  #attribute({ at, target, name }: Form<'attribute'>, prior: Capabilities) {
    const holder = this.#holder(target, prior);
    if (holder === undefined) return undefined;
    const found = this.#attributeType(holder, name);
    if (found === undefined) {
      return this.#problem(at, `${showType(holder)} has no attribute ${JSON.stringify(name)}`);
    }
    if (!found.required && !prior.has(capability(target, name))) {
      const asked = `${JSON.stringify(name)} may be missing`;
      return this.#problem(at, `${asked}: ask by "has" before it is read`);
    }
    return found.type;
  }

  /** Each step of a path is a question of its own, asked when the one before it was answered. */
  #has({ at, depth, target, path }: Form<'has'>, prior: Capabilities): Typed {
    let left: Typed | undefined;
    let holder = target;
    for (const name of path) {
      if (left?.type?.kind === 'bool' && left.type.known === false) return typed(left.type);
      const before = left === undefined ? prior : union(prior, left.known);
      const step = this.#hasOne({ target: holder, name }, before);
      left = left === undefined ? step : conjunction(left, step);
      holder = { kind: 'attribute', target: holder, name, at, depth };
    }
    return left!;
  }

  #hasOne({ target, name }: { target: Expression; name: string }, prior: Capabilities): Typed {
    const holder = this.#holder(target, prior);
    if (holder === undefined) return typed(bool);
    const found = this.#attributeType(holder, name);
    if (found === undefined) return typed(no);
    const key = capability(target, name);
    // An entity may not exist; a record's required attribute is there.
    const isSure = prior.has(key) || (found.required && holder.kind === 'record');
    return { type: isSure ? yes : bool, known: new Set([key]) };
  }

  #is({ at, target, entityType, ancestor }: Form<'is'>, prior: Capabilities): Typed {
    const type = this.#expect(target, prior, 'entity');
    const is = type?.kind === 'entity' ? (type.name === entityType ? yes : no) : bool;
    if (ancestor === null || is === no) return typed(is);
    const isIn = this.inHierarchy({ left: target, right: ancestor, at }, prior);
    return conjunction(typed(is), typed(isIn));
  }

  #method(expression: Form<'method'>, prior: Capabilities): Typed {
    const { at, name, target, parameters } = expression;
    const [argument] = parameters;
    switch (name) {
      case 'contains': {
        const set = this.#expect(target, prior, 'set');
        const element = set?.kind === 'set' ? set.element : undefined;
        this.#common([element, this.check(argument!, prior).type], at, 'a set and its element');
        return typed(bool);
      }
      case 'containsAll':
      case 'containsAny': {
        const sets = [target, argument!].map((one) => this.#expect(one, prior, 'set'));
        this.#common(sets, at, 'two sets');
        return typed(bool);
      }
      case 'isEmpty':
        this.#expect(target, prior, 'set');
        return typed(bool);
      case 'hasTag':
      case 'getTag':
        return this.#tag(expression, prior);
      default:
        return typed(this.#extensionMethod(expression, prior));
    }
  }

  #tag({ at, name, target, parameters }: Form<'method'>, prior: Capabilities): Typed {
    const holder = this.#expect(target, prior, 'entity');
    this.#expect(parameters[0]!, prior, 'string');
    if (holder?.kind !== 'entity') return typed(name === 'hasTag' ? bool : undefined);
    const tags = this.#facts.schema.entityTypes.get(holder.name)?.tags ?? null;
    const key = `tag ${expressionKey(target)} ${expressionKey(parameters[0]!)}`;
    if (name === 'hasTag') {
      const type = tags === null ? no : prior.has(key) ? yes : bool;
      return { type, known: new Set([key]) };
    }
    if (!prior.has(key)) {
      return typed(this.#problem(at, 'the tag may be missing: ask by "hasTag" before it is read'));
    }
    if (tags === null) return typed(this.#problem(at, `${holder.name} has no tags`));
    return typed(tags);
  }

  #extensionMethod({ at, name, target, parameters }: Form<'method'>, prior: Capabilities) {
    const { target: kind, argument, result } = extensionMethods[name]!;
    const wanted = argument === null ? [kind] : [kind, argument];
    const given = [target, ...parameters];
    if (given.length !== wanted.length) {
      this.#problem(at, `${name} takes ${wanted.length - 1} arguments`);
    }
    for (const [index, one] of given.entries()) {
      const { type } = this.check(one, prior);
      const expected = wanted[index];
      const fits = type?.kind === 'extension' && type.name === expected;
      if (type !== undefined && expected !== undefined && !fits) {
        this.#problem(one.at, `expected ${expected}, found ${showType(type)}`);
      }
    }
    return resultType(result);
  }

  /** The validator reads what a constructor would: so it takes a literal, and a good one. */
  #call({ at, name, parameters }: Form<'call'>, prior: Capabilities): SchemaType {
    const { parse, result } = extensionFunctions[name]!;
    const [argument] = parameters;
    if (parameters.length !== 1 || argument === undefined) {
      this.#problem(at, `${name} takes 1 arguments`);
    } else if (argument.kind !== 'literal') {
      this.#problem(at, `${name} takes a literal, so that its text can be judged beforehand`);
    } else if (typeof argument.value === 'string' && parse(argument.value) === undefined) {
      this.#problem(at, `${name} does not take ${JSON.stringify(argument.value)}`);
    }
    for (const parameter of parameters) this.#expect(parameter, prior, 'string');
    return { kind: 'extension', name: result };
  }

  #set({ at, elements }: Form<'set'>, prior: Capabilities): SchemaType | undefined {
    const types = elements.map((element) => this.check(element, prior).type);
    if (types.length === 0) return this.#problem(at, 'an empty set has no type: use isEmpty()');
    const element = this.#common(types, at, 'the elements of a set');
    return element === undefined ? undefined : { kind: 'set', element };
  }

  #record({ entries }: Form<'record'>, prior: Capabilities): SchemaType | undefined {
    const attributes = new Map<string, AttributeType>();
    let isWhole = true;
    for (const { name, value } of entries) {
      const { type } = this.check(value, prior);
      if (type === undefined) isWhole = false;
      else attributes.set(name, { type, required: true });
    }
    return isWhole ? { kind: 'record', attributes } : undefined;
  }
}

export function typed(type: SchemaType | undefined): Typed {
  return { type, known: nothing };
}

function capability(target: Expression, name: string): string {
  return `attribute ${expressionKey(target)} ${JSON.stringify(name)}`;
}

function isOrdered(type: SchemaType): boolean {
  if (type.kind === 'extension') return type.name === 'datetime' || type.name === 'duration';
  return type.kind === 'long';
}

function resultType(result: string): SchemaType | undefined {
  switch (result) {
    case 'bool':
      return bool;
    case 'long':
      return long;
    case 'datetime':
    case 'duration':
      return { kind: 'extension', name: result };
    default:
      return undefined;
  }
}

/** The left side is not known to be false: else the right one is not looked at. */
export function conjunction(left: Typed, right: Typed): Typed {
  const [first, second] = [truth(left), truth(right)];
  if (second === false) return typed(no);
  if (second === true) return { type: left.type, known: union(left.known, right.known) };
  if (first === true) return { type: right.type, known: right.known };
  return { type: bool, known: union(left.known, right.known) };
}

/** The left side is not known to be true. */
function disjunction(left: Typed, right: Typed): Typed {
  const [first, second] = [truth(left), truth(right)];
  if (second === true) return right;
  if (second === false) return left;
  if (first === false) return right;
  return { type: bool, known: intersection(left.known, right.known) };
}

function truth({ type }: Typed): boolean | null {
  return type?.kind === 'bool' ? type.known : null;
}

export function union(left: Capabilities, right: Capabilities): Capabilities {
  if (left.size === 0) return right;
  return right.size === 0 ? left : new Set([...left, ...right]);
}

function intersection(left: Capabilities, right: Capabilities): Capabilities {
  return new Set([...left].filter((one) => right.has(one)));
}
