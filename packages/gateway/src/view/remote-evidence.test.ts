/** Listed addresses and what callers usually do, over HTTP. */
import { defaultTenant, type HttpResponse, type JsonObject, limits } from '@mintmark/core';
import { systemTimers } from '@mintmark/core/system';
import { createGuardedClient, type GuardedClient, type Listener, listen } from '@mintmark/net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRemoteObservations, createRemoteProfiles } from './remote-limits.ts';
import { createRemoteThreats } from './remote-threats.ts';

const tenant = defaultTenant;
let listener: Listener;
let client: GuardedClient;
let asked: string[];
let answer: HttpResponse;

beforeAll(async () => {
  client = createGuardedClient({ reach: 'operator', timers: systemTimers });
  listener = await listen({
    ...{ host: '127.0.0.1', port: 0, timers: systemTimers },
    async handler(request) {
      const body = await request.body(limits.protocolBodyBytesMax);
      const text = Buffer.from(body as Uint8Array).toString();
      asked.push(`${request.method} ${request.path} ${request.query ?? ''} ${text}`);
      return answer;
    },
  });
});
afterAll(async () => {
  client.close();
  await listener.close();
});
beforeEach(() => {
  asked = [];
});

function says(body: JsonObject, status = 200): void {
  answer = { status, headers: {}, body: JSON.stringify(body) };
}

const parts = () => {
  const server = `http://127.0.0.1:${listener.port}`;
  return { server, credential: 'gateway-key', client };
};

describe('an authority over HTTP', () => {
  it('is asked for the next page of listed addresses by its place', async () => {
    const page = { newest: 3, feeds: [], blocks: [] };
    says(page);
    const source = createRemoteThreats(parts());
    expect(await source.read({ tenant, after: 2, cursor: '5 a b/32' })).toEqual(page);
    expect(asked).toEqual(['GET /v1/feed/threats after=2&place=5+a+b%2F32 ']);
    says({ newest: 'three' });
    await expect(source.read({ tenant, after: 2 })).rejects.toMatchObject({
      code: 'feed_malformed',
    });
    says({}, 403);
    await expect(source.read({ tenant, after: 2 })).rejects.toMatchObject({
      code: 'authority_refused',
    });
  });

  it('is asked for what callers usually do, and told what they did', async () => {
    const page = { newest: 3, profiles: [] };
    says(page);
    const source = createRemoteProfiles(parts());
    expect(await source.read({ tenant, after: 0, cursor: '[1]' })).toEqual(page);
    says({ newest: 3 });
    await expect(source.read({ tenant, after: 0 })).rejects.toMatchObject({
      code: 'feed_malformed',
    });
    says({}, 500);
    await expect(source.read({ tenant, after: 0 })).rejects.toMatchObject({
      code: 'authority_refused',
    });
    answer = { status: 204, headers: {}, body: undefined };
    await createRemoteObservations(parts()).accept([]);
    expect(asked[0]).toBe('GET /v1/feed/limit-profiles after=0&place=%5B1%5D ');
    expect(asked.at(-1)).toBe('POST /v1/limit-observations  {"observations":[]}');
  });
});
