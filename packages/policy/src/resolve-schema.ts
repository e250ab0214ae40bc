/** Names of a schema to what they mean: this namespace first, then none, then Cedar's own types. */
import { limits } from '@mintmark/core';
import { Entities } from './entities.ts';
import { EntityUid } from './entity-uid.ts';
import type { ExtensionKind } from './extension.ts';
import { Problem } from './policy-error.ts';
import type { RawAction, RawEntityType, RawNamespace, RawType } from './raw-schema.ts';
import {
  type ActionSchema,
  type AttributeType,
  type AttributeTypes,
  actionEntities,
  type EntityTypeSchema,
  type Schema,
  type SchemaType,
} from './schema.ts';

const builtIn: ReadonlyMap<string, SchemaType> = new Map<string, SchemaType>([
  ['Bool', { kind: 'bool', known: null }],
  ['Boolean', { kind: 'bool', known: null }],
  ['Long', { kind: 'long' }],
  ['String', { kind: 'string' }],
  ...(['ipaddr', 'decimal', 'datetime', 'duration'] satisfies ExtensionKind[]).map(
    (name): [string, SchemaType] => [name, { kind: 'extension', name }],
  ),
]);

const noAttributes: AttributeTypes = new Map();

/** @throws Problem for a name that means nothing, and for types and actions that go in circles */
export function resolveSchema(namespaces: readonly RawNamespace[]): Schema {
  refuseShadows(namespaces);
  const resolver = new Resolver(namespaces);
  const entityTypes = new Map<string, EntityTypeSchema>();
  const actions = new Map<string, ActionSchema>();
  for (const namespace of namespaces) {
    for (const [name, raw] of namespace.entityTypes) {
      const full = qualify(namespace.name, name);
      entityTypes.set(full, resolver.entityType(raw, { namespace: namespace.name, name: full }));
    }
    for (const [id, raw] of namespace.actions) {
      const action = resolver.action(raw, { namespace: namespace.name, id });
      actions.set(action.uid.key, action);
    }
    for (const type of namespace.commonTypes.values()) resolver.type(type, namespace.name);
  }
  const schema = { entityTypes, actions };
  const groups = Entities.of(actionEntities(schema));
  if (!groups.ok) throw new Problem('syntax', `${groups.refusal.entity} is in itself`, 0);
  return schema;
}

/** What stands outside any namespace means the same everywhere (Cedar's RFC 70). */
function refuseShadows(namespaces: readonly RawNamespace[]): void {
  const outside = namespaces.filter(({ name }) => name === '');
  for (const { name, commonTypes, entityTypes, actions } of namespaces) {
    if (name === '') continue;
    for (const other of outside) {
      const types = [...commonTypes.keys(), ...entityTypes.keys()];
      const shadow =
        types.find((type) => other.commonTypes.has(type) || other.entityTypes.has(type)) ??
        [...actions.keys()].find((action) => other.actions.has(action));
      if (shadow !== undefined) {
        throw new Problem('syntax', `${name}::${shadow} hides ${shadow} of no namespace`, 0);
      }
    }
  }
}

