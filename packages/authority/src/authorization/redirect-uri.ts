/**
 * Whether a request's redirect URI is one that the client registered. The answer decides where
 * codes go, so it is an exact comparison of strings and nothing is normalised (RFC 9700 §4.1.3).
 */

/** `http`, a loopback host, a port or none, then a path, a query or nothing. */
const loopbackPattern =
  /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?((?:[/?].*)?)$/;

/**
 * The port alone may vary, and only for `http` on `127.0.0.1` and `[::1]` (RFC 8252 §7.3), and on
 * exactly `localhost` for native clients, which agents of today send although §8.3 advises against.
 *
 * @param registered as the client registered them
 * @param presented as the request says it
 */
export function isRegisteredRedirectUri(
  client: {
    readonly redirectUris: readonly string[];
    readonly applicationType: 'web' | 'native';
  },
  presented: string,
): boolean {
  if (client.redirectUris.includes(presented)) return true;
  const asked = loopbackOf(presented);
  if (asked === undefined) return false;
  if (asked.host === 'localhost' && client.applicationType !== 'native') return false;
  return client.redirectUris.some((uri) => {
    const known = loopbackOf(uri);
    return known !== undefined && known.host === asked.host && known.rest === asked.rest;
  });
}

/** Whether the URI leads to a program on the person's own machine, whoever that program is. */
export function isLoopbackRedirectUri(uri: string): boolean {
  return loopbackOf(uri) !== undefined;
}

function loopbackOf(uri: string): { readonly host: string; readonly rest: string } | undefined {
  const match = loopbackPattern.exec(uri);
  if (match === null || Number(match[2] ?? 0) > 65_535) return undefined;
  return { host: match[1]!, rest: match[3]! };
}
