/**
 * What a preview showed, for the act that follows: it refuses where more would end. It is not
 * signed: it protects whoever brings it from surprise, and he may do the same without one.
 */
import { createHash } from 'node:crypto';
import {
  base64urlDecode,
  base64urlEncode,
  parseJson,
  type UnixMs,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import type { Counts } from './preview.ts';

/** What was shown, as the act that follows brings it back. */
export interface Shown {
  readonly at: UnixMs;
  /** Of what was asked, so that the token of one question is none for another. */
  readonly asked: string;
  readonly counts: Counts;
  readonly complete: boolean;
}

/** @param asked what is to be ended, as it came */
export function hashOfQuestion(asked: unknown): string {
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url');
}

/** 1 knew of no grants. */
const version = 2;

/** What was shown, in the answer that showed it. */
export function writePreviewToken(shown: Shown): string {
  const { at, asked, counts, complete } = shown;
  const { grants, tokens, families, keys } = counts;
  const members = [version, at, asked, grants, tokens, families, keys, complete];
  return base64urlEncode(utf8(JSON.stringify(members)));
}

/** @returns undefined where the text is none */
export function readPreviewToken(text: string): Shown | undefined {
  const bytes = base64urlDecode(text);
  const json = bytes === undefined ? undefined : utf8Decode(bytes);
  const parsed = json === undefined ? undefined : parseJson(json);
  if (!parsed?.ok || !Array.isArray(parsed.value)) return undefined;
  const [written, at, asked, grants, tokens, families, keys, complete] = parsed.value;
  const counts = [at, grants, tokens, families, keys];
  if (written !== version || parsed.value.length !== 8 || typeof asked !== 'string')
    return undefined;
  if (!counts.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)) return undefined;
  if (typeof complete !== 'boolean') return undefined;
  return {
    at: at as UnixMs,
    asked,
    counts: {
      grants: grants as number,
      tokens: tokens as number,
      families: families as number,
      keys: keys as number,
    },
    complete,
  };
}

/**
 * Whether no more would end than was shown. Less is no surprise: things expire.
 *
 * @param counts of now, of what was there at the moment of the preview
 */
export function isWithin(counts: Counts, shown: Counts): boolean {
  return (['grants', 'tokens', 'families', 'keys'] as const).every(
    (kind) => counts[kind] <= shown[kind],
  );
}
