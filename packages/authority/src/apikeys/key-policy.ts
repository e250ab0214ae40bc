/**
 * What a tenant demands of its API keys. New keys and edits keep to it; keys that were made before
 * it, or came by an import, are listed with what breaks. Neighbours: `tenants/settings.ts` says
 * which policy holds, the acts of this folder ask here. What must never happen: a new key that its
 * tenant's policy forbids.
 */
import type { TenantId, UnixMs } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { KeyRow } from './key-change.ts';

export interface KeyPolicy {
  /** Whether somebody must be named who can be told: an administrator's key is nobody. */
  readonly ownerRequired: boolean;
  readonly purposeRequired: boolean;
  /** Whether every key must end. */
  readonly expiryRequired: boolean;
  /** Longest life, from `not_before` or the making on; implies an end. */
  readonly lifeSecondsMax?: number | undefined;
  /** Scopes that keys may have; one that ends in `*` stands for all that begin so. */
  readonly allowedScopes?: readonly string[] | undefined;
  /** Environments that keys may be of; implies that they are of one. */
  readonly allowedEnvironments?: readonly string[] | undefined;
  /** Whether keys may be made that can be shown again. */
  readonly recoverableAllowed: boolean;
  /** Days without a use after which an owner is told, and days from then until it is disabled. */
  readonly unusedDays?: number | undefined;
  readonly unusedGraceDays?: number | undefined;
  /** Until when keys that break it are to be mended or accepted. */
  readonly mendBy?: UnixMs | undefined;
}

/** Where nobody demands anything. */
export const noKeyPolicy: KeyPolicy = {
  ownerRequired: false,
  purposeRequired: false,
  expiryRequired: false,
  recoverableAllowed: false,
};

/** One rule that a key breaks, and the member of the key by which it does. */
export interface KeyViolation {
  readonly rule:
    | 'owner_required'
    | 'purpose_required'
    | 'expiry_required'
    | 'life_too_long'
    | 'scope_not_allowed'
    | 'environment_not_allowed'
    | 'recoverable_not_allowed';
  readonly member: 'owner' | 'purpose' | 'expires_at' | 'scopes' | 'environment' | 'recoverable';
  /** For people: what is wrong and what would be right. */
  readonly message: string;
}

export type PolicyRefusal = {
  readonly reason: 'policy_violated';
  readonly violations: readonly KeyViolation[];
};

type Judged = Pick<
  KeyRow,
  | 'owner'
  | 'purpose'
  | 'scopes'
  | 'environment'
  | 'createdAt'
  | 'notBefore'
  | 'expiresAt'
  | 'sealedSecret'
>;

/**
 * Every rule that the key breaks, in a fixed order.
 *
 * @param isNobody whether the owner is a credential rather than somebody who can be told
 */
export function violationsOf(
  policy: KeyPolicy,
  key: Judged,
  isNobody: boolean,
): readonly KeyViolation[] {
  const found: KeyViolation[] = [];
  if (policy.ownerRequired && isNobody) {
    found.push({
      rule: 'owner_required',
      member: 'owner',
      message: 'must name who owns it, not an administrator’s key',
    });
  }
  if (policy.purposeRequired && (key.purpose ?? '').trim() === '') {
    found.push({ rule: 'purpose_required', member: 'purpose', message: 'must say what it is for' });
  }
  const end = endViolation(policy, key);
  if (end !== undefined) found.push(end);
  const scope = key.scopes.find((one) => !isAllowedScope(policy.allowedScopes, one));
  if (scope !== undefined) {
    const message = `${scope} is not among the scopes that keys may have`;
    found.push({ rule: 'scope_not_allowed', member: 'scopes', message });
  }
  const { allowedEnvironments: environments } = policy;
  if (environments !== undefined && !environments.includes(key.environment ?? '')) {
    const message = `must be one of: ${environments.join(', ')}`;
    found.push({ rule: 'environment_not_allowed', member: 'environment', message });
  }
  if (key.sealedSecret !== null && !policy.recoverableAllowed) {
    const message = 'keys that can be shown again are not allowed';
    found.push({ rule: 'recoverable_not_allowed', member: 'recoverable', message });
  }
  return found;
}

function endViolation(policy: KeyPolicy, key: Judged): KeyViolation | undefined {
  const { expiryRequired, lifeSecondsMax } = policy;
  const member = 'expires_at';
  if (key.expiresAt === null) {
    if (!expiryRequired && lifeSecondsMax === undefined) return undefined;
    return { rule: 'expiry_required', member, message: 'must have an end' };
  }
  if (lifeSecondsMax === undefined) return undefined;
  if (key.expiresAt - startOf(key) <= lifeSecondsMax * 1000) return undefined;
  return { rule: 'life_too_long', member, message: `must end within ${lifeSecondsMax} seconds` };
}

/** From when on a key works, of which its life is counted. */
export function startOf(key: Pick<KeyRow, 'notBefore' | 'createdAt'>): number {
  return key.notBefore ?? key.createdAt;
}

/** A start that was reached stands: from a later one on, a key would live again and again. */
export function restartViolations(
  { lifeSecondsMax }: KeyPolicy,
  key: { readonly before: KeyRow; readonly after: KeyRow; readonly now: number },
): readonly KeyViolation[] {
  const begun = startOf(key.before);
  const isRestart = begun <= key.now && startOf(key.after) > begun;
  if (lifeSecondsMax === undefined || !isRestart) return [];
  const message = `must end within ${lifeSecondsMax} seconds of its start, which is past`;
  return [{ rule: 'life_too_long', member: 'expires_at', message }];
}

function isAllowedScope(allowed: readonly string[] | undefined, scope: string): boolean {
  if (allowed === undefined) return true;
  return allowed.some((one) =>
    one.endsWith('*') ? scope.startsWith(one.slice(0, -1)) : one === scope,
  );
}

export interface PolicyPorts {
  /** Of a tenant that is entered. */
  readonly keyPolicy: (tenant: TenantId) => KeyPolicy;
  readonly store: Pick<Store, 'keys'>;
}

/**
 * Judges a key by the policy of its tenant.
 *
 * @throws StoreFault
 */
export async function judgeByPolicy(
  { keyPolicy, store }: PolicyPorts,
  key: Judged & Pick<KeyRow, 'tenant'>,
): Promise<readonly KeyViolation[]> {
  const policy = keyPolicy(key.tenant as TenantId);
  const isNobody = policy.ownerRequired && (await isAdminKey(store, key.tenant, key.owner));
  return violationsOf(policy, key, isNobody);
}

async function isAdminKey(
  store: PolicyPorts['store'],
  tenant: string,
  owner: string,
): Promise<boolean> {
  return (await store.keys.get(tenant, owner))?.kind === 'admin';
}
