/** What a compiled expression runs on and comes to. */
import type { Entities, Entity } from './entities.ts';
import type { EntityUid } from './entity-uid.ts';
import { type RecordValue, type TypeName, typeOf, type Value } from './value.ts';

/** One request, while its policies run. */
export interface Env {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: RecordValue;
  readonly entities: Entities;
  readonly principalEntity: Entity | undefined;
  readonly actionEntity: Entity | undefined;
  readonly resourceEntity: Entity | undefined;
  /** Of the last failure: what went wrong, and where in the text of the policies. */
  failure: string;
  failedAt: number;
}

/** Stands for an error of Cedar: cheaper than throwing, and errors are no exception here. */
export const failed: unique symbol = Symbol('failed');

export type Outcome = Value | typeof failed;

export type Run = (env: Env) => Outcome;

export function fail(env: Env, at: number, message: string): typeof failed {
  env.failure = message;
  env.failedAt = at;
  return failed;
}

/** A type error; a failure that came from below is passed on as it is. */
export function wrongType(
  env: Env,
  at: number,
  { wanted, found }: { wanted: TypeName; found: Outcome },
): typeof failed {
  if (found === failed) return failed;
  return fail(env, at, `expected ${wanted}, found ${typeOf(found)}`);
}

/** The entity of a uid, without a look-up for those that the request names. */
export function entityIn(env: Env, uid: EntityUid): Entity | undefined {
  if (uid === env.principal) return env.principalEntity;
  if (uid === env.resource) return env.resourceEntity;
  if (uid === env.action) return env.actionEntity;
  return env.entities.get(uid);
}
