/**
 * How often each signing key has signed: counted in memory, and written where a rule asks for it.
 * A crash loses what the last second counted.
 */
import type { TenantId } from '@mintmark/core';
import type { SigningKeyRow } from '../keyring/schedule.ts';
import { ask } from './events.ts';
import type { RotationDeps } from './rotations.ts';
import { type RuleRow, ruleOf } from './rule.ts';

export interface SigningUses {
  /** Adds one signature. Cheap: each token is one. */
  note(key: Pick<SigningKeyRow, 'tenant' | 'kid' | 'algorithm'>): void;
  /** What was counted since this was called last. */
  take(): readonly SignatureCount[];
}

export interface SignatureCount {
  readonly tenant: string;
  readonly kid: string;
  readonly algorithm: string;
  count: number;
}

export function createSigningUses(): SigningUses {
  let counts = new Map<string, SignatureCount>();
  return {
    note({ tenant, kid, algorithm }) {
      // By its thumbprint, which no two keys share.
      const known = counts.get(kid);
      if (known !== undefined) known.count++;
      else counts.set(kid, { tenant, kid, algorithm, count: 1 });
    },
    take() {
      const taken = [...counts.values()];
      counts = new Map();
      return taken;
    },
  };
}

/** Asks the rules that bound how often a key signs. @throws StoreFault */
export async function judgeSigningUses(deps: RotationDeps): Promise<void> {
  for (const one of deps.signingUses.take()) {
    const tenant = one.tenant as TenantId;
    const [row] = await deps.store.rotationRules.list({
      where: { tenant, targetKind: 'signing_key', targetId: one.algorithm },
      limit: 1,
    });
    const most = row && ruleOf(row).max_uses;
    if (row === undefined || most === undefined) continue;
    const total = await write(deps, one);
    if (total >= most && mayBegin(row)) await ask(deps, row, 'uses');
  }
}

/** Its successor is on its way, or asked for. */
function mayBegin({ runId, cause }: RuleRow): boolean {
  return runId === null && cause === null;
}

/** @returns how often the key has signed in all */
async function write(
  { store, clock }: RotationDeps,
  { tenant, kid: id, count }: SignatureCount,
): Promise<number> {
  const at = clock.nowMs();
  const row = {
    ...{ tenant, kind: 'signing_key', id, firstUsedAt: at, lastUsedAt: at },
    ...{ allowed: count, denied: 0, lastAddress: null },
  };
  const set = { lastUsedAt: at, allowed: { add: count } };
  await store.acts.run({ steps: [{ do: 'merge', table: 'usage', row, set }], audit: null });
  return (await store.usage.get(tenant, 'signing_key', id))?.allowed ?? count;
}
