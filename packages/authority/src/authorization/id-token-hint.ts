/**
 * An ID token of ours that comes back as a hint (OpenID Connect Core §3.1.2.1, RP-Initiated Logout
 * §2): who the client believes to be here. It may have expired, it proves nothing about who sends
 * it, and it is never an access token.
 */
import { isJsonObject, parseJson, utf8Decode } from '@mintmark/core';
import { jwsAlgorithms, type KeySet, verifyJws } from '@mintmark/tokens';

export interface IdTokenHint {
  /** As the client knows the person: pairwise, where the client's subjects are. */
  readonly subject: string;
  readonly audience: readonly string[];
  readonly session: string | undefined;
}

/** @returns undefined for whatever is no ID token of this issuer */
export function readIdTokenHint(
  token: string,
  of: { readonly issuer: string; readonly keys: KeySet },
): IdTokenHint | undefined {
  const verified = verifyJws(token, of.keys, { typ: null, algorithms: jwsAlgorithms });
  if (!verified.ok) return undefined;
  const { typ = 'JWT' } = verified.value.header;
  // `at+jwt`, `logout+jwt` and the like are other things by the same keys (RFC 8725 §3.11).
  if (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT') return undefined;
  const payload = parseJson(utf8Decode(verified.value.payload) ?? '');
  if (!payload.ok || !isJsonObject(payload.value)) return undefined;
  const { iss, sub, aud, sid } = payload.value;
  if (iss !== of.issuer || typeof sub !== 'string') return undefined;
  const audience = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
  return { subject: sub, audience, session: typeof sid === 'string' ? sid : undefined };
}
