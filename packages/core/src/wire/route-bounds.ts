/** Bounds of time and size that a route sets for itself, in place of the installation's. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { type Members, type RouteRefusal, refuse } from './route-refusal.ts';

/** Undefined: as the gateway is configured. */
export interface RouteBounds {
  /** Until the upstream begins its answer. */
  readonly headersTimeoutSeconds: number | undefined;
  /** A pause within the upstream's answer. */
  readonly idleTimeoutSeconds: number | undefined;
  /** Largest request body that is passed on. */
  readonly bodyBytesMax: number | undefined;
}

export function readBounds(wire: Members): Result<RouteBounds, RouteRefusal> {
  const headers = readWhole(wire, 'headers_timeout_seconds', limits.upstreamTimeoutSecondsMax);
  if (!headers.ok) return headers;
  const idle = readWhole(wire, 'idle_timeout_seconds', limits.upstreamTimeoutSecondsMax);
  if (!idle.ok) return idle;
  const body = readWhole(wire, 'body_bytes_max', limits.routeBodyBytesMax);
  if (!body.ok) return body;
  return ok({
    headersTimeoutSeconds: headers.value,
    idleTimeoutSeconds: idle.value,
    bodyBytesMax: body.value,
  });
}

function readWhole(
  wire: Members,
  key: string,
  most: number,
): Result<number | undefined, RouteRefusal> {
  const value = wire[key];
  if (value === undefined) return ok(undefined);
  const fits = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
  if (!fits) return refuse('malformed', `/${key}`, `${key} is a whole number from 1 to ${most}`);
  return ok(value as number);
}