function qualify(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}::${name}`;
}

class Resolver {
  readonly #common = new Map<string, { readonly type: RawType; readonly namespace: string }>();
  readonly #entities = new Set<string>();
  readonly #actions = new Set<string>();
  readonly #resolved = new Map<string, SchemaType>();
  readonly #open = new Set<string>();

  constructor(namespaces: readonly RawNamespace[]) {
    for (const { name: namespace, commonTypes, entityTypes, actions } of namespaces) {
      for (const [name, type] of commonTypes) {
        if (builtIn.has(name) || ['Set', 'Record', 'Entity', 'Extension'].includes(name)) {
          throw new Problem('syntax', `${name} is a type of Cedar's own`, 0);
        }
        this.#common.set(qualify(namespace, name), { type, namespace });
      }
      for (const name of entityTypes.keys()) this.#entities.add(qualify(namespace, name));
      const type = qualify(namespace, 'Action');
      for (const id of actions.keys()) this.#actions.add(new EntityUid(type, id).key);
    }
  }

  entityType(
    raw: RawEntityType,
    { namespace, name }: { namespace: string; name: string },
  ): EntityTypeSchema {
    return {
      name,
      memberOf: raw.memberOf.map((parent) => this.#entityName(parent, namespace, raw.at)),
      attributes: this.#attributes(raw.shape, namespace, raw.at),
      tags: raw.tags === null ? null : this.type(raw.tags, namespace),
      choices: raw.choices,
    };
  }

  action(raw: RawAction, { namespace, id }: { namespace: string; id: string }): ActionSchema {
    const types = (names: readonly string[]): string[] =>
      names.map((name) => this.#entityName(name, namespace, raw.at));
    return {
      uid: new EntityUid(qualify(namespace, 'Action'), id),
      memberOf: raw.memberOf.map((group) => this.#actionUid(group, namespace, raw.at)),
      principalTypes: types(raw.principalTypes),
      resourceTypes: types(raw.resourceTypes),
      context: this.#attributes(raw.context, namespace, raw.at),
    };
  }

  type(raw: RawType, namespace: string): SchemaType {
    switch (raw.kind) {
      case 'set':
        return { kind: 'set', element: this.type(raw.element, namespace) };
      case 'record': {
        const attributes = new Map<string, AttributeType>();
        for (const { name, type, required } of raw.attributes) {
          attributes.set(name, { type: this.type(type, namespace), required });
        }
        return { kind: 'record', attributes };
      }
      default:
        return this.#named(raw, namespace);
    }
  }

  #named({ name, of, at }: Extract<RawType, { kind: 'name' }>, namespace: string): SchemaType {
    const own = name.startsWith('__cedar::') ? name.slice('__cedar::'.length) : undefined;
    for (const full of own === undefined ? [qualify(namespace, name), name] : []) {
      if ((of === 'anything' || of === 'common') && this.#common.has(full)) {
        return this.#commonType(full, at);
      }
      const mayBeEntity = of === 'anything' || of === 'entity';
      if (mayBeEntity && this.#entities.has(full)) return { kind: 'entity', name: full };
      if (mayBeEntity && this.#isActionType(full)) return { kind: 'entity', name: full };
    }
    const found = of === 'entity' ? undefined : builtIn.get(own ?? name);
    const fits = of !== 'extension' || found?.kind === 'extension';
    if (found !== undefined && fits && (of !== 'anything' || name !== 'Boolean')) return found;
    throw new Problem('syntax', `there is no type ${name}`, at);
  }

  #isActionType(name: string): boolean {
    return [...this.#actions].some((key) => key.startsWith(`${name}::"`));
  }

  #commonType(full: string, at: number): SchemaType {
    const done = this.#resolved.get(full);
    if (done !== undefined) return done;
    if (this.#open.has(full)) throw new Problem('syntax', `${full} is made of itself`, at);
    if (this.#open.size > limits.policyNestingMax) {
      throw new Problem('too_deep', `${full} is nested too deep`, at);
    }
    this.#open.add(full);
    const { type, namespace } = this.#common.get(full)!;
    const resolved = this.type(type, namespace);
    this.#open.delete(full);
    this.#resolved.set(full, resolved);
    return resolved;
  }

  #attributes(raw: RawType | null, namespace: string, at: number): AttributeTypes {
    if (raw === null) return noAttributes;
    const type = this.type(raw, namespace);
    if (type.kind !== 'record') throw new Problem('syntax', 'a record belongs here', at);
    return type.attributes;
  }

  #entityName(name: string, namespace: string, at: number): string {
    const found = [qualify(namespace, name), name].find((full) => this.#entities.has(full));
    if (found === undefined) throw new Problem('syntax', `there is no entity type ${name}`, at);
    return found;
  }

  #actionUid(
    { type, id }: { readonly type: string | null; readonly id: string },
    namespace: string,
    at: number,
  ): EntityUid {
    const names = type === null ? [qualify(namespace, 'Action')] : [qualify(namespace, type), type];
    const found = names.map((name) => new EntityUid(name, id));
    const uid = found.find(({ key }) => this.#actions.has(key));
    if (uid === undefined) throw new Problem('syntax', `there is no action ${found[0]}`, at);
    return uid;
  }
}
