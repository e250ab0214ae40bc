/**
 * Personal access tokens: keys of a user's own making, for a part of what the user may do. What one
 * may is judged at each use, by the rights that its user has then and the policy that holds then
 * (`core/personal-token.ts`). What must never happen: a token that may what its user may not.
 */
import {
  defaultPatPolicy,
  err,
  judgePat,
  limits,
  ok,
  type PatNow,
  type PatPolicy,
  type Result,
  rfc3339,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import { type Notice, noticeStep } from '../alerts/tell-owner.ts';
import type { Requester } from '../audit/requester.ts';
import { memberFeedStep } from '../roles/membership.ts';
import { type RightsStore, rightsOf } from '../roles/rights.ts';
import type { Alongside } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { newKey } from './create-key.ts';
import { type KeyPorts, type KeyRow, keyEvent, keyFeedStep, unchanged } from './key-change.ts';

type PatStore = RightsStore & Pick<Store, 'keys' | 'users' | 'patPolicies' | 'acts'>;

export interface PatPorts extends Omit<KeyPorts, 'keyPolicy'> {
  readonly store: PatStore;
}

/** What a user decides about a token. */
export interface PatSettings {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Resources; null: all. */
  readonly audience: readonly string[] | null;
  readonly expiresAt: UnixMs;
}

export type CreatePatRefusal =
  | { readonly reason: 'user_not_found' | 'user_disabled' | 'not_a_maker' | 'in_the_past' }
  | { readonly reason: 'scope_not_held' | 'scope_not_allowed'; readonly scope: string }
  | { readonly reason: 'life_too_long'; readonly maxLifeSeconds: number }
  | { readonly reason: 'too_many'; readonly max: number }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/** @throws StoreFault */
export async function patPolicyOf(
  { patPolicies }: Pick<Store, 'patPolicies'>,
  tenant: TenantId,
): Promise<PatPolicy> {
  return (await patPolicies.get(tenant))?.policy ?? defaultPatPolicy;
}

/**
 * @param input.userId whose it is: of the user who makes it, or whom an administrator named
 * @returns the row, and the token's text, to be shown once
 * @throws StoreFault, CustodyFault
 */
export async function createPat(
  ports: PatPorts,
  input: {
    readonly requester: Requester;
    readonly userId: string;
    readonly settings: PatSettings;
    readonly alongside?: Alongside<KeyRow>;
  },
): Promise<Result<{ readonly row: KeyRow; readonly text: string }, CreatePatRefusal>> {
  const { requester, userId, settings } = input;
  const { tenant } = requester;
  const now = ports.clock.nowMs();
  const refusal = await refusalOf(ports, { tenant, userId, settings, now });
  if (refusal !== undefined) return err(refusal);
  const { audience, ...given } = settings;
  const made = await newKey(ports, {
    requester,
    settings: { ...given, owner: userId },
    now,
    predecessor: null,
    kind: 'pat',
  });
  const row: KeyRow = { ...made.row, pat: { audience, approved: false } };
  const { outcome } = await ports.store.acts.run({
    steps: [
      {
        do: 'require',
        table: 'users',
        where: { tenant, id: userId, status: 'active' },
        refused: 'user_disabled',
      },
      { do: 'insert', table: 'keys', row, refused: 'id_taken' },
      // What the user may first: a node that knew the token alone would refuse it.
      memberFeedStep(tenant, [userId], now),
      keyFeedStep(tenant, [row], now),
      noticeStep(noticeOf(row, 'pat.created', 'made'), now),
      ...(input.alongside?.(row) ?? []),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.create',
        at: now,
        related: { kind: 'user', id: userId },
        detail: {
          kind: 'pat',
          scopes: row.scopes,
          ...(audience === null ? {} : { audience }),
          expires_at: rfc3339(settings.expiresAt),
        },
      }),
    ),
  });
  if (outcome === 'user_disabled') return err({ reason: 'user_disabled' });
  if (outcome !== 'done') return err({ reason: 'refused_by_step', step: outcome });
  return ok({ row, text: made.text });
}

async function refusalOf(
  { store }: Pick<PatPorts, 'store'>,
  input: {
    readonly tenant: TenantId;
    readonly userId: string;
    readonly settings: PatSettings;
    readonly now: UnixMs;
  },
): Promise<CreatePatRefusal | undefined> {
  const { tenant, userId, settings, now } = input;
  const user = await store.users.get(tenant, userId);
  if (user === undefined || user.status === 'deleted') return { reason: 'user_not_found' };
  if (user.status === 'disabled') return { reason: 'user_disabled' };
  const [rights, policy] = await Promise.all([
    rightsOf(store, tenant, userId),
    patPolicyOf(store, tenant),
  ]);
  const { makers, allowedScopes, maxLifeSeconds } = policy;
  if (makers !== null && !makers.some((role) => rights.roles.has(role))) {
    return { reason: 'not_a_maker' };
  }
  const missing = settings.scopes.find((scope) => !rights.scopes.has(scope));
  if (missing !== undefined) return { reason: 'scope_not_held', scope: missing };
  const barred = settings.scopes.find((scope) => allowedScopes?.includes(scope) === false);
  if (barred !== undefined) return { reason: 'scope_not_allowed', scope: barred };
  if (settings.expiresAt <= now) return { reason: 'in_the_past' };
  // A minute for the form that was filled in.
  if (settings.expiresAt > now + (maxLifeSeconds + 60) * 1000) {
    return { reason: 'life_too_long', maxLifeSeconds };
  }
  const held = await patsOf(store, tenant, userId);
  const max = limits.patsPerUserMax;
  return held.filter((row) => isLive(row, now)).length < max
    ? undefined
    : { reason: 'too_many', max };
}

