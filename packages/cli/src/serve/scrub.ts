/** Text from outside, made fit for a log: a client may put a credential anywhere. */

/** Ours by their kinds, compact JOSE, and what stands behind an authorization scheme. */
const credentials = new RegExp(
  [
    /[a-z][a-z0-9]{1,11}_[a-z]{2,8}_[0-9A-Za-z]{20,}/,
    /eyJ[\w-]{8,}\.[\w-]*\.[\w.-]*/,
    /\b(?:bearer|basic|dpop) +[\w+/=.~-]{8,}/,
  ]
    .map((one) => one.source)
    .join('|'),
  'gi',
);

/** Replaces everything that looks like a credential, and cuts what is longer than a line. */
export function scrub(text: string): string {
  const short = text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text;
  return short.replace(credentials, '‹removed›');
}

const textCharsMax = 2048;

/**
 * The path alone, without what might be a secret: query strings carry tokens by mistake, and so do
 * paths. No secret has fewer than 16 characters; ids that have more stand in the audit trail.
 */
export function loggedPath(path: string): string {
  const segments = path.split(/[?#]/, 1)[0]!.split('/');
  const shown = segments.map((segment) => (segment.length < 16 ? segment : '…'));
  return shown.join('/').slice(0, 512);
}
