/** The nonce for a client's next DPoP proof (RFC 9449 §8.2), beside every answer to one. */
import { type HttpResponse, nowSeconds } from '@mintmark/core';
import type { ProofDeps } from '../clients/binding.ts';

export function offerNonce({ nonces, clock }: ProofDeps, response: HttpResponse): HttpResponse {
  const nonce = nonces.current(nowSeconds(clock));
  return { ...response, headers: { ...response.headers, 'dpop-nonce': nonce } };
}
