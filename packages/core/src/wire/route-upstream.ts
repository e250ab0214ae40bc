/** How a route's upstream is reached: what it speaks, its servers, and what if one fails. */
import { limits } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import { readUpstream } from './route-match.ts';
import { type Members, missing, type RouteRefusal, readObject, refuse } from './route-refusal.ts';

const protocols = ['http1', 'http2', 'auto'] as const;

export interface UpstreamPlan {
  /** `auto`: HTTP/2 where the upstream agrees to it over TLS, else HTTP/1.1. */
  readonly protocol: (typeof protocols)[number];
  /** In whose place the upstream's URL stands; empty: it is the one. */
  readonly servers: readonly UpstreamServer[];
  /** Undefined: nobody asks a server how it is. */
  readonly health: HealthPlan | undefined;
  /** Undefined: a server that fails is asked again at once. */
  readonly circuit: CircuitPlan | undefined;
  /** Undefined: once, where a kept-alive connection had just closed. */
  readonly retries: RetryPlan | undefined;
  /** From the first try to the end of the answer; undefined: as long as it takes. */
  readonly timeoutSeconds: number | undefined;
  /** Names certificate and authorities that gateways are configured with; undefined: the usual. */
  readonly tls: string | undefined;
}

export interface UpstreamServer {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly weight: number;
}

export interface HealthPlan {
  readonly path: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Answers in a row that bring a server back, or take it out. */
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
}

export interface CircuitPlan {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** For how long no request is sent; doubled each time that the next one fails too. */
  readonly openSeconds: number;
  /** Connections to one server, and requests that wait for one; undefined: the installation's. */
  readonly connections: number | undefined;
  readonly pending: number | undefined;
}

export interface RetryPlan {
  /** Beside the first. */
  readonly attempts: number;
  /** Statuses of an upstream that are no answer yet. */
  readonly statuses: readonly number[];
  /** Until a try begins its answer; undefined: as the route has it. */
  readonly tryTimeoutSeconds: number | undefined;
  /** Bodies of PUT and DELETE up to this are held, so that they can be sent again. */
  readonly bodyBytesMax: number;
}

export const planNames = [
  'protocol',
  'servers',
  'health',
  'circuit',
  'retries',
  'timeout_seconds',
  'upstream_tls',
] as const;

type Parsed<T> = Result<T, RouteRefusal>;

export function readPlan(wire: Members): Parsed<UpstreamPlan> {
  const protocol = protocols.find((one) => one === (wire['protocol'] ?? 'http1'));
  if (protocol === undefined) {
    return refuse('malformed', '/protocol', `protocol is one of ${protocols.join(', ')}`);
  }
  const servers = readServers(wire['servers']);
  if (!servers.ok) return servers;
  const health = readHealth(wire['health']);
  if (!health.ok) return health;
  const circuit = readCircuit(wire['circuit']);
  if (!circuit.ok) return circuit;
  const retries = readRetries(wire['retries']);
  if (!retries.ok) return retries;
  const timeout = readSeconds(wire, '', 'timeout_seconds', undefined);
  if (!timeout.ok) return timeout;
  const tls = wire['upstream_tls'];
  const isName = typeof tls === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(tls);
  if (tls !== undefined && !isName) {
    const rule = 'upstream_tls is a name: letters, digits, dot, - and _, at most 64';
    return refuse('malformed', '/upstream_tls', rule);
  }
  return ok({
    protocol,
    servers: servers.value,
    health: health.value,
    circuit: circuit.value,
    retries: retries.value,
    timeoutSeconds: timeout.value,
    tls,
  });
}

function readServers(value: unknown): Parsed<readonly UpstreamServer[]> {
  if (value === undefined) return ok([]);
  const most = limits.upstreamServersMax;
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    return refuse('malformed', '/servers', `servers is a list of 1 to ${most}`);
  }
  const read: UpstreamServer[] = [];
  for (const [place, one] of value.entries()) {
    const path = `/servers/${place}`;
    const members = readObject(one, path, ['url', 'weight']);
    if (!members.ok) return members;
    const url = readUpstream(members.value['url']);
    if (!url.ok || url.value.basePath !== '') {
      const rule = 'a server is http:// or https://, host and port; the path is the upstream’s';
      return refuse('malformed', `${path}/url`, rule);
    }
    const weight = readWhole(members.value, path, 'weight', { most: 1_000, usual: 1 });
    if (!weight.ok) return weight;
    const { origin } = url.value;
    if (read.some((server) => server.origin === origin)) {
      return refuse('malformed', `${path}/url`, 'another server of it is at this place');
    }
    read.push({ origin, weight: weight.value });
  }
  return ok(read);
}

