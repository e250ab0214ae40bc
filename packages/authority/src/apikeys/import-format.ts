/**
 * How keys of another system are spelled, so that a presented text leads to a look-up id:
 * `‹prefix›‹id›‹separator›‹secret›`, or `‹prefix›‹secret›` where the id follows from the SHA-256 of
 * the whole. Declared with the import; a text may fit several formats, the longest prefix first.
 */
import { createHash } from 'node:crypto';
import { base64urlEncode, limits, type TenantId } from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export type ImportFormat = Row<'importFormats'>;

/** What a presented text would be if it were of a format. */
export interface ForeignKey {
  readonly format: ImportFormat;
  readonly id: string;
  /** What the foreign hash covers: all of it, or its secret part. */
  readonly secret: string;
}

/** Longer than the keys of any product known to us, short enough to hash without a thought. */
const foreignKeyCharsMax = 512;

/** The formats of a tenant, those with the longest prefix first. */
export async function importFormatsOf(
  store: Pick<Store, 'importFormats'>,
  tenant: TenantId,
): Promise<readonly ImportFormat[]> {
  const rows = await store.importFormats.list({
    where: { tenant },
    limit: limits.importFormatsMax,
  });
  return [...rows].sort((a, b) => b.prefix.length - a.prefix.length);
}

/** Reads a text by each format that it fits. Nothing is proven yet. */
export function readForeignKey(
  text: string,
  formats: readonly ImportFormat[],
): readonly ForeignKey[] {
  if (text.length === 0 || text.length > foreignKeyCharsMax || !/^[\x21-\x7e]+$/.test(text)) {
    return [];
  }
  return formats.flatMap((format) => {
    if (!text.startsWith(format.prefix)) return [];
    const rest = text.slice(format.prefix.length);
    if (format.separator === '') {
      const secret = format.hashed === 'key' ? text : rest;
      const digest = createHash('sha256').update(secret).digest();
      return rest === '' ? [] : [{ format, id: idOfDigest(digest), secret }];
    }
    const end = rest.indexOf(format.separator);
    const secret = rest.slice(end + format.separator.length);
    if (end < 1 || secret === '') return [];
    return [{ format, id: rest.slice(0, end), secret: format.hashed === 'key' ? text : secret }];
  });
}

/**
 * The look-up id of a key that has none of its own: half of its SHA-256. It can be read from the
 * hash alone, so the import knows it without the key.
 */
export function idOfDigest(digest: Uint8Array): string {
  return `sha256-${base64urlEncode(digest.subarray(0, 16))}`;
}
