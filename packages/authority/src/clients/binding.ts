/**
 * To which key the tokens of a request are to be bound: that of its DPoP proof (RFC 9449 §5), or
 * that of its TLS certificate (RFC 8705 §3). The proof is judged before anything is spent: a
 * request that has to come again with a nonce has used nothing up.
 */
import { hash } from 'node:crypto';
import {
  type Clock,
  err,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
  type TokenBinding,
} from '@mintmark/core';
import {
  type DpopNonces,
  type DpopRefusal,
  type ProofKeys,
  verifyDpopProof,
} from '@mintmark/tokens';
import type { Step } from '../store/act.ts';
import type { Client } from './client.ts';
import { singleUseStep } from './single-use.ts';

export interface ProofDeps {
  readonly nonces: DpopNonces;
  readonly proofKeys: ProofKeys;
  /** Whether a proof without nonce is sent back for one. */
  readonly requireDpopNonce: boolean;
  readonly issuerOf: (tenant: TenantId) => string;
  readonly clock: Clock;
}

/** How a request shows keys. */
export interface PresentedKeys {
  /** The DPoP header. */
  readonly proof: string | undefined;
  /** What the proof must be for; the URL is the issuer's, never that of a Host header. */
  readonly method: string;
  readonly path: string;
  /** DER of the certificate that its TLS connection has proven. */
  readonly certificate: Uint8Array | undefined;
}

export type ProofRefusal =
  | { readonly reason: 'proof_refused'; readonly detail: DpopRefusal['reason'] | 'wrong_key' }
  /** RFC 9449 §8: to be sent again, with the nonce that the answer carries. */
  | { readonly reason: 'nonce_needed' };

export type BindingRefusal =
  | ProofRefusal
  /** The client is registered for bound tokens only. */
  | { readonly reason: 'proof_missing' }
  | { readonly reason: 'certificate_missing' };

export interface Bound {
  readonly binding: TokenBinding | undefined;
  /** Refuse the act with `proof_used` where the proof was used before. */
  readonly once: readonly Step[];
}

/** @returns the key that tokens are bound to; undefined: they are for their bearer */
export function judgeBinding(
  deps: ProofDeps,
  client: Client,
  presented: PresentedKeys,
): Result<Bound, BindingRefusal> {
  const { certificate } = presented;
  if (presented.proof !== undefined) {
    const proven = judgeProof(deps, { ...presented, tenant: client.tenant });
    if (!proven.ok) return proven;
    const { jkt, once } = proven.value;
    return ok({ binding: { by: 'jkt', thumbprint: jkt }, once });
  }
  if (client.dpopBoundAccessTokens) return err({ reason: 'proof_missing' });
  if (!client.tlsClientCertificateBoundAccessTokens) return ok({ binding: undefined, once: [] });
  if (certificate === undefined) return err({ reason: 'certificate_missing' });
  const thumbprint = hash('sha256', certificate, 'base64url');
  return ok({ binding: { by: 'x5t#S256', thumbprint }, once: [] });
}

/** The proof of a request to one of this issuer's own endpoints. */
export function judgeProof(
  deps: ProofDeps,
  input: Pick<PresentedKeys, 'proof' | 'method' | 'path'> & {
    readonly tenant: TenantId;
    /** The token that is used with it; none at the token endpoint. */
    readonly accessToken?: string;
  },
): Result<{ readonly jkt: string; readonly once: readonly Step[] }, ProofRefusal> {
  const { tenant, proof = '', method, path, accessToken } = input;
  const now = nowSeconds(deps.clock);
  const url = `${deps.issuerOf(tenant)}${path}`;
  const verified = verifyDpopProof(proof, { method, url, accessToken, now }, deps.proofKeys);
  if (!verified.ok) return err({ reason: 'proof_refused', detail: verified.refusal.reason });
  const { jkt, jti, endsAt, nonce } = verified.value;
  // A nonce that nobody asked for must still be ours: a client that sends one relies on it.
  const isGood = nonce === undefined ? !deps.requireDpopNonce : deps.nonces.accepts(nonce, now);
  if (!isGood) return err({ reason: 'nonce_needed' });
  return ok({ jkt, once: [singleUseStep({ tenant, kind: 'dpop', of: jkt, id: jti, endsAt })] });
}
