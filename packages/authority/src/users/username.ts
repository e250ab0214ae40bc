/**
 * Usernames as they are compared: two spellings that people take for the same are one name. Kept
 * apart from how they are shown. What must never happen: two accounts whose names look alike by
 * case or width alone, or a name that looks like nothing.
 */
import { err, limits, ok, type Result } from '@mintmark/core';

export interface Username {
  /** For people: NFC of what was written. */
  readonly shown: string;
  /** For comparison: Unicode NFKC and case folding. */
  readonly key: string;
}

export type UsernameRefusal = { readonly reason: 'malformed_username'; readonly rule: string };

/**
 * Parses a username (after RFC 8265 §3.3, UsernameCaseMapped, with compatibility forms mapped
 * where that profile refuses them). Letters of different scripts that look alike stay different.
 *
 * @returns refusal: malformed_username, with the rule in words
 */
export function parseUsername(text: string): Result<Username, UsernameRefusal> {
  // A hostile text is never normalised whole: NFKC makes some characters eighteen.
  if (text.length > 4 * limits.usernameCharsMax || !text.isWellFormed()) return refused(sizeRule);
  const key = foldOf(text);
  if (key === '' || [...key].length > limits.usernameCharsMax) return refused(sizeRule);
  if (invisible.test(text) || invisible.test(key)) return refused('has invisible characters');
  if (/^\s|\s$|\s\s/u.test(key)) return refused('has spaces that cannot be seen');
  if (/^\p{M}/u.test(key)) return refused('begins with a mark that belongs to a letter');
  if (!/[\p{L}\p{N}]/u.test(key)) return refused('has no letter and no digit');
  return ok({ shown: text.normalize('NFC'), key });
}

const sizeRule = `must have 1–${limits.usernameCharsMax} characters`;

/**
 * Controls, formats, private and unassigned characters, and those that are drawn as nothing:
 * fillers, joiners, selectors, the blank of Braille.
 */
const invisible = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]/u;

function refused(rule: string): Result<Username, UsernameRefusal> {
  return err({ reason: 'malformed_username', rule });
}

/** Upper case first, so that ß and ss, ſ and s, σ and ς meet. Few texts need a second round. */
function foldOf(text: string): string {
  let folded = text;
  for (let round = 0; round < 4; round++) {
    const next = folded.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
    if (next === folded) break;
    folded = next;
  }
  return folded;
}
