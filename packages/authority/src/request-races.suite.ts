/**
 * Races of what a browser or a person leads to tokens, through three authorities over one store:
 * one `request_uri` gives one code, and one device code gives its tokens once.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { callsOf } from './authority-bed.ts';
import { openBrowser } from './browser-bed.ts';
import { type DeviceBed, deviceBed } from './device-bed.ts';
import { asAlice, redirectUri } from './sign-in-bed.ts';
import { openRaceStores, racedStores, raceTrials } from './store/conformance/race-stores.ts';

const racers = 50;

type Node = ReturnType<typeof callsOf> & Pick<DeviceBed, 'authority'>;
type TestBrowser = ReturnType<typeof openBrowser>;

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: DeviceBed;
  let nodes: readonly Node[] = [];
  /** One person's browser, as it looks to each authority. */
  let browsers: readonly TestBrowser[] = [];

  beforeAll(async () => {
    const opened = await openRaceStores(kind);
    close = opened.close;
    const [first, ...others] = opened.stores;
    bed = await deviceBed(first);
    nodes = [bed, ...(await Promise.all(others.map((store) => bed.replica(store))))];
    browsers = nodes.map(({ authority }) => openBrowser(() => authority));
    const [browser] = browsers;
    const login = await browser!.open(bed.authorizeUrl());
    await browser!.submit(await browser!.submit(login, asAlice));
    for (const { jar } of browsers.slice(1)) {
      for (const [name, value] of browser!.jar) jar.set(name, value);
    }
  });
  afterAll(() => close());

  function atOnce<T>(send: (at: number) => Promise<T>): Promise<readonly T[]> {
    const all = Array.from({ length: racers }, (_, i) => send(i % nodes.length));
    return Promise.all(all);
  }

  it(`one request_uri gives one code: ${raceTrials} trials of ${racers}`, async () => {
    for (let trial = 0; trial < raceTrials; trial++) {
      bed.clock.advanceMs(1_000);
      const pushed = await bed.post('/oauth2/par', bed.parametersOf(), bed.app);
      const { clientId: client_id } = bed.app;
      const query = { client_id, request_uri: String(pushed.json['request_uri']) };
      const url = `/oauth2/authorize?${new URLSearchParams(query)}`;
      const answers = await atOnce((at) => browsers[at]!.send('GET', url));
      const places = answers.map(({ headers }) => String(headers['location'] ?? ''));
      const codes = places.filter((place) => place.startsWith(`${redirectUri}?`));
      expect(codes).toHaveLength(1);
      expect(codes[0]).toContain('code=mm_ac_');
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([303, ...Array.from({ length: racers - 1 }, () => 400)]);
    }
  }, 3_600_000);

  it(`one device code gives tokens once: ${raceTrials} trials of ${racers}`, async () => {
    for (let trial = 0; trial < raceTrials; trial++) {
      bed.clock.advanceMs(1_000);
      const begun = await bed.begin({ scope: 'read' });
      await bed.approve(begun, browsers[trial % browsers.length]);
      const { device_code } = begun;
      const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code };
      const answers = await atOnce((at) => nodes[at]!.post('/oauth2/token', form, bed.tv));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      for (const { status, json } of answers.filter((one) => one.status !== 200)) {
        expect([status, json['error']]).toEqual([400, 'invalid_grant']);
      }
      // The others were second uses: what the one was given is gone, on every node.
      await Promise.all(nodes.map(({ authority }) => authority.tick()));
      const token = String(won[0]?.json['access_token']);
      const asked = nodes.map((node) => node.post('/oauth2/introspect', { token }, bed.tv));
      for (const { json } of await Promise.all(asked)) expect(json).toEqual({ active: false });
    }
  }, 3_600_000);

  it(`one device is answered once: ${raceTrials} trials`, async () => {
    for (let trial = 0; trial < raceTrials; trial++) {
      bed.clock.advanceMs(1_000);
      const begun = await bed.begin({ scope: 'read' });
      const questions = await Promise.all(browsers.map((browser) => bed.ask(begun, browser)));
      const answers = await Promise.all(
        questions.map((page, at) => browsers[at]!.submit(page, at === 0 ? { deny: '1' } : {})),
      );
      const done = answers.filter(({ url }) => url.startsWith('/device?done='));
      expect(done).toHaveLength(1);
      const { status } = await bed.poll(begun);
      expect(status).toBe(done[0]?.url === '/device?done=allowed' ? 200 : 400);
    }
  }, 3_600_000);
});
