/** How closely a gateway looks at what requests hold, before they reach the upstream. */
import { ok, type Result } from '../result.ts';
import { type Members, type RouteRefusal, refuse } from './route-refusal.ts';

/** `observe` counts what `enforce` refuses. */
export type InspectionMode = 'observe' | 'enforce';

const modes: readonly InspectionMode[] = ['observe', 'enforce'];

/** @returns undefined where requests are not held against the description of the route's API */
export function readValidate(wire: Members): Result<InspectionMode | undefined, RouteRefusal> {
  const { validate } = wire;
  if (validate === undefined) return ok(undefined);
  const mode = modes.find((one) => one === validate);
  if (mode === undefined) {
    return refuse('malformed', '/validate', `validate is one of ${modes.join(', ')}`);
  }
  if (wire['api'] !== undefined) return ok(mode);
  return refuse('malformed', '/validate', 'only a route that names its api can check requests');
}
