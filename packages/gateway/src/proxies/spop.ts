/**
 * HAProxy's Stream Processing Offload Protocol 2.0 (doc/SPOE.txt of HAProxy, §3): frames read and
 * written. What is truncated, overlong or of an unknown kind fails the frame; nothing throws.
 */
export const spopTypes = {
  haproxyHello: 1,
  haproxyDisconnect: 2,
  notify: 3,
  agentHello: 101,
  agentDisconnect: 102,
  ack: 103,
} as const;

export type SpopValue = string | number | boolean | undefined;

export interface SpopFrame {
  readonly type: number;
  /** Undefined where the frame is one of several: fragments are not taken. */
  readonly isWhole: boolean;
  readonly streamId: number;
  readonly frameId: number;
  readonly payload: SpopReader;
}

/** @returns undefined where it is no frame */
export function readSpopFrame(frame: Buffer): SpopFrame | undefined {
  if (frame.length < 7) return undefined;
  const payload = new SpopReader(frame, 5);
  const [streamId, frameId] = [payload.varint(), payload.varint()];
  if (payload.failed) return undefined;
  const isWhole = (frame.readUInt32BE(1) & 1) === 1;
  return { type: frame[0]!, isWhole, streamId, frameId, payload };
}

/** Reads on until something is wrong; says so then, and yields nothing more. */
export class SpopReader {
  failed = false;
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.failed || this.#at >= this.#bytes.length;
  }

  byte(): number {
    if (this.#at < this.#bytes.length) return this.#bytes[this.#at++]!;
    this.failed = true;
    return 0;
  }

  /** §3.1: up to 240 in one byte; then four bits, and seven a byte. Beyond 53 bits it fails. */
  varint(): number {
    const first = this.byte();
    if (first < 240) return first;
    let value = first;
    let scale = 16;
    for (let count = 0; count < 7; count++) {
      const byte = this.byte();
      value += byte * scale;
      if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? value : this.#fail(0);
      scale *= 128;
    }
    return this.#fail(0);
  }

  /** A length, and so many bytes: one character each. */
  text(): string {
    const bytes = this.bytes();
    return bytes.toString('latin1');
  }

  bytes(): Buffer {
    const length = this.varint();
    const end = this.#at + length;
    if (this.failed || end > this.#bytes.length) return this.#fail(Buffer.alloc(0));
    const found = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return found;
  }

  /** Typed data (§3.1). Binary comes as text of one character a byte, addresses as text. */
  value(): SpopValue {
    const head = this.byte();
    switch (head & 0x0f) {
      case 0:
        return undefined;
      case 1:
        return (head & 0x10) !== 0;
      case 2:
      case 3:
      case 4:
      case 5:
        return this.#number();
      case 6:
        return this.#address(4);
      case 7:
        return this.#address(16);
      case 8:
      case 9:
        return this.text();
      default:
        return this.#fail(undefined);
    }
  }

  /** Of a negative number, which comes as a very great one, only that it is none. */
  #number(): number {
    const at = this.#at;
    const value = this.varint();
    if (!this.failed) return value;
    this.failed = false;
    this.#at = at;
    while (this.byte() >= 128 && !this.failed && this.#at - at < 11);
    return this.failed ? 0 : -1;
  }

  #address(length: 4 | 16): string {
    const end = this.#at + length;
    if (end > this.#bytes.length) return this.#fail('');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    if (length === 4) return bytes.join('.');
    const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2));
    return groups.map((group) => group.toString(16)).join(':');
  }

  #fail<T>(value: T): T {
    this.failed = true;
    return value;
  }
}

/** A frame for the peer, without its length. */
export function spopFrame(
  type: number,
  { streamId, frameId }: { readonly streamId: number; readonly frameId: number },
  payload: string,
): Uint8Array {
  // FIN, and no more flags.
  const head = `${String.fromCharCode(type)}\0\0\0\x01`;
  // A character of more than a byte would be cut to its lower one, which may end a line.
  const bytes = payload.replaceAll(/[^\0-\xff]/g, '?');
  return Buffer.from(head + spopVarint(streamId) + spopVarint(frameId) + bytes, 'latin1');
}

/** Bytes as text of one character each, as every part of a frame under way is here. */
export function spopVarint(value: number): string {
  if (value < 240) return String.fromCharCode(value);
  let out = String.fromCharCode((value % 16) | 240);
  let rest = Math.floor((value - 240) / 16);
  while (rest >= 128) {
    out += String.fromCharCode((rest % 128) | 128);
    rest = Math.floor((rest - 128) / 128);
  }
  return out + String.fromCharCode(rest);
}

/** @param text one character a byte */
export function spopText(text: string): string {
  return spopVarint(text.length) + text;
}

export function spopValue(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? '\x11' : '\x01';
  if (typeof value === 'number') return `\x03${spopVarint(value)}`;
  return `\x08${spopText(value)}`;
}

const actions = { setVar: 1, transaction: 2 } as const;

/** An action of an ACK: sets a variable of the transaction (§3.2.8). */
export function spopSetVar(name: string, value: string | number | boolean): string {
  const head = String.fromCharCode(actions.setVar, 3, actions.transaction);
  return head + spopText(name) + spopValue(value);
}
