/**
 * What a request presents as its credential, read once, as a tagged union that callers must look
 * through. Exactly one credential counts: where there are two, proxies and applications would
 * differ about which. Nothing here looks anything up or says that a credential is good.
 */
import { assertNever, base64Decode, limits, utf8Decode } from '@mintmark/core';
import { parseSecretToken, type SecretTokenKind, type SecretTokenRefusal } from './api-key.ts';
import { isSubKeyText, parseSubKey, type SubKey } from './sub-key.ts';

/**
 * `proof` is the DPoP proof that was presented with the scheme `DPoP`, nothing of it judged;
 * without it the token came as a bearer.
 */
export type Credential =
  | { readonly kind: 'none' }
  /** Looks like a compact JWS; `verifyAccessToken` judges it. */
  | { readonly kind: 'jwt'; readonly token: string; readonly proof?: string }
  /** An opaque access token, its checksum right. */
  | (OwnCredential<'opaque', 'at'> & { readonly proof?: string })
  | OwnCredential<'api_key', 'key' | 'pat'>
  | OwnCredential<'admin_key', 'admin'>
  /** Derived from an API key by its holder; nothing of its chain is proven. */
  | { readonly kind: 'sub_key'; readonly subKey: SubKey; readonly text: string }
  /** Begins with a prefix that was declared for imported keys. */
  | { readonly kind: 'imported_key'; readonly text: string }
  | { readonly kind: 'malformed'; readonly reason: CredentialRefusal };

interface OwnCredential<Kind extends string, Token extends SecretTokenKind> {
  readonly kind: Kind;
  readonly tokenKind: Token;
  readonly id: string;
  readonly secret: string;
  /** The whole text, for forwarding to introspection. Never to be stored or logged. */
  readonly text: string;
}

/**
 * `malformed`: no scheme, or not the syntax of a credential; `foreign_prefix`, `unknown_kind`,
 * `bad_checksum`: as `parseSecretToken`; `misplaced`: a token of a kind that is never presented
 * there, such as a refresh token; `proof_missing`, `proof_misplaced`: the scheme `DPoP` and a proof
 * come together or not at all.
 */
export type CredentialRefusal =
  | 'too_long'
  | 'more_than_one'
  | 'unsupported_scheme'
  | 'proof_missing'
  | 'proof_misplaced'
  | 'malformed'
  | 'foreign_prefix'
  | 'unknown_kind'
  | 'bad_checksum'
  | 'misplaced';

/** The headers that can carry a credential, each as its only value, or undefined. */
export interface CredentialHeaders {
  readonly authorization: string | undefined;
  readonly dpop: string | undefined;
  /** `x-api-key` */
  readonly apiKey: string | undefined;
}

export interface CredentialForms {
  /** The installation's token prefix. */
  readonly prefix: string;
  /**
   * Takes the password of HTTP Basic (RFC 7617) as the credential, whatever the user name: for
   * package managers that can send nothing else. Default false.
   */
  readonly basicPassword?: boolean;
  /** Beginnings of imported keys, such as `sk_live_`. Default none. */
  readonly importedPrefixes?: readonly string[];
}

const none: Credential = { kind: 'none' };

/**
 * Reads the one credential of a request. Sizes are bounded before anything else.
 *
 * @returns the credential by kind; `none` only where no header presents one at all
 */
export function parseCredential(headers: CredentialHeaders, forms: CredentialForms): Credential {
  const { authorization, dpop, apiKey } = headers;
  if (authorization === undefined && dpop === undefined && apiKey === undefined) return none;
  if (tooLong(authorization) || tooLong(dpop) || tooLong(apiKey)) return malformed('too_long');
  if (authorization !== undefined && apiKey !== undefined) return malformed('more_than_one');
  if (authorization !== undefined) {
    const credential = parseAuthorization(authorization, forms, dpop);
    if (dpop === undefined || 'proof' in credential) return credential;
    // A proof means that the sender believes the token to be bound (RFC 9449 §7.1). Passing over it
    // would be to accept a weaker presentation than the client made.
    return credential.kind === 'malformed' ? credential : malformed('proof_misplaced');
  }
  if (dpop !== undefined) return malformed('proof_misplaced');
  const credential = parseToken(apiKey ?? '', forms);
  const misplaced = credential.kind === 'jwt' || credential.kind === 'opaque';
  return misplaced ? malformed('misplaced') : credential;
}

