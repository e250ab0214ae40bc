/** `x in y` and `x in [y, z]`: up the hierarchy, itself included. */
import type { Code } from './compile-expression.ts';
import { EntityUid } from './entity-uid.ts';
import { type Env, entityIn, fail, failed, type Outcome, type Run, wrongType } from './outcome.ts';
import { isSet, typeOf } from './value.ts';

export function compileIn(left: Run, right: Code, at: number): Run {
  if (right.constant instanceof EntityUid) return inConstant(left, right.constant, at);
  const above = right.run;
  return (env) => {
    const uid = left(env);
    if (uid === failed) return failed;
    const wanted = above(env);
    if (wanted === failed) return failed;
    if (!(uid instanceof EntityUid)) return wrongType(env, at, { wanted: 'entity', found: uid });
    if (wanted instanceof EntityUid) return isIn(env, uid, wanted);
    if (!isSet(wanted)) return fail(env, at, `expected entity or set, found ${typeOf(wanted)}`);
    for (const element of wanted) {
      if (!(element instanceof EntityUid)) {
        return wrongType(env, at, { wanted: 'entity', found: element });
      }
    }
    return wanted.some((element) => isIn(env, uid, element as EntityUid));
  };
}

function inConstant(left: Run, wanted: EntityUid, at: number): Run {
  const { key } = wanted;
  return (env): Outcome => {
    const uid = left(env);
    if (!(uid instanceof EntityUid)) return wrongType(env, at, { wanted: 'entity', found: uid });
    return uid.equals(wanted) || (entityIn(env, uid)?.ancestors.has(key) ?? false);
  };
}

function isIn(env: Env, uid: EntityUid, wanted: EntityUid): boolean {
  return uid.equals(wanted) || (entityIn(env, uid)?.ancestors.has(wanted.key) ?? false);
}
