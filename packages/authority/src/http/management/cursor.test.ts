import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCursors } from './cursor.ts';

const cursors = createCursors(new Uint8Array(32).fill(1));
const position = fc.array(fc.oneof(fc.integer(), fc.string({ maxLength: 64 })), { maxLength: 4 });

describe('createCursors', () => {
  it('opens what it sealed, for the same list', () => {
    fc.assert(
      fc.property(fc.string(), position, (list, values) => {
        fc.pre(JSON.stringify(values).isWellFormed());
        expect(cursors.open(list, cursors.seal(list, values))).toEqual(values);
      }),
    );
  });

  it('opens no cursor of another list or another installation', () => {
    const cursor = cursors.seal('keys', ['a', 1]);
    expect(cursors.open('clients', cursor)).toBeUndefined();
    expect(createCursors(new Uint8Array(32).fill(2)).open('keys', cursor)).toBeUndefined();
  });

  it('opens nothing that was changed in one character', () => {
    const cursor = cursors.seal('keys', ['abc', 12]);
    fc.assert(
      fc.property(fc.nat(cursor.length - 1), fc.stringMatching(/^[\w.=-]$/), (at, character) => {
        fc.pre(cursor[at] !== character);
        const forged = cursor.slice(0, at) + character + cursor.slice(at + 1);
        expect(cursors.open('keys', forged)).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', 'a', 'A'.repeat(21), 'A'.repeat(5000), '!!!!'])('opens none of %j', (text) => {
    expect(cursors.open('keys', text)).toBeUndefined();
  });
});
