/**
 * Entity tags: the version of a row. Strong, because a version names one exact state. Settings
 * that were never written are shown with version 0, and that tag may be sent back.
 */
import { err, ok, type Result } from '@mintmark/core';

/** What the caller says that it has seen: one of these versions, or whatever there is. */
export type IfMatch = { readonly any: true } | { readonly any: false; readonly versions: number[] };

export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * Parses If-Match (RFC 9110 §13.1.1): `*`, or a list of entity tags. Weak tags and tags that were
 * never ours are legal and match nothing.
 *
 * @returns undefined where the header is absent; refusal: malformed_if_match
 */
export function parseIfMatch(
  header: string | undefined,
): Result<IfMatch | undefined, { readonly reason: 'malformed_if_match' }> {
  if (header === undefined) return ok(undefined);
  const text = header.trim();
  if (text === '*') return ok({ any: true });
  const versions: number[] = [];
  for (const part of text.split(',')) {
    const tag = /^(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/.exec(part.trim());
    if (tag === null) return err({ reason: 'malformed_if_match' });
    if (/^(?:0|[1-9][0-9]{0,14})$/.test(tag[1]!) && !part.trim().startsWith('W/')) {
      versions.push(Number(tag[1]));
    }
  }
  return ok({ any: false, versions });
}

/** @returns whether an edit that was asked for with `ifMatch` may be made on this version */
export function isMatching(ifMatch: IfMatch, version: number): boolean {
  return ifMatch.any || ifMatch.versions.includes(version);
}
