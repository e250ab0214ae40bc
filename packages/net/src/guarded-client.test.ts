import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { Timers } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from './conformance/certificate.ts';
import { createGuardedClient, type GuardedClientOptions } from './guarded-client.ts';

const certificate = selfSigned('service.test');
let plain: Server;
let secure: Server;
let hits = 0;

function answer(message: IncomingMessage, response: ServerResponse): void {
  hits++;
  if (message.url === '/redirect') response.writeHead(302, { location: 'http://10.0.0.1/' }).end();
  else if (message.url === '/large') response.end(Buffer.alloc(2000));
  else if (message.url === '/broken') response.destroy();
  else if (message.url === '/never') return;
  else response.writeHead(200, { 'x-one': ['a', 'b'] }).end('hello');
}

beforeAll(async () => {
  plain = createServer(answer).listen(0, '127.0.0.1');
  secure = createTlsServer({ ...certificate }, answer).listen(0, '127.0.0.1');
  await Promise.all(
    [plain, secure].map((server) => new Promise((resolve) => server.once('listening', resolve))),
  );
});
afterAll(() => {
  plain.close();
  secure.close();
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** Sends one request; the refusal's reason, the fault's code, or the status. */
async function outcome(
  url: string,
  options: Partial<GuardedClientOptions> = {},
  more: { readonly bytesMax?: number; readonly timeoutMs?: number } = {},
): Promise<unknown> {
  const client = createGuardedClient({ reach: 'public', timers: systemTimers, ...options });
  try {
    const result = await client.send({ url, bytesMax: 1000, ...more });
    return result.ok ? result.value.status : result.refusal.reason;
  } catch (fault) {
    return (fault as { code?: string }).code;
  } finally {
    client.close();
  }
}

describe('URLs that strangers chose', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::7f00:1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fd00:ec2::254]/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.64.0.1/',
    'https://１２７.0.0.1/',
    'https://0.0.0.0/',
    'https://255.255.255.255/',
    'https://224.0.0.1/',
  ])('never reach %s', async (url) => {
    expect(await outcome(url)).toBe('address_not_allowed');
  });

  it.each([
    ['loopback', ['127.0.0.1']],
    ['mapped loopback', ['::ffff:127.0.0.1']],
    ['link-local with zone', ['fe80::1%eth0']],
    ['one inside address among public ones', ['93.184.216.34', '10.0.0.1']],
    ['nothing', []],
    ['no address', ['localhost']],
  ])('never reach a name that resolves to %s', async (_what, addresses) => {
    const resolve = async (): Promise<readonly string[]> => addresses;
    expect(await outcome('https://innocent.test/', { resolve })).toBe('address_not_allowed');
  });

  it.each(['http://93.184.216.34/', 'http://innocent.test/'])('need https: %s', async (url) => {
    const resolve = async (): Promise<readonly string[]> => ['93.184.216.34'];
    expect(await outcome(url, { resolve })).toBe('https_required');
  });

  it.each([
    '',
    'nonsense',
    'file:///etc/passwd',
    'ftp://a.test/',
    'gopher://a.test/',
    'data:text/plain,a',
    'https://user@a.test/',
    'https://user:secret@a.test/',
    'https://a.test/#fragment',
    `https://a.test/${'a'.repeat(5000)}`,
  ])('are refused as malformed: %j', async (url) => {
    expect(await outcome(url)).toBe('malformed_url');
  });

  it('are asked for once: the address that was checked is the one that is used', async () => {
    let asked = 0;
    const resolve = async (): Promise<readonly string[]> => {
      asked++;
      return ['127.0.0.1'];
    };
    const url = `https://service.test:${portOf(secure)}/`;
    const options = { resolve, development: true, ca: certificate.cert };
    expect(await outcome(url, options)).toBe(200);
    expect(asked).toBe(1);
  });
});

describe('answers', () => {
  const development = { development: true };
  const url = (path: string): string => `http://127.0.0.1:${portOf(plain)}${path}`;

  it('carry status, headers and body', async () => {
    const client = createGuardedClient({ reach: 'operator', timers: systemTimers });
    const result = await client.send({ url: url('/'), bytesMax: 100 });
    if (!result.ok) throw new Error(result.refusal.reason);
    expect(Buffer.from(result.value.body).toString()).toBe('hello');
    expect(result.value.header('x-one')).toBe('a, b');
    expect(result.value.header('x-none')).toBeUndefined();
    client.close();
  });

  it('are bounded in size', async () => {
    expect(await outcome(url('/large'), development)).toBe('body_too_large');
    expect(await outcome(url('/large'), development, { bytesMax: 2000 })).toBe(200);
  });

  it('are not followed where they redirect', async () => {
    const before = hits;
    expect(await outcome(url('/redirect'), development)).toBe(302);
    expect(hits).toBe(before + 1);
  });

  it('that break off are faults', async () => {
    expect(await outcome(url('/broken'), development)).toBe('outbound_failed');
  });

  it('that take too long are faults, wherever the time goes', async () => {
    const now: Timers = {
      ...systemTimers,
      after: (_ms, run) => systemTimers.after(20, run),
    };
    expect(await outcome(url('/never'), { ...development, timers: now })).toBe('outbound_timeout');
    const resolve = (): Promise<never> => new Promise(() => {});
    const slow = { resolve, timers: now };
    expect(await outcome('https://slow.test/', slow)).toBe('outbound_timeout');
  });

  it('never take longer than the bound, whatever the caller allows', async () => {
    let asked = 0;
    const timers: Timers = {
      ...systemTimers,
      after(ms, run) {
        asked = ms;
        return systemTimers.after(ms, run);
      },
    };
    await outcome(url('/'), { ...development, timers }, { timeoutMs: 60_000 });
    expect(asked).toBe(5000);
  });
});

describe('TLS', () => {
  const url = (): string => `https://service.test:${portOf(secure)}/`;
  const resolve = async (): Promise<readonly string[]> => ['127.0.0.1'];

  it('is refused where nobody vouches for the certificate', async () => {
    expect(await outcome(url(), { resolve, development: true })).toBe('outbound_failed');
  });

  it('is refused where the certificate is of another name', async () => {
    const other = url().replace('service', 'other');
    const options = { resolve, development: true, ca: certificate.cert };
    expect(await outcome(other, options)).toBe('outbound_failed');
  });
});

describe('the operator’s own URLs', () => {
  it('may lead inside, by https, or by plain HTTP on loopback', async () => {
    const resolve = async (): Promise<readonly string[]> => ['127.0.0.1'];
    const ca = certificate.cert;
    const operator = { reach: 'operator', resolve, ca } as const;
    expect(await outcome(`https://service.test:${portOf(secure)}/`, operator)).toBe(200);
    expect(await outcome(`http://127.0.0.1:${portOf(plain)}/`, operator)).toBe(200);
    expect(await outcome('http://10.0.0.1/', operator)).toBe('https_required');
  });

  it('that do not resolve are faults', async () => {
    expect(await outcome('https://nowhere.invalid/', { reach: 'operator' })).toBe(
      'outbound_failed',
    );
  });
});
