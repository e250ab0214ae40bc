/**
 * Which policies a request could meet at all. Each policy has one demand on the principal, one on
 * the action and one on the resource; demands that many policies share are kept once. What an
 * entity meets in one dimension is a row of bits, one for each policy, worked out once and kept
 * beside the entity; a request joins three such rows. The bits decide the scopes whole: nothing of
 * a scope is left to run.
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
   *   `found`, in the order of the text
   */
  find(request: ScopeRequest): number {
    const principal = this.#principal.meet(request.principal, request.principalEntity);
    const action = this.#action.meet(request.action, request.actionEntity);
    const resource = this.#resource.meet(request.resource, request.resourceEntity);
    const { found } = this;
    let count = 0;
    for (let word = 0; word < principal.length; word += 1) {
      let bits = principal[word]! & action[word]! & resource[word]!;
      while (bits !== 0) {
        const lowest = bits & -bits;
        found[count] = word * 32 + 31 - Math.clz32(lowest);
        count += 1;
        bits ^= lowest;
      }
    }
    return count;
  }
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
  readonly policies: number[];
  readonly entityType: string | undefined;
}

/** As principal and as resource, of the policies in force and of those that run in their shadow. */
const memosMax = 4;

class Dimension {
  readonly #words: number;
  readonly #any: number[] = [];
  readonly #byType = new Map<string, number[]>();
  readonly #byUid = new Map<string, number[]>();
  readonly #within = new Map<string, Within[]>();
  /** For those who are no entity, or not for long, and so have no place to keep bits. */
  readonly #scratch: Int32Array;

  constructor(demands: readonly Demand[]) {
    this.#words = Math.ceil(demands.length / 32);
    this.#scratch = new Int32Array(this.#words);
    for (const [policy, demand] of demands.entries()) this.#enter(demand, policy);
  }

  #enter({ equal, within, entityType }: Demand, policy: number): void {
    if (equal !== undefined) listIn(this.#byUid, equal.key).push(policy);
    else if (within !== undefined)
      for (const uid of within) this.#enterWithin(uid, entityType, policy);
    else if (entityType !== undefined) listIn(this.#byType, entityType).push(policy);
    else this.#any.push(policy);
  }

  #enterWithin(uid: EntityUid, entityType: string | undefined, policy: number): void {
    const list = listIn(this.#within, uid.key);
    let entry = list.find((one) => one.entityType === entityType);
    if (entry === undefined) {
      entry = { policies: [], entityType };
      list.push(entry);
    }
    entry.policies.push(policy);
  }

  /** @returns a bit for each policy whose demand the entity meets; good until the next call */
  meet(uid: EntityUid, entity: Entity | undefined): Int32Array {
    const memos = entity?.memos;
    if (memos == null || entity === undefined) {
      this.#scratch.fill(0);
      const ancestors = entity?.ancestors ?? [];
      this.#mark(this.#scratch, uid.key, { type: uid.type, ancestors });
      return this.#scratch;
    }
    for (let at = 0; at < memos.length; at += 1) {
      const memo = memos[at]!;
      if (memo.owner === this) return memo.bits;
    }
    // An entity never changes, and neither does an index. More sets of policies than these take
    // turns seldom; the oldest makes room.
    const bits = new Int32Array(this.#words);
    this.#mark(bits, entity.uid.key, { type: uid.type, ancestors: entity.ancestors });
    if (memos.length === memosMax) memos.shift();
    memos.push({ owner: this, bits });
    return bits;
  }

  #mark(
    bits: Int32Array,
    key: string,
    { type, ancestors }: { type: string; ancestors: Iterable<string> },
  ): void {
    setBits(bits, this.#any);
    setBits(bits, this.#byType.get(type));
    setBits(bits, this.#byUid.get(key));
    if (this.#within.size === 0) return;
    this.#climb(bits, key, type);
    for (const ancestor of ancestors) this.#climb(bits, ancestor, type);
  }

  #climb(bits: Int32Array, key: string, type: string): void {
    for (const { policies, entityType } of this.#within.get(key) ?? []) {
      if (entityType === undefined || entityType === type) setBits(bits, policies);
    }
  }
}

function listIn<T>(map: Map<string, T[]>, key: string): T[] {
  let list = map.get(key);
  if (list === undefined) {
    list = [];
    map.set(key, list);
  }
  return list;
}

function setBits(bits: Int32Array, policies: readonly number[] | undefined): void {
  if (policies === undefined) return;
  for (const policy of policies) bits[policy >>> 5]! |= 1 << (policy & 31);
}
