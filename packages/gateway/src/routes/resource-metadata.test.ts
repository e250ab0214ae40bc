import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, ask } from '../conformance/ask.ts';
import { openRig, type Rig } from '../conformance/rig.ts';

let upstream: Server;
let rig: Rig;

beforeAll(async () => {
  upstream = createServer((request, response) => response.end(request.url));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  upstream.closeAllConnections();
  upstream.close();
});

beforeEach(async () => {
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const at = (name: string, match: object, more: object = {}): Record<string, unknown> => {
    return { name, match, upstream: url, ...more };
  };
  rig = await openRig([
    at('read', { path_prefix: '/api', methods: ['GET'] }, { scopes: ['read'] }),
    at('write', { path_prefix: '/api', methods: ['POST'] }, { scopes: ['write', 'read'] }),
    at('host', { path_prefix: '/api', host: 'named.test' }, { scopes: ['named'] }),
    at('open', { path_prefix: '/open' }, { credential: 'none' }),
    at('plain', { path_prefix: '/plain/' }, { accept_basic: true }),
    at('root', { host: 'root.test' }, { scopes: ['root'] }),
    at('public', { host: 'public.test' }, { credential: 'none' }),
  ]);
});
afterEach(() => rig.close());

const wellKnown = '/.well-known/oauth-protected-resource';

function get(
  path: string,
  host = 'api.test:8443',
  more: Record<string, string> = {},
): Promise<Answer> {
  return ask(rig.listener.port, { path, headers: { host, ...more } });
}

describe('protected resource metadata', () => {
  it('says of a prefix whom to ask, and for which scopes', async () => {
    const answer = await get(`${wellKnown}/api`);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=60',
      'access-control-allow-origin': '*',
    });
    expect(JSON.parse(answer.body)).toEqual({
      resource: 'http://api.test:8443/api',
      authorization_servers: ['https://issuer.test'],
      bearer_methods_supported: ['header'],
      scopes_supported: ['read', 'write'],
    });
    const { metrics } = rig.gateway;
    expect(metrics.value('mintmark_gateway_answered_total', 'resource_metadata')).toBe(1);
  });

  it('stands at the root for a host that is one resource', async () => {
    const { body } = await get(wellKnown, 'root.test');
    expect(JSON.parse(body)).toMatchObject({
      resource: 'http://root.test',
      scopes_supported: ['root'],
    });
    expect(JSON.parse((await get(`${wellKnown}/`, 'root.test')).body)).toMatchObject({
      resource: 'http://root.test',
    });
  });

  it('names no scopes where none are asked for, and keeps a final slash', async () => {
    expect(JSON.parse((await get(`${wellKnown}/plain/`)).body)).toEqual({
      resource: 'http://api.test:8443/plain/',
      authorization_servers: ['https://issuer.test'],
      bearer_methods_supported: ['header'],
    });
  });

  it('takes in the routes of the host that was asked, and of none', async () => {
    const { body } = await get(`${wellKnown}/api`, 'named.test');
    expect(JSON.parse(body).scopes_supported).toEqual(['named', 'read', 'write']);
  });

  it.each(['/nothing', '/open', '/api/', '/apix', '/%61pi', '/api/../api'])(
    'is nothing at %s',
    async (suffix) => {
      expect((await get(`${wellKnown}${suffix}`)).status).toBeGreaterThanOrEqual(400);
    },
  );

  it('of an upstream that asks for its own credentials is its own', async () => {
    const answer = await get(wellKnown, 'public.test');
    expect([answer.status, answer.body]).toEqual([200, wellKnown]);
  });

  it('can be read by a page, whatever headers it sends, and only read', async () => {
    const headers = { host: 'api.test', 'access-control-request-method': 'GET' };
    const path = `${wellKnown}/api`;
    const { port } = rig.listener;
    const preflight = await ask(port, { method: 'OPTIONS', path, headers });
    expect([preflight.status, preflight.headers['access-control-allow-headers']]).toEqual([
      204,
      '*',
    ]);
    const head = await ask(port, { method: 'HEAD', path });
    expect([head.status, head.body]).toEqual([200, '']);
    const posted = await ask(port, { method: 'POST', path });
    expect([posted.status, posted.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
});

describe('a challenge', () => {
  async function challenge(path: string, host?: string, more = {}): Promise<unknown> {
    return (await get(path, host, more)).headers['www-authenticate'];
  }

  it('leads to the metadata of its route', async () => {
    const metadata = `resource_metadata="http://api.test:8443${wellKnown}/api"`;
    const first = String(await challenge('/api/things/1?x')).split(', DPoP ')[0];
    expect(first).toBe(`Bearer realm="mintmark", scope="read", ${metadata}`);
    const poor = { authorization: `Bearer ${rig.token({ scopes: [] })}` };
    expect(await challenge('/api', undefined, poor)).toBe(
      `Bearer realm="mintmark", error="insufficient_scope", scope="read", ${metadata}`,
    );
    const bad = { authorization: 'Bearer nothing' };
    expect(await challenge('/api', undefined, bad)).toBe(
      `Bearer realm="mintmark", error="invalid_token", scope="read", ${metadata}`,
    );
    const two = { authorization: 'Bearer a', 'x-api-key': 'b' };
    expect(await challenge('/api', undefined, two)).toContain(metadata);
    expect(await challenge('/api?access_token=x')).toContain(metadata);
    expect(await challenge('/x', 'root.test')).toContain(`"http://root.test${wellKnown}"`);
  });

  it('names the scopes of its route, and none where there are none', async () => {
    const bad = { authorization: 'Bearer nothing' };
    for (const more of [{}, bad]) {
      const asked = await ask(rig.listener.port, {
        method: 'POST',
        path: '/api',
        headers: { host: 'api.test', ...more },
      });
      expect(asked.status).toBe(401);
      expect(String(asked.headers['www-authenticate'])).toContain('scope="write read"');
      expect(await challenge('/plain/x', undefined, more)).not.toContain('scope=');
    }
  });

  it('leads to what says the same of the resource', async () => {
    const text = String(await challenge('/plain/x'));
    const url = new URL(/resource_metadata="([^"]+)"/.exec(text)![1]!);
    expect(JSON.parse((await get(url.pathname, url.host)).body).resource).toBe(
      'http://api.test:8443/plain/',
    );
  });

  it('leads nowhere in HTTP/1.0 without Host, which has no URL', async () => {
    const received = await new Promise<string>((resolve) => {
      const socket = connect(rig.listener.port, '127.0.0.1');
      let text = '';
      socket.on('data', (data) => {
        text += data.toString('latin1');
      });
      socket.on('close', () => resolve(text));
      socket.write('GET /api HTTP/1.0\r\n\r\n');
    });
    expect(received).toMatch(
      /^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer realm="mintmark", scope="read"\r\n/i,
    );
  });
});
