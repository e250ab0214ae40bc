/** How text stands in HAProxy's configuration: words, arguments within them, formats, patterns. */

/** One word, in single quotes, within which nothing is interpreted. */
export function word(text: string): string {
  if (/^[A-Za-z0-9._:/@+=,{}<>*!|-]+$/.test(text)) return text;
  // A quote itself has to stand in the other kind of quotes.
  return text
    .split("'")
    .map((part) => `'${part}'`)
    .join(`"'"`);
}

/** An argument in parentheses, within a word that `word` quotes. */
export function argument(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** Text in a format string: no `%` of it is read as a variable. */
export function literal(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A text that a regular expression is to match as it stands, with few backslashes. */
export function exactly(text: string): string {
  return text.replace(/[\]\\^]/g, '\\$&').replace(/[.*+?(){}|$[]/g, '[$&]');
}

/** A text of which each character may also be escaped, as in a query string. */
export function escapable(text: string): string {
  return [...text]
    .map((char) => {
      const hex = char.charCodeAt(0).toString(16).padStart(2, '0');
      return `(?:${exactly(char)}|%${hex})`;
    })
    .join('');
}
