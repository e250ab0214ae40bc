/** One string for each expression, wherever it stands: the validator knows expressions again. */
import type { Expression } from './ast.ts';
import { EntityUid } from './entity-uid.ts';

export function expressionKey(expression: Expression): string {
  return JSON.stringify(expression, (name, value: unknown) => {
    if (name === 'at' || name === 'depth') return undefined;
    if (value instanceof EntityUid) return { uid: value.key };
    return typeof value === 'bigint' ? { long: String(value) } : value;
  });
}
