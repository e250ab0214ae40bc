/** Every entity and every type that a policy names, in its head and in its conditions. */
import type { Expression, Policy } from './ast.ts';
import { EntityUid } from './entity-uid.ts';

export interface PolicyNames {
  readonly types: ReadonlySet<string>;
  readonly uids: readonly EntityUid[];
}

export function namesIn({ principal, action, resource, conditions }: Policy): PolicyNames {
  const types = new Set<string>();
  const uids = new Map<string, EntityUid>();
  const addUid = (uid: EntityUid): void => {
    uids.set(uid.key, uid);
    types.add(uid.type);
  };
  for (const scope of [principal, resource]) {
    if ('uid' in scope) addUid(scope.uid);
    if ('entityType' in scope) types.add(scope.entityType);
  }
  if (action.kind === 'equal') addUid(action.uid);
  if (action.kind === 'in') action.uids.forEach(addUid);
  const visit = (expression: Expression): void => {
    if (expression.kind === 'literal' && expression.value instanceof EntityUid) {
      addUid(expression.value);
    }
    if (expression.kind === 'is') types.add(expression.entityType);
    for (const child of childrenOf(expression)) visit(child);
  };
  for (const { body } of conditions) visit(body);
  return { types, uids: [...uids.values()] };
}

function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'variable':
      return [];
    case 'if':
      return [expression.test, expression.then, expression.otherwise];
    case 'and':
    case 'or':
      return expression.operands;
    case 'not':
    case 'negate':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'is':
      return expression.ancestor === null
        ? [expression.target]
        : [expression.target, expression.ancestor];
    case 'method':
      return [expression.target, ...expression.parameters];
    case 'call':
      return expression.parameters;
    case 'set':
      return expression.elements;
    case 'record':
      return expression.entries.map((entry) => entry.value);
    default:
      return [expression.target];
  }
}
