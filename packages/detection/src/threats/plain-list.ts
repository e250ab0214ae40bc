/** Plain lists: one address or block a line; `#` and `;` begin a comment, blank lines count not. */
import { ok } from '@mintmark/core';
import { createListing, type ListResult } from './listed.ts';

export function readPlainList(text: string): ListResult {
  const listing = createListing();
  for (const line of text.split('\n')) {
    const comment = line.search(/[#;]/);
    const entry = (comment === -1 ? line : line.slice(0, comment)).trim();
    if (entry === '') continue;
    const reason = comment === -1 ? '' : line.slice(comment + 1).trim();
    listing.add(entry, { reason, until: undefined });
  }
  return ok(listing.read());
}
