/** A policy as it was written, checked against the grammar and against nothing else. */
import type { EntityUid } from './entity-uid.ts';
import type { Position } from './position.ts';

export type Effect = 'permit' | 'forbid';

export type Variable = 'principal' | 'action' | 'resource' | 'context';

/** What the head of a policy asks of its principal or resource. */
export type EntityScope =
  | { readonly kind: 'any' }
  | { readonly kind: 'equal'; readonly uid: EntityUid }
  | { readonly kind: 'in'; readonly uid: EntityUid }
  | { readonly kind: 'is'; readonly entityType: string }
  | { readonly kind: 'is-in'; readonly entityType: string; readonly uid: EntityUid };

export type ActionScope =
  | { readonly kind: 'any' }
  | { readonly kind: 'equal'; readonly uid: EntityUid }
  | { readonly kind: 'in'; readonly uids: readonly EntityUid[] };

export type BinaryOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | 'in';

export type Expression = ExpressionForm & {
  /** Where it begins, in UTF-16 code units. */
  readonly at: number;
  /** Levels below it, itself included: bounded, since compiler and validator recurse. */
  readonly depth: number;
};

export type ExpressionForm =
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'variable'; readonly name: Variable }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly kind: 'not' | 'negate'; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** `target has a.b.c`: each step is asked of what the step before it holds. */
  | { readonly kind: 'has'; readonly target: Expression; readonly path: readonly string[] }
  /** Literal pieces between the wildcards. */
  | { readonly kind: 'like'; readonly target: Expression; readonly pattern: readonly string[] }
  | {
      readonly kind: 'is';
      readonly target: Expression;
      readonly entityType: string;
      readonly ancestor: Expression | null;
    }
  | { readonly kind: 'attribute'; readonly target: Expression; readonly name: string }
  | {
      readonly kind: 'method';
      readonly name: string;
      readonly target: Expression;
      readonly parameters: readonly Expression[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly parameters: readonly Expression[] }
  | { readonly kind: 'set'; readonly elements: readonly Expression[] }
  | { readonly kind: 'record'; readonly entries: readonly RecordEntry[] };

export interface RecordEntry {
  readonly name: string;
  readonly value: Expression;
}

/** A `number` is a safe integer; what lies beyond, up to 64 bits, is a `bigint`. */
export type Literal = boolean | string | number | bigint | EntityUid;

export interface Condition {
  readonly kind: 'when' | 'unless';
  readonly body: Expression;
}

export interface Policy {
  /** From `@id("…")`, else `policy0`, `policy1`… by its place in the text. */
  readonly id: string;
  readonly effect: Effect;
  /** By name; an annotation without a value has the empty string. */
  readonly annotations: ReadonlyMap<string, string>;
  readonly principal: EntityScope;
  readonly action: ActionScope;
  readonly resource: EntityScope;
  readonly conditions: readonly Condition[];
  readonly position: Position;
  /** The policy as written, from its first annotation to its semicolon. */
  readonly text: string;
}

export interface PolicySet {
  readonly policies: readonly Policy[];
  /** What was parsed; offsets in the expressions count in it. */
  readonly text: string;
}
