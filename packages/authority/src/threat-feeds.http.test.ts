import { defaultTenant, err, limits, ok, parseCidr } from '@mintmark/core';
import type { OutboundRequest, OutboundResponse } from '@mintmark/net';
import { describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Source = (request: OutboundRequest) => {
  readonly status?: number;
  readonly body: string | object;
  readonly headers?: Readonly<Record<string, string>>;
};

const listUrl = 'https://lists.example/drop.txt';
const lapi = 'https://crowdsec.inside:8080';

async function threatBed(source: Source, seed = 1) {
  let answer = source;
  const asked: OutboundRequest[] = [];
  const send = async (request: OutboundRequest) => {
    asked.push(request);
    const { status = 200, body, headers = {} } = answer(request);
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    if (bytes.length > request.bytesMax) {
      return err({ reason: 'body_too_large', bytesMax: request.bytesMax } as const);
    }
    const header = (name: string) => headers[name];
    return ok({ status, header, body: bytes } satisfies OutboundResponse);
  };
  const own = parseCidr('198.51.100.40');
  const bed = await managementBed(seed, undefined, {
    timers: {
      after: (_ms, run) => {
        queueMicrotask(run);
        return () => undefined;
      },
      every: () => () => undefined,
    },
    outbound: {
      send: async (request) => {
        const { host } = new URL(request.url);
        if (host.includes('inside')) return err({ reason: 'address_not_allowed', host } as const);
        return send(request);
      },
    },
    threats: {
      client: { send },
      privateOrigins: [lapi],
      protectedRanges: own.ok ? [own.value] : [],
    },
  });
  return {
    ...bed,
    asked,
    serve(other: Source) {
      answer = other;
    },
    async put(name: string, json: object, headers = {}) {
      return bed.call('PUT', `/v1/threat-feeds/${name}`, { json, headers });
    },
    /** Lets time pass, and what is due be read. */
    async rounds(seconds = 1) {
      bed.clock.advanceMs(seconds * 1000);
      for (let round = 0; round < 4; round++) await bed.authority.tick();
      // Waits for what is under way.
      await bed.authority.close();
    },
    async progress(name: string) {
      const { body } = await bed.call('GET', `/v1/threat-feeds/${name}`);
      return body['progress'] as Record<string, unknown>;
    },
    async lookUp(address: string) {
      const { body } = await bed.call('GET', `/v1/threats?address=${address}`);
      return body['items'] as Record<string, unknown>[];
    },
  };
}

const plain = { kind: 'plain', url: listUrl };
const drop = '203.0.113.7 # scanner\n198.51.99.0/24\n';

describe('a feed', () => {
  it('is written, shown without its secret, replaced by who saw it, and deleted', async () => {
    const { call, put, ifMatch } = await threatBed(() => ({ body: drop }));
    const made = await put('drop', { ...plain, secret: 'hidden' });
    expect([made.status, made.body['has_secret']]).toEqual([201, true]);
    expect(made.text).not.toContain('hidden');
    expect((await put('drop', plain)).status).toBe(428);
    expect((await put('drop', plain, { 'if-match': '"7"' })).status).toBe(412);
    const again = await put('drop', plain, await ifMatch('/v1/threat-feeds/drop'));
    expect([again.status, again.body['has_secret']]).toEqual([200, true]);
    const open = await put(
      'drop',
      { ...plain, secret: null },
      await ifMatch('/v1/threat-feeds/drop'),
    );
    expect(open.body['has_secret']).toBe(false);
    const { body: listed } = await call('GET', '/v1/threat-feeds');
    expect((listed['items'] as { name: string }[]).map(({ name }) => name)).toEqual(['drop']);
    const headers = await ifMatch('/v1/threat-feeds/drop');
    expect((await call('DELETE', '/v1/threat-feeds/drop', { headers })).status).toBe(204);
    expect((await call('GET', '/v1/threat-feeds/drop')).status).toBe(404);
    expect((await call('DELETE', '/v1/threat-feeds/drop', { headers })).status).toBe(404);
    expect((await call('POST', '/v1/threat-feeds/drop/refresh')).status).toBe(404);
  });

  it.each([
    ['/secret', { kind: 'crowdsec', url: lapi }],
    ['/user', { kind: 'crowdsec', url: lapi, user: 'me', secret: 'x' }],
    ['/secret', { ...plain, user: 'me' }],
    ['/keep_seconds', { ...plain, every_seconds: 3_600, keep_seconds: 60 }],
    ['/name', { ...plain, name: 'other' }],
    ['/url', { ...plain, url: 'https://user@lists.example/' }],
    ['/url', { ...plain, url: 'https://[::/' }],
    ['/url', { kind: 'taxii', url: 'https://taxii.example/?a=b' }],
  ])('is refused where its %s is wrong', async (pointer, json) => {
    const { put } = await threatBed(() => ({ body: '' }));
    const { status, body } = await put('drop', json);
    expect([status, (body['errors'] as { pointer: string }[])[0]?.pointer]).toEqual([422, pointer]);
  });

  it('does not carry its secret to another server', async () => {
    const { put, ifMatch, asked, rounds } = await threatBed(() => ({ body: drop }));
    await put('drop', { ...plain, secret: 'hidden' });
    const elsewhere = { ...plain, url: 'https://evil.example/' };
    const headers = await ifMatch('/v1/threat-feeds/drop');
    expect((await put('drop', elsewhere, headers)).status).toBe(422);
    expect((await put('drop', { ...elsewhere, secret: 'new' }, headers)).status).toBe(200);
    await rounds();
    expect(asked.map(({ headers: sent }) => sent?.['authorization'])).toEqual(['Bearer new']);
  });

  it('is one of fifty at most', async () => {
    const { put } = await threatBed(() => ({ body: '' }));
    for (let made = 0; made < 50; made++) await put(`f${made}`, plain);
    expect((await put('more', plain)).status).toBe(409);
  });

  it('of another tenant is neither seen nor counted', async () => {
    const { authority, store, put, rounds } = await threatBed(() => ({ body: drop }));
    await put('drop', plain);
    await rounds();
    const page = await authority.threats.read({ tenant: 'other' as never, after: 0 });
    expect(page).toEqual({ newest: 0, feeds: [], blocks: [] });
    expect(await store.threatBlocks.count({ tenant: defaultTenant })).toBe(2);
  });
});

describe('the reading of a list', () => {
  it('lists what stands there, and says why of an address', async () => {
    const { put, rounds, progress, lookUp, call } = await threatBed(() => ({ body: drop }));
    await put('drop', plain);
    await rounds();
    expect(await progress('drop')).toMatchObject({ listed: 2, added: 2, failures: 0, fault: null });
    expect(await lookUp('203.0.113.7')).toMatchObject([
      { feed: 'drop', network: '203.0.113.7', reason: 'scanner' },
    ]);
    expect(await lookUp('198.51.99.200')).toMatchObject([{ network: '198.51.99.0/24' }]);
    expect(await lookUp('198.51.98.1')).toEqual([]);
    expect((await call('GET', '/v1/threats?address=nobody')).status).toBe(400);
  });

  it('tells gateways what changed, and the end of what is listed no longer', async () => {
    const { put, rounds, serve, authority, clock } = await threatBed(() => ({ body: drop }));
    await put('drop', { ...plain, every_seconds: 10 });
    await rounds();
    const first = await authority.threats.read({ tenant: defaultTenant, after: 0 });
    expect(first).toMatchObject({ newest: 1, feeds: [{ name: 'drop' }] });
    expect(first.blocks.map(({ network }) => network)).toEqual(['4c6336300/24', '4cb007107/32']);
    serve(() => ({ body: '203.0.113.7 # scanner\n' }));
    await rounds(11);
    const { newest, blocks } = await authority.threats.read({ tenant: defaultTenant, after: 1 });
    expect([newest, blocks.map(({ network }) => network)]).toEqual([2, ['4c6336300/24']]);
    expect(blocks[0]!.until * 1000).toBeLessThanOrEqual(clock.nowMs());
  });

  it('tells gateways page by page, over HTTP too', async () => {
    const long = Array.from({ length: limits.threatPageBlocksMax + 1 }, (_, place) => {
      return `203.${place >> 8}.${place & 255}.9`;
    });
    const { put, rounds, call } = await threatBed(() => ({ body: long.join('\n') }));
    await put('drop', plain);
    await rounds();
    const first = await call('GET', '/v1/feed/threats?after=0');
    expect(first.body['blocks']).toHaveLength(limits.threatPageBlocksMax);
    const place = encodeURIComponent(String(first.body['next']));
    const second = await call('GET', `/v1/feed/threats?after=0&place=${place}`);
    expect(second.body['blocks']).toHaveLength(1);
    expect(second.body['next']).toBeUndefined();
    const again = await call('GET', '/v1/feed/threats?after=0&place=nonsense');
    expect(again.body['blocks']).toEqual(first.body['blocks']);
  });

  it('asks by the ETag, and keeps a list that is the same', async () => {
    const bed = await threatBed(({ headers }) =>
      headers?.['if-none-match'] === '"v1"'
        ? { status: 304, body: '' }
        : { body: drop, headers: { etag: '"v1"' } },
    );
    await bed.put('drop', { ...plain, every_seconds: 10 });
    await bed.rounds();
    const before = (await bed.progress('drop'))['counts_until'];
    await bed.rounds(11);
    expect(bed.asked.map(({ headers }) => headers?.['if-none-match'])).toEqual([undefined, '"v1"']);
    const after = await bed.progress('drop');
    expect(after).toMatchObject({ failures: 0, listed: 2, added: 0 });
    expect(Date.parse(String(after['counts_until']))).toBeGreaterThan(Date.parse(String(before)));
  });

  it('that fails is tried again, is shown, and does not lengthen what counts', async () => {
    const bed = await threatBed(() => ({ body: drop }));
    await bed.put('drop', { ...plain, every_seconds: 10, keep_seconds: 60 });
    await bed.rounds();
    const until = (await bed.progress('drop'))['counts_until'];
    bed.serve(() => ({ status: 503, body: '' }));
    for (let turn = 0; turn < 3; turn++) await bed.rounds(11);
    const failed = await bed.progress('drop');
    expect(failed).toMatchObject({ fault: 'the source answered 503', counts_until: until });
    expect(failed['failures']).toBeGreaterThan(1);
    const { feeds } = await bed.authority.threats.read({ tenant: defaultTenant, after: 0 });
    expect(feeds[0]!.until * 1000).toBe(Date.parse(String(until)));
    bed.serve(() => ({ body: drop }));
    await bed.rounds(11);
    expect(await bed.progress('drop')).toMatchObject({ failures: 0, fault: null });
  });

  it.each([
    ['a page to sign in', '<html>\n<body>please sign in', 'not one line of it is an address'],
    ['bytes that are no text', '\u{d800}'.repeat(3), 'not one line of it is an address'],
    ['a flood', `${'1.1.1.1\n'.repeat(5_000_000)}`, 'the answer is larger than 33554432 bytes'],
    [
      'more than was permitted',
      Array.from({ length: 30 }, (_, place) => `203.0.113.${place}`).join('\n'),
      'it lists 30 blocks; at most 20 are taken',
    ],
  ])('refuses %s, and keeps what was there', async (_what, body, fault) => {
    const bed = await threatBed(() => ({ body: drop }));
    await bed.put('drop', { ...plain, every_seconds: 10, blocks_max: 20 });
    await bed.rounds();
    bed.serve(() => ({ body }));
    await bed.rounds(11);
    expect(await bed.progress('drop')).toMatchObject({ fault, listed: 2 });
    expect(await bed.lookUp('203.0.113.7')).toHaveLength(1);
  });

  it('takes none of what its rules forbid, and says of each what it is', async () => {
    const hostile = ['0.0.0.0/0', '10.0.0.5', '198.51.100.0/24', '203.0.113.7', 'x', '::/0'];
    const bed = await threatBed(() => ({ body: hostile.join('\n') }));
    await bed.put('drop', plain);
    await bed.rounds();
    const { examples, ...rest } = await bed.progress('drop');
    expect(rest).toMatchObject({ listed: 1, refused: 4, passed_over: 1 });
    expect((examples as { text: string; message: string }[]).map(({ message }) => message)).toEqual(
      [
        'is wider than /19, which this feed was not permitted',
        'holds 198.51.100.40, which this installation protects',
        'is no public address, or holds some',
        'is wider than /8, which this feed was not permitted',
        'not an IPv4 or IPv6 address',
      ],
    );
  });

  it('takes what is wider or private only from who was permitted to list it', async () => {
    const bed = await threatBed(() => ({ body: '44.0.0.0/6\n10.0.0.5\n198.51.100.40' }));
    await bed.put('drop', { ...plain, widest_ipv4: 6, allow_private: true });
    await bed.rounds();
    expect(await bed.progress('drop')).toMatchObject({ listed: 2, refused: 1 });
  });

  it('of a private address needs the word of the configuration', async () => {
    const bed = await threatBed(() => ({ body: drop }));
    await bed.put('drop', { ...plain, url: 'https://other.inside/list' });
    await bed.rounds();
    expect((await bed.progress('drop'))['counts_until']).toBeNull();
    expect((await bed.progress('drop'))['fault']).toBe(
      'other.inside has no public address: name https://other.inside in ' +
        'threats.private_origins of the configuration, where it is meant',
    );
  });

  it('begins at once where it is asked for, and everything stands in the trail', async () => {
    const bed = await threatBed(() => ({ body: drop }));
    await bed.put('drop', plain);
    await bed.rounds();
    bed.serve(() => ({ body: '203.0.113.9' }));
    expect((await bed.call('POST', '/v1/threat-feeds/drop/refresh')).status).toBe(202);
    await bed.rounds();
    expect(await bed.progress('drop')).toMatchObject({ listed: 1, added: 1, removed: 2 });
    const { body } = await bed.call('GET', '/v1/audit/history/threat_feed/drop');
    const actions = (body['items'] as { action: string }[] | undefined)?.map((one) => one.action);
    expect(actions?.toSorted()).toEqual(
      [
        'threat_feed.create',
        'threat_feed.read',
        'threat_feed.read',
        'threat_feed.refresh',
      ].toSorted(),
    );
  });

  it('of a deleted feed ends, and its blocks are taken away', async () => {
    const bed = await threatBed(() => ({ body: drop }));
    await bed.put('drop', plain);
    await bed.rounds();
    const headers = await bed.ifMatch('/v1/threat-feeds/drop');
    await bed.call('DELETE', '/v1/threat-feeds/drop', { headers });
    const { feeds } = await bed.authority.threats.read({ tenant: defaultTenant, after: 0 });
    expect(feeds).toEqual([]);
    await bed.rounds();
    expect(await bed.store.threatBlocks.count()).toBe(0);
    expect(await bed.store.threatFeeds.count()).toBe(0);
  });
});

describe('a stream of CrowdSec', () => {
  const decision = (value: string, duration = '4h') => {
    return { value, duration, scope: 'Ip', type: 'ban', scenario: 'ssh-bf', origin: 'cscli' };
  };

  it('is read as a whole first, then by its changes, with the key kept sealed', async () => {
    const bed = await threatBed(() => ({
      body: { new: [decision('203.0.113.7')], deleted: null },
    }));
    await bed.put('crowd', { kind: 'crowdsec', url: `${lapi}/`, secret: 'bouncer' });
    await bed.rounds();
    bed.serve(() => ({
      body: { new: [decision('203.0.113.8')], deleted: [decision('203.0.113.7', '-1s')] },
    }));
    await bed.rounds(61);
    expect(bed.asked.map(({ url, headers }) => [url, headers?.['x-api-key']])).toEqual([
      [`${lapi}/v1/decisions/stream?startup=true`, 'bouncer'],
      [`${lapi}/v1/decisions/stream?startup=false`, 'bouncer'],
    ]);
    expect(await bed.lookUp('203.0.113.7')).toEqual([]);
    expect(await bed.lookUp('203.0.113.8')).toMatchObject([{ reason: 'ban ssh-bf (cscli)' }]);
  });

  it('is read as a whole again after a failure', async () => {
    const bed = await threatBed(() => ({ body: [] }));
    await bed.put('crowd', { kind: 'crowdsec', url: lapi, secret: 'bouncer', every_seconds: 10 });
    await bed.rounds();
    expect((await bed.progress('crowd'))['fault']).toBe('the answer is no JSON');
    bed.serve(() => ({ body: { new: null, deleted: null } }));
    await bed.rounds(11);
    await bed.rounds(11);
    expect(bed.asked.map(({ url }) => url.split('=')[1])).toEqual(['true', 'true', 'false']);
  });
});

describe('a collection of TAXII', () => {
  const collection = 'https://taxii.example/api/collections/1/';
  const indicator = (address: string) => {
    const pattern = `[ipv4-addr:value = '${address}']`;
    return { type: 'indicator', id: 'indicator--1', name: 'bot', pattern, pattern_type: 'stix' };
  };

  it('is read page by page, then from where it ended', async () => {
    const bed = await threatBed(({ url }) => {
      const query = new URL(url).searchParams;
      const headers = { 'x-taxii-date-added-last': '2026-01-01T00:00:00.000001Z' };
      if (query.has('added_after')) return { body: {} };
      return query.has('next')
        ? { body: { objects: [indicator('203.0.113.8')] }, headers }
        : { body: { more: true, next: 'two', objects: [indicator('203.0.113.7')] }, headers };
    });
    await bed.put('bots', { kind: 'taxii', url: collection, user: 'me', secret: 'pass' });
    await bed.rounds();
    expect(await bed.progress('bots')).toMatchObject({ listed: 2, fault: null });
    await bed.rounds(601);
    const sent = bed.asked.map(({ url }) => new URL(url).searchParams);
    expect(sent.map((query) => [query.get('next'), query.get('added_after')])).toEqual([
      [null, null],
      ['two', null],
      [null, '2026-01-01T00:00:00.000001Z'],
    ]);
    expect(bed.asked[0]?.headers).toMatchObject({
      accept: 'application/taxii+json;version=2.1',
      authorization: `Basic ${Buffer.from('me:pass').toString('base64')}`,
    });
    expect(await bed.lookUp('203.0.113.8')).toHaveLength(1);
  });

  it('that never ends is given up', async () => {
    const bed = await threatBed(() => ({ body: { more: true, next: 'again' } }));
    await bed.put('bots', { kind: 'taxii', url: collection });
    await bed.rounds();
    expect((await bed.progress('bots'))['fault']).toBe('the collection has more than 1000 pages');
    expect(bed.asked).toHaveLength(1_000);
  });

  it('that does not say where more is, is not taken', async () => {
    const bed = await threatBed(() => ({ body: { more: true } }));
    await bed.put('bots', { kind: 'taxii', url: collection });
    await bed.rounds();
    expect((await bed.progress('bots'))['fault']).toBe('there is more, and it does not say where');
  });
});
