/** How a route's upstream is spoken to. */
import { ok, type Result } from '../result.ts';
import { type Members, type RouteRefusal, refuse } from './route-refusal.ts';

const protocols = ['http1', 'http2', 'auto'] as const;

export interface UpstreamPlan {
  /** `auto`: HTTP/2 where the upstream agrees to it over TLS, else HTTP/1.1. */
  readonly protocol: (typeof protocols)[number];
}

export const planNames = ['protocol'] as const;

export function readPlan(wire: Members): Result<UpstreamPlan, RouteRefusal> {
  const protocol = protocols.find((one) => one === (wire['protocol'] ?? 'http1'));
  if (protocol === undefined) {
    return refuse('malformed', '/protocol', `protocol is one of ${protocols.join(', ')}`);
  }
  return ok({ protocol });
}
