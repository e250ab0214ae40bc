/** Makes an API key. Its text exists in the answer and nowhere else. */
import { err, freshId, ok, type Result, rfc3339, type UnixMs } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import type { Requester } from '../audit/requester.ts';
import type { Alongside, Step } from '../store/act.ts';
import { undecidedKeyColumns } from '../store/key-tables.ts';
import { type BudgetRow, type BudgetSettings, budgetRows } from './key-budget.ts';
import {
  type KeyPorts,
  type KeyRow,
  keyEvent,
  keyFeedStep,
  type StoppedByStep,
} from './key-change.ts';
import { judgeByPolicy, type PolicyRefusal } from './key-policy.ts';
import { secretColumns } from './key-secret.ts';
import { sealText } from './reveal-key.ts';

/** What its maker decides about a key. Times are whole seconds, in milliseconds. */
export interface KeySettings {
  readonly name: string;
  readonly owner: string;
  readonly scopes: readonly string[];
  readonly environment?: string | undefined;
  readonly plan?: string | undefined;
  readonly allowedAddresses?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly purpose?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** ISO 3166-1 alpha-2. */
  readonly allowedCountries?: readonly string[] | undefined;
  readonly deniedCountries?: readonly string[] | undefined;
  /** Whether it can be shown again, by who may: its tenant must allow it. */
  readonly recoverable?: boolean | undefined;
  /** What it may spend; absent: nothing is counted. */
  readonly budgets?: BudgetSettings | undefined;
  readonly notBefore?: UnixMs | undefined;
  readonly expiresAt?: UnixMs | undefined;
}

export type CreateKeyRefusal = { readonly reason: 'id_taken' } | PolicyRefusal | StoppedByStep;

/**
 * @param input.settings.owner chosen by whoever calls this, who has checked that the requester may
 *   name it: an owner in a request body is only a wish
 * @returns the row, and the key's text, to be shown once
 * @throws StoreFault, CustodyFault; then there is no key
 */
export async function createKey(
  ports: KeyPorts,
  input: {
    readonly requester: Requester;
    readonly settings: KeySettings;
    readonly alongside?: Alongside<KeyRow>;
  },
): Promise<Result<{ readonly row: KeyRow; readonly text: string }, CreateKeyRefusal>> {
  const { requester, settings } = input;
  const now = ports.clock.nowMs();
  const { row, text } = await newKey(ports, { requester, settings, now, predecessor: null });
  const violations = await judgeByPolicy(ports, row);
  if (violations.length > 0) return err({ reason: 'policy_violated', violations });
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'insert', table: 'keys', row, refused: 'id_taken' },
      ...insertsOf(budgetRows(row, settings.budgets ?? {}, now)),
      keyFeedStep(row.tenant, [row], now),
      ...(input.alongside?.(row) ?? []),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.create',
        at: now,
        detail: { scopes: row.scopes, ...expiryOf(row) },
        personal: { owner: row.owner },
      }),
    ),
  });
  if (outcome === 'done') return ok({ row, text });
  if (outcome === 'id_taken') return err({ reason: 'id_taken' });
  return err({ reason: 'refused_by_step', step: outcome });
}

/** A fresh id and secret with these settings; nothing is stored yet. */
export async function newKey(
  ports: Pick<KeyPorts, 'peppers' | 'sealer' | 'entropy' | 'prefix'>,
  input: {
    readonly requester: Requester;
    readonly settings: KeySettings;
    readonly now: UnixMs;
    readonly predecessor: string | null;
    readonly kind?: 'key' | 'pat';
  },
): Promise<{ readonly row: KeyRow; readonly text: string }> {
  const { settings, now, predecessor, kind = 'key' } = input;
  const { tenant } = input.requester;
  const { prefix, entropy } = ports;
  const id = freshId(entropy);
  const { text, secret } = buildSecretToken({ prefix, kind, id, entropy });
  const isRecoverable = settings.recoverable === true;
  const row: KeyRow = {
    tenant,
    id,
    kind,
    name: settings.name,
    status: 'active',
    ...(await secretColumns(ports, { tenant, id, secret })),
    owner: settings.owner,
    scopes: settings.scopes,
    environment: settings.environment ?? null,
    plan: settings.plan ?? null,
    allowedAddresses: settings.allowedAddresses ?? null,
    metadata: settings.metadata ?? {},
    createdAt: now,
    updatedAt: now,
    notBefore: settings.notBefore ?? null,
    expiresAt: settings.expiresAt ?? null,
    predecessor,
    successor: null,
    importFormat: null,
    importFingerprint: null,
    version: 1,
    ...undecidedKeyColumns,
    ...placedColumns(settings),
    budget: hasBudgets(settings.budgets) ? id : null,
    sealedSecret: isRecoverable ? await sealText(ports.sealer, { tenant, id, text }) : null,
  };
  return { row, text };
}

/** What it is for, and where it works. */
export function placedColumns(settings: KeySettings) {
  return {
    purpose: settings.purpose ?? null,
    tags: settings.tags ?? null,
    allowedCountries: settings.allowedCountries ?? null,
    deniedCountries: settings.deniedCountries ?? null,
  } as const;
}

/** Whether anything is counted. */
export function hasBudgets(budgets: BudgetSettings | undefined): boolean {
  return Object.values(budgets ?? {}).some((setting) => setting !== undefined);
}

/** Counters come with the act that makes their key. */
export function insertsOf(rows: readonly BudgetRow[]): readonly Step[] {
  return rows.length === 0 ? [] : [{ do: 'insertMany', table: 'keyBudgets', rows }];
}

/** The expiry as an audit detail, where there is one. */
function expiryOf(row: KeyRow): { readonly expires_at?: string } {
  return row.expiresAt === null ? {} : { expires_at: rfc3339(row.expiresAt as UnixMs) };
}
