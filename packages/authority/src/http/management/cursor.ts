/**
 * Page cursors: the ordering values of the last row seen, opaque to the caller and sealed with a
 * MAC, so that a cursor is only ever one that this list gave out. Nothing in it is secret; the MAC
 * keeps a stranger's values away from the store.
 */
import { createHmac } from 'node:crypto';
import {
  base64urlDecode,
  base64urlEncode,
  equalConstantTime,
  parseJson,
  utf8,
  utf8Decode,
} from '@mintmark/core';

/** Values of the ordering columns of the last row of a page. */
export type Position = readonly (string | number)[];

export interface Cursors {
  /** @param list what is listed, with its filters: a cursor of one list is no cursor of another */
  seal(list: string, position: Position): string;
  /** @returns the position, or undefined where the cursor was not sealed here for this list */
  open(list: string, cursor: string): Position | undefined;
}

const macBytes = 16;
/** A position holds at most a name of 255 characters and a number or two. */
const cursorCharsMax = 1024;

/** @param key 32 bytes from custody, the same on every node of the installation */
export function createCursors(key: Uint8Array): Cursors {
  const macOf = (list: string, position: string): Uint8Array =>
    createHmac('sha256', key).update(`${list}\n${position}`).digest().subarray(0, macBytes);
  return {
    seal(list, position) {
      const text = JSON.stringify(position);
      return base64urlEncode(Buffer.concat([macOf(list, text), utf8(text)]));
    },
    open(list, cursor) {
      if (cursor.length > cursorCharsMax) return undefined;
      const bytes = base64urlDecode(cursor);
      if (bytes === undefined || bytes.length <= macBytes) return undefined;
      const text = utf8Decode(bytes.subarray(macBytes));
      if (text === undefined) return undefined;
      if (!equalConstantTime(bytes.subarray(0, macBytes), macOf(list, text))) return undefined;
      const position = parseJson(text);
      // What we sealed parses; a failure here would be a bug, and is answered like a forgery.
      return position.ok ? (position.value as Position) : undefined;
    },
  };
}
