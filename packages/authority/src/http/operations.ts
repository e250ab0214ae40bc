/**
 * `/livez` and `/readyz`, for probes, which carry no credential. `/metrics` tells more, and asks
 * for one: it stands among the management endpoints.
 */
import { type Clock, type HttpRequest, type HttpResponse, limits } from '@mintmark/core';

export interface OperationsDeps {
  /** Resolves when the store can commit; throws a fault that says why not. */
  readonly check: () => Promise<void>;
}

const plain = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' } as const;

/** @returns undefined where the path is none of these */
export async function handleOperations(
  deps: OperationsDeps,
  request: HttpRequest,
): Promise<HttpResponse | undefined> {
  const isKnown = ['/livez', '/readyz'].includes(request.path);
  if (isKnown && request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, headers: { ...plain, allow: 'GET, HEAD' }, body: 'GET or HEAD\n' };
  }
  switch (request.path) {
    case '/livez':
      return { status: 200, headers: plain, body: 'ok\n' };
    case '/readyz':
      return ready(deps);
    default:
      return undefined;
  }
}

async function ready(deps: OperationsDeps): Promise<HttpResponse> {
  try {
    await deps.check();
    return { status: 200, headers: plain, body: 'ready\n' };
  } catch {
    // The reason stands in the log; a probe needs no more than no.
    return { status: 503, headers: plain, body: 'not ready\n' };
  }
}

/**
 * A check that costs a commit, behind a probe that anybody may send: asked once at a time, and once
 * in `limits.readinessMs`, whoever many ask.
 */
export function sharedCheck(
  check: () => Promise<void>,
  clock: Pick<Clock, 'monotonicMs'>,
): () => Promise<void> {
  let last: { readonly answer: Promise<void>; endedMs: number } | undefined;
  return () => {
    if (last !== undefined && clock.monotonicMs() - last.endedMs < limits.readinessMs) {
      return last.answer;
    }
    const asked = { answer: check(), endedMs: Number.POSITIVE_INFINITY };
    last = asked;
    const end = (): void => {
      asked.endedMs = clock.monotonicMs();
    };
    asked.answer.then(end, end);
    return asked.answer;
  };
}
