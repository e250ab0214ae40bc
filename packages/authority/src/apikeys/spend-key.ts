/** The cost of one use that an enforcement point has let through but for this. */
import type { SpendAnswer, TenantId } from '@mintmark/core';
import { type SpendPorts, spend } from './key-budget.ts';
import type { KeyReader } from './key-cache.ts';
import { isApiKey } from './key-change.ts';

/**
 * Takes it, where the key still works: whoever asks has judged everything else.
 *
 * @throws StoreFault where it is not known whether it was taken
 */
export async function spendKey(
  ports: SpendPorts & { readonly store: { readonly keys: KeyReader } },
  input: { readonly tenant: TenantId; readonly id: string; readonly cost: number },
): Promise<SpendAnswer> {
  const row = await ports.store.keys.get(input.tenant, input.id);
  if (!isApiKey(row) || row.status !== 'active') {
    return { spent: false, code: 'not_active', retryAfterSeconds: undefined };
  }
  const spent = await spend(ports, row, input.cost);
  if (spent.ok) return { spent: true };
  const { reason: code, retryMs } = spent.refusal;
  const retryAfterSeconds = retryMs === undefined ? undefined : Math.ceil(retryMs / 1000);
  return { spent: false, code, retryAfterSeconds };
}
