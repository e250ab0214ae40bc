/** Makes credentials that the gateway of a test will believe. */
import {
  base64urlEncode,
  type ClientId,
  type JsonObject,
  type KeyId,
  type KeyView,
  type ManualClock,
  nowSeconds,
  type SubjectId,
  seededEntropy,
  type TokenId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import {
  type AccessTokenClaims,
  accessTokenSigningInput,
  assembleJws,
  buildSecretToken,
  derivationKeyOf,
  generateSigningKey,
  localSigner,
  secretVerifier,
} from '@mintmark/tokens';
import type { FakeFeed } from './fake-feed.ts';

export interface Mint {
  /** A signed access token, with further claims that only their readers know. */
  token(claims?: Partial<AccessTokenClaims>, further?: JsonObject): string;
  /** An API key that the feed announces. */
  key(view?: Partial<KeyView>): { readonly text: string; readonly id: string };
  /** A secret token of which the feed says nothing. */
  secret(kind: 'key' | 'at' | 'admin'): { readonly text: string; readonly id: string };
}

/** Announces a signing key in the feed, and signs with it. */
export async function createMint(feed: FakeFeed, clock: ManualClock, seed = 7): Promise<Mint> {
  const entropy = seededEntropy(seed);
  const { privateKey, kid, publicJwk } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  feed.push({ type: 'signing_key', kid, jwk: publicJwk, status: 'trusted' });
  let serial = 0;
  return {
    token(claims = {}, further = {}) {
      const now = nowSeconds(clock);
      const all: AccessTokenClaims = {
        issuer: feed.issuer,
        subject: 'subject-1' as SubjectId,
        audience: [feed.issuer],
        clientId: 'client-1' as ClientId,
        scopes: ['read'],
        issuedAt: now,
        expiresAt: (now + 600) as UnixSeconds,
        tokenId: `token-${++serial}` as TokenId,
        position: feed.head,
        tenant: feed.tenant,
        ...claims,
      };
      const input = accessTokenSigningInput(all, signer, further);
      return assembleJws(input, signer.sign(utf8(input)));
    },
    key(view = {}) {
      const id = view.id ?? (`K${String(++serial).padStart(16, '0')}` as KeyId);
      const made = buildSecretToken({ prefix: 'mm', kind: 'key', id, entropy });
      const key: KeyView = {
        id,
        tenant: feed.tenant,
        verifier: base64urlEncode(secretVerifier(made.secret)),
        derivationKey: base64urlEncode(derivationKeyOf({ keyId: id, secret: made.secret })),
        status: 'active',
        owner: 'owner-1',
        scopes: ['read'],
        ...view,
      };
      feed.push({ type: 'key', key });
      return { text: made.text, id };
    },
    secret(kind) {
      const id = `S${String(++serial).padStart(kind === 'at' ? 24 : 16, '0')}`;
      const { text } = buildSecretToken({ prefix: 'mm', kind, id, entropy });
      return { text, id };
    },
  };
}
