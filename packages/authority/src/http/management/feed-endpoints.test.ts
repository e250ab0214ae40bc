import {
  defaultTenant,
  type FeedEntry,
  feedHttp,
  limits,
  type Signer,
  type UnixSeconds,
} from '@mintmark/core';
import { expect, it } from 'vitest';
import { feedEndpoints } from './feed-endpoints.ts';

it.each([0, 1, 2 * limits.longReadRows, 2 * limits.longReadRows + 1])(
  'writes a snapshot of %i entries in bounded parts, whole',
  async (count) => {
    const entries = Array.from({ length: count }, (_, i): FeedEntry => {
      const target = { kind: 'token', id: `t"${i}é` } as const;
      return { type: 'revocation', position: i + 1, target, expiresAt: 9 as UnixSeconds };
    });
    const head = { tenant: defaultTenant, epoch: 'e', head: count, issuer: 'https://i.example' };
    let pauses = 0;
    const [snapshot] = feedEndpoints({
      feed: {
        snapshot: async () => ({ ...head, entries }),
        keys: async () => 'resync',
        delta: async () => 'resync',
      },
      signer: async () => ({}) as Signer,
      decisions: { accept: async () => undefined, record: async () => undefined },
      timers: {
        after(_ms, run) {
          pauses++;
          run();
          return () => undefined;
        },
      },
    });
    expect(snapshot?.path).toBe(feedHttp.snapshotPath);
    const answer = await snapshot?.handle({ tenant: defaultTenant } as never);
    if (answer?.ok !== true) throw new Error('refused');
    expect(JSON.parse(String(answer.value.text))).toEqual({ ...head, entries });
    expect(pauses).toBe(Math.max(0, Math.ceil(count / limits.longReadRows) - 1));
  },
);
