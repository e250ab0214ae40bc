/**
 * Races at the token endpoint on the stores that serve, through three authorities over one store:
 * one code, one refresh token, and a refresh against its revocation. The short form of
 * `npm run races`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GrantBed, grantBed } from './grant-bed.ts';
import {
  openRaceStores,
  racedStores,
  raceTrials as trials,
} from './store/conformance/race-stores.ts';

const callers = 50;

type Replica = Awaited<ReturnType<GrantBed['replica']>>;
type Answer = Awaited<ReturnType<Replica['post']>>;

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: GrantBed;
  let processes: readonly Pick<Replica, 'post' | 'authority'>[] = [];

  beforeAll(async () => {
    const opened = await openRaceStores(kind);
    close = opened.close;
    const [first, ...more] = opened.stores;
    bed = await grantBed(1, first);
    const others = more.map((store) => bed.replica(store));
    processes = [bed, ...(await Promise.all(others))];
  });
  afterAll(() => close());

  /** The same form at all processes at once. */
  function atOnce(count: number, form: Record<string, string>): Promise<Answer>[] {
    const post = (i: number) =>
      processes[i % processes.length]!.post('/oauth2/token', form, bed.app);
    return Array.from({ length: count }, (_, i) => post(i));
  }

  /** What each process says of the token once the feed has told it all. */
  async function activeAnywhere(token: unknown): Promise<boolean> {
    await Promise.all(processes.map(({ authority }) => authority.tick()));
    const form = { token: String(token) };
    const asked = processes.map((one) => one.post('/oauth2/introspect', form, bed.app));
    return (await Promise.all(asked)).some(({ json }) => json['active'] === true);
  }

  it(`one code is redeemed once, ${trials} times`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const answers = await Promise.all(atOnce(callers, bed.redemption(await bed.code())));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      for (const { status, json } of answers.filter((one) => one.status !== 200)) {
        expect([status, json['error']]).toEqual([400, 'invalid_grant']);
      }
      // The others were second uses: what the one was given is gone.
      expect(await activeAnywhere(won[0]?.json['access_token'])).toBe(false);
    }
  }, 3_600_000);

  it(`one refresh token is rotated once, ${trials} times`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const first = await bed.redeem(await bed.code());
      const refresh_token = String(first.json['refresh_token']);
      const form = { grant_type: 'refresh_token', refresh_token };
      const answers = await Promise.all(atOnce(callers, form));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const successors = new Set(answers.map(({ json }) => json['refresh_token']));
      expect(successors.size).toBe(1);
      expect(successors).not.toContain(refresh_token);
      const [successor] = successors;
      expect(await bed.refresh(String(successor))).toMatchObject({ status: 200 });
    }
  }, 3_600_000);

  it(`nothing lives after a revocation was acknowledged, ${trials} times`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const first = await bed.redeem(await bed.code());
      const token = String(first.json['refresh_token']);
      const form = { grant_type: 'refresh_token', refresh_token: token };
      const refreshes = atOnce(callers, form);
      const revoked = await processes[trial % 3]!.post('/oauth2/revoke', { token }, bed.app);
      expect(revoked.status).toBe(200);
      const given = (await Promise.all(refreshes)).filter(({ status }) => status === 200);
      for (const { json } of [first, ...given]) {
        expect(await activeAnywhere(json['access_token'])).toBe(false);
        const again = await bed.refresh(String(json['refresh_token']));
        expect(again.json['error']).toBe('invalid_grant');
      }
    }
  }, 3_600_000);
});
