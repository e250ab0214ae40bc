/**
 * Access tokens that only their resource can read: a JWT inside a JWE. To everybody else such a
 * token is opaque, the authority included, for it keeps no copy and has no key. So the header names
 * what the token is looked up by; whoever looks it up compares the whole text with what was issued.
 */
import {
  base64urlDecode,
  type Entropy,
  isJsonObject,
  limits,
  parseJson,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { encryptJwe, type JweRecipient, looksEncrypted } from './jwe.ts';

/** What the header of such a token says of it (RFC 7519 §5.3; `mm_kid` is ours). */
export interface EncryptedTokenNames {
  readonly tokenId: string;
  /** Signed the JWT inside. */
  readonly signingKey: string;
}

/** @param input.jwt the signed access token */
export function encryptAccessToken(
  entropy: Entropy,
  recipient: JweRecipient,
  input: EncryptedTokenNames & { readonly jwt: string },
): string {
  const { jwt, tokenId, signingKey } = input;
  const header = { cty: 'JWT', jti: tokenId, mm_kid: signingKey };
  return encryptJwe(entropy, recipient, { plaintext: utf8(jwt), header });
}

/**
 * What a token says of itself. Nobody has vouched for it.
 *
 * @returns undefined for whatever has not the form
 */
export function readEncryptedTokenNames(token: string): EncryptedTokenNames | undefined {
  if (token.length > limits.tokenCharsMax || !looksEncrypted(token)) return undefined;
  const bytes = base64urlDecode(token.slice(0, token.indexOf('.')));
  const header = parseJson((bytes && utf8Decode(bytes)) ?? '');
  if (!header.ok || !isJsonObject(header.value)) return undefined;
  const { jti: tokenId, mm_kid: signingKey } = header.value;
  const isNamed = typeof tokenId === 'string' && typeof signingKey === 'string';
  return isNamed ? { tokenId, signingKey } : undefined;
}
