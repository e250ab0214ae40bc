import type { HttpHandler, HttpRequest } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { joinOperations } from './joined-operations.ts';

function bed(status: { readonly authority: number; readonly gateway: number }) {
  const gateway = {
    operations: () => ({ status: status.gateway, headers: {}, body: 'gateway' }),
    renderMetrics: () => 'of the gateway\n',
  };
  const authority: HttpHandler = ({ path }) => {
    return { status: status.authority, headers: {}, body: `authority ${path}\n` };
  };
  const handle = joinOperations(gateway, authority);
  return async (path: string) => {
    const answer = await handle({ method: 'GET', path } as HttpRequest);
    return [answer.status, answer.body];
  };
}

describe('joinOperations', () => {
  it('shows the counters of both', async () => {
    const get = bed({ authority: 200, gateway: 200 });
    expect(await get('/metrics')).toEqual([200, 'authority /metrics\nof the gateway\n']);
  });

  it('shows none to whoever the authority refuses', async () => {
    const get = bed({ authority: 401, gateway: 200 });
    expect(await get('/metrics')).toEqual([401, 'authority /metrics\n']);
  });

  it('is ready where both are', async () => {
    expect(await bed({ authority: 200, gateway: 200 })('/readyz')).toEqual([
      200,
      'authority /readyz\n',
    ]);
    expect(await bed({ authority: 200, gateway: 503 })('/readyz')).toEqual([503, 'gateway']);
    expect(await bed({ authority: 503, gateway: 200 })('/readyz')).toEqual([
      503,
      'authority /readyz\n',
    ]);
  });

  it('leaves everything else to the authority', async () => {
    const get = bed({ authority: 200, gateway: 503 });
    expect(await get('/livez')).toEqual([200, 'authority /livez\n']);
  });
});
