/** One kind of request that a schema allows: an action with one type of principal and resource. */
import { Entities } from './entities.ts';
import type { EntityUid } from './entity-uid.ts';
import { type ActionSchema, type AttributeTypes, actionEntities, type Schema } from './schema.ts';

export interface TypeEnvironment {
  readonly action: ActionSchema;
  readonly principal: string;
  readonly resource: string;
}

/** What the validator asks of a schema again and again. */
export class SchemaFacts {
  readonly schema: Schema;
  readonly environments: readonly TypeEnvironment[];
  readonly #descendants = new Map<string, Set<string>>();
  readonly #actions: Entities;
  readonly #actionTypes = new Map<string, Set<string>>();

  constructor(schema: Schema) {
    this.schema = schema;
    const actions = Entities.of(actionEntities(schema));
    this.#actions = actions.ok ? actions.value : Entities.none;
    this.environments = [...schema.actions.values()].flatMap((action) =>
      action.principalTypes.flatMap((principal) =>
        action.resourceTypes.map((resource) => ({ action, principal, resource })),
      ),
    );
    for (const { name } of schema.entityTypes.values()) this.#addDescendant(name);
    for (const { uid } of schema.actions.values()) {
      const above = [...schema.actions.values()].filter((other) => this.isActionIn(uid, other.uid));
      for (const { uid: group } of above) {
        const below = this.#actionTypes.get(group.type) ?? new Set();
        this.#actionTypes.set(group.type, below.add(uid.type));
      }
    }
  }

  #addDescendant(name: string): void {
    const seen = new Set<string>();
    const waiting = [name];
    for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
      if (seen.has(type)) continue;
      seen.add(type);
      waiting.push(...(this.schema.entityTypes.get(type)?.memberOf ?? []));
      // By `in` a thing is in itself; a type is in itself as well.
      const below = this.#descendants.get(type) ?? new Set();
      this.#descendants.set(type, below.add(name));
    }
  }

  /** The types whose entities may be in an entity of this one, itself among them. */
  typesIn(type: string): ReadonlySet<string> {
    return this.#descendants.get(type) ?? new Set([type]);
  }

  /** Whether an entity of the one type could be in one of the other. */
  mayBeIn(type: string, above: string): boolean {
    return (
      type === above ||
      this.typesIn(above).has(type) ||
      (this.#actionTypes.get(above)?.has(type) ?? false)
    );
  }

  isActionIn(uid: EntityUid, group: EntityUid): boolean {
    return uid.equals(group) || (this.#actions.get(uid)?.ancestors.has(group.key) ?? false);
  }

  hasAction(uid: EntityUid): boolean {
    return this.schema.actions.has(uid.key);
  }

  isKnownType(type: string): boolean {
    return this.schema.entityTypes.has(type) || this.#actionTypes.has(type);
  }

  attributesOf(type: string): AttributeTypes {
    return this.schema.entityTypes.get(type)?.attributes ?? new Map();
  }
}
