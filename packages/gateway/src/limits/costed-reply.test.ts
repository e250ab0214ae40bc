/** Costs that only the response tells, through a whole gateway. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
/** What the upstream sends, byte for byte. */
let answer: (socket: Socket) => void;

beforeAll(async () => {
  upstream = await openRawUpstream((socket) => answer(socket));
});
afterAll(() => upstream.close());
afterEach(() => rig.close());

function said(body: string, ...headers: readonly string[]): (socket: Socket) => void {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  const head = ['HTTP/1.1 200 OK', length, ...headers].join('\r\n');
  return (socket) => void socket.write(`${head}\r\n\r\n${body}`);
}

async function open(costAfter: object, route: object = {}): Promise<void> {
  const month = { kind: 'calendar', period: 'month', quota: 1_000 };
  const limits = [{ name: 'units', by: 'client', ...month, cost: 'after' }];
  const match = { path_prefix: '/' };
  const more = { limits, cost_after: { reserve: 100, ...costAfter } };
  rig = await openRig([{ name: 'r', match, upstream: upstream.url, ...more, ...route }]);
}

function get(): Promise<Answer> {
  return ask(rig.listener.port, { path: '/', headers: bearer(rig.token()) });
}

/** What the request before cost, by what is left when the next one is asked. */
async function cost(): Promise<number> {
  const { headers } = await get();
  return 900 - Number(/r=(\d+)/.exec(String(headers['ratelimit']))?.[1]);
}

describe('a cost in a header of the response', () => {
  const header = { from: 'response_header', header: 'X-Units' };

  it('is held back from the client, who is told of the reservation', async () => {
    await open(header);
    answer = said('ok', 'X-Units: 7', 'X-Other: 1');
    const { headers } = await get();
    expect(headers).toMatchObject({ 'x-other': '1', ratelimit: '"units";r=900;t=2678400' });
    expect(headers['x-units']).toBeUndefined();
    expect(await cost()).toBe(7);
  });

  it('is passed on where the route says so', async () => {
    await open({ ...header, pass_on: true });
    answer = said('ok', 'X-Units: 7');
    expect((await get()).headers['x-units']).toBe('7');
  });

  it.each([
    ['X-Units: 2.5', 3],
    ['X-Units: 0', 0],
    ['X-Units: 1000000', 1_000],
    ['X-Units: -5', 100],
    ['X-Units: NaN', 100],
    ['X-Units: 1e9', 100],
    ['X-Units: 99999999999999999999', 100],
    ['X-Units: 1\r\nX-Units: 2', 100],
    ['X-None: 1', 100],
  ])('%s costs %i', async (field, units) => {
    await open(header);
    answer = said('ok', field);
    await get();
    // Of a request that finds no room the rest is left, and 900 would be after it.
    const { headers } = await get();
    const left = Number(/r=(\d+)/.exec(String(headers['ratelimit']))?.[1]);
    expect(left).toBe(units >= 1_000 ? 0 : 900 - units);
  });
});

describe('a cost by the bytes of the response', () => {
  it('counts what was begun of each unit', async () => {
    await open({ from: 'response_bytes', unit_bytes: 10 });
    answer = said('x'.repeat(101));
    await get();
    expect(await cost()).toBe(11);
  });

  it('counts what was sent before the upstream broke off', async () => {
    await open({ from: 'response_bytes' });
    answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n12345', () => socket.destroy());
    };
    await get().catch(() => undefined);
    answer = said('');
    expect(await cost()).toBe(5);
  });

  it('is nothing where the upstream gave no answer at all', async () => {
    await open({ from: 'response_bytes' });
    answer = (socket) => socket.destroy();
    expect((await get()).status).toBe(502);
    answer = said('');
    expect(await cost()).toBe(0);
  });

  it('is what was reserved where the client did not wait for the answer', async () => {
    await open({ from: 'response_bytes' });
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const leaving = request({ port: rig.listener.port, headers: bearer(rig.token()) });
    leaving.on('error', () => undefined).end();
    await asked.promise;
    leaving.destroy();
    await until(() => rig.gateway.renderMetrics().includes('mintmark_gateway_live_requests 0\n'));
    answer = said('');
    expect(await cost()).toBe(100);
  });

  it('is what was reserved where the upstream was asked for what takes too long', async () => {
    await open({ from: 'response_bytes' }, { timeout_seconds: 3 });
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const late = get();
    await asked.promise;
    rig.timers.advance(3_000);
    expect((await late).status).toBe(504);
    answer = said('');
    expect(await cost()).toBe(100);
  });
});

describe('a cost in the body of the response', () => {
  const pointer = { from: 'json_pointer', pointer: '/usage/total_tokens' };
  const usage = (units: unknown) => JSON.stringify({ usage: { total_tokens: units } });

  it.each([
    ['a number', usage(42), [], 42],
    ['a text', usage('42'), [], 42],
    ['no number', usage({}), [], 100],
    ['less than nothing', usage(-1), [], 100],
    ['not there', '{}', [], 100],
    ['not JSON', 'usage', [], 100],
    ['an inherited member', '{"usage":[]}', [], 100],
    ['packed', usage(42), ['Content-Encoding: br'], 100],
    ['too far in', `{"a":"${'x'.repeat(300_000)}","usage":{"total_tokens":3}}`, [], 100],
  ])('that is %s', async (_, body, headers, units) => {
    await open(pointer);
    answer = said(body, ...headers);
    await get();
    expect(await cost()).toBe(units);
  });

  it('is the last that a stream of events told', async () => {
    await open(pointer);
    const events = [usage(1), `{"text":"${'x'.repeat(300_000)}"}`, usage(17), usage(null)];
    const body = `${events.map((event) => `data: ${event}\n\n`).join('')}data: [DONE]\n\n`;
    answer = said(body, 'Content-Type: text/event-stream');
    await get();
    expect(await cost()).toBe(17);
  });
});

describe('who forwards by other means', () => {
  it('spends what was reserved, as nobody sees the response', async () => {
    await open({ from: 'response_bytes' });
    const request = {
      ...{ method: 'GET', path: '/', query: undefined, host: 'a.example', remoteAddress: '::1' },
      ...{ bodyLength: 0, websocket: false, isSecure: false },
      header: (name: string) => (name === 'authorization' ? `Bearer ${rig.token()}` : undefined),
    };
    const verdict = await rig.gateway.decide(request as never);
    expect(verdict.kind).toBe('allowed');
    answer = said('');
    expect(await cost()).toBe(100);
  });
});
