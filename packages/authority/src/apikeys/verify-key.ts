/**
 * The one judgement of a presented key, for `/v1/keys/verify`, introspection and the management
 * API's own authentication. In this order: format, existence, disabled, expiry, address, country,
 * permission, limits of plans, uses, credits. What must never happen: a denial that consumes
 * something, or an answer to a stranger from which unknown, disabled and expired can be told apart.
 */
import {
  type CountryOf,
  createRangeSet,
  equalConstantTime,
  Fault,
  isAllowedCountry,
  namesCountries,
  type Result,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import {
  hashSecret,
  isSubKeyText,
  parseSecretToken,
  type SecretTokenKind,
  type SubKeyDenial,
  type SubKeyUse,
  secretVerifier,
  type VerifiedSubKey,
} from '@mintmark/tokens';
import type { SlowHashQueue } from '../custody/slow-hash-queue.ts';
import type { PlanLeft, PlanSpent } from '../plans/spend-plan.ts';
import type { RightsStore } from '../roles/rights.ts';
import type { Store } from '../store/store.ts';
import { importFormatsOf, readForeignKey } from './import-format.ts';
import { type ImportedScheme, isSlow, verifyImportedHash } from './imported-hash.ts';
import type { Budget, SpendRefusal } from './key-budget.ts';
import type { KeyReader } from './key-cache.ts';
import type { KeyRow } from './key-change.ts';
import { patNow } from './personal-token.ts';
import { needsRehash, type RehashPorts, rehashKey } from './rehash-key.ts';
import type { KeyShadow } from './shadow.ts';
import {
  findProvenSubKey,
  narrowedRow,
  type SubKeyPorts,
  subKeyDenialOf,
} from './verify-sub-key.ts';

export interface VerifyKeyPorts extends RehashPorts, SubKeyPorts {
  readonly store: Pick<Store, 'importFormats' | 'patPolicies' | 'acts'> &
    RightsStore & { readonly keys: KeyReader };
  readonly prefix: string;
  readonly slowHashes: SlowHashQueue;
  /**
   * Whether the key ended with its owner or its tenant, whatever its row says, or one of these
   * links of a sub-key did by itself.
   */
  readonly ended: (row: KeyRow, links?: readonly string[]) => Promise<boolean>;
  /** Where an address is; absent: nobody knows, and keys that name countries are refused. */
  readonly countryOf?: CountryOf | undefined;
  /** Spends all that a use costs, or nothing; absent where the caller asks without using. */
  readonly limiter?: KeyLimiter;
  /** Spends what a use costs of the plan that holds for the key; absent as the other. */
  readonly planLimiter?: PlanLimiter;
  /** While keys of another system move over: asks that one too. */
  readonly shadow?: Pick<KeyShadow, 'takeOver' | 'compare'> | undefined;
  /** Told where a proven key could not be rehashed; its next use tries again. */
  readonly onFault: (fault: Fault, about: { readonly keyId: string }) => void;
}

export interface KeyLimiter {
  spend(row: KeyRow, cost: number): Promise<Result<readonly Budget[], SpendRefusal>>;
}

export interface PlanLimiter {
  spend(
    row: KeyRow,
    use: { readonly cost: number; readonly route: string | undefined },
  ): Promise<PlanSpent | undefined>;
}

export interface PresentedKey {
  readonly tenant: TenantId;
  readonly text: string;
  /** Which of our own kinds may be presented here. */
  readonly kinds: readonly SecretTokenKind[];
  readonly now: UnixMs;
  readonly address?: string | undefined;
  /** Scopes that the use needs, all of them. */
  readonly scopes?: readonly string[] | undefined;
  /**
   * What it is used for, as far as it is known, for sub-keys that are bound to it. `judged`: the
   * caller holds the use against the text's own restrictions.
   */
  readonly use?: SubKeyUse | 'judged' | undefined;
  /** What the use costs; default 1. */
  readonly cost?: number | undefined;
}

export type KeyVerdict =
  /** `row` is what is left of the key's row: of a sub-key its scopes and its end. */
  | {
      readonly active: true;
      readonly row: KeyRow;
      readonly subKey?: VerifiedSubKey | undefined;
      /** What is left, where it was spent from. */
      readonly budgets?: readonly Budget[] | undefined;
      readonly planned?: readonly PlanLeft[] | undefined;
    }
  /** The secret was not proven: the caller must not learn whether there is such a key. */
  | { readonly active: false; readonly code: 'malformed' | 'not_found' | 'busy' }
  | {
      readonly active: false;
      readonly code: ProvenDenial;
      readonly row: KeyRow;
      readonly subKey?: VerifiedSubKey | undefined;
      readonly budgets?: readonly Budget[] | undefined;
      readonly planned?: readonly PlanLeft[] | undefined;
    };

export type ProvenDenial =
  | 'revoked'
  | 'disabled'
  | 'quarantined'
  | 'awaiting_approval'
  | 'not_yet_valid'
  | 'expired'
  | 'address_not_allowed'
  | 'country_not_allowed'
  | 'insufficient_scope'
  | 'quota_exceeded'
  | SpendRefusal['reason']
  | SubKeyDenial;

/** @throws StoreFault where the answer cannot be known; the caller must then refuse */
export async function verifyKey(ports: VerifyKeyPorts, input: PresentedKey): Promise<KeyVerdict> {
  const verdict = await judgeKey(ports, input);
  const { shadow } = ports;
  if (shadow === undefined || !input.kinds.includes('key')) return verdict;
  const { tenant, text } = input;
  if ('row' in verdict) {
    if (verdict.row.importFormat !== null) shadow.compare(tenant, text, verdict.active);
    return verdict;
  }
  if (verdict.code === 'busy' || !(await shadow.takeOver(tenant, text))) return verdict;
  return judgeKey(ports, input);
}

async function judgeKey(ports: VerifyKeyPorts, input: PresentedKey): Promise<KeyVerdict> {
  const found = await findProven(ports, input);
  if (typeof found === 'string') return { active: false, code: found };
  const { secret, subKey } = found;
  const { row: own, awaitsApproval } = await personalRow(ports, found.row);
  const row = subKey === undefined ? own : narrowedRow(own, subKey);
  const isEnded = row.kind !== 'admin' && (await ports.ended(row, subKey?.targets));
  const denial = isEnded
    ? 'revoked'
    : (denialOf(ports, { row, awaitsApproval }, input) ?? useDenialOf(row, subKey, input));
  if (denial !== undefined) return { active: false, code: denial, row, subKey };
  // Last, because they are the only checks that change anything: both spend, or neither.
  const { cost = 1, use } = input;
  const route = use === 'judged' ? undefined : use?.route;
  const plan = await ports.planLimiter?.spend(row, { cost, route });
  const planned = plan?.left;
  if (plan?.isAllowed === false) {
    return { active: false, code: 'quota_exceeded', row, subKey, planned };
  }
  const spent = await spendBudgets(ports, { row, cost, plan });
  if (spent?.ok === false) {
    const { reason: code, budgets } = spent.refusal;
    return { active: false, code, row, subKey, budgets };
  }
  if (secret !== undefined && needsRehash(ports, row)) await rehashOrReport(ports, row, secret);
  return { active: true, row, subKey, budgets: spent?.value, planned };
}

async function spendBudgets(
  { limiter }: VerifyKeyPorts,
  { row, cost, plan }: { readonly row: KeyRow; cost: number; plan: PlanSpent | undefined },
) {
  try {
    const spent = await limiter?.spend(row, cost);
    if (spent?.ok === false) plan?.giveBack();
    return spent;
  } catch (fault) {
    plan?.giveBack();
    throw fault;
  }
}

/**
 * The key that a text is, in whatever state, or the sub-key of one, where whoever shows it holds
 * its secret. Spends nothing and judges nothing.
 *
 * @throws StoreFault
 */
export async function proveKey(
  ports: VerifyKeyPorts,
  input: PresentedKey,
): Promise<Pick<Proven, 'row' | 'subKey'> | 'busy' | undefined> {
  const found = await findProven(ports, input);
  if (typeof found !== 'string') return found;
  return found === 'busy' ? 'busy' : undefined;
}

/** Of a personal access token what is left of it by the rights of its user, and the policy. */
async function personalRow(
  { store }: Pick<VerifyKeyPorts, 'store'>,
  row: KeyRow,
): Promise<{ readonly row: KeyRow; readonly awaitsApproval: boolean }> {
  if (row.kind !== 'pat') return { row, awaitsApproval: false };
  const { scopes, expiresAt, awaitsApproval } = await patNow(store, row);
  return { row: { ...row, scopes, expiresAt: expiresAt * 1000 }, awaitsApproval };
}

/** For what it may not be used, as far as the caller leaves that to us. */
function useDenialOf(
  { pat }: KeyRow,
  subKey: VerifiedSubKey | undefined,
  input: PresentedKey,
): ProvenDenial | undefined {
  const { use } = input;
  const audience = use === 'judged' ? undefined : pat?.audience;
  const asked = use === 'judged' ? undefined : use?.audience;
  if (audience && !(asked !== undefined && audience.includes(asked))) return 'resource_restricted';
  return subKeyDenialOf(subKey, input);
}

interface Proven {
  readonly row: KeyRow;
  /** Undefined for a sub-key, which proves its own link and not the key. */
  readonly secret?: string;
  readonly subKey?: VerifiedSubKey;
}

async function findProven(
  ports: VerifyKeyPorts,
  input: PresentedKey,
): Promise<Proven | 'malformed' | 'not_found' | 'busy'> {
  const { tenant, text, kinds } = input;
  if (isSubKeyText(text, ports.prefix)) return findProvenSubKey(ports, input);
  const own = parseSecretToken(text, ports.prefix);
  if (own.ok) {
    const { kind, id, secret } = own.value;
    if (!kinds.includes(kind)) return 'malformed';
    const row = await ports.store.keys.get(tenant, id);
    // An id of ours is the id of its kind only: an admin key is no API key under another prefix.
    const known = row?.kind === kind && row.importFormat === null ? row : undefined;
    return prove(ports, { tenant, id, secret, row: known });
  }
  // A mistyped key of ours is not taken for somebody else's: the checksum saves the look-up.
  if (own.refusal.reason === 'bad_checksum' || !kinds.includes('key')) return 'malformed';
  const candidates = readForeignKey(text, await importFormatsOf(ports.store, tenant));
  for (const { format, id, secret } of candidates) {
    const row = await ports.store.keys.get(tenant, id);
    if (row?.importFormat !== format.id) continue;
    return prove(ports, { tenant, id, secret, row });
  }
  return candidates.length === 0 ? 'malformed' : 'not_found';
}

async function prove(
  ports: VerifyKeyPorts,
  input: {
    readonly tenant: TenantId;
    readonly id: string;
    readonly secret: string;
    readonly row: KeyRow | undefined;
  },
): Promise<Proven | 'not_found' | 'busy'> {
  const { tenant, id, secret, row } = input;
  if (isRemembered(row, secret)) return { row: row!, secret };
  if (row === undefined || row.hashScheme === 'pepper') {
    const version = row?.pepperVersion ?? null;
    const pepper = version === null ? undefined : await ports.peppers.find(version);
    // Also without a row: an unknown id takes as long as a wrong secret.
    const key = pepper ?? ports.peppers.current().key;
    const hash = hashSecret({ pepper: key, tenant, id, secret });
    const equal = equalConstantTime(hash, row?.hash ?? unknownHash);
    if (row === undefined || pepper === undefined || !equal) {
      await ports.store.keys.level?.(tenant, row);
      return 'not_found';
    }
    provenSecrets.set(row, secretVerifier(secret));
    return { row, secret };
  }
  const scheme = row.hashScheme as ImportedScheme;
  const check = () => verifyImportedHash({ scheme, bytes: row.hash }, secret);
  const equal = isSlow(scheme) ? await ports.slowHashes.run(check) : await check();
  if (equal === 'busy') return 'busy';
  return equal ? { row, secret } : 'not_found';
}

const unknownHash = new Uint8Array(32);

/**
 * SHA-256 of a secret that was proven for this very row object: a third of the cost of proving it
 * again. It is gone with the object, which a cache keeps for a moment and a change replaces; it is
 * no more than what enforcement points hold of a key.
 */
const provenSecrets = new WeakMap<KeyRow, Uint8Array>();

/** As much work for an unknown id. */
function isRemembered(row: KeyRow | undefined, secret: string): boolean {
  const proven = row === undefined ? undefined : provenSecrets.get(row);
  const isEqual = equalConstantTime(proven ?? unknownHash, secretVerifier(secret));
  return proven !== undefined && isEqual;
}

function denialOf(
  { countryOf }: VerifyKeyPorts,
  { row, awaitsApproval }: { readonly row: KeyRow; readonly awaitsApproval: boolean },
  input: PresentedKey,
): ProvenDenial | undefined {
  const { now, address, scopes = [] } = input;
  if (row.status !== 'active') return row.status;
  if (awaitsApproval) return 'awaiting_approval';
  if (row.notBefore !== null && now < row.notBefore) return 'not_yet_valid';
  if (row.expiresAt !== null && now >= row.expiresAt) return 'expired';
  if (!isAllowedFrom(row.allowedAddresses, address)) return 'address_not_allowed';
  // Looked up only where the key asks.
  const country = namesCountries(row) && address !== undefined ? countryOf?.(address) : undefined;
  if (!isAllowedCountry(row, country)) return 'country_not_allowed';
  if (!scopes.every((scope) => row.scopes.includes(scope))) return 'insufficient_scope';
  return undefined;
}

/** A key with a list is refused where nobody said from which address it came. */
function isAllowedFrom(blocks: readonly string[] | null, address: string | undefined): boolean {
  if (blocks === null) return true;
  if (address === undefined) return false;
  const set = createRangeSet(blocks);
  return set.ok && set.value.contains(address);
}

async function rehashOrReport(ports: VerifyKeyPorts, row: KeyRow, secret: string): Promise<void> {
  try {
    await rehashKey(ports, row, secret);
  } catch (fault) {
    // The key was proven all the same; a store that cannot write must not turn its users away.
    if (!(fault instanceof Fault)) throw fault;
    ports.onFault(fault, { keyId: row.id });
  }
}
