/**
 * Arrays in PostgreSQL's binary form (`array_send` in its source): no quoting, no hex for bytes.
 */

const elementTypes = { text: 25, bigint: 20, bytea: 17 } as const;

/** Length of a null element on the wire. */
const nullLength = -1;

export function textArray(values: readonly (string | null)[]): Buffer {
  const bytes = values.map((value) => (value === null ? null : Buffer.from(value, 'utf8')));
  return array(elementTypes.text, bytes);
}

export function bytesArray(values: readonly (Uint8Array | null)[]): Buffer {
  return array(elementTypes.bytea, values);
}

/** @param values within ±2^53 */
export function integerArray(values: readonly (number | null)[]): Buffer {
  const bytes = values.map((value) => {
    if (value === null) return null;
    const cell = Buffer.allocUnsafe(8);
    cell.writeBigInt64BE(BigInt(value));
    return cell;
  });
  return array(elementTypes.bigint, bytes);
}

/** One dimension, from index 1; an array of nothing has no dimension. */
function array(elementType: number, values: readonly (Uint8Array | null)[]): Buffer {
  const dimensions = values.length === 0 ? 0 : 1;
  let size = 12 + 8 * dimensions;
  for (const value of values) size += 4 + (value === null ? 0 : value.length);
  const out = Buffer.allocUnsafe(size);
  out.writeInt32BE(dimensions, 0);
  out.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  out.writeInt32BE(elementType, 8);
  if (dimensions === 0) return out;
  out.writeInt32BE(values.length, 12);
  out.writeInt32BE(1, 16);
  let at = 20;
  for (const value of values) {
    at = out.writeInt32BE(value === null ? nullLength : value.length, at);
    if (value === null) continue;
    out.set(value, at);
    at += value.length;
  }
  return out;
}
