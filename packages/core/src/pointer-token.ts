/** Names of members in messages about them. */

/**
 * One part of a JSON Pointer (RFC 6901 §3) as an answer or a log may show it. Members are named by
 * whoever sent the document, and a credential put in a name's place must not come back: what is as
 * long as a secret can be (16 characters) and is not made of letters alone is left out.
 */
export function pointerToken(name: string): string {
  const isHarmless = name.length < 16 || /^[A-Za-z_]{1,64}$/.test(name);
  return isHarmless ? name.replaceAll('~', '~0').replaceAll('/', '~1') : '…';
}
