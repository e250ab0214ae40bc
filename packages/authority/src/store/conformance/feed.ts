/** Positions: from one, without holes, in the order of commits. */
import type { TenantId } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import type { FeedDraft, FeedStep } from '../act.ts';
import { revocationRow } from '../revocation-row.ts';
import type { Store } from '../store.ts';
import { recordsOf } from './records.ts';
import { auditRow, clientRow, freshTenant, nodeRow, revocationDraft } from './rows.ts';
import { stepRunner } from './run-steps.ts';

function feedStep(tenant: TenantId, ...ids: string[]): FeedStep {
  const entries = ids.map((id) => revocationDraft(id));
  return { do: 'feed', tenant, entries, at: 1_700_000_000_000 };
}

const keyDraft = { type: 'key', key: { id: 'k1', status: 'active' } } as unknown as FeedDraft;

export function describeFeed(stores: () => readonly Store[]): void {
  const store = () => stores()[0]!;
  const run = stepRunner(store);
  describe('the feed step', () => {
    it('numbers entries from one, and says the last position', async () => {
      const tenant = freshTenant();
      expect(await run([feedStep(tenant, 'a', 'b')])).toEqual({ outcome: 'done', position: 2 });
      expect(await run([feedStep(tenant, 'c')])).toEqual({ outcome: 'done', position: 3 });
      expect(await store().feedHead.get(tenant)).toEqual({ tenant, position: 3 });
      const rows = await store().feed.list({ where: { tenant }, limit: 10 });
      expect(rows.map(({ position, targetId }) => [position, targetId])).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ]);
      expect(rows[1]).toEqual({
        tenant,
        position: 2,
        entry: { position: 2, ...revocationDraft('b') },
        targetKind: 'client',
        targetId: 'b',
        at: 1_700_000_000_000,
        expiresAtSeconds: 2_000_000_000,
      });
    });

    it('keeps entries that are no revocations for a day', async () => {
      const tenant = freshTenant();
      const at = 1_700_000_000_000;
      await run([{ do: 'feed', tenant, entries: [keyDraft], at }]);
      expect(await store().feed.get(tenant, 1)).toMatchObject({
        entry: { position: 1, ...keyDraft },
        targetKind: null,
        targetId: null,
        expiresAtSeconds: 1_700_000_000 + 24 * 3600,
      });
    });

    it('gives the revocation the position of its first entry', async () => {
      const tenant = freshTenant();
      await run([feedStep(tenant, 'x')]);
      const revocation = {
        tenant,
        id: 'r1',
        targetKind: 'client',
        targetId: 'a',
        reason: 'lost',
        actor: 'admin',
        at: 7,
      };
      const outcome = await run([{ ...feedStep(tenant, 'a', 'b'), revocation }]);
      expect(outcome).toEqual({ outcome: 'done', position: 3 });
      expect(await store().revocations.get(tenant, 'r1')).toEqual(revocationRow(revocation, 2));
      const again = run([{ ...feedStep(tenant, 'a'), revocation }]);
      await expect(again).rejects.toMatchObject({ code: 'store_conflict' });
      expect(await store().feedHead.get(tenant)).toEqual({ tenant, position: 3 });
    });

    it('leaves no hole where the act is refused, and counts what otherwise appends', async () => {
      const tenant = freshTenant();
      const where = { tenant, clientId: 'nobody' };
      const refused = await run([
        feedStep(tenant, 'a'),
        { do: 'require', table: 'clients', where, refused: 'no' },
      ]);
      expect(refused).toEqual({ outcome: 'no', position: undefined });
      expect(await store().feedHead.get(tenant)).toBeUndefined();
      const instead = await run(
        [feedStep(tenant, 'a'), { do: 'require', table: 'clients', where, refused: 'no' }],
        { otherwise: { no: { steps: [feedStep(tenant, 'b', 'c')], audit: null } } },
      );
      expect(instead).toEqual({ outcome: 'no', position: 2 });
      expect(await store().feed.count({ tenant })).toBe(2);
    });
  });
  describeAbsent(store);
  describeRacingFeed(stores);
}

