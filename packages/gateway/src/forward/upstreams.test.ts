/** Upstreams of several servers, and what becomes of requests where one of them fails. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import { limits } from '@mintmark/core';
import { afterEach, describe, expect, it } from 'vitest';
import { createGatewayAdmin } from '../admin.ts';
import { type Answer, ask } from '../conformance/ask.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';
import { Circuit } from './circuit.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];
let rig: Rig | undefined;

afterEach(async () => {
  await rig?.close();
  rig = undefined;
  for (const server of servers.splice(0)) server.close();
});

async function serverOf(serve: Serve): Promise<string> {
  const server = createServer(serve);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const says =
  (text: string): Serve =>
  (_request, response) =>
    void response.end(text);

async function open(route: Record<string, unknown>): Promise<(path?: string) => Promise<Answer>> {
  const upstream = 'http://service.test';
  rig = await openRig([{ name: 'all', match: {}, credential: 'none', upstream, ...route }]);
  const { port } = rig.listener;
  return (path = '/') => ask(port, { path });
}

function stateOf() {
  const answer = createGatewayAdmin(rig!.gateway)({ method: 'GET', path: '/upstreams' } as never);
  const { body } = answer as { readonly body: string };
  return JSON.parse(body).upstreams[0];
}

const down = 'http://127.0.0.1:1';

describe('several servers', () => {
  it('share requests by their weights, and see the host of the upstream', async () => {
    const seen: string[] = [];
    const named =
      (name: string): Serve =>
      (request, response) => {
        seen.push(request.headers.host ?? '');
        response.end(name);
      };
    const [a, b] = [await serverOf(named('a')), await serverOf(named('b'))];
    const get = await open({
      servers: [{ url: a }, { url: b, weight: 3 }],
      preserve_host: false,
    });
    const got = { a: 0, b: 0 };
    for (let i = 0; i < 8; i++) got[(await get()).body as 'a' | 'b']++;
    expect(got).toEqual({ a: 2, b: 6 });
    expect(new Set(seen)).toEqual(new Set(['service.test']));
  });

  it('give a request to the one with least to do', async () => {
    const waiting: ServerResponse[] = [];
    const slow = await serverOf((_request, response) => void waiting.push(response));
    const quick = await serverOf(says('quick'));
    const get = await open({ servers: [{ url: slow }, { url: quick }] });
    const all = [get(), get()];
    await until(() => waiting.length === 1);
    for (let i = 0; i < 5; i++) expect((await get()).body).toBe('quick');
    for (const response of waiting) response.end('slow');
    expect((await Promise.all(all)).map(({ body }) => body).sort()).toEqual(['quick', 'slow']);
  });
});

describe('health checks', () => {
  it('take a server out after so many bad answers, and back after so many good ones', async () => {
    let status = 200;
    let checks = 0;
    const failing = await serverOf((request, response) => {
      if (request.url === '/well') checks++;
      response.statusCode = request.url === '/well' ? status : 200;
      response.end('first');
    });
    const other = await serverOf(says('second'));
    const get = await open({
      servers: [{ url: failing }, { url: other }],
      health: { path: '/well', interval_seconds: 1, unhealthy_after: 2, healthy_after: 2 },
    });
    const look = async (): Promise<void> => {
      const before = checks;
      for (let i = 0; i < 20; i++) await get();
      rig!.timers.advance(1_000);
      await until(() => checks === before + 1);
      for (let i = 0; i < 20; i++) await get();
    };
    await until(() => checks === 1);
    status = 500;
    await look();
    expect(stateOf().servers[0].well).toBe(true);
    await look();
    await until(() => stateOf().servers[0].well === false);
    for (let i = 0; i < 4; i++) expect((await get()).body).toBe('second');
    expect(rig!.gateway.metrics.value('mintmark_gateway_upstream_changes_total', 'unwell')).toBe(1);
    status = 204;
    await look();
    expect(stateOf().servers[0].well).toBe(false);
    await look();
    await until(() => stateOf().servers[0].well === true);
  });

  it('count an answer that does not come', async () => {
    let asked = 0;
    const silent = await serverOf(() => void asked++);
    const health = { path: '/', interval_seconds: 5, timeout_seconds: 1, unhealthy_after: 1 };
    const get = await open({ upstream: silent, health });
    await until(() => asked === 1);
    rig!.timers.advance(1_000);
    await until(() => stateOf().servers[0].well === false);
    const { status, body } = await get();
    expect([status, JSON.parse(body).code]).toEqual([503, 'upstream_down']);
  });
});

describe('a circuit', () => {
  it('opens after failures in a row, lets one try, and closes by it', async () => {
    let status = 500;
    let asked = 0;
    const url = await serverOf((_request, response) => {
      asked++;
      response.statusCode = status;
      response.end('');
    });
    const get = await open({ upstream: url, circuit: { failures: 3, open_seconds: 5 } });
    for (let i = 0; i < 3; i++) expect((await get()).status).toBe(500);
    const refused = await get();
    expect([refused.status, JSON.parse(refused.body).code, asked]).toEqual([
      503,
      'upstream_down',
      3,
    ]);
    expect(stateOf().servers[0]).toMatchObject({ circuit: 'open', failures: 3 });
    rig!.timers.advance(5_000);
    expect(stateOf().servers[0].circuit).toBe('half_open');
    // It fails again: twice as long.
    expect([(await get()).status, (await get()).status, asked]).toEqual([500, 503, 4]);
    rig!.timers.advance(5_000);
    expect((await get()).status).toBe(503);
    rig!.timers.advance(5_000);
    status = 200;
    expect([(await get()).status, (await get()).status]).toEqual([200, 200]);
    expect(stateOf().servers[0]).toMatchObject({ circuit: 'closed', failures: 0 });
  });

  it('of one server does not close the others', async () => {
    const get = await open({
      servers: [{ url: down }, { url: await serverOf(says('up')) }],
      circuit: { failures: 1 },
    });
    const got = [];
    for (let i = 0; i < 6; i++) got.push((await get()).status);
    expect(got.filter((status) => status === 502)).toHaveLength(1);
  });

  it('stays closed where it is the client that takes too long', async () => {
    let asked = 0;
    const url = await serverOf((request) => {
      asked++;
      request.resume();
    });
    const get = await open({ upstream: url, timeout_seconds: 3, circuit: { failures: 1 } });
    const socket = connect(rig!.listener.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx');
    await until(() => asked === 1);
    rig!.timers.advance(3_000);
    await until(() => rig!.gateway.renderMetrics().includes('live_requests 0'));
    socket.destroy();
    expect(stateOf().servers[0]).toMatchObject({ circuit: 'closed', failures: 0 });
    const whole = get();
    await until(() => asked === 2);
    rig!.timers.advance(3_000);
    expect((await whole).status).toBe(504);
    expect(stateOf().servers[0].circuit).toBe('open');
  });

  it('stays closed where a WebSocket is asked of a server that speaks HTTP/2 alone', async () => {
    const server = createHttp2((_request, response) => void response.end('ok'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await open({ upstream: url, protocol: 'http2', circuit: { failures: 1 } });
    const headers = {
      ...{ connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    expect((await ask(rig!.listener.port, { headers })).status).toBe(502);
    expect(stateOf().servers[0]).toMatchObject({ circuit: 'closed', failures: 0 });
  });

  it('bounds connections and those that wait for one', async () => {
    const waiting: ServerResponse[] = [];
    const url = await serverOf((_request, response) => void waiting.push(response));
    const get = await open({ upstream: url, circuit: { connections: 1, pending: 1 } });
    const both = [get(), get()];
    await until(() => stateOf()?.servers[0].in_flight === 2);
    const third = await get();
    expect([third.status, JSON.parse(third.body).code]).toEqual([503, 'upstream_busy']);
    waiting[0]!.end('1');
    await until(() => waiting.length === 2);
    waiting[1]!.end('2');
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
    expect(
      (
        await Promise.all([get(), until(() => waiting.length === 3).then(() => waiting[2]!.end())])
      )[0].status,
    ).toBe(200);
  });

  it('half open waits for one answer, and for longer each time, to a bound', () => {
    const connections = undefined;
    const circuit = new Circuit({ failures: 1, openSeconds: 1, connections, pending: undefined });
    let now = 0;
    circuit.failed(now);
    for (const seconds of [1, 2, 4, 8, 16, 16]) {
      expect(circuit.admits(now + seconds * 1_000 - 1)).toBe(false);
      now += seconds * 1_000;
      expect(circuit.admits(now)).toBe(true);
      circuit.sent(now);
      expect(circuit.admits(now)).toBe(false);
      expect(circuit.failed(now)).toBe(true);
    }
    now += limits.circuitBackoffMax * 1_000;
    circuit.sent(now);
    circuit.abandoned();
    expect(circuit.admits(now)).toBe(true);
    circuit.succeeded();
    expect(circuit.state(now)).toBe('closed');
  });
});

describe('retries', () => {
  it('go to another server, of methods that may be repeated alone', async () => {
    const up = await serverOf(says('up'));
    const get = await open({ servers: [{ url: down }, { url: up }], retries: {} });
    for (let i = 0; i < 4; i++) expect((await get()).body).toBe('up');
    const posts = [];
    for (let i = 0; i < 4; i++) {
      posts.push((await ask(rig!.listener.port, { method: 'POST', body: 'x' })).status);
    }
    expect(posts).toContain(502);
  });

  it('take the statuses that the route names for no answer yet', async () => {
    let times = 0;
    const url = await serverOf((_request, response) => {
      response.statusCode = ++times % 3 === 0 ? 200 : 503;
      response.end(String(times));
    });
    const get = await open({ upstream: url, retries: { attempts: 2 } });
    expect(await get()).toMatchObject({ status: 200, body: '3' });
    times = 0;
    await rig?.close();
    const once = await open({ upstream: url, retries: { attempts: 1 } });
    expect((await once()).status).toBe(503);
    expect(times).toBe(2);
  });

  it('hold short bodies of PUT and DELETE to send them again, and no other', async () => {
    const bodies: string[] = [];
    const url = await serverOf((request, response) => {
      let body = '';
      request.on('data', (data) => {
        body += data;
      });
      request.on('end', () => {
        bodies.push(`${request.method} ${body}`);
        response.statusCode = bodies.length % 2 === 1 ? 502 : 200;
        response.end('');
      });
    });
    await open({ upstream: url, retries: { body_bytes_max: 5 } });
    const send = (method: string, body: string) => ask(rig!.listener.port, { method, body });
    expect((await send('PUT', 'short')).status).toBe(200);
    expect(bodies.splice(0)).toEqual(['PUT short', 'PUT short']);
    expect((await send('PUT', 'longer')).status).toBe(502);
    expect((await send('POST', 'a')).status).toBe(200);
    expect(bodies).toEqual(['PUT longer', 'POST a']);
  });

  it('never follow an answer that has begun', async () => {
    let times = 0;
    const url = await serverOf((_request, response) => {
      times++;
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => response.destroy());
    });
    const get = await open({ upstream: url, retries: { attempts: 3 } });
    await expect(get()).rejects.toThrow();
    expect(times).toBe(1);
  });

  it('have a budget: an upstream in trouble does not get its load twice', async () => {
    let times = 0;
    const url = await serverOf((_request, response) => {
      times++;
      response.statusCode = 503;
      response.end('');
    });
    const get = await open({ upstream: url, retries: { attempts: 5 } });
    for (let i = 0; i < 50; i++) await get();
    expect(times).toBeGreaterThan(50);
    expect(times).toBeLessThan(50 + limits.retriesFree + 0.3 * 50);
    expect(rig!.gateway.metrics.value('mintmark_gateway_upstream_retries_total')).toBe(times - 50);
  });
});

describe('time', () => {
  it('of one try is bounded, and the next may answer', async () => {
    let times = 0;
    const url = await serverOf((_request, response) => {
      if (++times === 2) response.end('second');
    });
    const get = await open({ upstream: url, retries: { try_timeout_seconds: 1 } });
    expect(await get()).toMatchObject({ status: 200, body: 'second' });
  });

  it('of all tries and the whole answer is bounded', async () => {
    let asked = 0;
    const url = await serverOf((request, response) => {
      asked++;
      if (request.url === '/begun') response.write('begun');
    });
    const get = await open({ upstream: url, timeout_seconds: 3 });
    const silent = get();
    await until(() => asked === 1);
    rig!.timers.advance(3_000);
    expect([(await silent).status, JSON.parse((await silent).body).code]).toEqual([
      504,
      'upstream_timeout',
    ]);
    const begun = get('/begun');
    await until(() => asked === 2);
    rig!.timers.advance(3_000);
    await expect(begun.then((answer) => answer.status))
      .resolves.toBeDefined()
      .catch(() => {});
    await until(() => rig!.gateway.renderMetrics().includes('live_requests 0'));
  });
});

it('changes of routes under way lose no request, and no answer that has begun', async () => {
  let finish = (): void => {};
  const url = await serverOf((request, response) => {
    if (request.url !== '/long') return void response.end('ok');
    response.write('begun');
    finish = () => void response.end(' and ended');
  });
  const other = await serverOf(says('ok'));
  const get = await open({ upstream: url });
  const long = get('/long');
  await until(() => rig!.gateway.renderMetrics().includes('live_requests 1'));
  const got: number[] = [];
  let over = false;
  const asking = Array.from({ length: 4 }, async () => {
    while (!over) got.push((await get()).status);
  });
  const plans = [
    { upstream: other },
    { upstream: 'http://service.test', servers: [{ url: other }, { url, weight: 2 }] },
    { upstream: url, circuit: { failures: 3 } },
    { upstream: url, retries: {}, timeout_seconds: 60 },
  ];
  for (let i = 0; i < 24; i++) {
    rig!.route({ name: 'all', match: {}, credential: 'none', ...plans[i % 4] });
    await rig!.caughtUp();
    const before = got.length;
    await until(() => got.length > before + 4);
  }
  over = true;
  await Promise.all(asking);
  expect(new Set(got)).toEqual(new Set([200]));
  finish();
  expect((await long).body).toBe('begun and ended');
});
