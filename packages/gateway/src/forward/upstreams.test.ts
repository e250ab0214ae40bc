import { type AddressInfo, createServer } from 'node:net';
import { limits } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { expect, test } from 'vitest';
import { defaultUpstreamOptions, Upstreams } from './upstreams.ts';

test('a refused request leaves the bound on requests in flight as it was', async () => {
  // It accepts and never answers, so that everything dispatched stays in flight.
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const upstreams = new Upstreams({ ...defaultUpstreamOptions, connectionsMax: 1 }, systemTimers);
  const upstream = upstreams.to({
    upstream: { origin: `http://127.0.0.1:${port}`, basePath: '' },
    plan: { protocol: 'http1' },
  });
  const ask = (): boolean =>
    upstream.dispatch({ path: '/', method: 'GET' }, { onResponseError: () => undefined });
  for (let i = 0; i < 1 + limits.upstreamQueueMax; i++) expect(ask()).toBe(true);
  for (let i = 0; i < 3; i++) {
    expect(ask()).toBe(false);
    upstream.release();
  }
  upstream.release();
  expect(ask()).toBe(true);
  await upstreams.destroy();
  silent.close();
});
