/**
 * Whether who presents a token also holds the key that it is bound to (RFC 9449 §7, RFC 8705 §3).
 * A bound token without that proof is worth nothing, and a proof counts once at one node: where
 * several gateways serve one route without affinity, the window in which another node would take
 * it again is `limits.dpopWindowSeconds`, unless nonces are asked for, which only the node that
 * made them knows.
 */
import { hash } from 'node:crypto';
import { equalConstantTime, type UnixSeconds, utf8 } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import {
  type Credential,
  type DpopNonces,
  type ProofKeys,
  verifyDpopProof,
} from '@mintmark/tokens';
import type { Refusal } from '../refusal.ts';
import type { CommonProofs } from './common-proofs.ts';
import type { Identity } from './identity.ts';
import type { ProofMemory } from './proof-memory.ts';

export interface ProofParts {
  readonly memory: ProofMemory;
  /** Undefined where proofs need none. */
  readonly keys: ProofKeys;
  readonly nonces: DpopNonces | undefined;
  /** Age that a proof without nonce may have here. */
  readonly windowSeconds: number;
  /** What other nodes remember; undefined: nobody knows. */
  readonly common: CommonProofs | undefined;
}

/**
 * Whether another node has accepted the proof of a request before.
 *
 * @returns undefined, and no promise, where nobody is to be asked: no proof, no store in common, or
 *   a nonce by which the proof counts at this node alone
 */
export function askOtherNodes(
  { common, nonces }: ProofParts,
  { identity, credential }: { readonly identity: Identity; readonly credential: Credential },
): Promise<'first' | 'again' | 'unknown'> | undefined {
  const proof = 'proof' in credential ? credential.proof : undefined;
  const isBound = identity.binding?.by === 'jkt' && proof !== undefined;
  if (common === undefined || nonces !== undefined || !isBound) return undefined;
  return common.first(proof).then(
    (isFirst) => (isFirst ? 'first' : 'again'),
    () => 'unknown',
  );
}

/** @returns why the token may not be used by this request; undefined where it may */
export function judgeBinding(
  parts: ProofParts,
  input: {
    readonly identity: Identity;
    readonly credential: Credential;
    readonly request: StreamRequest;
    readonly now: UnixSeconds;
  },
): Refusal | undefined {
  const { binding } = input.identity;
  const proof = 'proof' in input.credential ? input.credential.proof : undefined;
  if (binding === undefined) {
    // The sender believes that the token is bound; whoever gave it to him did not bind it.
    return proof === undefined ? undefined : { reason: 'invalid_proof', detail: 'not_bound' };
  }
  if (binding.by === 'jkt') return judgeProof(parts, { ...input, jkt: binding.thumbprint, proof });
  const certificate = input.request.peerCertificate?.der;
  const shown = certificate === undefined ? '' : hash('sha256', certificate, 'base64url');
  const isHeld = proof === undefined && equalConstantTime(utf8(shown), utf8(binding.thumbprint));
  return isHeld ? undefined : { reason: 'invalid_credential', detail: 'bound_token' };
}

function judgeProof(
  { memory, keys, nonces, windowSeconds }: ProofParts,
  input: {
    readonly credential: Credential;
    readonly request: StreamRequest;
    readonly now: UnixSeconds;
    readonly jkt: string;
    readonly proof: string | undefined;
  },
): Refusal | undefined {
  const { credential, request, now, jkt, proof } = input;
  // RFC 9449 §7.2: as Bearer it would be worth as much to whoever stole it.
  if (proof === undefined) return { reason: 'invalid_proof', detail: 'presented_as_bearer' };
  const expectation = {
    method: request.method,
    url: `${request.scheme}://${request.externalHost ?? ''}${request.path}`,
    accessToken: textOf(credential),
    now,
    ...(nonces === undefined ? { ageSecondsMax: windowSeconds } : {}),
  };
  const verified = verifyDpopProof(proof, expectation, keys);
  if (!verified.ok) return { reason: 'invalid_proof', detail: verified.refusal.reason };
  if (verified.value.jkt !== jkt) return { reason: 'invalid_proof', detail: 'wrong_key' };
  if (nonces !== undefined) {
    const { nonce } = verified.value;
    const isKnown = nonce !== undefined && nonces.accepts(nonce, now);
    if (!isKnown) return { reason: 'nonce_needed', nonce: nonces.current(now) };
  }
  switch (memory.remember(verified.value, now)) {
    case 'first':
      return undefined;
    case 'again':
      return { reason: 'invalid_proof', detail: 'proof_used' };
    case 'full':
      return { reason: 'proofs_full' };
  }
}

function textOf(credential: Credential): string {
  switch (credential.kind) {
    case 'jwt':
      return credential.token;
    case 'opaque':
      return credential.text;
    default:
      return '';
  }
}
