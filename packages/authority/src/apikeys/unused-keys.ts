/**
 * Keys and personal tokens that nobody uses, retired where their tenant's policy says after how
 * many days: the owner is told first, and some days later the key is disabled, which can be undone.
 * Every key is looked at in turn, a bounded number at a time. What must never happen: a key
 * disabled whose owner was not told in time.
 */
import { limits, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { type Notice, noticeStep } from '../alerts/tell-owner.ts';
import type { Requester } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import { type KeyPorts, type KeyRow, keyEvent, keyFeedStep, unchanged } from './key-change.ts';
import { lastSign } from './key-filter.ts';
import type { KeyPolicy } from './key-policy.ts';

const dayMs = 86_400_000;

export interface UnusedKeyPorts extends Pick<KeyPorts, 'recorder' | 'clock'> {
  readonly store: Pick<Store, 'keys' | 'usage' | 'tenants' | 'acts'>;
  /** Undefined where the tenant is not served. */
  readonly policyOf: (tenant: TenantId) => Promise<KeyPolicy | undefined>;
}

export interface UnusedKeys {
  /** One bounded step; the next goes on behind it. @throws StoreFault, CustodyFault */
  step(): Promise<void>;
}

interface Terms {
  readonly unusedDays: number;
  readonly unusedGraceDays: number;
}

export function createUnusedKeys(ports: UnusedKeyPorts): UnusedKeys {
  let tenant: TenantId | undefined;
  let after: readonly (string | number)[] | undefined;

  /** The next tenant in the order of names; undefined at the end, after which all begins anew. */
  async function nextTenant(): Promise<TenantId | undefined> {
    const [row] = await ports.store.tenants.list({
      ...(tenant === undefined ? {} : { after: [tenant] }),
      limit: 1,
    });
    after = undefined;
    tenant = row?.tenant as TenantId | undefined;
    return tenant;
  }

  return {
    async step() {
      let looked = 0;
      for (let turns = 0; turns < limits.unusedTenantsPerSweep; turns++) {
        const of = after === undefined ? await nextTenant() : tenant;
        if (of === undefined) return;
        const { unusedDays, unusedGraceDays } = (await ports.policyOf(of)) ?? {};
        while (unusedDays !== undefined) {
          if (looked >= limits.unusedKeysPerSweep) return;
          const rows = await ports.store.keys.list({
            where: { tenant: of },
            limit: limits.longReadRows,
            ...(after === undefined ? {} : { after }),
          });
          const terms = { unusedDays, unusedGraceDays: unusedGraceDays ?? 7 };
          for (const row of rows) await judge(ports, row, terms);
          looked += rows.length;
          const last = rows.at(-1);
          after = last === undefined ? undefined : [last.tenant, last.id];
          if (rows.length < limits.longReadRows) break;
        }
        after = undefined;
      }
    },
  };
}

async function judge(ports: UnusedKeyPorts, row: KeyRow, terms: Terms): Promise<void> {
  if (row.kind === 'admin' || row.status !== 'active') return;
  const now = ports.clock.nowMs();
  const last = await lastSign(ports.store, row);
  if (now - last < terms.unusedDays * dayMs) return;
  const { unusedToldAt } = row;
  // Told before it was last used: that was another time.
  if (unusedToldAt === null || unusedToldAt < last)
    return tell(ports, row, { ...terms, last, now });
  if (now - unusedToldAt >= terms.unusedGraceDays * dayMs) await retire(ports, row, { last, now });
}

async function tell(
  ports: UnusedKeyPorts,
  row: KeyRow,
  at: Terms & { readonly last: number; readonly now: UnixMs },
): Promise<void> {
  const { last, now, unusedGraceDays } = at;
  const disabledAt = rfc3339((now + unusedGraceDays * dayMs) as UnixMs);
  await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        // The version stays: nothing that anybody sees or edits has changed.
        where: { ...unchanged(row), status: 'active', unusedToldAt: row.unusedToldAt },
        set: { unusedToldAt: now },
        refused: 'changed',
      },
      noticeStep(noticeOf(row, 'unused', { last, now, disabledAt }), now),
    ],
    audit: await ports.recorder.record(
      keyEvent(system(row), row, {
        action: 'key.unused',
        at: now,
        detail: { last_sign: rfc3339(last as UnixMs), disabled_at: disabledAt },
      }),
    ),
  });
}

async function retire(
  ports: UnusedKeyPorts,
  row: KeyRow,
  { last, now }: { readonly last: number; readonly now: UnixMs },
): Promise<void> {
  const set = { status: 'disabled', updatedAt: now, version: row.version + 1 } as const;
  await ports.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'keys',
        where: { ...unchanged(row), status: 'active', unusedToldAt: row.unusedToldAt },
        set,
        refused: 'changed',
      },
      keyFeedStep(row.tenant, [{ ...row, ...set }], now),
      noticeStep(noticeOf(row, 'retired', { last, now, disabledAt: rfc3339(now) }), now),
    ],
    audit: await ports.recorder.record(
      keyEvent(system(row), row, {
        action: 'key.update',
        at: now,
        why: 'nobody used it, and its owner was told',
        detail: { changed: ['status'], version: set.version },
      }),
    ),
  });
}

function system({ tenant }: KeyRow): Requester {
  return { tenant: tenant as TenantId, actor: { kind: 'system', id: 'unused-keys' } };
}

function noticeOf(
  { tenant, id, name, owner, kind: of }: KeyRow,
  what: 'unused' | 'retired',
  at: { readonly last: number; readonly now: UnixMs; readonly disabledAt: string },
): Notice {
  const kind = of === 'pat' ? 'pat' : 'key';
  return {
    ...{ tenant: tenant as TenantId, kind: `${kind}.${what}`, owner, occasion: rfc3339(at.now) },
    about: { kind, id },
    facts: { name, id, last_used: rfc3339(at.last as UnixMs), disabled_at: at.disabledAt },
  };
}
