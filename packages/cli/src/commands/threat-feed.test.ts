import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const feed = {
  ...{ name: 'crowd', kind: 'crowdsec', url: 'http://127.0.0.1:8080', has_secret: true },
  progress: {
    ...{ listed: 12, refused: 1, succeeded_at: '2026-11-22T07:00:00.000Z', failures: 2 },
    ...{ fault: 'the source answered 403', counts_until: '2026-11-23T07:00:00.000Z' },
  },
};

describe('mintmark threat-feed', () => {
  it('lists sources with what they list and what went wrong', async () => {
    const { out } = await run('threat-feed list', {
      server: () => json(200, { items: [feed], next: null }),
    });
    expect(out).toMatch(
      /crowd +crowdsec +12 +1 +2026-11-22\S+ +2026-11-23\S+ +the source answered/,
    );
  });

  it('shows one as it is', async () => {
    const { out } = await run('threat-feed show crowd', { server: () => json(200, feed) });
    expect(JSON.parse(out)).toEqual(feed);
  });

  it('writes one, with a secret that stands on no command line', async () => {
    const line = 'threat-feed create crowd --kind crowdsec --url http://127.0.0.1:8080 --secret -';
    const { exit, sent } = await run(`${line} --every 1m --keep 1d`, {
      server: () => json(201, feed),
      input: 'bouncer\n',
    });
    expect(exit).toBe(0);
    expect(sent[0]).toMatchObject({ method: 'PUT' });
    expect(sent[0]!.body).toEqual({
      ...{ kind: 'crowdsec', url: 'http://127.0.0.1:8080', secret: 'bouncer' },
      ...{ every_seconds: 60, keep_seconds: 86_400 },
    });
  });

  it('says what is wrong with a pause, and asks nobody', async () => {
    const line = 'threat-feed create drop --kind plain --url https://lists.example/ --every often';
    const { exit, sent } = await run(line, { server: () => json(201, feed) });
    expect([exit, sent.length]).toEqual([2, 0]);
  });

  it('has one read, and deletes one', async () => {
    const refreshed = await run('threat-feed refresh crowd', { server: () => json(202, feed) });
    expect(refreshed.sent[0]!.url).toContain('/v1/threat-feeds/crowd/refresh');
    expect(refreshed.out).toContain('the source answered 403');
    const deleted = await run('threat-feed delete crowd', {
      server: ({ method }) =>
        method === 'GET' ? json(200, feed, { etag: '"1"' }) : new Response(null, { status: 204 }),
    });
    expect(deleted.out).toContain('deleted crowd');
  });

  it('says which lists name an address', async () => {
    const items = [
      { feed: 'crowd', network: '203.0.113.0/24', reason: 'ban ssh-bf', until: 'tomorrow' },
    ];
    const found = await run('threat-feed lookup 203.0.113.7', {
      server: () => json(200, { items }),
    });
    expect(found.sent[0]!.url).toContain('/v1/threats?address=203.0.113.7');
    expect(found.out).toMatch(/crowd +203\.0\.113\.0\/24 +ban ssh-bf/);
    const none = await run('threat-feed lookup 2001:db8::1', {
      server: () => json(200, { items: [] }),
    });
    expect(none.out).toContain('no list names it');
  });
});
