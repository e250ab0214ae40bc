/**
 * The text of a policy set into its policies. A text is a stranger's: it is bounded in size and
 * depth, and each error says where it stands. One broken policy does not hide the errors of others.
 */
import { err, limits, ok, type Result } from '@mintmark/core';
import type { ActionScope, Condition, Effect, EntityScope, Policy, PolicySet } from './ast.ts';
import { Cursor } from './cursor.ts';
import { type EntityUid, isActionType } from './entity-uid.ts';
import { tokenize } from './lexer.ts';
import { parseEntityUid, parseExpression, parseList, parseTypeName } from './parse-expression.ts';
import { type PolicyError, Problem } from './policy-error.ts';
import { type Locate, locator } from './position.ts';
import { unescapeString } from './string-literal.ts';

/**
 * Parses Cedar policies (language version 4.5). A policy's id is its `@id`, else `policy` and its
 * number in the text. Templates are refused.
 *
 * @returns the set, which may be empty; or every error found, the first of each broken policy
 */
export function parsePolicies(text: string): Result<PolicySet, PolicyError[]> {
  const errors: PolicyError[] = [];
  const locate = locator(text);
  const report = (problem: unknown): void => {
    if (!(problem instanceof Problem)) throw problem;
    const { reason, message, offset } = problem;
    errors.push({ reason, message, position: locate(offset) });
  };
  const policies: Policy[] = [];
  try {
    const cursor = new Cursor(tokensOf(text));
    const seen = new Set<string>();
    for (let index = 0; cursor.token.kind !== 'end'; index += 1) {
      if (errors.length === limits.policyErrorsMax) break;
      const start = cursor.token.start;
      try {
        const policy = parsePolicy(cursor, { text, index, locate });
        policies.push(policy);
        if (seen.has(policy.id)) {
          report(new Problem('duplicate_id', `two policies have the id ${policy.id}`, start));
        }
        seen.add(policy.id);
      } catch (problem) {
        report(problem);
        cursor.skipPast(';');
      }
    }
  } catch (problem) {
    report(problem);
  }
  return errors.length === 0 ? ok({ policies, text }) : err(errors);
}

function tokensOf(text: string): ReturnType<typeof tokenize> {
  if (text.length > limits.policyTextCharsMax) {
    throw new Problem('too_large', `longer than ${limits.policyTextCharsMax} characters`, 0);
  }
  if (!text.isWellFormed()) throw new Problem('syntax', 'half of a surrogate pair', 0);
  return tokenize(text, limits.policyTokensMax);
}

interface Place {
  readonly text: string;
  readonly index: number;
  readonly locate: Locate;
}

function parsePolicy(cursor: Cursor, { text, index, locate }: Place): Policy {
  const start = cursor.token.start;
  const annotations = parseAnnotations(cursor);
  const effect = parseEffect(cursor);
  cursor.expectSymbol('(');
  const principal = parseEntityScope(cursor, 'principal');
  cursor.expectSymbol(',');
  const action = parseActionScope(cursor);
  cursor.expectSymbol(',');
  const resource = parseEntityScope(cursor, 'resource');
  cursor.takeSymbol(',');
  cursor.expectSymbol(')');
  const conditions: Condition[] = [];
  while (!cursor.isSymbol(';')) conditions.push(parseCondition(cursor));
  const end = cursor.expectSymbol(';').end;
  return {
    id: annotations.get('id') ?? `policy${index}`,
    effect,
    annotations,
    principal,
    action,
    resource,
    conditions,
    position: locate(start),
    text: text.slice(start, end),
  };
}

function parseAnnotations(cursor: Cursor): Map<string, string> {
  const annotations = new Map<string, string>();
  while (cursor.takeSymbol('@')) {
    const name = cursor.expectKind('name', 'the name of an annotation');
    let value = '';
    if (cursor.takeSymbol('(')) {
      const raw = cursor.expectKind('string', 'the text of an annotation in quotes');
      value = unescapeString(raw.text, raw.start + 1);
      cursor.expectSymbol(')');
    }
    if (annotations.has(name.text)) {
      throw new Problem('syntax', `the annotation ${name.text} stands twice`, name.start);
    }
    annotations.set(name.text, value);
  }
  return annotations;
}

function parseEffect(cursor: Cursor): Effect {
  if (cursor.takeWord('permit')) return 'permit';
  if (cursor.takeWord('forbid')) return 'forbid';
  return cursor.fail('expected "permit" or "forbid"');
}

function parseEntityScope(cursor: Cursor, variable: 'principal' | 'resource'): EntityScope {
  if (!cursor.takeWord(variable)) cursor.fail(`expected "${variable}"`);
  if (cursor.takeWord('is')) {
    const entityType = parseTypeName(cursor);
    if (!cursor.takeWord('in')) return { kind: 'is', entityType };
    return { kind: 'is-in', entityType, uid: parseReference(cursor) };
  }
  if (cursor.takeWord('in')) return { kind: 'in', uid: parseReference(cursor) };
  if (cursor.takeSymbol('==')) return { kind: 'equal', uid: parseReference(cursor) };
  return { kind: 'any' };
}

function parseActionScope(cursor: Cursor): ActionScope {
  if (!cursor.takeWord('action')) cursor.fail('expected "action"');
  const at = cursor.token.start;
  if (cursor.takeSymbol('==')) {
    return { kind: 'equal', uid: requireAction(parseReference(cursor), at) };
  }
  if (!cursor.takeWord('in')) return { kind: 'any' };
  const uids = parseReferences(cursor);
  for (const uid of uids) requireAction(uid, at);
  return { kind: 'in', uids };
}

/** An entity, in as many parentheses as its author likes. */
function parseReference(cursor: Cursor): EntityUid {
  return cursor.nested(limits.policyNestingMax, () => {
    if (cursor.takeSymbol('(')) {
      const uid = parseReference(cursor);
      cursor.expectSymbol(')');
      return uid;
    }
    if (cursor.token.kind === 'slot') {
      const { start } = cursor.token;
      throw new Problem('unsupported', 'templates are not supported: name the entity', start);
    }
    return parseEntityUid(cursor);
  });
}

function parseReferences(cursor: Cursor): EntityUid[] {
  return cursor.nested(limits.policyNestingMax, () => {
    if (cursor.takeSymbol('[')) return parseList(cursor, ']', parseReference);
    if (!cursor.isSymbol('(')) return [parseReference(cursor)];
    cursor.advance();
    const uids = parseReferences(cursor);
    cursor.expectSymbol(')');
    return uids;
  });
}

function requireAction(uid: EntityUid, at: number): EntityUid {
  if (!isActionType(uid.type)) {
    throw new Problem('syntax', `${uid} is no action: its type is not Action`, at);
  }
  return uid;
}

function parseCondition(cursor: Cursor): Condition {
  const kind = cursor.takeWord('when') ? 'when' : cursor.takeWord('unless') ? 'unless' : undefined;
  if (kind === undefined) return cursor.fail('expected "when", "unless" or ";"');
  cursor.expectSymbol('{');
  const body = parseExpression(cursor);
  cursor.expectSymbol('}');
  return { kind, body };
}
