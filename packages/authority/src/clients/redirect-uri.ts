/**
 * Which redirect URIs may be registered. A request's own is then compared with these as an exact
 * string, so that what is judged here is what a browser will be sent to, and nothing near it.
 */

/** Visible ASCII of RFC 3986 §2: no space, no backslash, no `<>"^\`{|}`. */
const uriPattern = /^[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/;
const charsMax = 2_000;

/** `http` is for the client's own machine only (RFC 8252 §7.3). */
const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Judges a redirect URI at registration.
 *
 * @returns what is wrong with it, in words; undefined where it may be registered: absolute, no
 *   fragment (RFC 6749 §3.1.2), no user name or password, no dot segments; `https`, `http` on
 *   loopback, or for native clients a private-use scheme with a dot (RFC 8252 §7.1)
 */
export function redirectUriFault(
  uri: string,
  applicationType: 'web' | 'native',
): string | undefined {
  if (uri.includes('#')) return 'must have no fragment';
  if (uri.length > charsMax || !uriPattern.test(uri) || !URL.canParse(uri)) {
    return 'must be an absolute URI in plain ASCII';
  }
  if (/%(?![0-9A-Fa-f]{2})/.test(uri)) return 'must be percent-encoded well';
  const { protocol, username, password, hostname } = new URL(uri);
  if (username !== '' || password !== '') return 'must have no user name and no password';
  const path = uri.split('?', 1)[0]!;
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return 'must have no dot segments';
  if (protocol !== 'https:' && protocol !== 'http:') return privateUseFault(uri, applicationType);
  // A browser also reads `https:/host` and `https:host`.
  if (!/^https?:\/\/[^/?@*]+(?:[/?]|$)/.test(uri)) return 'must name its host';
  if (protocol === 'http:' && !loopbackHosts.has(hostname)) {
    return 'must be https, or http on loopback';
  }
  return undefined;
}

/** A scheme with a dot is a reversed domain name: `javascript:` and `data:` have none. */
function privateUseFault(uri: string, applicationType: 'web' | 'native'): string | undefined {
  if (applicationType !== 'native') return 'must be https, or http on loopback';
  if (!/^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:\/{1,2}[^/]/i.test(uri)) {
    return 'must have a private-use scheme with a dot, and a path: com.example.app:/callback';
  }
  return undefined;
}

/**
 * Judges any other URL of a client's metadata, which is fetched or linked to.
 *
 * @returns what is wrong with it; undefined for `https`, and for `http` on loopback, which the
 *   guarded client only reaches under the development switch
 */
export function metadataUrlFault(url: string): string | undefined {
  return redirectUriFault(url, 'web');
}
