/**
 * The entities that policies ask about: attributes, tags, and the hierarchy that `in` walks, whose
 * closure is worked out once. A snapshot never changes; a request adds its own by `with`.
 */
import { err, limits, ok, type Result } from '@mintmark/core';
import type { EntityUid } from './entity-uid.ts';
import type { RecordValue } from './value.ts';

export interface EntityInput {
  readonly uid: EntityUid;
  readonly attributes?: RecordValue;
  readonly tags?: RecordValue;
  /** Only the next level up; they need not be entities of the snapshot themselves. */
  readonly parents?: readonly EntityUid[];
}

export interface Entity {
  readonly uid: EntityUid;
  readonly attributes: RecordValue;
  readonly tags: RecordValue;
  readonly parents: readonly EntityUid[];
  /** Keys of all that it is in, itself not among them. */
  readonly ancestors: ReadonlySet<string>;
  /** What the indexes of policies worked out of it; not for what lives as long as one request. */
  readonly memos: ScopeMemo[] | null;
}

export interface ScopeMemo {
  readonly owner: object;
  /** One for each policy: 125 bytes for a thousand policies. */
  readonly bits: Int32Array;
}

export type EntitiesRefusal =
  | { readonly reason: 'duplicate_entity'; readonly entity: string }
  /** Cedar's hierarchy is a graph without cycles. */
  | { readonly reason: 'cycle'; readonly entity: string }
  | { readonly reason: 'too_many_ancestors'; readonly entity: string };

type ById = Map<string, Entity>;

const fewMax = 4;
const noTypes: ReadonlyMap<string, ById> = new Map();
const noKeys: ReadonlySet<string> = new Set();
const noAncestors: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const empty: RecordValue = Object.freeze({});

let nobody: Entities | undefined;

export class Entities {
  readonly #types: ReadonlyMap<string, ById>;
  /** Keys of all that are somebody's parent. */
  readonly #parents: ReadonlySet<string>;
  readonly #base: Entities | undefined;
  /** What one request brings: too few to be worth a map. */
  readonly #few: readonly Entity[];

  private constructor(parts: {
    types?: ReadonlyMap<string, ById>;
    parents?: ReadonlySet<string>;
    base?: Entities | undefined;
    few?: readonly Entity[];
  }) {
    this.#types = parts.types ?? noTypes;
    this.#parents = parts.parents ?? noKeys;
    this.#base = parts.base;
    this.#few = parts.few ?? [];
  }

  /** No static field: compiled for a release, it would be made before its class is there. */
  static get none(): Entities {
    nobody ??= new Entities({});
    return nobody;
  }

  /** Refuses two entities of one uid, cycles, and hierarchies that are too large to close. */
  static of(inputs: Iterable<EntityInput>): Result<Entities, EntitiesRefusal> {
    const byKey = keyed(inputs);
    return byKey.ok ? Entities.#close(byKey.value) : byKey;
  }

