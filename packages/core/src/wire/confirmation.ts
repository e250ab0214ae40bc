/**
 * What a token is bound to: the `cnf` claim (RFC 7800 §3.1). Whoever presents the token must prove
 * that very key, by a DPoP proof (RFC 9449 §6) or by a TLS certificate (RFC 8705 §3.1).
 */
import type { JsonObject } from '../json.ts';

export interface TokenBinding {
  readonly by: 'jkt' | 'x5t#S256';
  /** SHA-256 of the key or of the certificate, base64url. */
  readonly thumbprint: string;
}

/**
 * @returns undefined for every confirmation that we could not see fulfilled: another method, more
 *   than one, a malformed thumbprint. A token that has it must be refused
 */
export function parseConfirmation(cnf: JsonObject): TokenBinding | undefined {
  const [member, ...others] = Object.entries(cnf);
  if (member === undefined || others.length > 0) return undefined;
  const [by, thumbprint] = member;
  if (by !== 'jkt' && by !== 'x5t#S256') return undefined;
  if (typeof thumbprint !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(thumbprint)) return undefined;
  return { by, thumbprint };
}

/** @returns the `cnf` claim */
export function renderConfirmation({ by, thumbprint }: TokenBinding): JsonObject {
  return { [by]: thumbprint };
}
