/**
 * Public keys by which gateways sign what they tell upstreams. A gateway makes its key when it
 * starts and asks again every minute; a key whose node is silent leaves the key set by itself.
 */
import {
  type AuditActor,
  type Clock,
  err,
  type JsonValue,
  limits,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { importVerificationKey } from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export interface GatewayKeyPorts {
  readonly store: Pick<Store, 'gatewayKeys' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

export type PublishRefusal =
  /** No public ES256 key under its own thumbprint. */
  | { readonly reason: 'bad_key' }
  /** Another node has published it. */
  | { readonly reason: 'key_taken' }
  | { readonly reason: 'too_many' };

/** @param input.node by its credential, as `nodeName` spells it */
export async function publishGatewayKey(
  ports: GatewayKeyPorts,
  input: {
    readonly tenant: TenantId;
    readonly node: string;
    readonly actor: AuditActor;
    readonly jwk: Readonly<Record<string, unknown>>;
  },
): Promise<Result<undefined, PublishRefusal>> {
  const { tenant, node, actor } = input;
  const { store, clock, recorder } = ports;
  const key = importVerificationKey(input.jwk as JsonValue, { algorithms: ['ES256'] });
  if (!key.ok || key.value.kid !== key.value.thumbprint) return err({ reason: 'bad_key' });
  const kid = key.value.thumbprint;
  const { kty, crv, x, y } = input.jwk;
  const jwk = { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' };
  const expiresAtSeconds = nowSeconds(clock) + limits.gatewayKeySeconds;
  const known = await store.gatewayKeys.get(tenant, kid);
  if (known !== undefined) {
    if (known.node !== node) return err({ reason: 'key_taken' });
    const where = { tenant, kid, node };
    const step = { do: 'update', table: 'gatewayKeys', where, set: { expiresAtSeconds } } as const;
    await store.acts.run({ steps: [step], audit: null });
    return ok(undefined);
  }
  const count = await store.gatewayKeys.count({ tenant });
  if (count >= limits.gatewayKeysMax) return err({ reason: 'too_many' });
  const row: Row<'gatewayKeys'> = { tenant, kid, node, jwk, expiresAtSeconds };
  const { outcome } = await store.acts.run({
    steps: [{ do: 'insert', table: 'gatewayKeys', row, refused: 'key_taken' }],
    audit: await recorder.record({
      ...{ tenant, actor, action: 'gateway.register', at: clock.nowMs() },
      ...{ object: { kind: 'gateway', id: node }, result: 'done', detail: { kid } },
    }),
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'key_taken' });
}

/** Those of nodes that are there, as a key set has them. */
export async function gatewayKeySet(
  { store, clock }: Pick<GatewayKeyPorts, 'store' | 'clock'>,
  tenant: TenantId,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = await store.gatewayKeys.list({ where: { tenant }, limit: limits.gatewayKeysMax });
  const now = nowSeconds(clock);
  return rows.filter(({ expiresAtSeconds }) => expiresAtSeconds > now).map(({ jwk }) => jwk);
}
