/**
 * The expressions of Cedar (4.5), by recursive descent over its grammar. Where the grammar takes
 * more than the language (a call of a variable, a pattern that is no string), it is refused here.
 */
import { limits } from '@mintmark/core';
import type { BinaryOperator, Expression, ExpressionForm, RecordEntry, Variable } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { EntityUid, isIdentifier } from './entity-uid.ts';
import { functionNames, methodNames } from './functions.ts';
import { normalLong } from './long.ts';
import { Problem } from './policy-error.ts';
import { unescapePattern, unescapeString } from './string-literal.ts';

const variables: ReadonlySet<string> = new Set<Variable>([
  'principal',
  'action',
  'resource',
  'context',
]);
const relations = new Set(['<', '<=', '>=', '>', '!=', '==']);
const signsMax = 4;
const longMagnitudeMax = 2n ** 63n;

/** @throws Problem where the text is no expression of Cedar */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.nested(limits.policyNestingMax, () => {
    const at = cursor.token.start;
    if (!cursor.isWord('if')) return parseOr(cursor);
    cursor.advance();
    const test = parseExpression(cursor);
    if (!cursor.takeWord('then')) cursor.fail('expected "then"');
    const then = parseExpression(cursor);
    if (!cursor.takeWord('else')) cursor.fail('expected "else"');
    const otherwise = parseExpression(cursor);
    return node({ kind: 'if', test, then, otherwise }, at, [test, then, otherwise]);
  });
}

/** `Type::"id"`, with the name's first word not yet read. */
export function parseEntityUid(cursor: Cursor): EntityUid {
  const type = parseTypeName(cursor);
  cursor.expectSymbol('::');
  return endEntityUid(cursor, type);
}

/** A path of identifiers; a `::` before anything but a name is left where it is. */
export function parseTypeName(cursor: Cursor): string {
  const words = [cursor.expectIdentifier('the name of a type').text];
  while (cursor.isSymbol('::') && cursor.next.kind === 'name') {
    cursor.advance();
    words.push(cursor.expectIdentifier('the name of a type').text);
  }
  return words.join('::');
}

function endEntityUid(cursor: Cursor, type: string): EntityUid {
  const id = cursor.expectKind('string', 'the id of an entity in quotes');
  return new EntityUid(type, unescapeString(id.text, id.start + 1));
}

/** @param children counted for the depth, which is bounded */
function node(form: ExpressionForm, at: number, children: readonly Expression[]): Expression {
  let depth = 1;
  for (const child of children) depth = Math.max(depth, child.depth + 1);
  if (depth > limits.policyDepthMax) {
    throw new Problem('too_deep', `an expression of more than ${limits.policyDepthMax} levels`, at);
  }
  return { ...form, at, depth };
}

function parseOr(cursor: Cursor): Expression {
  return parseChain(cursor, 'or', '||', parseAnd);
}

function parseAnd(cursor: Cursor): Expression {
  return parseChain(cursor, 'and', '&&', parseRelation);
}

function parseChain(
  cursor: Cursor,
  kind: 'and' | 'or',
  symbol: string,
  parseOperand: (cursor: Cursor) => Expression,
): Expression {
  const at = cursor.token.start;
  const first = parseOperand(cursor);
  if (!cursor.isSymbol(symbol)) return first;
  const operands = [first];
  while (cursor.takeSymbol(symbol)) operands.push(parseOperand(cursor));
  return node({ kind, operands }, at, operands);
}

function parseRelation(cursor: Cursor): Expression {
  const at = cursor.token.start;
  const left = parseSum(cursor);
  if (cursor.takeWord('has')) return parseHas(cursor, left, at);
  if (cursor.takeWord('like')) {
    const raw = cursor.expectKind('string', 'a pattern in quotes');
    const pattern = unescapePattern(raw.text, raw.start + 1);
    return node({ kind: 'like', target: left, pattern }, at, [left]);
  }
  if (cursor.takeWord('is')) {
    const entityType = parseTypeName(cursor);
    const ancestor = cursor.takeWord('in') ? parseSum(cursor) : null;
    const children = ancestor === null ? [left] : [left, ancestor];
    return node({ kind: 'is', target: left, entityType, ancestor }, at, children);
  }
  const operator = takeRelation(cursor);
  if (operator === undefined) return left;
  const right = parseSum(cursor);
  const relation = node({ kind: 'binary', operator, left, right }, at, [left, right]);
  if (takeRelation(cursor) !== undefined) {
    throw new Problem('syntax', 'comparisons do not chain: use parentheses or &&', at);
  }
  return relation;
}

