import { hash } from 'node:crypto';
import { err, limits, manualClock, NetworkFault, ok } from '@mintmark/core';
import { createGuardedClient } from '@mintmark/net';
import { describe, expect, it, test } from 'vitest';
import { createRequestsByReference } from './request-by-reference.ts';

const url = 'https://app.example/request.jwt';
const client = { requestUris: [url] };
const named = (text: string) => `${url}#${hash('sha256', text, 'base64url')}`;
const type = { 'content-type': 'application/oauth-authz-req+jwt' };

/** A site with one object, that counts how often it is asked. */
function site(headers: Record<string, string> = type, status = 200) {
  const clock = manualClock(1_790_000_000_000);
  const seen = { asked: 0, text: 'a.b.c', wait: Promise.resolve() };
  const outbound = {
    async send() {
      seen.asked++;
      const text = seen.text;
      await seen.wait;
      return ok({ status, header: (name: string) => headers[name], body: Buffer.from(text) });
    },
  };
  return { clock, seen, requests: createRequestsByReference({ outbound, clock }) };
}

describe('a request by reference', () => {
  it('is fetched from a URL that the client registered, and from no other', async () => {
    const { requests, seen } = site();
    expect(await requests.find(client, url)).toBe('a.b.c');
    for (const other of [
      `${url}?a`,
      'https://evil.example/',
      'https://APP.example/request.jwt',
      'http://app.example/request.jwt',
      'urn:ietf:params:oauth:request_uri:x',
    ]) {
      expect(await requests.find(client, other), other).toBeUndefined();
    }
    const urn = 'urn:example:own';
    expect(await requests.find({ requestUris: [urn] }, urn)).toBeUndefined();
    expect(seen.asked).toBe(1);
  });

  it('is found whatever fragment it was registered with', async () => {
    const { requests } = site();
    const registered = { requestUris: [`${url}#before`] };
    for (const uri of [url, `${url}#`, `${url}#before`, named('a.b.c'), named('x')]) {
      expect(await requests.find(registered, uri), uri).toBe('a.b.c');
      expect(await requests.find(client, uri), uri).toBe('a.b.c');
    }
  });

  it('is another one as soon as its fragment is, whatever is kept', async () => {
    const { requests, seen } = site({ ...type, 'cache-control': 'max-age=60' });
    expect(await requests.find(client, named('a.b.c'))).toBe('a.b.c');
    seen.text = 'd.e.f';
    expect(await requests.find(client, named('a.b.c'))).toBe('a.b.c');
    expect(seen.asked).toBe(1);
    expect(await requests.find(client, named('d.e.f'))).toBe('d.e.f');
    expect(await requests.find(client, named('d.e.f'))).toBe('d.e.f');
    expect(seen.asked).toBe(2);
  });

  it('is not kept for links that do not say which object they mean', async () => {
    const { requests, seen } = site({ ...type, 'cache-control': 'max-age=60' });
    expect(await requests.find(client, url)).toBe('a.b.c');
    seen.text = 'd.e.f';
    expect(await requests.find(client, url)).toBe('d.e.f');
  });

  test.each<[string, Record<string, string>, number]>([
    ['a page', { 'content-type': 'text/html' }, 200],
    ['no type', {}, 200],
    ['a redirect', type, 302],
    ['an error', type, 500],
  ])('is not there where %s is', async (_, headers, status) => {
    expect(await site(headers, status).requests.find(client, url)).toBeUndefined();
  });

  test.each(['application/jwt', 'APPLICATION/JOSE; charset=utf-8'])('may be %s', async (name) => {
    expect(await site({ 'content-type': name }).requests.find(client, url)).toBe('a.b.c');
  });

  it('is not there where the guarded client refuses, or the site is away', async () => {
    const clock = manualClock(1_790_000_000_000);
    let asked = 0;
    const refusing = {
      send: async () => {
        asked++;
        return err({ reason: 'address_not_allowed', host: 'x' } as const);
      },
    };
    const requests = createRequestsByReference({ outbound: refusing, clock });
    expect(await requests.find(client, url)).toBeUndefined();
    expect(await requests.find(client, url)).toBeUndefined();
    expect(asked).toBe(1);
    clock.advanceMs(limits.requestObjectRetryMs);
    expect(await requests.find(client, url)).toBeUndefined();
    expect(asked).toBe(2);
    const away = {
      send: async () => {
        throw new NetworkFault('outbound_failed', 'away');
      },
    };
    const other = createRequestsByReference({ outbound: away, clock });
    expect(await other.find(client, url)).toBeUndefined();
    const broken = {
      send: async () => {
        throw new TypeError('a bug');
      },
    };
    const third = createRequestsByReference({ outbound: broken, clock });
    await expect(third.find(client, url)).rejects.toThrow('a bug');
  });

  test.each([
    'https://127.0.0.1/r',
    'https://[::1]/r',
    'https://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/r',
    'https://[::ffff:10.0.0.1]/r',
    'https://2130706433/r',
    'http://93.184.216.34/r',
  ])('never reaches %s, registered or not', async (inside) => {
    const timers = { after: () => () => undefined, every: () => () => undefined };
    const outbound = createGuardedClient({ reach: 'public', timers });
    const clock = manualClock(1_790_000_000_000);
    const requests = createRequestsByReference({ outbound, clock });
    expect(await requests.find({ requestUris: [inside] }, inside)).toBeUndefined();
    outbound.close();
  });

  test.each<[string | undefined, number]>([
    [undefined, 0],
    ['no-store, max-age=60', 0],
    ['no-cache', 0],
    ['public, max-age=60', 60],
    ['max-age=999999', limits.requestObjectFreshSecondsMax],
    ['max-age=-1', 0],
  ])('with %s is kept for %d seconds', async (cacheControl, seconds) => {
    const headers = cacheControl === undefined ? type : { ...type, 'cache-control': cacheControl };
    const { requests, seen, clock } = site(headers);
    const uri = named('a.b.c');
    await requests.find(client, uri);
    clock.advanceMs(Math.max(0, seconds * 1000 - 1));
    await requests.find(client, uri);
    expect(seen.asked).toBe(seconds === 0 ? 2 : 1);
    clock.advanceMs(1);
    await requests.find(client, uri);
    expect(seen.asked).toBe(seconds === 0 ? 3 : 2);
  });

  it('is fetched once for all that ask at the same time, and few are fetched at once', async () => {
    const { requests, seen } = site();
    let go = () => {};
    seen.wait = new Promise((resolve) => {
      go = resolve;
    });
    const twice = [requests.find(client, url), requests.find(client, url)];
    const urls = Array.from({ length: limits.requestObjectsUnderWayMax }, (_, i) => `${url}?${i}`);
    const many = urls.map((one) => requests.find({ requestUris: [one] }, one));
    expect(seen.asked).toBe(limits.requestObjectsUnderWayMax);
    expect(await many.at(-1)).toBeUndefined();
    go();
    expect(await Promise.all(twice)).toEqual(['a.b.c', 'a.b.c']);
    expect(await many[0]).toBe('a.b.c');
  });

  it('of one client is not waited for in the place of all others', async () => {
    const { requests, seen } = site();
    seen.wait = new Promise(() => {});
    const urls = Array.from({ length: 20 }, (_, i) => `${url}?${i}`);
    for (const one of urls) requests.find({ requestUris: urls }, one);
    expect(seen.asked).toBe(limits.requestObjectsUnderWayPerClient);
    seen.wait = Promise.resolve();
    expect(await requests.find(client, url)).toBe('a.b.c');
  });
});