function readHealth(value: unknown): Parsed<HealthPlan | undefined> {
  if (value === undefined) return ok(undefined);
  const names = ['path', 'interval_seconds', 'timeout_seconds', 'healthy_after', 'unhealthy_after'];
  const members = readObject(value, '/health', names);
  if (!members.ok) return members;
  const { path } = members.value;
  if (path === undefined) return missing('/health/path');
  const form = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;
  if (typeof path !== 'string' || path.length > limits.routePathCharsMax || !form.test(path)) {
    return refuse('malformed', '/health/path', 'a path begins with /');
  }
  const interval = readSeconds(members.value, '/health', 'interval_seconds', 10);
  if (!interval.ok) return interval;
  const timeout = readSeconds(members.value, '/health', 'timeout_seconds', 2);
  if (!timeout.ok) return timeout;
  const healthy = readWhole(members.value, '/health', 'healthy_after', { most: 100, usual: 2 });
  if (!healthy.ok) return healthy;
  const unhealthy = readWhole(members.value, '/health', 'unhealthy_after', { most: 100, usual: 3 });
  if (!unhealthy.ok) return unhealthy;
  return ok({
    path,
    intervalSeconds: interval.value,
    timeoutSeconds: timeout.value,
    healthyAfter: healthy.value,
    unhealthyAfter: unhealthy.value,
  });
}

function readCircuit(value: unknown): Parsed<CircuitPlan | undefined> {
  if (value === undefined) return ok(undefined);
  const names = ['failures', 'open_seconds', 'connections', 'pending'];
  const members = readObject(value, '/circuit', names);
  if (!members.ok) return members;
  const wire = members.value;
  const failures = readWhole(wire, '/circuit', 'failures', { most: 10_000, usual: 5 });
  if (!failures.ok) return failures;
  const open = readSeconds(wire, '/circuit', 'open_seconds', 10);
  if (!open.ok) return open;
  const usual = undefined;
  const connections = readWhole(wire, '/circuit', 'connections', { most: 100_000, usual });
  if (!connections.ok) return connections;
  const pending = readWhole(wire, '/circuit', 'pending', { most: 100_000, usual });
  if (!pending.ok) return pending;
  return ok({
    failures: failures.value,
    openSeconds: open.value,
    connections: connections.value,
    pending: pending.value,
  });
}

function readRetries(value: unknown): Parsed<RetryPlan | undefined> {
  if (value === undefined) return ok(undefined);
  const names = ['attempts', 'statuses', 'try_timeout_seconds', 'body_bytes_max'];
  const members = readObject(value, '/retries', names);
  if (!members.ok) return members;
  const wire = members.value;
  const attempts = readWhole(wire, '/retries', 'attempts', { most: 5, usual: 1 });
  if (!attempts.ok) return attempts;
  const statuses = wire['statuses'] ?? [502, 503, 504];
  const isStatus = (one: unknown) =>
    Number.isInteger(one) && Number(one) > 499 && Number(one) < 600;
  if (!Array.isArray(statuses) || statuses.length > 100 || !statuses.every(isStatus)) {
    return refuse('malformed', '/retries/statuses', 'statuses is a list of 500 to 599');
  }
  const timeout = readSeconds(wire, '/retries', 'try_timeout_seconds', undefined);
  if (!timeout.ok) return timeout;
  const most = limits.upstreamReplayBytesMax;
  const body = readWhole(wire, '/retries', 'body_bytes_max', { most, usual: 0 });
  if (!body.ok) return body;
  return ok({
    attempts: attempts.value,
    statuses: statuses as readonly number[],
    tryTimeoutSeconds: timeout.value,
    bodyBytesMax: body.value,
  });
}

function readSeconds<T extends number | undefined>(
  wire: Members,
  path: string,
  key: string,
  usual: T,
): Parsed<number | T> {
  return readWhole(wire, path, key, { most: limits.upstreamTimeoutSecondsMax, usual });
}

function readWhole<T extends number | undefined>(
  wire: Members,
  path: string,
  key: string,
  { most, usual }: { readonly most: number; readonly usual: T },
): Parsed<number | T> {
  const value = wire[key];
  if (value === undefined) return ok(usual);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) {
    return ok(value);
  }
  return refuse('malformed', `${path}/${key}`, `${key} is a whole number from 1 to ${most}`);
}