function takeRelation(cursor: Cursor): BinaryOperator | undefined {
  if (cursor.takeWord('in')) return 'in';
  const { kind, text } = cursor.token;
  if (kind !== 'symbol') return undefined;
  if (text === '=') cursor.fail('expected "=="');
  if (!relations.has(text)) return undefined;
  cursor.advance();
  return text as BinaryOperator;
}

function parseHas(cursor: Cursor, target: Expression, at: number): Expression {
  const path: string[] = [];
  if (cursor.token.kind === 'string') {
    const raw = cursor.advance();
    path.push(unescapeString(raw.text, raw.start + 1));
  } else {
    path.push(cursor.expectIdentifier('the name of an attribute').text);
    while (cursor.takeSymbol('.')) {
      path.push(cursor.expectIdentifier('the name of an attribute').text);
    }
    if (path.length > limits.policyDepthMax) {
      throw new Problem('too_deep', 'a longer path than the depth of an expression', at);
    }
  }
  return node({ kind: 'has', target, path }, at, [target]);
}

function parseSum(cursor: Cursor): Expression {
  const at = cursor.token.start;
  let left = parseProduct(cursor);
  while (cursor.isSymbol('+') || cursor.isSymbol('-')) {
    const operator = cursor.advance().text as '+' | '-';
    const right = parseProduct(cursor);
    left = node({ kind: 'binary', operator, left, right }, at, [left, right]);
  }
  return left;
}

function parseProduct(cursor: Cursor): Expression {
  const at = cursor.token.start;
  let left = parseSigned(cursor);
  while (cursor.isSymbol('*') || cursor.isSymbol('/') || cursor.isSymbol('%')) {
    if (!cursor.isSymbol('*')) cursor.fail('Cedar has no division and no remainder');
    cursor.advance();
    const right = parseSigned(cursor);
    left = node({ kind: 'binary', operator: '*', left, right }, at, [left, right]);
  }
  return left;
}

function parseSigned(cursor: Cursor): Expression {
  const at = cursor.token.start;
  const sign = cursor.isSymbol('!') ? '!' : cursor.isSymbol('-') ? '-' : undefined;
  if (sign === undefined) return parseMember(cursor);
  let signs = 0;
  while (cursor.takeSymbol(sign)) signs += 1;
  if (signs > signsMax) {
    throw new Problem('syntax', `at most ${signsMax} signs in a row`, at);
  }
  const { token, next } = cursor;
  // The sign belongs to the number, since the smallest Long has no positive counterpart.
  const isLiteral = token.kind === 'number' && !isAccess(next.text, next.kind);
  let operand: Expression;
  if (sign === '-' && isLiteral) {
    cursor.advance();
    operand = longLiteral(-BigInt(token.text), token.start);
    signs -= 1;
  } else {
    operand = parseMember(cursor);
  }
  const kind = sign === '!' ? 'not' : 'negate';
  for (; signs > 0; signs -= 1) operand = node({ kind, operand }, at, [operand]);
  return operand;
}

function isAccess(text: string, kind: string): boolean {
  return kind === 'symbol' && (text === '.' || text === '[' || text === '(');
}

function longLiteral(value: bigint, at: number): Expression {
  if (value < -longMagnitudeMax || value >= longMagnitudeMax) {
    throw new Problem('syntax', `${value} does not fit into 64 bits`, at);
  }
  return node({ kind: 'literal', value: normalLong(value) }, at, []);
}

function parseMember(cursor: Cursor): Expression {
  const at = cursor.token.start;
  let target = parsePrimary(cursor);
  for (;;) {
    if (cursor.takeSymbol('.')) {
      const name = cursor.expectIdentifier('the name of an attribute');
      if (cursor.isSymbol('(')) {
        if (!methodNames.has(name.text)) {
          throw new Problem('syntax', `there is no method ${name.text}`, name.start);
        }
        target = parseMethod(cursor, target, { name: name.text, at });
      } else {
        target = node({ kind: 'attribute', target, name: name.text }, at, [target]);
      }
    } else if (cursor.takeSymbol('[')) {
      const raw = cursor.expectKind('string', 'the name of an attribute in quotes');
      cursor.expectSymbol(']');
      const name = unescapeString(raw.text, raw.start + 1);
      target = node({ kind: 'attribute', target, name }, at, [target]);
    } else if (cursor.isSymbol('(')) {
      cursor.fail('only functions and methods are called');
    } else {
      return target;
    }
  }
}