/** `Bearer ` and the like before the longest token. */
const schemeCharsMax = 32;

function tooLong(value: string | undefined): boolean {
  return value !== undefined && value.length > limits.tokenCharsMax + schemeCharsMax;
}

function malformed(reason: CredentialRefusal): Credential {
  return { kind: 'malformed', reason };
}

/** RFC 9110 §11.4: a scheme in any case, one or more spaces, the credential. */
function parseAuthorization(
  value: string,
  forms: CredentialForms,
  proof: string | undefined,
): Credential {
  const end = value.indexOf(' ');
  const scheme = (end < 0 ? value : value.slice(0, end)).toLowerCase();
  const rest = end < 0 ? '' : withoutSpaces(value.slice(end));
  switch (scheme) {
    case 'bearer':
      return parseToken(rest, forms);
    case 'dpop':
      return withProof(parseToken(rest, forms), proof);
    case 'basic':
      if (forms.basicPassword !== true) return malformed('unsupported_scheme');
      return parseToken(basicPassword(rest) ?? '', forms);
    default:
      return malformed(isHttpToken(scheme) ? 'unsupported_scheme' : 'malformed');
  }
}

/** Only access tokens are ever bound to a key. */
function withProof(credential: Credential, proof: string | undefined): Credential {
  if (proof === undefined) return malformed('proof_missing');
  if (credential.kind === 'jwt' || credential.kind === 'opaque') return { ...credential, proof };
  return credential.kind === 'malformed' ? credential : malformed('misplaced');
}

/** Without the spaces before it. A loop, for a pattern could be made to run in quadratic time. */
function withoutSpaces(text: string): string {
  let start = 0;
  while (text.charCodeAt(start) === 0x20) start++;
  return text.slice(start);
}

/** RFC 9110 §5.6.2 */
function isHttpToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(text);
}

/** RFC 7617 §2: the user name ends at the first colon. */
function basicPassword(encoded: string): string | undefined {
  const bytes = base64Decode(encoded);
  const text = bytes === undefined ? undefined : utf8Decode(bytes);
  const colon = text?.indexOf(':') ?? -1;
  return colon < 0 ? undefined : text?.slice(colon + 1);
}

/** b64token, RFC 6750 §2.1: also what every secret token and every JWT is made of. */
const tokenPattern = /^[A-Za-z0-9\-._~+/]+=*$/;

function parseToken(text: string, forms: CredentialForms): Credential {
  if (text.length > limits.tokenCharsMax) return malformed('too_long');
  if (!tokenPattern.test(text)) return malformed('malformed');
  if (isSubKeyText(text, forms.prefix)) {
    const subKey = parseSubKey(text, forms.prefix);
    if (!subKey.ok) return malformed(subKey.refusal.reason);
    return { kind: 'sub_key', subKey: subKey.value, text };
  }
  const parsed = parseSecretToken(text, forms.prefix);
  if (!parsed.ok) return parseForeign(text, forms, parsed.refusal.reason);
  const { kind, id, secret } = parsed.value;
  switch (kind) {
    case 'key':
    case 'pat':
      return { kind: 'api_key', tokenKind: kind, id, secret, text };
    case 'admin':
      return { kind: 'admin_key', tokenKind: kind, id, secret, text };
    case 'at':
      return { kind: 'opaque', tokenKind: kind, id, secret, text };
    // For the token endpoint alone, as the client's secret is for its authentication.
    case 'rt':
    case 'ac':
    case 'dc':
    case 'cs':
    case 'cr':
    case 'br':
      return malformed('misplaced');
    default:
      return assertNever(kind);
  }
}

/** What has not our form: an imported key by its beginning, or a JWT by its dots. */
function parseForeign(
  text: string,
  forms: CredentialForms,
  refusal: SecretTokenRefusal['reason'],
): Credential {
  // A mistyped key of ours is not sought among others' keys: its checksum saved the look-up.
  if (text.startsWith(`${forms.prefix}_`)) return malformed(refusal);
  const imported = forms.importedPrefixes ?? [];
  if (imported.some((prefix) => prefix !== '' && text.startsWith(prefix))) {
    return { kind: 'imported_key', text };
  }
  // Only a JWS has dots; what is wrong with it, its verifier says better.
  if (text.includes('.')) return { kind: 'jwt', token: text };
  return imported.includes('') ? { kind: 'imported_key', text } : malformed(refusal);
}
