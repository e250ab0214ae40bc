import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask } from '../conformance/ask.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: Server;
let reached: string[];
let serve: (response: ServerResponse) => void;
let rig: Rig;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    reached.push(`${request.method} ${request.url}`);
    serve(response);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

const app = 'https://app.example';

beforeEach(async () => {
  reached = [];
  serve = (response) => response.end('ok');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const under = (path_prefix: string, more: object): Record<string, unknown> => {
    return { name: path_prefix.slice(1), match: { path_prefix }, upstream: url, ...more };
  };
  rig = await openRig([
    under('/silent', {}),
    under('/listed', { cors: { origins: [app, 'http://localhost:3000'], max_age_seconds: 60 } }),
    under('/any', { cors: { origins: ['*'] } }),
    under('/none', { cors: { origins: [] }, credential: 'none' }),
    under('/post', {
      match: { path_prefix: '/post', methods: ['POST'] },
      cors: { origins: [app] },
    }),
    under('/down', {
      cors: { origins: [app] },
      credential: 'none',
      upstream: 'http://127.0.0.1:1',
    }),
  ]);
});
afterEach(() => rig.close());

function preflight(
  path: string,
  { origin = app, method = 'GET', headers = {} }: Preflight = {},
): Promise<Answer> {
  return ask(rig.listener.port, {
    method: 'OPTIONS',
    path,
    headers: { origin, 'access-control-request-method': method, ...headers },
  });
}

interface Preflight {
  readonly origin?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Everything that an answer says about origins. */
function words({ headers }: Answer): Record<string, unknown> {
  const named = Object.entries(headers).filter(([name]) => name.startsWith('access-control-'));
  return Object.fromEntries(named);
}

describe('a preflight', () => {
  it('is answered by the route of the request proper, without a credential', async () => {
    const asked = { 'access-control-request-headers': 'authorization,x-other' };
    const answer = await preflight('/listed/x', { method: 'PUT', headers: asked });
    expect(answer.status).toBe(204);
    expect(words(answer)).toEqual({
      'access-control-allow-origin': app,
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'authorization, x-other',
      'access-control-max-age': '60',
    });
    expect(answer.headers['vary']).toContain('Origin');
    expect(reached).toEqual([]);
    const { metrics } = rig.gateway;
    expect(metrics.value('mintmark_gateway_answered_total', 'preflight')).toBe(1);
    await rig.gateway.close();
    expect(rig.decisions[0]).toMatchObject({
      verdict: 'allow',
      reason: 'preflight',
      route: 'listed',
    });
  });

  it.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'http://app.example',
    'https://app.example:8443',
    'HTTPS://APP.EXAMPLE',
    'null',
    '*',
    `${app}/`,
  ])('from %s is refused', async (origin) => {
    const answer = await preflight('/listed', { origin });
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([403, 'origin_not_allowed']);
    expect(words(answer)).toEqual({});
    expect(rig.gateway.metrics.value('mintmark_gateway_denied_total', 'origin_not_allowed')).toBe(
      1,
    );
  });

  it('is granted to every origin where the route says so, never with cookies', async () => {
    for (const origin of ['https://evil.example', 'null']) {
      const answer = await preflight('/any', { origin });
      expect(words(answer)).toMatchObject({ 'access-control-allow-origin': '*' });
      expect(words(answer)['access-control-allow-credentials']).toBeUndefined();
    }
  });

  it('is granted to none by an empty list', async () => {
    expect((await preflight('/none')).status).toBe(403);
  });

  it('to a route that says nothing of origins is judged like any request', async () => {
    const answer = await preflight('/silent');
    expect([answer.status, words(answer), reached]).toEqual([401, {}, []]);
  });

  it('for a method that no route takes is no preflight', async () => {
    expect((await preflight('/post', { method: 'POST' })).status).toBe(204);
    const answer = await preflight('/post', { method: 'DELETE' });
    expect([answer.status, words(answer)]).toEqual([405, {}]);
  });

  it('names no header that is none', async () => {
    const asked = { 'access-control-request-headers': 'a b, c' };
    const answer = await preflight('/listed', { headers: asked });
    expect(words(answer)['access-control-allow-headers']).toBeUndefined();
  });

  it('is nothing without Origin or the method that it asks for', async () => {
    const { port } = rig.listener;
    const only = (headers: Record<string, string>): Promise<Answer> =>
      ask(port, { method: 'OPTIONS', path: '/listed', headers });
    expect((await only({ origin: app })).status).toBe(401);
    expect((await only({ 'access-control-request-method': 'GET' })).status).toBe(401);
  });
});

describe('the answer to a page', () => {
  async function get(
    path: string,
    origin: string | undefined,
    token = rig.token(),
  ): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(origin === undefined ? {} : { origin }),
    };
    return ask(rig.listener.port, { path, headers });
  }

  const granted = {
    'access-control-allow-origin': app,
    'access-control-expose-headers': 'WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy',
  };

  it('names its origin, and differs by it for every cache', async () => {
    const answer = await get('/listed', app);
    expect([answer.status, words(answer)]).toEqual([200, granted]);
    expect(answer.headers['vary']).toBe('Authorization, X-Api-Key, Origin');
    for (const origin of ['https://evil.example', undefined]) {
      const other = await get('/listed', origin);
      expect([other.status, words(other)]).toEqual([200, {}]);
      expect(other.headers['vary']).toContain('Origin');
    }
  });

  it('can be read by the page where it is a refusal, or the upstream failed', async () => {
    const refused = await get('/listed', app, 'nothing');
    expect([refused.status, words(refused)]).toEqual([401, granted]);
    expect(refused.headers['vary']).toBe('Authorization, X-Api-Key, Origin');
    const failed = await get('/down', app);
    expect([failed.status, words(failed)]).toEqual([502, granted]);
  });

  it('has the route’s word in place of the upstream’s', async () => {
    serve = (response) => {
      response.writeHead(200, {
        'Access-Control-Allow-Origin': 'https://evil.example',
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Expose-Headers': 'x-total',
        vary: 'accept',
      });
      response.end();
    };
    const answer = await get('/listed', 'https://evil.example');
    expect(words(answer)).toEqual({ 'access-control-expose-headers': 'x-total' });
    const mine = await get('/listed', app);
    expect(words(mine)['access-control-allow-origin']).toBe(app);
    expect(words(mine)['access-control-allow-credentials']).toBeUndefined();
    expect(mine.headers['vary']).toBe('accept, Authorization, X-Api-Key, Origin');
    // Where the route is silent the upstream speaks for itself.
    expect(words(await get('/silent', app))['access-control-allow-credentials']).toBe('true');
  });

  it('of a route for every page names no page', async () => {
    const answer = await get('/any', app);
    expect(words(answer)).toMatchObject({ 'access-control-allow-origin': '*' });
    expect(answer.headers['vary']).toBe('Authorization, X-Api-Key');
  });

  it('says nothing of origins where no origins are named', async () => {
    expect(words(await get('/silent', app))).toEqual({});
    expect(words(await get('/none', app))).toEqual({});
  });
});
