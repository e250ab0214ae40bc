/**
 * A secret brought to a URL of the operator's: one POST over TLS, signed by a secret that both
 * sides hold (RFC 9421), with an Idempotency-Key that is the same for every try.
 */
import { base64urlEncode, type Clock, type Entropy, nowSeconds, rfc3339 } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import { contentDigest, signMessage } from '../../hooks/message-signature.ts';
import type { DeliveryTarget, Parcel } from './delivery.ts';
import { sendSecret } from './send-secret.ts';

export interface WebhookTargetSettings {
  readonly tenants: readonly string[];
  /** https only: the body holds the new secret. */
  readonly url: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
  /** Made with reach `operator`. */
  readonly client: Pick<GuardedClient, 'send'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function webhookTarget(settings: WebhookTargetSettings): DeliveryTarget {
  const { tenants, url, client } = settings;
  return {
    tenants,
    judge: ({ at, key }) =>
      at === undefined && key === undefined
        ? undefined
        : 'a webhook has no places: leave at and key out',
    deliver(parcel) {
      const body = JSON.stringify(wireOf(parcel));
      const headers = signedHeaders(settings, parcel, body);
      return sendSecret(client, { url, method: 'POST', headers, body });
    },
  };
}

function wireOf(parcel: Parcel): Readonly<Record<string, string>> {
  return {
    type: 'credential.rotated',
    id: parcel.id,
    tenant: parcel.tenant,
    rotation: parcel.rule,
    kind: parcel.kind,
    credential: parcel.credential,
    predecessor: parcel.predecessor,
    predecessor_ends_at: rfc3339(parcel.predecessorEndsAt),
    cause: parcel.cause,
    secret: parcel.secret,
  };
}

function signedHeaders(
  { url, secret, clock, entropy }: WebhookTargetSettings,
  { id }: Parcel,
  body: string,
): Readonly<Record<string, string>> {
  const type = 'application/json';
  const digest = contentDigest(body);
  const once = `"${id}"`;
  const signed = signMessage({
    components: [
      ['@method', 'POST'],
      ['@target-uri', new URL(url).href],
      ['content-type', type],
      ['content-digest', digest],
      ['idempotency-key', once],
    ],
    created: nowSeconds(clock),
    keyId: 'mintmark',
    nonce: base64urlEncode(entropy.bytes(16)),
    secret,
  });
  return { 'content-type': type, 'content-digest': digest, 'idempotency-key': once, ...signed };
}
