/** Reader and writer of the protobuf wire format, against its documented encodings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtoReader } from './reader.ts';
import { bytesOf, messageField, numberField, textField } from './write.ts';

function hex(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** Fields by number, read as the test says. */
function readAll(
  message: Uint8Array,
  read: Readonly<Record<number, 'number' | 'signed' | 'text'>>,
): Record<number, unknown> | 'failed' {
  const out: Record<number, unknown> = {};
  const reader = ProtoReader.of(message);
  while (reader.next()) {
    const how = read[reader.field];
    if (how === 'number') out[reader.field] = reader.number();
    else if (how === 'signed') out[reader.field] = reader.signedNumber();
    else if (how === 'text') out[reader.field] = reader.latin1();
    else reader.skip();
  }
  return reader.failed ? 'failed' : out;
}

describe('the documented encoding', () => {
  it('is read', () => {
    // The examples of "Encoding": a = 150; b = "testing".
    expect(readAll(hex('08 96 01'), { 1: 'number' })).toEqual({ 1: 150 });
    expect(readAll(hex('12 07 74657374696e67'), { 2: 'text' })).toEqual({ 2: 'testing' });
    const nested = ProtoReader.of(hex('1a 03 08 96 01'));
    expect(nested.next()).toBe(true);
    expect(nested.field).toBe(3);
    const inner = nested.message();
    expect([inner.next(), inner.number(), inner.next(), nested.next()]).toEqual([
      ...[true, 150, false, false],
    ]);
  });

  it('is written', () => {
    expect(bytesOf(numberField(1, 150))).toEqual(Buffer.from(hex('08 96 01')));
    expect(bytesOf(textField(2, 'testing'))).toEqual(Buffer.from(hex('12 07 74657374696e67')));
    const nested = messageField(3, numberField(1, 150));
    expect(bytesOf(nested)).toEqual(Buffer.from(hex('1a 03 08 96 01')));
    expect(bytesOf(numberField(1, 0) + textField(2, ''))).toEqual(Buffer.alloc(0));
    expect(bytesOf(textField(1, 'é'))).toEqual(Buffer.from(hex('0a 02 c3 a9')));
  });

  it('passes over fields of every kind that it does not know', () => {
    const unknown = '20 96 01 29 0102030405060708 32 02 6162 3d 01020304';
    expect(readAll(hex(`${unknown} 08 05`), { 1: 'number' })).toEqual({ 1: 5 });
  });

  it('knows a negative int64 from a positive one', () => {
    const minusOne = '08 ff ff ff ff ff ff ff ff ff 01';
    expect(readAll(hex(minusOne), { 1: 'signed' })).toEqual({ 1: -1 });
    expect(readAll(hex('08 96 01'), { 1: 'signed' })).toEqual({ 1: 150 });
    expect(readAll(hex(minusOne), { 1: 'number' })).toBe('failed');
  });
});

describe('what is malformed', () => {
  it.each([
    ['a tag that is cut off', '88'],
    ['field number 0', '00 01'],
    ['a value that is missing', '08'],
    ['a length beyond the end', '12 05 61'],
    ['a length of more than 32 bits', '12 ff ff ff ff 1f 61'],
    ['a varint without end', '08 ff ff ff ff ff ff ff ff ff ff'],
    ['a number beyond 53 bits', '08 ff ff ff ff ff ff ff 1f'],
    ['a group', '0b 0c'],
    ['an unknown wire type', '0e 01'],
    ['text where a number belongs', '0a 01 61'],
    ['a number where text belongs', '10 05'],
    ['eight bytes that are seven', '29 01020304050607'],
    ['four bytes that are three', '3d 010203'],
    ['an unknown varint without end', '20 ff ff ff ff ff ff ff ff ff ff'],
  ])('fails: %s', (_what, bytes) => {
    expect(readAll(hex(bytes), { 1: 'number', 2: 'text' })).toBe('failed');
  });

  it('fails the message around it too', () => {
    const reader = ProtoReader.of(hex('1a 02 08 80 08 01'));
    reader.next();
    const inner = reader.message();
    inner.next();
    inner.number();
    expect([inner.failed, reader.failed, reader.next()]).toEqual([true, true, false]);
  });

  it('never reads what a message within does not hold', () => {
    const reader = ProtoReader.of(hex('1a 02 12 04 61 62 63 64'));
    reader.next();
    const inner = reader.message();
    inner.next();
    expect(inner.latin1()).toBe('');
    expect(reader.failed).toBe(true);
  });

  it('ends after so many fields', () => {
    expect(readAll(Buffer.alloc(2 * 4_096, hex('08 01')), { 1: 'number' })).toEqual({ 1: 1 });
    expect(readAll(Buffer.alloc(2 * 4_097, hex('08 01')), { 1: 'number' })).toBe('failed');
  });
});

describe('what was written', () => {
  it('is read back', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string({ minLength: 1 }), fc.integer({ min: 16 }), (n, text, f) => {
        const field = f % 100_000;
        const message = bytesOf(numberField(1, n) + textField(field + 2, text));
        const back = readAll(message, { 1: 'number', [field + 2]: 'text' });
        const latin1 = Buffer.from(text, 'utf8').toString('latin1');
        expect(back).toEqual({ ...(n === 0 ? {} : { 1: n }), [field + 2]: latin1 });
      }),
    );
  });
});
