import {
  defaultTenant,
  limits,
  manualClock,
  type ThreatPage,
  type ThreatSource,
  type UnixSeconds,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { HandTimers } from '../conformance/hand-timers.ts';
import { createThreatView } from './threat-view.ts';

const startMs = 1_790_000_000_000;
const at = (seconds: number) => (startMs / 1000 + seconds) as UnixSeconds;
const crowd = { name: 'crowd', until: at(1_000_000) };
const listed = { feed: 'crowd', network: '4cb007107/32', until: at(500) };

function bed(answers: (input: Parameters<ThreatSource['read']>[0]) => ThreatPage | Error) {
  const clock = manualClock(startMs);
  const timers = new HandTimers(clock);
  const asked: unknown[] = [];
  const faults: unknown[] = [];
  let isWanted = true;
  const view = createThreatView({
    ...{ clock, timers, tenant: defaultTenant, isWanted: () => isWanted },
    source: {
      async read({ tenant: _tenant, ...input }) {
        asked.push(input);
        const answer = answers({ tenant: defaultTenant, ...input });
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    onFault: (error) => faults.push(error),
  });
  return {
    ...{ view, clock, timers, asked, faults },
    want(wanted: boolean) {
      isWanted = wanted;
    },
  };
}

describe('the listed addresses of a node', () => {
  it('are asked for page by page, then for what changed', async () => {
    const { view, asked } = bed(({ after, cursor }) => {
      if (after === 7) return { newest: 8, feeds: [crowd], blocks: [{ ...listed, until: at(0) }] };
      if (cursor === 'two') {
        const six = '620010db8000000000000000000000000/32';
        const blocks = [{ ...listed, network: six }];
        return { newest: 9, feeds: [crowd], blocks };
      }
      return { newest: 7, feeds: [crowd], blocks: [listed], next: 'two' };
    });
    await view.look();
    expect(view.find('203.0.113.7', undefined)).toMatchObject({ feed: 'crowd' });
    expect(view.find('2001:db8::9', undefined)).toMatchObject({ feed: 'crowd' });
    await view.look();
    // The newest when the pages were begun: what came meanwhile is told again.
    expect(asked).toEqual([
      { after: 0, cursor: undefined },
      { after: 0, cursor: 'two' },
      { after: 7, cursor: undefined },
    ]);
    expect(view.find('203.0.113.7', undefined)).toBeUndefined();
  });

  it('count by the feeds that a route names', async () => {
    const { view } = bed(() => ({ newest: 1, feeds: [crowd], blocks: [listed] }));
    await view.look();
    expect(view.find('203.0.113.7', ['crowd'])).toBeDefined();
    expect(view.find('203.0.113.7', ['other'])).toBeUndefined();
  });

  it('end by themselves while nobody can be asked', async () => {
    let isGone = false;
    const { view, clock, faults } = bed(() =>
      isGone ? new Error('gone') : { newest: 1, feeds: [crowd], blocks: [listed] },
    );
    await view.look();
    isGone = true;
    clock.advanceMs(499_000);
    await view.look();
    expect(faults).toHaveLength(1);
    expect(view.find('203.0.113.7', undefined)).toBeDefined();
    clock.advanceMs(1_000);
    expect(view.find('203.0.113.7', undefined)).toBeUndefined();
  });

  it('are not asked for while no route wants to know', async () => {
    const { view, asked, want, timers } = bed(() => ({ newest: 1, feeds: [], blocks: [] }));
    want(false);
    view.start();
    timers.advance(3 * limits.threatPollMs);
    expect(asked).toEqual([]);
    want(true);
    timers.advance(limits.threatPollMs);
    expect(asked).toHaveLength(1);
    view.stop();
    timers.advance(3 * limits.threatPollMs);
    expect(asked).toHaveLength(1);
  });

  it('are taken anew where numbers went back, or the node was away for long', async () => {
    let newest = 7;
    const { view, asked, clock } = bed(() => ({ newest, feeds: [crowd], blocks: [listed] }));
    await view.look();
    newest = 3;
    await view.look();
    expect(view.size).toBe(0);
    await view.look();
    clock.advanceMs(limits.threatEndedKeptSeconds * 1000);
    await view.look();
    const afters = asked.map((one) => (one as { after: number }).after);
    expect(afters).toEqual([0, 7, 0, 0]);
  });
});
