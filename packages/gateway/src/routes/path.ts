/**
 * One normalised path, judged and forwarded. Where two servers could read a path differently, the
 * request is refused: what is matched against the routes must be what the upstream serves.
 */
import { err, ok, type Result } from '@mintmark/core';

export type PathRefusalReason =
  | 'malformed_escape'
  | 'encoded_slash'
  | 'encoded_backslash'
  | 'control_character'
  | 'double_encoding'
  | 'dot_segment'
  | 'path_parameter'
  | 'not_utf8'
  | 'not_a_path';

export interface NormalPath {
  /** What is judged, and sent on. */
  readonly path: string;
  /** Whether it holds `%2F` as data; a route must allow that by name. */
  readonly opaqueSlash: boolean;
}

/** No escapes, no dots at the start of a segment, no empty segments: nothing to normalise. */
const plain = /^(?:\/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*\/?$/;

/** What may stand in a segment as it is (RFC 3986 §3.3), but for `;`. */
const segmentChar = /[A-Za-z0-9._~!$&'()*+,=:@-]/;
const unreserved = /[A-Za-z0-9._~-]/;

/**
 * Normalises a path (RFC 3986 §6.2.2): escapes of unreserved characters are undone, the others
 * written in upper case, what must be escaped is, empty segments go. `%2F` stays as it is and is
 * told.
 *
 * @param path as the client sent it, without query
 * @returns refusals: dot_segment (`.` and `..`, escaped or not), encoded_backslash (`%5C`),
 *   control_character (`%00` and its like), double_encoding (`%252e`), path_parameter (`;`, which
 *   some servers cut off and others do not), malformed_escape, not_utf8 (also overlong forms),
 *   not_a_path (`*`)
 */
export function normalisePath(path: string): Result<NormalPath, { reason: PathRefusalReason }> {
  if (!path.startsWith('/')) return err({ reason: 'not_a_path' });
  if (plain.test(path)) return ok({ path, opaqueSlash: false });
  const segments: string[] = [];
  const parts = path.slice(1).split('/');
  let opaqueSlash = false;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    // Empty segments are joined away by many servers; here for all of them, but for a final slash.
    if (part === '' && !isLast) continue;
    const segment = normaliseSegment(part);
    if (!segment.ok) return segment;
    // Also between slashes that are data: an upstream that decodes them must find nothing to climb.
    const pieces = segment.value.split(/%2f/i);
    if (pieces.some((piece) => piece === '.' || piece === '..')) {
      return err({ reason: 'dot_segment' });
    }
    opaqueSlash ||= pieces.length > 1;
    segments.push(segment.value);
  }
  const normal = `/${segments.join('/')}`;
  return isUtf8(normal) ? ok({ path: normal, opaqueSlash }) : err({ reason: 'not_utf8' });
}

function normaliseSegment(part: string): Result<string, { reason: PathRefusalReason }> {
  let out = '';
  for (let i = 0; i < part.length; i++) {
    const char = part[i]!;
    if (segmentChar.test(char)) {
      out += char;
    } else if (char === '%') {
      const triplet = part.slice(i, i + 3);
      const refused = refuseEscape(triplet);
      if (refused !== undefined) return err({ reason: refused });
      out += normaliseEscape(triplet);
      i += 2;
    } else if (char === ';') {
      return err({ reason: 'path_parameter' });
    } else if (char === '\\') {
      return err({ reason: 'encoded_backslash' });
    } else {
      const code = char.charCodeAt(0);
      if (code <= 0x20 || code >= 0x7f) return err({ reason: 'control_character' });
      out += `%${code.toString(16).toUpperCase()}`;
    }
  }
  // Judged on the result: `%252%65` becomes `%252e` only here.
  return /%25[0-9A-Fa-f]{2}/.test(out) ? err({ reason: 'double_encoding' }) : ok(out);
}

function refuseEscape(triplet: string): PathRefusalReason | undefined {
  if (!/^%[0-9A-Fa-f]{2}$/.test(triplet)) return 'malformed_escape';
  const code = Number.parseInt(triplet.slice(1), 16);
  if (code < 0x20 || code === 0x7f) return 'control_character';
  if (code === 0x5c) return 'encoded_backslash';
  // `;` again, for servers that decode before they cut.
  if (code === 0x3b) return 'path_parameter';
  return undefined;
}

function normaliseEscape(triplet: string): string {
  const code = Number.parseInt(triplet.slice(1), 16);
  // A slash that is data goes on byte for byte: the upstream may compare it as text.
  if (code === 0x2f) return triplet;
  const char = String.fromCharCode(code);
  return unreserved.test(char) ? char : triplet.toUpperCase();
}

/** Overlong forms, which lax decoders read as `/` or `.`, are not UTF-8 (RFC 3629 §3). */
function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