/** Newest first. */
export async function patsOf(
  { keys }: Pick<Store, 'keys'>,
  tenant: TenantId,
  userId: string,
): Promise<readonly KeyRow[]> {
  const rows = await keys.list({
    where: { tenant, owner: userId },
    orderBy: ['tenant', 'owner', 'createdAt', 'id'],
    descending: true,
    limit: limits.pageItemsMax,
  });
  return rows.filter(({ kind }) => kind === 'pat');
}

function isLive({ status, expiresAt }: KeyRow, now: number): boolean {
  return status !== 'revoked' && (expiresAt ?? 0) > now;
}

/** What the token may now: of its row, its user's rights and the policy. */
export async function patNow(
  store: RightsStore & Pick<Store, 'patPolicies'>,
  row: Pick<KeyRow, 'tenant' | 'owner' | 'scopes' | 'createdAt' | 'expiresAt' | 'pat'>,
): Promise<PatNow> {
  const tenant = row.tenant as TenantId;
  const [{ scopes: rights }, policy] = await Promise.all([
    rightsOf(store, tenant, row.owner),
    patPolicyOf(store, tenant),
  ]);
  const { scopes, createdAt, expiresAt, pat } = row;
  return judgePat(
    {
      scopes,
      terms: pat ?? { audience: [], approved: false },
      createdAt: createdAt as UnixMs,
      expiresAt: expiresAt === null ? undefined : (Math.floor(expiresAt / 1000) as UnixSeconds),
    },
    { rights, policy },
  );
}

function noticeOf(
  { tenant, id, name, owner, expiresAt }: KeyRow,
  kind: 'pat.created' | 'pat.approved',
  occasion: string,
): Notice {
  const facts = { name, id, expires_at: rfc3339(expiresAt as UnixMs) };
  const about = { kind: 'pat', id } as const;
  return { tenant: tenant as TenantId, kind, occasion, owner, about, facts };
}

export type ApprovePatRefusal = { readonly reason: 'not_found' | 'wrong_state' };

/** Lets a token be used that waits for it; its user is told. Approving twice is harmless. */
export async function approvePat(
  ports: PatPorts,
  input: { readonly requester: Requester; readonly id: string },
): Promise<Result<KeyRow, ApprovePatRefusal>> {
  const { requester, id } = input;
  const { tenant } = requester;
  const known = await ports.store.keys.get(tenant, id);
  if (known?.kind !== 'pat' || known.pat === null) return err({ reason: 'not_found' });
  if (known.status === 'revoked') return err({ reason: 'wrong_state' });
  if (known.pat.approved) return ok(known);
  const at = ports.clock.nowMs();
  const set = {
    pat: { ...known.pat, approved: true },
    updatedAt: at,
    version: known.version + 1,
  };
  const row = { ...known, ...set };
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'update', table: 'keys', where: unchanged(known), set, refused: 'changed' },
      keyFeedStep(tenant, [row], at),
      noticeStep(noticeOf(row, 'pat.approved', 'approved'), at),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'pat.approve',
        at,
        related: { kind: 'user', id: row.owner },
      }),
    ),
  });
  return outcome === 'done' ? ok(row) : err({ reason: 'wrong_state' });
}

export type EnablePatRefusal = { readonly reason: 'not_found' | 'wrong_state' };

/** Lets a token work again that was disabled because nobody used it. */
export async function enablePat(
  ports: PatPorts,
  input: { readonly requester: Requester; readonly id: string },
): Promise<Result<KeyRow, EnablePatRefusal>> {
  const { requester, id } = input;
  const { tenant } = requester;
  const known = await ports.store.keys.get(tenant, id);
  if (known?.kind !== 'pat') return err({ reason: 'not_found' });
  if (known.status === 'active') return ok(known);
  if (known.status !== 'disabled') return err({ reason: 'wrong_state' });
  const at = ports.clock.nowMs();
  // Told anew before it is disabled again: its owner has the whole time once more.
  const version = known.version + 1;
  const set = { status: 'active', unusedToldAt: null, updatedAt: at, version } as const;
  const row = { ...known, ...set };
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'update', table: 'keys', where: unchanged(known), set, refused: 'changed' },
      keyFeedStep(tenant, [row], at),
    ],
    audit: await ports.recorder.record(
      keyEvent(requester, row, {
        action: 'key.update',
        at,
        related: { kind: 'user', id: row.owner },
        detail: { changed: ['status'], version: set.version },
      }),
    ),
  });
  return outcome === 'done' ? ok(row) : err({ reason: 'wrong_state' });
}
