/**
 * Writes protocol buffers (proto3 wire format). A message under way is a string of one character a
 * byte: parts are joined without a copy, and lengths are known before what they stand before. An
 * empty value is a default of proto3, and not written.
 */

/** A message, or a part of one. */
export type Wire = string;

export function messageField(field: number, message: Wire): Wire {
  return tag(field, 2) + varint(message.length) + message;
}

/** @param text any text; written as UTF-8 */
export function textField(field: number, text: string): Wire {
  return text === '' ? '' : messageField(field, utf8Wire(text));
}

export function numberField(field: number, value: number): Wire {
  return value === 0 ? '' : tag(field, 0) + varint(value);
}

/** The bytes of a whole message. */
export function bytesOf(message: Wire): Uint8Array {
  return Buffer.from(message, 'latin1');
}

function utf8Wire(text: string): Wire {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is the same in both encodings.
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  return Buffer.from(text, 'utf8').toString('latin1');
}

function tag(field: number, wireType: 0 | 2): Wire {
  return varint(field * 8 + wireType);
}

/** @param value a whole number from 0 to 2^53 */
function varint(value: number): Wire {
  let out = '';
  let rest = value;
  while (rest >= 0x80) {
    out += String.fromCharCode((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return out + String.fromCharCode(rest);
}
