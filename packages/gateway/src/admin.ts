/**
 * Operations of a gateway, for a listener of their own: on the gateway's public port these paths
 * would shadow the routes of whoever stands behind it.
 */
import { type HttpHandler, type HttpResponse, internalToken } from '@mintmark/core';
import type { Gateway } from './gateway.ts';
import { problem } from './refusal.ts';

/**
 * `/livez`: the process answers. `/readyz`: its view is fresh. `/metrics`: Prometheus text.
 * `/upstreams`: how their servers do. And the keys by which it signs for upstreams.
 */
export function createGatewayAdmin(gateway: Gateway): HttpHandler {
  return (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return problem(405, 'method_not_allowed', { allow: 'GET, HEAD' });
    }
    switch (request.path) {
      case '/livez':
        return text('ok\n');
      case '/readyz':
        return ready(gateway);
      case '/metrics':
        return {
          status: 200,
          headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
          body: gateway.renderMetrics(),
        };
      case '/upstreams':
        return {
          status: 200,
          headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
          body: JSON.stringify({ upstreams: gateway.upstreams() }),
        };
      case internalToken.keySetPath:
        return {
          status: 200,
          headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=5' },
          body: JSON.stringify({ keys: gateway.keySet() }),
        };
      default:
        return problem(404, 'not_found');
    }
  };
}

/** As strict as a route without `on_stale`: what is not ready would refuse. */
function ready({ view }: Gateway): HttpResponse {
  const { kind } = view.freshness();
  return kind === 'fresh' ? text('ok\n') : problem(503, `status_${kind}`);
}

function text(body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}
