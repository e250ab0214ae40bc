/**
 * Which policies a request could meet at all. Each policy has one demand on the principal, one on
 * the action and one on the resource; demands that many policies share are kept once. A request
 * marks the demands that it meets, and then looks only through the policies of the dimension in
 * which it meets the fewest. The marks decide the scopes whole: nothing of them is left to run.
 */
import { assertNever } from '@mintmark/core';
import type { ActionScope, EntityScope, Policy } from './ast.ts';
import type { Entity } from './entities.ts';
import type { EntityUid } from './entity-uid.ts';

export interface ScopeRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly principalEntity: Entity | undefined;
  readonly actionEntity: Entity | undefined;
  readonly resourceEntity: Entity | undefined;
}

export class ScopeIndex {
  readonly #principal: Dimension;
  readonly #action: Dimension;
  readonly #resource: Dimension;
  /** The places of the policies that the last `find` found. */
  readonly found: Int32Array;

  constructor(policies: readonly Policy[]) {
    this.#principal = new Dimension(policies.map((policy) => entityDemand(policy.principal)));
    this.#action = new Dimension(policies.map((policy) => actionDemand(policy.action)));
    this.#resource = new Dimension(policies.map((policy) => entityDemand(policy.resource)));
    this.found = new Int32Array(policies.length);
  }

  /**
   * @returns how many policies have a scope that the request is in; they stand at the front of
   *   `found`, in no order
   */
  find(request: ScopeRequest): number {
    const principal = this.#principal;
    const action = this.#action;
    const resource = this.#resource;
    principal.meet(request.principal, request.principalEntity);
    if (principal.count === 0) return 0;
    action.meet(request.action, request.actionEntity);
    if (action.count === 0) return 0;
    resource.meet(request.resource, request.resourceEntity);
    if (action.count <= principal.count && action.count <= resource.count) {
      return collect(this.found, action, [principal, resource]);
    }
    return principal.count <= resource.count
      ? collect(this.found, principal, [action, resource])
      : collect(this.found, resource, [action, principal]);
  }
}

/** Walks the policies of one dimension and keeps those whose other two demands are met. */
function collect(
  found: Int32Array,
  through: Dimension,
  [first, second]: readonly [Dimension, Dimension],
): number {
  let count = 0;
  for (let at = 0; at < through.metCount; at += 1) {
    const policies = through.policies[through.met[at]!]!;
    for (let index = 0; index < policies.length; index += 1) {
      const policy = policies[index]!;
      if (
        first.marks[first.demandOf[policy]!] === first.mark &&
        second.marks[second.demandOf[policy]!] === second.mark
      ) {
        found[count] = policy;
        count += 1;
      }
    }
  }
  return count;
}

/** What a scope asks: to be one entity, or to be in one of several, or of a type, or nothing. */
interface Demand {
  readonly equal?: EntityUid;
  readonly within?: readonly EntityUid[];
  readonly entityType?: string;
}

function entityDemand(scope: EntityScope): Demand {
  switch (scope.kind) {
    case 'any':
      return {};
    case 'equal':
      return { equal: scope.uid };
    case 'in':
      return { within: [scope.uid] };
    case 'is':
      return { entityType: scope.entityType };
    case 'is-in':
      return { entityType: scope.entityType, within: [scope.uid] };
    default:
      return assertNever(scope);
  }
}

function actionDemand(scope: ActionScope): Demand {
  if (scope.kind === 'any') return {};
  return scope.kind === 'equal' ? { equal: scope.uid } : { within: scope.uids };
}

interface Within {
  readonly demand: number;
  readonly entityType: string | undefined;
}

/** A mark is a count of requests; before it would wrap, all marks are wiped. */
const markMax = 0xffffffff;

class Dimension {
  /** Policy → its demand. */
  readonly demandOf: Int32Array;
  /** Demand → its policies. */
  readonly policies: Int32Array[] = [];
  readonly marks: Uint32Array;
  mark = 0;
  /** The demands that the last request met, each once. */
  readonly met: Int32Array;
  metCount = 0;
  /** Policies of all of these. */
  count = 0;

  #any: number | undefined;
  readonly #byType = new Map<string, number>();
  readonly #byUid = new Map<string, number>();
  readonly #within = new Map<string, Within[]>();

  constructor(demands: readonly Demand[]) {
    const ids = new Map<string, number>();
    const members: number[][] = [];
    this.demandOf = new Int32Array(demands.length);
    for (const [policy, demand] of demands.entries()) {
      const key = keyOf(demand);
      let id = ids.get(key);
      if (id === undefined) {
        id = members.length;
        ids.set(key, id);
        members.push([]);
        this.#enter(demand, id);
      }
      members[id]!.push(policy);
      this.demandOf[policy] = id;
    }
    for (const list of members) this.policies.push(Int32Array.from(list));
    this.marks = new Uint32Array(members.length);
    this.met = new Int32Array(members.length);
  }

  #enter({ equal, within, entityType }: Demand, id: number): void {
    if (equal !== undefined) {
      this.#byUid.set(equal.key, id);
    } else if (within !== undefined) {
      for (const uid of within) {
        const list = this.#within.get(uid.key);
        if (list === undefined) this.#within.set(uid.key, [{ demand: id, entityType }]);
        else list.push({ demand: id, entityType });
      }
    } else if (entityType !== undefined) {
      this.#byType.set(entityType, id);
    } else {
      this.#any = id;
    }
  }

  /** Marks every demand that this entity meets. */
  meet(uid: EntityUid, entity: Entity | undefined): void {
    if (this.mark === markMax) {
      this.marks.fill(0);
      this.mark = 0;
    }
    this.mark += 1;
    this.metCount = 0;
    this.count = 0;
    if (this.#any !== undefined) this.#take(this.#any);
    if (this.#byType.size > 0) {
      const ofType = this.#byType.get(uid.type);
      if (ofType !== undefined) this.#take(ofType);
    }
    const { key } = entity?.uid ?? uid;
    if (this.#byUid.size > 0) {
      const itself = this.#byUid.get(key);
      if (itself !== undefined) this.#take(itself);
    }
    if (this.#within.size === 0) return;
    this.#climb(key, uid.type);
    if (entity === undefined) return;
    for (const ancestor of entity.ancestors) this.#climb(ancestor, uid.type);
  }

  #climb(key: string, type: string): void {
    const list = this.#within.get(key);
    if (list === undefined) return;
    for (const { demand, entityType } of list) {
      if (entityType === undefined || entityType === type) this.#take(demand);
    }
  }

  #take(demand: number): void {
    if (this.marks[demand] === this.mark) return;
    this.marks[demand] = this.mark;
    this.met[this.metCount] = demand;
    this.metCount += 1;
    this.count += this.policies[demand]!.length;
  }
}

function keyOf({ equal, within, entityType }: Demand): string {
  if (equal !== undefined) return `=${equal.key}`;
  const above = within === undefined ? '' : [...new Set(within.map(({ key }) => key))].sort();
  return JSON.stringify([entityType ?? null, above]);
}
