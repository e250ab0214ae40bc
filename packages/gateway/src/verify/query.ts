/**
 * Whether a query string carries a token (RFC 6750 §2.3, forbidden by RFC 9700 §4.3.2): under the
 * standard's name, or as any of our own kinds under whatever name.
 */
export function hasTokenInQuery(query: string | undefined, prefix: string): boolean {
  if (query === undefined || query === '') return false;
  if (namesOwnToken(query, prefix)) return true;
  if (!/token|%/i.test(query)) return false;
  // Some servers part at `;` too; and what is escaped is the same to every upstream.
  return query.split(/[&;]/).some((pair) => {
    const plain = withoutEscapes(pair.replaceAll('+', ' '));
    return /^access_token(?:=|$)/i.test(plain) || namesOwnToken(plain, prefix);
  });
}

/** The beginnings of secret tokens, also where the underscore is escaped. */
export function namesOwnToken(text: string, prefix: string): boolean {
  if (!text.includes(prefix)) return false;
  return new RegExp(`${prefix}(?:_|%5f)(?:key|sub|pat|admin|at|rt|cs)(?:_|%5f)`, 'i').test(text);
}

/** ASCII unescaped, once; other escapes stay, so that a broken one hides nothing beside it. */
function withoutEscapes(text: string): string {
  return text.replaceAll(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