/** Operators that look like methods; Cedar checks their count of arguments as it parses. */
const operatorArity: Readonly<Record<string, number>> = {
  contains: 1,
  containsAll: 1,
  containsAny: 1,
  isEmpty: 0,
  getTag: 1,
  hasTag: 1,
};

function parseMethod(
  cursor: Cursor,
  target: Expression,
  { name, at }: { name: string; at: number },
): Expression {
  const parameters = parseParameters(cursor);
  const arity = Object.hasOwn(operatorArity, name) ? operatorArity[name] : undefined;
  if (arity !== undefined && parameters.length !== arity) {
    throw new Problem('syntax', `${name} takes ${arity} arguments`, at);
  }
  return node({ kind: 'method', name, target, parameters }, at, [target, ...parameters]);
}

function parseParameters(cursor: Cursor): Expression[] {
  cursor.expectSymbol('(');
  return parseList(cursor, ')', parseExpression);
}

/** Items between commas up to the closing symbol, which is read; one comma may trail. */
export function parseList<T>(cursor: Cursor, close: string, read: (cursor: Cursor) => T): T[] {
  const items: T[] = [];
  while (!cursor.isSymbol(close)) {
    items.push(read(cursor));
    if (!cursor.takeSymbol(',')) break;
  }
  cursor.expectSymbol(close);
  return items;
}

function parsePrimary(cursor: Cursor): Expression {
  const { kind, text, start } = cursor.token;
  switch (kind) {
    case 'number':
      cursor.advance();
      return longLiteral(BigInt(text), start);
    case 'string':
      cursor.advance();
      return node({ kind: 'literal', value: unescapeString(text, start + 1) }, start, []);
    case 'name':
      return parseNamed(cursor);
    case 'slot':
      throw new Problem('unsupported', 'templates are not supported: name the entity', start);
    default:
  }
  if (cursor.takeSymbol('(')) {
    const inner = parseExpression(cursor);
    cursor.expectSymbol(')');
    return inner;
  }
  if (cursor.takeSymbol('[')) {
    const elements = parseList(cursor, ']', parseExpression);
    return node({ kind: 'set', elements }, start, elements);
  }
  if (cursor.takeSymbol('{')) {
    const entries = parseList(cursor, '}', parseRecordEntry);
    const names = new Set(entries.map((entry) => entry.name));
    if (names.size !== entries.length) {
      throw new Problem('syntax', 'a record names an attribute twice', start);
    }
    const children = entries.map((entry) => entry.value);
    return node({ kind: 'record', entries }, start, children);
  }
  return cursor.fail('expected an expression');
}

function parseRecordEntry(cursor: Cursor): RecordEntry {
  const { token } = cursor;
  let name: string;
  if (token.kind === 'string') {
    cursor.advance();
    name = unescapeString(token.text, token.start + 1);
  } else {
    name = cursor.expectIdentifier('the name of an attribute').text;
  }
  cursor.expectSymbol(':');
  return { name, value: parseExpression(cursor) };
}

function parseNamed(cursor: Cursor): Expression {
  const { text, start } = cursor.token;
  const follows = cursor.next;
  const isPath = follows.kind === 'symbol' && follows.text === '::';
  if (!isPath && (text === 'true' || text === 'false')) {
    cursor.advance();
    return node({ kind: 'literal', value: text === 'true' }, start, []);
  }
  if (!isPath && variables.has(text)) {
    cursor.advance();
    return node({ kind: 'variable', name: text as Variable }, start, []);
  }
  if (!isIdentifier(text)) {
    throw new Problem('syntax', `${text} is a reserved word`, start);
  }
  const name = parseTypeName(cursor);
  if (cursor.takeSymbol('::')) {
    const value = endEntityUid(cursor, name);
    return node({ kind: 'literal', value }, start, []);
  }
  if (!cursor.isSymbol('(')) {
    throw new Problem('syntax', `${name} is neither a variable nor an entity`, start);
  }
  if (!functionNames.has(name)) {
    throw new Problem('syntax', `there is no function ${name}`, start);
  }
  const parameters = parseParameters(cursor);
  return node({ kind: 'call', name, parameters }, start, parameters);
}
