/**
 * Whether a query string carries a token (RFC 6750 §2.3, forbidden by RFC 9700 §4.3.2): under the
 * standard's name, or as any of our own kinds under whatever name.
 */
export function hasTokenInQuery(query: string | undefined, prefix: string): boolean {
  if (query === undefined || query === '') return false;
  if (namesOwnToken(query, prefix)) return true;
  // Names may be escaped: `%61ccess_token` is the same name to the upstream.
  if (!query.includes('token') && !query.includes('%')) return false;
  return query.split('&').some((pair) => {
    const name = pair.split('=', 1)[0]!.replaceAll('+', ' ');
    return withoutEscapes(name).toLowerCase() === 'access_token';
  });
}

/** The beginnings of secret tokens, also where the underscore is escaped. */
export function namesOwnToken(text: string, prefix: string): boolean {
  if (!text.includes(prefix)) return false;
  return new RegExp(`${prefix}(?:_|%5f)(?:key|pat|admin|at|rt|cs)(?:_|%5f)`, 'i').test(text);
}

function withoutEscapes(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
