/**
 * Reads protocol buffers (proto3 wire format), strictly: what is truncated, overlong, of a wrong
 * type or of a kind that proto3 has not (groups) fails the whole message. It fails without
 * throwing: a reader that has failed says so at its end, and yields nothing from then on.
 */
import { isUtf8 } from 'node:buffer';
import { limits } from '@mintmark/core';

/** Wire types (Protocol Buffers, Encoding: message structure). */
const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Shared by a message and all those within it. */
interface Progress {
  failed: boolean;
  fieldsLeft: number;
}

export class ProtoReader {
  /** Number of the field that `next` has found. */
  field = 0;
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #progress: Progress;
  #at: number;
  #wireType = 0;

  private constructor(bytes: Buffer, at: number, end: number, progress: Progress) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#progress = progress;
  }

  static of(message: Uint8Array): ProtoReader {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
    const progress = { failed: false, fieldsLeft: limits.protobufFieldsMax };
    return new ProtoReader(bytes, 0, bytes.length, progress);
  }

  /** Whether anything of the message, or of the one around it, could not be read. */
  get failed(): boolean {
    return this.#progress.failed;
  }

  /** @returns whether there is a field; its value must then be taken, or skipped */
  next(): boolean {
    if (this.#at >= this.#end || this.#progress.failed) return false;
    if (this.#progress.fieldsLeft-- <= 0) return this.#fail();
    const tag = this.#varint32();
    this.field = tag >>> 3;
    this.#wireType = tag & 7;
    return this.field === 0 ? this.#fail() : !this.#progress.failed;
  }

  /** A number that fits 53 bits; negative ones, and what is greater, fail. */
  number(): number {
    if (this.#wireType !== wireTypes.varint) return this.#zero();
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : this.#zero();
      scale *= 128;
    }
    return this.#zero();
  }

  /** An int64 of which only whether it is negative matters: -1 then. */
  signedNumber(): number {
    const start = this.#at;
    if (this.#wireType !== wireTypes.varint) return this.#zero();
    // Negative ones are ten bytes, the last of them 1.
    if (this.#end - start >= 10 && this.#bytes[start + 9] === 1) {
      const isLong = this.#bytes.subarray(start, start + 9).every((byte) => byte >= 0x80);
      if (isLong) {
        this.#at = start + 10;
        return -1;
      }
    }
    return this.number();
  }

  /** Bytes as text, one character each: what HTTP headers are. */
  latin1(): string {
    const end = this.#endOfBytes();
    const text = this.#bytes.toString('latin1', this.#at, end);
    this.#at = end;
    return text;
  }

  /** Text proper. What is no UTF-8 fails. */
  utf8(): string {
    const end = this.#endOfBytes();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    if (isUtf8(bytes)) return bytes.toString('utf8');
    this.#fail();
    return '';
  }

  /** A message within this one. */
  message(): ProtoReader {
    const end = this.#endOfBytes();
    const inner = new ProtoReader(this.#bytes, this.#at, end, this.#progress);
    this.#at = end;
    return inner;
  }

  /** Passes over a field that is of no interest. */
  skip(): void {
    switch (this.#wireType) {
      case wireTypes.varint:
        this.#skipVarint();
        return;
      case wireTypes.fixed64:
        this.#skipBytes(8);
        return;
      case wireTypes.bytes:
        this.#at = this.#endOfBytes();
        return;
      case wireTypes.fixed32:
        this.#skipBytes(4);
        return;
      default:
        this.#fail();
    }
  }

  #endOfBytes(): number {
    if (this.#wireType !== wireTypes.bytes) return this.#zero() + this.#at;
    const end = this.#varint32() + this.#at;
    if (end <= this.#end && !this.#progress.failed) return end;
    this.#fail();
    return this.#at;
  }

  #varint32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return this.#zero();
  }

  #skipVarint(): void {
    for (let count = 0; count < 10; count++) if (this.#byte() < 0x80) return;
    this.#fail();
  }

  #skipBytes(count: number): void {
    if (this.#at + count > this.#end) this.#fail();
    else this.#at += count;
  }

  #byte(): number {
    if (this.#at < this.#end) return this.#bytes[this.#at++]!;
    this.#fail();
    return 0;
  }

  #fail(): false {
    this.#progress.failed = true;
    return false;
  }

  #zero(): number {
    this.#fail();
    return 0;
  }
}
