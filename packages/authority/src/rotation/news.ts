/** What becomes of a rotation, as its owner hears of it. */
import { rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import type { NoticeKind } from '../alerts/notice-words.ts';
import { noticeStep } from '../alerts/tell-owner.ts';
import type { Step } from '../store/act.ts';
import type { Uses } from './rotatable.ts';
import type { RuleRow } from './rule.ts';
import type { Run } from './run.ts';

export type RotationNews =
  | { readonly kind: 'delivery'; readonly failure: string }
  | { readonly kind: 'extended' }
  /** There is nothing left to extend. */
  | { readonly kind: 'unconfirmed' }
  /** Of those that share it, these have not used the successor. */
  | {
      readonly kind: 'waiting';
      readonly programs: readonly string[];
      /** There is nothing left to extend. */
      readonly isLast: boolean;
    }
  | { readonly kind: 'left_behind'; readonly programs: readonly string[]; readonly uses: Uses }
  | { readonly kind: 'ended'; readonly uses: Uses }
  | { readonly kind: 'missed'; readonly uses: Uses };

/** Steps, of the act that it is about. */
export function newsSteps({ row, progress }: Run, news: RotationNews, at: UnixMs): readonly Step[] {
  const { kind, target, predecessor, owner, endsAt, extensions } = progress;
  // Nobody owns what the tenant signs with.
  if (kind === 'signing_key' || kind === 'encryption_key') return [];
  const about =
    kind === 'key'
      ? ({ kind: 'key', id: predecessor } as const)
      : ({ kind: 'client', id: target } as const);
  const noticeKind: NoticeKind = `rotation.${news.kind}`;
  const facts = {
    rotation: row.rule,
    id: about.id,
    ends_at: rfc3339(endsAt as UnixMs),
    extensions: String(extensions),
    ...factsOf(news),
  };
  // Each extension is news of its own; the rest is said once of a run.
  const isLast = news.kind === 'waiting' && news.isLast;
  const occasion = `${row.id}/${extensions}${isLast ? '/last' : ''}`;
  const tenant = row.tenant as TenantId;
  return [noticeStep({ tenant, kind: noticeKind, occasion, owner, about, facts }, at)];
}

/**
 * A rule that cannot do what it is for, as the owner of its credential hears of it.
 *
 * @param owner undefined where nothing is left of the credential: then whoever stands in hears
 */
export function blockedSteps(
  { tenant, name, targetKind, targetId, version }: RuleRow,
  input: { readonly fault: string; readonly owner: string | undefined; readonly at: UnixMs },
): readonly Step[] {
  const { fault, owner = '', at } = input;
  if (targetKind !== 'key' && targetKind !== 'client_secret') return [];
  return [
    noticeStep(
      {
        ...{ tenant: tenant as TenantId, kind: 'rotation.blocked', owner },
        // Once it works again and is blocked anew, that is news.
        occasion: `${name}/${version}`,
        about: { kind: targetKind === 'key' ? 'key' : 'client', id: targetId },
        facts: { rotation: name, id: targetId, fault },
      },
      at,
    ),
  ];
}

function factsOf(news: RotationNews): Readonly<Record<string, string | null>> {
  switch (news.kind) {
    case 'delivery':
      return { failure: news.failure };
    case 'extended':
    case 'unconfirmed':
      return {};
    case 'waiting':
      return { programs: news.programs.join(', ') };
    case 'left_behind':
      return { programs: news.programs.join(', '), ...usesOf(news.uses) };
    case 'ended':
    case 'missed':
      return usesOf(news.uses);
  }
}

function usesOf({ count, lastAt, lastAddress }: Uses): Readonly<Record<string, string | null>> {
  const last_used = lastAt === null ? null : rfc3339(lastAt as UnixMs);
  // Of a client's secrets no address is kept.
  return { uses: String(count), last_used, last_address: lastAddress || null };
}
