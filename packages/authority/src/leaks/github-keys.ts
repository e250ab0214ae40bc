/**
 * Who signs what GitHub's secret scanning sends: keys from the URL that the operator names, kept
 * for a day, or pinned for installations that reach nothing outside. ECDSA on P-256 with SHA-256
 * over the raw body, DER in base64.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { base64Decode, type Clock, err, limits, ok, type Result, utf8Decode } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import { z } from 'zod';

export interface GithubKeys {
  /** @returns refusals: signature_missing, unknown_key, bad_signature, keys_unavailable */
  verify(input: {
    readonly keyId: string | undefined;
    readonly signature: string | undefined;
    readonly body: Uint8Array;
  }): Promise<Result<undefined, GithubRefusal>>;
}

export type GithubRefusal = {
  readonly reason: 'signature_missing' | 'unknown_key' | 'bad_signature' | 'keys_unavailable';
};

const published = z.object({
  public_keys: z
    .array(z.object({ key_identifier: z.string().max(128), key: z.string().max(4096) }))
    .max(limits.jwksKeysMax),
});

type Keys = ReadonlyMap<string, KeyObject>;

/** @returns undefined where the text is not what GitHub publishes, or holds another kind of key */
export function readGithubKeys(text: string): Keys | undefined {
  try {
    const parsed = published.safeParse(JSON.parse(text));
    if (!parsed.success) return undefined;
    const keys = new Map<string, KeyObject>();
    for (const { key_identifier: id, key: pem } of parsed.data.public_keys) {
      const key = createPublicKey(pem);
      if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') keys.set(id, key);
    }
    return keys.size === 0 ? undefined : keys;
  } catch {
    return undefined;
  }
}

/** Pinned keys, or where they are published. */
export type GithubKeySource = { readonly url: string } | { readonly pinned: Keys };

export function createGithubKeys(
  ports: { readonly outbound: Pick<GuardedClient, 'send'>; readonly clock: Clock },
  source: GithubKeySource,
): GithubKeys {
  let kept: Keys = 'pinned' in source ? source.pinned : new Map();
  let fetchedMs = Number.NEGATIVE_INFINITY;
  let triedMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  async function fetchKeys(url: string): Promise<void> {
    triedMs = ports.clock.monotonicMs();
    const answer = await ports.outbound.send({ url, bytesMax: limits.managementBodyBytesMax });
    if (!answer.ok || answer.value.status !== 200) return;
    const keys = readGithubKeys(utf8Decode(answer.value.body) ?? '');
    if (keys === undefined) return;
    kept = keys;
    fetchedMs = ports.clock.monotonicMs();
  }

  /** An unknown id costs one fetch in a while, whoever makes ids up. */
  async function refresh(url: string, keyId: string): Promise<void> {
    const now = ports.clock.monotonicMs();
    const isFresh = now - fetchedMs < limits.githubKeysKeptMs;
    if ((kept.has(keyId) && isFresh) || now - triedMs < limits.githubKeysRetryMs) return;
    underWay ??= fetchKeys(url)
      .catch(() => undefined)
      .finally(() => {
        underWay = undefined;
      });
    await underWay;
  }

  return {
    async verify({ keyId, signature, body }) {
      if (keyId === undefined || signature === undefined) {
        return err({ reason: 'signature_missing' });
      }
      if ('url' in source) await refresh(source.url, keyId);
      const key = kept.get(keyId);
      if (key === undefined) {
        return err({ reason: kept.size === 0 ? 'keys_unavailable' : 'unknown_key' });
      }
      const bytes = base64Decode(signature);
      const isGood = bytes !== undefined && verify('sha256', body, key, bytes);
      return isGood ? ok(undefined) : err({ reason: 'bad_signature' });
    },
  };
}