  get(uid: EntityUid): Entity | undefined {
    for (const entity of this.#few) if (entity.uid.equals(uid)) return entity;
    return this.#types.get(uid.type)?.get(uid.id) ?? this.#base?.get(uid);
  }

  /** Every entity, those of a request before those of the snapshot below it. */
  *[Symbol.iterator](): IterableIterator<Entity> {
    yield* this.#few;
    for (const byId of this.#types.values()) yield* byId.values();
    if (this.#base === undefined) return;
    for (const entity of this.#base) if (!this.#has(entity.uid)) yield entity;
  }

  /**
   * The same with these entities added, which stand before any of the same uid. Cheap for what
   * nobody has as a parent, such as the principal of a request; else the closure is made anew.
   */
  with(inputs: readonly EntityInput[]): Result<Entities, EntitiesRefusal> {
    if (inputs.some(({ uid }) => this.isParent(uid.key))) return this.#rebuiltWith(inputs);
    if (inputs.length <= fewMax && areApart(inputs)) return this.#withFew(inputs);
    const byKey = keyed(inputs);
    return byKey.ok ? Entities.#close(byKey.value, this) : byKey;
  }

  #withFew(inputs: readonly EntityInput[]): Result<Entities, EntitiesRefusal> {
    const few: Entity[] = [];
    for (const input of inputs) {
      const ancestors = ancestorsOf(input, { closed: noAncestors, base: this });
      if (ancestors.size > limits.policyAncestorsMax) {
        return err({ reason: 'too_many_ancestors', entity: input.uid.key });
      }
      few.push(entityOf(input, ancestors, null));
    }
    return ok(new Entities({ few, base: this }));
  }

  #rebuiltWith(inputs: readonly EntityInput[]): Result<Entities, EntitiesRefusal> {
    const added = keyed(inputs);
    if (!added.ok) return added;
    const all = new Map<string, EntityInput>();
    for (const entity of this) all.set(entity.uid.key, entity);
    for (const [key, input] of added.value) all.set(key, input);
    return Entities.#close(all);
  }

  #has(uid: EntityUid): boolean {
    return (
      this.#few.some((entity) => entity.uid.equals(uid)) ||
      (this.#types.get(uid.type)?.has(uid.id) ?? false)
    );
  }

  /** Whether any entity here, or in the snapshot below, has this one as a parent. */
  isParent(key: string): boolean {
    return (
      this.#parents.has(key) ||
      this.#few.some(({ parents }) => parents.some((parent) => parent.key === key)) ||
      (this.#base?.isParent(key) ?? false)
    );
  }

  /** @param base what the inputs may have as parents, and nothing of which has them as one */
  static #close(
    byKey: ReadonlyMap<string, EntityInput>,
    base?: Entities,
  ): Result<Entities, EntitiesRefusal> {
    const types = new Map<string, ById>();
    const parents = new Set<string>();
    const closed = new Map<string, ReadonlySet<string>>();
    for (const input of byKey.values()) {
      const refusal = closeFrom(input, { byKey, closed, base });
      if (refusal !== undefined) return err(refusal);
      for (const parent of input.parents ?? []) parents.add(parent.key);
      place(types, entityOf(input, closed.get(input.uid.key)!, []));
    }
    return ok(new Entities({ types, parents, base }));
  }
}

function place(types: Map<string, ById>, entity: Entity): void {
  const { type, id } = entity.uid;
  const byId = types.get(type);
  if (byId === undefined) types.set(type, new Map([[id, entity]]));
  else byId.set(id, entity);
}

function entityOf(
  input: EntityInput,
  ancestors: ReadonlySet<string>,
  memos: ScopeMemo[] | null,
): Entity {
  const { uid, attributes = empty, tags = empty, parents = [] } = input;
  return { uid, attributes, tags, parents, ancestors, memos };
}

function keyed(inputs: Iterable<EntityInput>): Result<Map<string, EntityInput>, EntitiesRefusal> {
  const byKey = new Map<string, EntityInput>();
  for (const input of inputs) {
    const { key } = input.uid;
    if (byKey.has(key)) return err({ reason: 'duplicate_entity', entity: key });
    byKey.set(key, input);
  }
  return ok(byKey);
}

interface KnownAncestors {
  /** The ancestors of those that are done. */
  readonly closed: ReadonlyMap<string, ReadonlySet<string>>;
  readonly base: Entities | undefined;
}

interface Closing extends KnownAncestors {
  readonly byKey: ReadonlyMap<string, EntityInput>;
  readonly closed: Map<string, ReadonlySet<string>>;
}

/** Depth first on a stack of our own: a chain of entities may be longer than JavaScript's stack. */
function closeFrom(start: EntityInput, closing: Closing): EntitiesRefusal | undefined {
  const { closed } = closing;
  const open = new Set<string>();
  const stack = [start];
  while (stack.length > 0) {
    const input = stack.at(-1)!;
    const { key } = input.uid;
    const waiting = closed.has(key) ? [] : unclosedParents(input, closing);
    if (waiting.length > 0) {
      open.add(key);
      const looped = waiting.find(({ uid }) => open.has(uid.key));
      if (looped !== undefined) return { reason: 'cycle', entity: looped.uid.key };
      stack.push(...waiting);
      continue;
    }
    stack.pop();
    open.delete(key);
    if (closed.has(key)) continue;
    const ancestors = ancestorsOf(input, closing);
    if (ancestors.has(key)) return { reason: 'cycle', entity: key };
    if (ancestors.size > limits.policyAncestorsMax) {
      return { reason: 'too_many_ancestors', entity: key };
    }
    closed.set(key, ancestors);
  }
  return undefined;
}

/** Whether none of them is another, or in another, or in itself. */
function areApart(inputs: readonly EntityInput[]): boolean {
  return inputs.every(({ uid }, index) =>
    inputs.every(
      (other, at) =>
        (at === index || !other.uid.equals(uid)) &&
        (other.parents ?? []).every((parent) => !parent.equals(uid)),
    ),
  );
}

function ancestorsOf(input: EntityInput, { closed, base }: KnownAncestors): Set<string> {
  const ancestors = new Set<string>();
  for (const parent of input.parents ?? []) {
    ancestors.add(parent.key);
    const above = closed.get(parent.key) ?? base?.get(parent)?.ancestors;
    if (above !== undefined) for (const key of above) ancestors.add(key);
  }
  return ancestors;
}

function unclosedParents(input: EntityInput, { byKey, closed }: Closing): EntityInput[] {
  return (input.parents ?? []).flatMap((parent) => {
    const found = byKey.get(parent.key);
    return found === undefined || closed.has(parent.key) ? [] : [found];
  });
}
