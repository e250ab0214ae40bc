import type { HttpRequest, HttpResponse } from '@mintmark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGatewayAdmin } from './admin.ts';
import { ask } from './conformance/ask.ts';
import { openRig, type Rig } from './conformance/rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig([]);
});
afterEach(() => rig.close());

async function get(path: string, method = 'GET'): Promise<HttpResponse> {
  return createGatewayAdmin(rig.gateway)({ method, path } as HttpRequest);
}

describe('createGatewayAdmin', () => {
  it('is alive whatever the view is', async () => {
    rig.gateway.view.invalidate();
    expect(await get('/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('is ready while the view is fresh', async () => {
    expect(await get('/readyz')).toMatchObject({ status: 200 });
    rig.feed.fault = new Error('gone');
    rig.timers.advance(5_000);
    const stale = await get('/readyz');
    expect([stale.status, JSON.parse(String(stale.body)).code]).toEqual([503, 'status_stale']);
    rig.gateway.view.invalidate();
    const absent = await get('/readyz');
    expect([absent.status, JSON.parse(String(absent.body)).code]).toEqual([503, 'status_absent']);
  });

  it('shows its counters in Prometheus text', async () => {
    await ask(rig.listener.port, { path: '/nowhere' });
    const { body, headers } = await get('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toContain('mintmark_gateway_denied_total{kind="no_route"} 1\n');
    expect(body).toContain('# TYPE mintmark_gateway_feed_position gauge\n');
    for (const line of String(body).trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{kind="[a-z_0-9]+"\})? [0-9.]+)$/,
      );
    }
  });

  it('has nothing else', async () => {
    expect(await get('/')).toMatchObject({ status: 404 });
    expect(await get('/livez', 'POST')).toMatchObject({ status: 405 });
  });

  it('shadows no route: the public port knows none of these paths', async () => {
    expect((await ask(rig.listener.port, { path: '/livez' })).status).toBe(404);
  });
});
