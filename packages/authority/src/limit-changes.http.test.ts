import { defaultTenant, type LimitObservation, limits, type UnixMs } from '@mintmark/core';
import { decodeProfile, hourOf, hoursOfWeek, weekOf } from '@mintmark/detection';
import { describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

const adaptive = { mode: 'enforce', floor: 5, ceiling: 1_000, growth_per_week: 2, headroom: 4 };
const limit = { name: 'each', by: 'user', quota: 100, window_seconds: 60 };
const route = { match: { path_prefix: '/' }, upstream: 'http://127.0.0.1:1' };
const alice = '["user","default","alice"]';
const weekMs = 7 * 86_400_000;

async function learningBed(mode = 'enforce') {
  const bed = await managementBed();
  const put = (more: object, headers = {}) => {
    const json = { ...route, limits: [{ ...limit, adaptive: { ...adaptive, ...more } }] };
    return bed.call('PUT', '/v1/routes/api', { json, headers });
  };
  await put({ mode });
  // A Monday at midnight.
  const monday = Math.ceil((bed.clock.nowMs() - 4 * 86_400_000) / weekMs) * weekMs;
  bed.clock.advanceMs(monday + 4 * 86_400_000 - bed.clock.nowMs());

  async function take(...observations: readonly Partial<LimitObservation>[]): Promise<void> {
    const hour = hourOf(bed.clock.nowMs());
    const whole = observations.map(
      (one): LimitObservation => ({
        ...{ tenant: defaultTenant, route: 'api', limit: 'each', caller: alice },
        ...{ hour, peak: 10, denied: 0, wouldDeny: 0, ...one },
      }),
    );
    await bed.authority.limitObservations.accept(whole);
    // The last round: everything waiting is taken, some at a time.
    const rounds = Math.ceil(whole.length / limits.adaptiveObservationsPerRound);
    for (let round = 0; round < rounds; round++) await bed.authority.close();
  }

  return {
    ...bed,
    put,
    take,
    /** A week in which alice peaks so in each hour, and the first hour of the next one. */
    async week(peak: number): Promise<void> {
      const from = hourOf(bed.clock.nowMs());
      bed.clock.advanceMs(weekMs);
      // That of `from` was handed in.
      const hours = Array.from({ length: hoursOfWeek - 1 }, (_, passed) => from + passed + 1);
      await take(...hours.map((hour) => ({ hour, peak })));
      await take({ peak });
    },
    async changes() {
      const { body } = await bed.call('GET', '/v1/limit-changes');
      return body['items'] as Record<string, unknown>[];
    },
    async profile() {
      const { profiles, ...rest } = await bed.authority.limitProfiles.read({
        ...{ tenant: defaultTenant, after: 0 },
      });
      const text = profiles[0]?.profile;
      return { ...rest, profiles, decoded: text && decodeProfile(Buffer.from(text, 'base64url')) };
    },
  };
}

describe('a limit that adapts', () => {
  it('changes once the first week is over, and says what it was, what it is and why', async () => {
    const bed = await learningBed();
    await bed.take({ peak: 10 });
    expect(await bed.changes()).toEqual([]);
    await bed.week(10);
    const [change, ...others] = await bed.changes();
    expect(others).toEqual([]);
    expect(change).toMatchObject({
      ...{ route: 'api', limit: 'each', caller: alice, mode: 'enforce', status: 'in_force' },
      before: { basis: 'static', low: 100, high: 100 },
      after: { basis: 'learned', low: 40, high: 40 },
      reasons: [
        {
          reason: 'usual',
          words: 'median of such hours in its last weeks: 10, 4 times',
          value: 40,
        },
      ],
      evidence: { busiest: 10, growth_bound: 200 },
      undone: null,
    });
    expect(Date.parse(String(change!['until']))).toBe(bed.clock.nowMs() + weekMs);
    const shown = await bed.call('GET', `/v1/limit-changes/${change!['id']}`);
    expect(shown.body).toEqual(change);
    const history = await bed.call('GET', `/v1/audit/history/limit/${change!['id']}`);
    expect(history.text).toContain('limit.change');
  });

  it('does not change where the next week is as the last one, and is told for it', async () => {
    const bed = await learningBed();
    await bed.take({ peak: 10 });
    await bed.week(10);
    const first = await bed.profile();
    await bed.week(10);
    expect(await bed.changes()).toHaveLength(1);
    const second = await bed.profile();
    expect(second.newest).toBe(first.newest + 1);
    expect((second.decoded || undefined)?.week).toBe((first.decoded || undefined)!.week + 1);
  });

  it('supersedes the change before where a caller does more for weeks', async () => {
    const bed = await learningBed();
    await bed.take({ peak: 10 });
    await bed.week(10);
    for (let week = 0; week < 3; week++) await bed.week(38);
    const changes = await bed.changes();
    // As far as growth allows first: to the quota; then to four times the usual.
    expect(changes).toMatchObject([
      { status: 'in_force', before: { high: 100 }, after: { high: 152 } },
      { status: 'superseded', before: { high: 40 }, after: { high: 100 } },
      { status: 'superseded', before: { high: 100 }, after: { high: 40 } },
    ]);
  });

  it('is told to gateways by the numbers of its changes, page by page', async () => {
    const bed = await learningBed();
    const callers = Array.from({ length: limits.adaptiveProfilePageMax + 1 }, (_, place) => {
      return `["user","default","u${String(place).padStart(4, '0')}"]`;
    });
    const from = hourOf(bed.clock.nowMs());
    for (const hour of [from, from + 1, from + 2]) {
      bed.clock.advanceMs(3_600_000);
      await bed.take(...callers.map((caller) => ({ caller, hour })));
    }
    bed.clock.advanceMs(weekMs);
    await bed.take(...callers.map((caller) => ({ caller })));
    const read = (cursor?: string) =>
      bed.authority.limitProfiles.read({ tenant: defaultTenant, after: 0, cursor });
    const first = await read();
    const second = await read(first.next);
    expect([first.profiles.length, second.profiles.length]).toEqual([500, 1]);
    const again = await read('{"nonsense":');
    expect(again.profiles).toEqual(first.profiles);
    const query = `after=0&place=${encodeURIComponent(first.next!)}`;
    const sent = await bed.call('GET', `/v1/feed/limit-profiles?${query}`);
    expect([sent.status, sent.body['profiles']]).toEqual([200, second.profiles]);
  });

  it('is neither told nor changed while it observes, and judged once it does more', async () => {
    const bed = await learningBed('observe');
    await bed.take({ peak: 10 });
    await bed.week(10);
    expect([await bed.changes(), (await bed.profile()).profiles]).toEqual([[], []]);
    await bed.put({ mode: 'shadow' }, await bed.ifMatch('/v1/routes/api'));
    await bed.take({ peak: 10 });
    expect(await bed.changes()).toMatchObject([{ mode: 'shadow', after: { high: 40 } }]);
  });

  it('shows what was denied and what would have been', async () => {
    const bed = await learningBed('shadow');
    await bed.take({ peak: 10, denied: 2, wouldDeny: 7 });
    await bed.week(10);
    const [change] = await bed.changes();
    expect(change).toMatchObject({ evidence: { denied: 2, would_deny: 7 } });
  });
});

describe('what is handed in', () => {
  it('counts for the tenant of the gateway alone, and for hours that can be', async () => {
    const bed = await learningBed();
    const now = hourOf(bed.clock.nowMs());
    const one = {
      ...{ tenant: 'other', route: 'api', limit: 'each', caller: alice },
      ...{ peak: 3, denied: 0, wouldDeny: 0 },
    };
    const observations = [now, now + 1, now - 2 * hoursOfWeek].map((hour) => ({ ...one, hour }));
    const json = { observations };
    const answer = await bed.call('POST', '/v1/limit-observations', { json });
    expect(answer.status).toBe(204);
    await bed.authority.close();
    const rows = await bed.store.limitBaselines.list({ limit: 10 });
    expect(rows.map(({ tenant, version }) => [tenant, version])).toEqual([[defaultTenant, 1]]);
  });

  it('of a limit that there is not, or that does not adapt, is dropped', async () => {
    const bed = await learningBed();
    await bed.take({ route: 'nothing' }, { limit: 'other' });
    expect(await bed.store.limitBaselines.count()).toBe(0);
  });

  it('is forgotten six weeks after it was seen last', async () => {
    const bed = await learningBed();
    await bed.take({});
    bed.clock.advanceMs(limits.adaptiveForgottenSeconds * 1000 + 1_000);
    await bed.authority.tick();
    expect(await bed.store.limitBaselines.count()).toBe(0);
  });
});

describe('a change that is undone', () => {
  async function changed() {
    const bed = await learningBed();
    await bed.take({ peak: 10 });
    await bed.week(10);
    const [change] = await bed.changes();
    const path = `/v1/limit-changes/${change!['id']}/undo`;
    return { ...bed, path, undo: (json: object = {}) => bed.call('POST', path, { json }) };
  }

  it('gives the limit back that was before, at every gateway, for the time', async () => {
    const bed = await changed();
    const before = await bed.profile();
    const undone = await bed.undo({ for_seconds: 8 * 86_400, reason: 'too low' });
    expect(undone.body).toMatchObject({
      status: 'undone',
      undone: { reason: 'too low', until: expect.any(String) },
    });
    const { newest, profiles } = await bed.profile();
    expect([newest, profiles[0]?.profile]).toEqual([before.newest + 1, null]);
    await bed.week(10);
    expect((await bed.changes()).map(({ status }) => status)).toEqual(['undone']);
    await bed.week(10);
    const after = await bed.changes();
    expect(after.map(({ status }) => status)).toEqual(['in_force', 'undone']);
    expect(after[0]).toMatchObject({ before: { basis: 'static' }, after: { high: 40 } });
    const history = await bed.call('GET', `/v1/audit/history/limit/${undone.body['id']}`);
    expect(history.text).toContain('limit.undo');
  });

  it('holds what was learned before as long as was declared', async () => {
    const bed = await changed();
    for (let week = 0; week < 3; week++) await bed.week(38);
    const [newest] = await bed.changes();
    const path = `/v1/limit-changes/${newest!['id']}/undo`;
    await bed.call('POST', path, { json: { for_seconds: 60 * 86_400 } });
    const { decoded } = await bed.profile();
    // As before the last change, and good to the end of its time.
    const until = hourOf((bed.clock.nowMs() + 60 * 86_400_000) as UnixMs);
    expect(decoded).toMatchObject({ busiest: 24, week: weekOf(until) });
  });

  it('cannot be undone twice, nor once another is in force, nor where there is none', async () => {
    const bed = await changed();
    expect((await bed.undo()).status).toBe(200);
    expect((await bed.undo()).status).toBe(409);
    expect((await bed.call('POST', '/v1/limit-changes/none/undo')).status).toBe(404);
    expect((await bed.call('GET', '/v1/limit-changes/none')).status).toBe(404);
  });

  it('needs its own permission', async () => {
    const bed = await changed();
    const credential = await bed.credential('limit_changes:read');
    expect((await bed.call('POST', bed.path, { credential })).status).toBe(403);
    expect((await bed.call('GET', '/v1/limit-changes', { credential })).status).toBe(200);
  });
});