function describeAbsent(store: () => Store): void {
  const run = stepRunner(store);
  const absent = (tenant: TenantId, targetId: string, above: number) =>
    ({
      do: 'absent',
      table: 'feed',
      where: { tenant, targetKind: 'client', targetId, position: { is: '>', value: above } },
      refused: 'revoked',
    }) as const;

  describe('absent', () => {
    it('refuses where a revocation stands above the position', async () => {
      const tenant = freshTenant();
      expect(await run([absent(tenant, 'a', 0)])).toMatchObject({ outcome: 'done' });
      await run([feedStep(tenant, 'a', 'b')]);
      expect(await run([absent(tenant, 'a', 0)])).toMatchObject({ outcome: 'revoked' });
      expect(await run([absent(tenant, 'a', 1)])).toMatchObject({ outcome: 'done' });
      expect(await run([absent(tenant, 'b', 1)])).toMatchObject({ outcome: 'revoked' });
      expect(await run([absent(tenant, 'c', 0)])).toMatchObject({ outcome: 'done' });
    });

    it('refuses by whichever of several it is, each with a position of its own', async () => {
      const tenant = freshTenant();
      await run([feedStep(tenant, 'a', 'b')]);
      const free = ['c', 'd', 'e'].map((id) => absent(tenant, id, 0));
      expect(await run(free)).toMatchObject({ outcome: 'done' });
      for (let place = 0; place <= free.length; place++) {
        const found = await run(free.toSpliced(place, 0, absent(tenant, 'a', 0)));
        expect(found).toMatchObject({ outcome: 'revoked' });
        const after = await run(free.toSpliced(place, 0, absent(tenant, 'a', 1)));
        expect(after).toMatchObject({ outcome: 'done' });
      }
      const other = { ...absent(tenant, 'b', 0), refused: 'other' } as const;
      expect(await run([...free, other])).toMatchObject({ outcome: 'other' });
    });

    it('sees what the act itself appended', async () => {
      const tenant = freshTenant();
      const outcome = await run([feedStep(tenant, 'a'), absent(tenant, 'a', 0)]);
      expect(outcome).toMatchObject({ outcome: 'revoked' });
    });

    it('is a bug outside of one tenant’s feed, where nothing keeps it free of races', async () => {
      const tenant = freshTenant();
      const where = { tenant, clientId: 'a' };
      await expect(run([{ do: 'absent', table: 'clients', where, refused: 'no' }])).rejects.toThrow(
        'only in the feed',
      );
      await expect(
        run([{ do: 'absent', table: 'feed', where: { targetId: 'a' }, refused: 'no' }]),
      ).rejects.toThrow('only in the feed');
    });
  });

  it('writes to the feed by other steps are bugs', async () => {
    const row = { tenant: freshTenant(), position: 9 };
    const put = run([{ do: 'put', table: 'feedHead', row }]);
    await expect(put).rejects.toThrow('only a feed step');
  });
}

function describeRacingFeed(stores: () => readonly Store[]): void {
  describe('racing feed steps', () => {
    it('are committed in the order of their positions: no reader ever sees a hole', async () => {
      const tenant = freshTenant();
      const [writers, reader] = [stores(), stores().at(-1)!];
      let writing = true;
      const seen = (async () => {
        let most = 0;
        while (writing) {
          const rows = await reader.feed.list({ where: { tenant }, limit: 1_000 });
          expect(rows.map(({ position }) => position)).toEqual(rows.map((_, i) => i + 1));
          expect(rows.length).toBeGreaterThanOrEqual(most);
          most = rows.length;
          // Readers that never give way would keep the writers' answers out.
          await reader.upkeep.check();
        }
      })();
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          writers[i % writers.length]!.acts.run({
            steps: [
              { do: 'put', table: 'nodes', row: nodeRow(tenant, `n${i % 7}`) },
              feedStep(tenant, `a${i}`, `b${i}`),
            ],
            audit: auditRow(tenant),
          }),
        ),
      );
      writing = false;
      await seen;
      const positions = outcomes.map(({ position }) => position!).sort((a, b) => a - b);
      expect(positions).toEqual(outcomes.map((_, i) => 2 * i + 2));
      expect(await recordsOf(reader, tenant)).toHaveLength(100);
    });

    it('first entries of a new tenant race as well', async () => {
      const tenant = freshTenant();
      const runs = stores().flatMap((one) => [one, one, one]);
      const outcomes = await Promise.all(
        runs.map(({ acts }, i) =>
          acts.run({
            steps: [
              feedStep(tenant, `a${i}`),
              { do: 'insert', table: 'clients', row: clientRow(tenant, `${i}`), refused: 'x' },
            ],
            audit: null,
          }),
        ),
      );
      const positions = outcomes.map(({ position }) => position!).sort((a, b) => a - b);
      expect(positions).toEqual(runs.map((_, i) => i + 1));
    });
  });
}
