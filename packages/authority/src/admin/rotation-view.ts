/**
 * Everything of a tenant that rotates by itself, in one list: the schedules of signing and
 * encryption keys, which the configuration sets, then the rules by name.
 */
import type { TenantId } from '@mintmark/core';
import { isForEncryption, type KeyringSettings, type SigningKeyRow } from '../keyring/schedule.ts';
import type { RuleRow } from '../rotation/rule.ts';
import type { Store } from '../store/store.ts';

/** A schedule of the keyring: one for each algorithm that the tenant has a key of. */
export interface KeySchedule {
  readonly name: string;
  readonly kind: 'signing_key' | 'encryption_key';
  readonly algorithm: string;
  /** The key that is used now. */
  readonly kid: string;
  readonly everySeconds: number;
  /** Between the publication of a key and its first use. */
  readonly publishAheadSeconds: number;
  /** When the next key is published, or takes over where it is published already. */
  readonly nextAt: number;
  readonly published: string | undefined;
}

export type RotationItem =
  | { readonly kind: 'schedule'; readonly schedule: KeySchedule }
  | { readonly kind: 'rule'; readonly row: RuleRow };

export interface RotationViewPorts {
  readonly store: Pick<Store, 'rotationRules' | 'signingKeys'>;
  readonly signing: KeyringSettings;
}

/** Behind it a list goes on: within the schedules, or within the rules. */
export type RotationPosition = readonly [section: 'schedule' | 'rule', name: string];

export async function listRotations(
  ports: RotationViewPorts,
  input: {
    readonly tenant: TenantId;
    readonly limit: number;
    readonly after: RotationPosition | undefined;
  },
): Promise<{ readonly items: readonly RotationItem[]; readonly next?: RotationPosition }> {
  const { tenant, limit, after } = input;
  const isLater = after?.[0] === 'rule';
  const all = isLater ? [] : await keySchedules(ports, tenant);
  const schedules = all.filter(({ name }) => after === undefined || name > after[1]);
  const rules = await ports.store.rotationRules.list({
    where: { tenant },
    ...(isLater && { after: [tenant, after[1]] }),
    limit: limit + 1,
  });
  const found: readonly RotationItem[] = [
    ...schedules.map((schedule) => ({ kind: 'schedule', schedule }) as const),
    ...rules.map((row) => ({ kind: 'rule', row }) as const),
  ];
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items };
  return { items, next: positionOf(last) };
}

function positionOf(item: RotationItem): RotationPosition {
  return item.kind === 'rule' ? ['rule', item.row.name] : ['schedule', item.schedule.name];
}

/** A key a month of each algorithm, for decades. */
const signingKeysMax = 10_000;

/** Sorted by name. A name of theirs is none that a rule can have: it holds a colon. */
export async function keySchedules(
  { store, signing }: RotationViewPorts,
  tenant: TenantId,
): Promise<readonly KeySchedule[]> {
  const rows = await store.signingKeys.list({ where: { tenant }, limit: signingKeysMax });
  const used = rows.filter(({ status }) => status === 'active');
  const schedules = used.map((row) => scheduleOf(row, rows, signing));
  return schedules.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function scheduleOf(
  row: SigningKeyRow,
  rows: readonly SigningKeyRow[],
  { rotateEverySeconds, publishAheadSeconds }: KeyringSettings,
): KeySchedule {
  const kind = isForEncryption(row) ? 'encryption_key' : 'signing_key';
  const next = rows.find(
    ({ algorithm, status }) => algorithm === row.algorithm && status === 'published',
  );
  const endsAt = row.activateAt + rotateEverySeconds * 1000;
  return {
    name: `${kind}:${row.algorithm}`,
    kind,
    algorithm: row.algorithm,
    kid: row.kid,
    everySeconds: rotateEverySeconds,
    publishAheadSeconds,
    nextAt: next?.activateAt ?? endsAt - publishAheadSeconds * 1000,
    published: next?.kid,
  };
}
