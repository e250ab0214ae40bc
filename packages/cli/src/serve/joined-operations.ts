/** The operations of a process that runs both products, at the authority's paths. */
import type { HttpHandler, HttpRequest, HttpResponse } from '@mintmark/core';
import type { RunningGateway } from './serve-gateway.ts';

/**
 * `/metrics` tells of both, `/readyz` is as good as the worse of the two; every other request goes
 * straight on. The authority answers first, so that what it asks a credential for needs one.
 */
export function joinOperations(
  gateway: Pick<RunningGateway, 'operations' | 'renderMetrics'>,
  handler: HttpHandler,
): HttpHandler {
  const join = async (request: HttpRequest): Promise<HttpResponse> => {
    const answer = await handler(request);
    if (answer.status !== 200) return answer;
    if (request.path === '/readyz') {
      const other = await gateway.operations(request);
      return other.status === 200 ? answer : other;
    }
    if (typeof answer.body !== 'string') return answer;
    return { ...answer, body: `${answer.body}${gateway.renderMetrics()}` };
  };
  const isJoined = ({ path }: HttpRequest): boolean => path === '/metrics' || path === '/readyz';
  return (request) => (isJoined(request) ? join(request) : handler(request));
}
