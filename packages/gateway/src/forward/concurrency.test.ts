/** How many requests one credential may have under way. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask, bearer } from '../conformance/ask.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: Server;
let waiting: ServerResponse[];
let rig: Rig;

beforeAll(async () => {
  upstream = createServer((_request, response) => void waiting.push(response));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

beforeEach(async () => {
  waiting = [];
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  rig = await openRig(
    [
      { name: 'all', match: {}, upstream: url },
      { name: 'open', match: { path_prefix: '/open' }, credential: 'none', upstream: url },
    ],
    { credentialRequestsMax: 2 },
  );
});
afterEach(() => rig.close());

function get(credential: string, path = '/'): Promise<Answer> {
  return ask(rig.listener.port, { path, headers: bearer(credential) });
}

describe('requests of one credential', () => {
  it('beyond the bound are answered 429, until one has ended', async () => {
    const key = rig.key().text;
    await rig.caughtUp();
    const first = get(key);
    const second = get(key);
    await until(() => waiting.length === 2);
    const third = await get(key);
    expect([third.status, JSON.parse(third.body).code, third.headers['retry-after']]).toEqual([
      429,
      'too_many_concurrent',
      '1',
    ]);
    const { metrics } = rig.gateway;
    expect(metrics.value('mintmark_gateway_denied_total', 'too_many_concurrent')).toBe(1);
    expect((await get('nothing')).status).toBe(401);
    waiting.shift()!.end('ok');
    expect((await first).status).toBe(200);
    await until(() => rig.gateway.renderMetrics().includes('live_requests 1'));
    const fourth = get(key);
    await until(() => waiting.length === 2);
    for (const response of waiting) response.end('ok');
    expect([(await second).status, (await fourth).status]).toEqual([200, 200]);
  });

  it('do not count against another, nor where nobody asks for one', async () => {
    const [one, other] = [rig.token(), rig.token()];
    const all = [get(one), get(one), get(other), get(other)];
    for (let i = 0; i < 3; i++) all.push(get(one, '/open'));
    await until(() => waiting.length === 7);
    for (const response of waiting) response.end('ok');
    for (const answer of all) expect((await answer).status).toBe(200);
  });

  it('are counted once, however they end', async () => {
    const token = rig.token({ tokenId: 'T' as never });
    const pair = [get(token), get(token)];
    await until(() => waiting.length === 2);
    rig.revoke({ kind: 'token', id: 'T' });
    for (const answer of pair) expect((await answer).status).toBe(503);
    const again = rig.token();
    const next = [get(again), get(again)];
    await until(() => waiting.length === 4);
    for (const response of waiting.slice(2)) response.end('ok');
    for (const answer of next) expect((await answer).status).toBe(200);
    expect(rig.gateway.renderMetrics()).toContain('live_requests 0');
  });
});
