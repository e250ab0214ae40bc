/**
 * Tells owners of keys that these end: 14, 7 and 1 days before, each once, whichever process looks.
 * A process that starts looks at everything that ends soon, so that no time in which nobody looked
 * loses a notice, and tells of the nearest of those days alone; later it looks at what has come
 * within one of them since it looked last.
 */
import {
  type Clock,
  letOthersRun,
  limits,
  rfc3339,
  type TenantId,
  type Timers,
  type UnixMs,
} from '@mintmark/core';
import { type Notice, noticeId, tellOwner } from '../alerts/tell-owner.ts';
import type { Store } from '../store/store.ts';
import type { KeyRow } from './key-change.ts';

export interface ExpiryNotices {
  /** @throws StoreFault; what was missed is found by the next step */
  step(): Promise<void>;
}

interface ExpiryDeps {
  readonly store: Pick<Store, 'keys' | 'usage' | 'notices' | 'acts'>;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
}

const dayMs = 86_400_000;

export function createExpiryNotices(deps: ExpiryDeps): ExpiryNotices {
  let lookedAt: number | undefined;
  return {
    async step() {
      const now = deps.clock.nowMs();
      if (lookedAt === undefined || now < lookedAt) {
        await look(deps, { after: now, upTo: now + limits.expiryNoticeDays[0] * dayMs, now });
      } else {
        for (const days of limits.expiryNoticeDays) {
          const ahead = days * dayMs;
          await look(deps, { after: lookedAt + ahead, upTo: now + ahead, now });
        }
      }
      lookedAt = now;
    },
  };
}

async function look(
  deps: ExpiryDeps,
  span: { readonly after: number; readonly upTo: number; readonly now: UnixMs },
): Promise<void> {
  let place: readonly (string | number)[] | undefined;
  for (;;) {
    const rows = await deps.store.keys.list({
      where: { expiresAt: { is: '>', value: span.after } },
      orderBy: ['expiresAt'],
      ...(place === undefined ? {} : { after: place }),
      limit: limits.longReadRows,
    });
    const near = rows.filter((row) => (row.expiresAt ?? 0) <= span.upTo);
    await tellOwner(deps, await newsOf(deps, near, span.now));
    const last = near.at(-1);
    if (last === undefined || near.length < limits.longReadRows) return;
    place = [last.expiresAt!, last.tenant, last.id];
    await letOthersRun(deps.timers);
  }
}

async function newsOf(
  { store }: Pick<ExpiryDeps, 'store'>,
  rows: readonly KeyRow[],
  now: UnixMs,
): Promise<readonly Notice[]> {
  const news: Notice[] = [];
  for (const row of rows) {
    const occasion = occasionOf(row, now);
    if (occasion === undefined) continue;
    const tenant = row.tenant as TenantId;
    const what = {
      tenant,
      kind: `${kindOf(row)}.expiring`,
      about: { kind: kindOf(row), id: row.id },
      occasion,
    } as const;
    // A read is cheaper than an act that changes nothing.
    if ((await store.notices.get(tenant, noticeId(what))) !== undefined) continue;
    const usage = await store.usage.get(tenant, 'key', row.id);
    news.push({
      ...what,
      owner: row.owner,
      facts: {
        name: row.name,
        id: row.id,
        expires_at: rfc3339(row.expiresAt as UnixMs),
        last_used: usage === undefined ? null : rfc3339(usage.lastUsedAt as UnixMs),
      },
    });
  }
  return news;
}

function kindOf({ kind }: KeyRow): 'key' | 'pat' | 'admin_key' {
  if (kind === 'admin') return 'admin_key';
  return kind === 'pat' ? 'pat' : 'key';
}

/**
 * The nearest of the days, and the end that it speaks of: one that is put off is told anew. Nobody
 * is told by a key what was known when it was made: that it ends within those days.
 */
function occasionOf(row: KeyRow, now: number): string | undefined {
  const { expiresAt, createdAt, status, successor } = row;
  // What was rotated ends on purpose.
  if (expiresAt === null || expiresAt <= now || status !== 'active' || successor !== null) return;
  const days = limits.expiryNoticeDays.findLast((one) => expiresAt - now <= one * dayMs);
  if (days === undefined || createdAt > expiresAt - days * dayMs) return undefined;
  return `${Math.floor(expiresAt / 1000)}/${days}`;
}
