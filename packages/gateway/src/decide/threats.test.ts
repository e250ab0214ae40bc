/** Listed addresses, through a whole gateway. */
import { limits, type ThreatPage, type UnixSeconds } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, startMs } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let page: ThreatPage;
let asked: number;

const until = (startMs / 1000 + 3_600) as UnixSeconds;
const scanner = '203.0.113.7';
const honest = '203.0.113.8';

beforeAll(async () => {
  const answer = ['HTTP/1.1 200 OK', 'Content-Length: 2', '', 'ok'];
  upstream = await openRawUpstream((socket) => socket.write(answer.join('\r\n')));
});
afterAll(() => upstream.close());

beforeEach(async () => {
  page = {
    newest: 1,
    feeds: [{ name: 'crowd', until }],
    blocks: [{ feed: 'crowd', network: '4cb007107/32', until }],
  };
  asked = 0;
  const quota = { name: 'each', by: 'user', quota: 4, window_seconds: 3 };
  const pace = { name: 'pace', by: 'user', kind: 'rate', quota: 8, window_seconds: 3, burst: 4 };
  const route = (name: string, more: object) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream: upstream.url, ...more },
  });
  rig = await openRig(
    [
      route('plain', {}),
      route('observed', { threats: 'observe' }),
      route('refused', { threats: 'refuse', on_stale: { continue_seconds: 60 } }),
      route('limited', { threats: { action: 'limit', factor: 0.5 }, limits: [quota] }),
      route('paced', { threats: { action: 'limit', factor: 0.01 }, limits: [pace] }),
      route('other', { threats: { action: 'refuse', feeds: ['drop'] } }),
    ],
    {},
    ['127.0.0.1'],
    {
      threats: {
        async read() {
          asked++;
          return page;
        },
      },
    },
  );
  // The lists are in before an answer has come over a socket.
  await get('/plain', honest);
});
afterEach(() => rig.close());

function get(path: string, from: string) {
  const headers = { ...bearer(rig.token()), 'x-forwarded-for': from };
  return ask(rig.listener.port, { path, headers });
}

async function statuses(count: number, path: string, from: string): Promise<string> {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await get(path, from)).status);
  return seen.join(' ');
}

describe('a request from a listed address', () => {
  it('is refused where the route says so, and only there', async () => {
    const refused = await get('/refused', scanner);
    expect([refused.status, JSON.parse(refused.body)['code']]).toEqual([403, 'address_listed']);
    expect((await get('/refused', honest)).status).toBe(200);
    expect((await get('/plain', scanner)).status).toBe(200);
  });

  it('is refused by the lists that the route names alone', async () => {
    expect((await get('/other', scanner)).status).toBe(200);
  });

  it('is counted where the route observes, and the decision names the list', async () => {
    expect((await get('/observed', scanner)).status).toBe(200);
    expect((await get('/observed', honest)).status).toBe(200);
    const { metrics } = rig.gateway;
    expect(metrics.value('mintmark_gateway_threats_total', 'observe')).toBe(1);
    await rig.gateway.close();
    const seen = rig.decisions.filter(({ route }) => route === 'observed');
    expect(seen.map(({ threat }) => threat)).toEqual([
      { feed: 'crowd', network: '4cb007107/32' },
      undefined,
    ]);
  });

  it('has a part of each limit where the route limits, and one request at least', async () => {
    expect(await statuses(4, '/limited', scanner)).toBe('200 200 429 429');
    rig.timers.advance(3_000);
    expect(await statuses(5, '/limited', honest)).toBe('200 200 200 200 429');
    expect(await statuses(2, '/paced', scanner)).toBe('200 429');
  });

  it('is explained by the list that names it', async () => {
    const refused = await get('/refused', scanner);
    const id = refused.headers['mintmark-decision'];
    await rig.gateway.close();
    const kept = rig.reports.find((report) => report.type === 'explained' && report.id === id);
    expect(kept).toMatchObject({
      reason: 'address_listed',
      request: { context: { threats: ['crowd'] } },
    });
  });

  it('is judged by policies, which are told who lists it', async () => {
    const cedar = `
      permit(principal, action, resource);
      forbid(principal, action, resource) when { context.threats.contains("crowd") };`;
    rig.policy('own', { enforced: { version: 1, uses: ['gateway'], cedar, entities: [] } });
    await rig.caughtUp();
    expect((await get('/observed', scanner)).status).toBe(403);
    expect((await get('/observed', honest)).status).toBe(200);
    expect((await get('/plain', scanner)).status).toBe(200);
  });
});

describe('the lists', () => {
  it('are asked for again and again, and what ended is let in', async () => {
    page = { newest: 2, feeds: page.feeds, blocks: [{ ...page.blocks[0]!, until: 1 as never }] };
    rig.timers.advance(limits.threatPollMs);
    await get('/plain', honest);
    expect(asked).toBe(2);
    expect((await get('/refused', scanner)).status).toBe(200);
  });

  it('show in the metrics', () => {
    expect(rig.gateway.renderMetrics()).toContain('mintmark_gateway_threat_blocks 1');
  });
});
