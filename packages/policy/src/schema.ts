/** What a schema says: which entities and actions there are, and of which types their parts are. */

import type { EntityInput } from './entities.ts';
import type { EntityUid } from './entity-uid.ts';
import type { ExtensionKind } from './extension.ts';

export type SchemaType =
  /** A truth that is known before any request has a value. */
  | { readonly kind: 'bool'; readonly known: boolean | null }
  | { readonly kind: 'long' }
  | { readonly kind: 'string' }
  | { readonly kind: 'extension'; readonly name: ExtensionKind }
  | { readonly kind: 'entity'; readonly name: string }
  | { readonly kind: 'set'; readonly element: SchemaType }
  | { readonly kind: 'record'; readonly attributes: AttributeTypes };

export interface AttributeType {
  readonly type: SchemaType;
  readonly required: boolean;
}

export type AttributeTypes = ReadonlyMap<string, AttributeType>;

export interface EntityTypeSchema {
  readonly name: string;
  /** The types that entities of this one may be in directly. */
  readonly memberOf: readonly string[];
  readonly attributes: AttributeTypes;
  readonly tags: SchemaType | null;
  /** The only ids there are, if the schema lists them. */
  readonly choices: readonly string[] | null;
}

export interface ActionSchema {
  readonly uid: EntityUid;
  readonly memberOf: readonly EntityUid[];
  readonly principalTypes: readonly string[];
  readonly resourceTypes: readonly string[];
  readonly context: AttributeTypes;
}

export interface Schema {
  /** By full name. */
  readonly entityTypes: ReadonlyMap<string, EntityTypeSchema>;
  /** By the key of their uid. */
  readonly actions: ReadonlyMap<string, ActionSchema>;
}

/** The schema's actions as entities: without them `action in` finds no groups. */
export function actionEntities(schema: Schema): EntityInput[] {
  return [...schema.actions.values()].map(({ uid, memberOf }) => ({ uid, parents: memberOf }));
}

/** The type that both are of (Cedar's strict mode), or `undefined` if there is none. */
export function commonType(left: SchemaType, right: SchemaType): SchemaType | undefined {
  if (left === right) return left;
  switch (left.kind) {
    case 'bool':
      if (right.kind !== 'bool') return undefined;
      return left.known === right.known ? left : { kind: 'bool', known: null };
    case 'entity':
      return right.kind === 'entity' && right.name === left.name ? left : undefined;
    case 'extension':
      return right.kind === 'extension' && right.name === left.name ? left : undefined;
    case 'set': {
      if (right.kind !== 'set') return undefined;
      const element = commonType(left.element, right.element);
      return element === undefined ? undefined : { kind: 'set', element };
    }
    case 'record':
      return right.kind === 'record' ? commonRecord(left.attributes, right.attributes) : undefined;
    default:
      return left.kind === right.kind ? left : undefined;
  }
}

function commonRecord(left: AttributeTypes, right: AttributeTypes): SchemaType | undefined {
  if (left.size !== right.size) return undefined;
  const attributes = new Map<string, AttributeType>();
  for (const [name, { type, required }] of left) {
    const other = right.get(name);
    if (other === undefined || other.required !== required) return undefined;
    const both = commonType(type, other.type);
    if (both === undefined) return undefined;
    attributes.set(name, { type: both, required });
  }
  return { kind: 'record', attributes };
}

/** For messages. */
export function showType(type: SchemaType): string {
  switch (type.kind) {
    case 'bool':
      return type.known === null ? 'Bool' : String(type.known);
    case 'long':
      return 'Long';
    case 'string':
      return 'String';
    case 'set':
      return `Set<${showType(type.element)}>`;
    case 'record':
      return 'a record';
    default:
      return type.name;
  }
}
