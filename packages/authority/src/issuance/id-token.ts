/** Signs an ID token for the client that a person signed in to (OpenID Connect Core §3.1.3.3). */
import type { ClientId, JsonObject, JwsAlgorithm, TenantId, UnixSeconds } from '@mintmark/core';
import { nowSeconds } from '@mintmark/core';
import { assembleJws, encryptJwt, idTokenSigningInput, type JweRecipient } from '@mintmark/tokens';
import type { IssueDeps } from './issue.ts';
import type { GrantTerms } from './terms.ts';

export interface IdTokenDraft {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  /** As the client knows the person. */
  readonly subject: string;
  readonly algorithm: JwsAlgorithm;
  readonly ttlSeconds: number;
  readonly terms: GrantTerms;
  readonly nonce: string | null;
  readonly person: JsonObject;
  /** Whom it is encrypted to; undefined where it is only signed. */
  readonly recipient: JweRecipient | undefined;
}

/** @throws StoreFault, CustodyFault */
export async function signIdToken(
  deps: Pick<IssueDeps, 'keyring' | 'issuerOf' | 'clock' | 'entropy'>,
  draft: IdTokenDraft,
  accessToken: string | undefined,
): Promise<string> {
  const { tenant, terms } = draft;
  const signer = await deps.keyring.signer(tenant, draft.algorithm);
  const issuedAt = nowSeconds(deps.clock);
  const input = idTokenSigningInput(
    {
      issuer: deps.issuerOf(tenant),
      subject: draft.subject,
      clientId: draft.clientId,
      issuedAt,
      expiresAt: (issuedAt + draft.ttlSeconds) as UnixSeconds,
      authTime: terms.authTimeSeconds as UnixSeconds,
      nonce: draft.nonce ?? undefined,
      acr: terms.acr ?? undefined,
      amr: terms.amr,
      sessionId: terms.sessionId ?? undefined,
      accessToken,
      person: draft.person,
    },
    signer,
  );
  const jwt = assembleJws(input, await signer.sign(Buffer.from(input, 'latin1')));
  return draft.recipient === undefined ? jwt : encryptJwt(deps.entropy, draft.recipient, jwt);
}
