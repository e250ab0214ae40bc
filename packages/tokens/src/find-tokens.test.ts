import { base62Encode, seededEntropy, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildSecretToken, type SecretTokenKind } from './api-key.ts';
import { createTokenScan, type FoundToken } from './find-tokens.ts';
import { deriveSubKey } from './sub-key.ts';

const entropy = seededEntropy(7);
const kinds = ['key', 'pat', 'admin', 'at', 'rt', 'ac', 'dc', 'cs', 'cr', 'br'] as const;
const long: readonly string[] = ['at', 'rt', 'ac', 'dc'];

function make(kind: SecretTokenKind, prefix = 'mm'): string {
  const id = base62Encode(entropy.bytes(20), 40).slice(-(long.includes(kind) ? 25 : 17));
  return buildSecretToken({ prefix, kind, id, entropy }).text;
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

function find(bytes: Uint8Array, prefixes?: readonly string[]): readonly FoundToken[] {
  return createTokenScan(prefixes).push(bytes);
}

/** Scans in pieces that end at the given places. */
function findInPieces(bytes: Uint8Array, ends: readonly number[]): FoundToken[] {
  const scan = createTokenScan();
  let from = 0;
  return [...ends, bytes.length].flatMap((end) => {
    const piece = bytes.subarray(from, end);
    from = Math.max(from, end);
    return [...scan.push(piece)];
  });
}

describe('createTokenScan', () => {
  it.each(kinds)('finds a token of kind %s, and tells what it is and where', (kind) => {
    const text = make(kind);
    const [found, ...more] = find(bytesOf(`x = "${text}";`));
    expect(more).toEqual([]);
    const id = text.slice(4 + kind.length, text.length - 39);
    const at = { start: 5, end: 5 + text.length };
    expect(found).toEqual({ prefix: 'mm', kind, id, text, ...at, form: 'plain' });
  });

  it('knows the tokens of every installation, or of those that are named', () => {
    const both = bytesOf(`${make('key', 'acme2')} ${make('key', 'mm')}`);
    expect(find(both).map((one) => one.prefix)).toEqual(['acme2', 'mm']);
    expect(find(both, ['acme2']).map((one) => one.prefix)).toEqual(['acme2']);
  });

  it.each([
    ['a letter before', (text: string) => `%20${text}`],
    ['an escaped line end before', (text: string) => `log\\n${text}`],
    ['letters right behind', (text: string) => `${text}abc123`],
    ['binary around', (text: string) => `\0\xff${text}\0\xff`],
    ['another one right behind', (text: string) => `${text}${make('at')}`],
  ])('finds it with %s', (_what, around) => {
    const text = make('key');
    const whole = around(text);
    expect(find(bytesOf(whole))[0]).toMatchObject({ text, start: whole.indexOf(text) });
  });

  it('finds it where a URL spells its underscores', () => {
    for (const spelled of ['%5F', '%5f']) {
      const text = make('cs');
      const wrapped = text.replaceAll('_', spelled);
      const [found] = find(bytesOf(`?token=${wrapped}&x=1`));
      expect(found).toMatchObject({ text, start: 7, end: 7 + wrapped.length, form: 'percent' });
      const [halfway] = find(bytesOf(text.replace('_', spelled)));
      expect(halfway).toMatchObject({ text, start: 0, form: 'percent' });
    }
  });

  it('finds it inside base64, whatever stands before it there', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(...kinds),
        fc.constantFrom('base64', 'base64url'),
        (before, after, kind, encoding) => {
          const text = make(kind);
          const inner = Buffer.concat([before, bytesOf(text), after]);
          const wrapped = inner.toString(encoding as BufferEncoding);
          const found = find(bytesOf(`Authorization: Basic ${wrapped}\r\n`));
          expect(found.map((one) => [one.text, one.form])).toEqual([[text, 'base64']]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('finds a sub-key, plain and in base64, wherever the pieces end', () => {
    const parent = make('key');
    const [issuedAt, expiresAt] = [1_790_000_000, 1_790_003_600] as UnixSeconds[];
    const restrictions = { issuedAt: issuedAt!, expiresAt: expiresAt! };
    const derived = deriveSubKey({ parent, prefix: 'mm', restrictions, entropy });
    if (!derived.ok) throw new Error(derived.refusal.reason);
    const { text } = derived.value;
    const wrapped = Buffer.from(`x:${text}`).toString('base64');
    const whole = bytesOf(`a=${text}\nb=${wrapped}\n`);
    const id = parent.slice('mm_key_'.length, 'mm_key_'.length + 17);
    for (let end = 0; end <= whole.length; end += 7) {
      const found = findInPieces(whole, [end]);
      expect(found.map((one) => [one.kind, one.id, one.text, one.form])).toEqual([
        ['sub', id, text, 'plain'],
        ['sub', id, text, 'base64'],
      ]);
    }
  });

  it('finds every token once, wherever the pieces end', () => {
    const tokens = kinds.map((kind) => make(kind));
    const wrapped = Buffer.from(`client:${tokens[7]}`).toString('base64');
    const whole = bytesOf(`${tokens.join(' and\n')} ${wrapped} ${'x'.repeat(400)}`);
    const expected = [...tokens, tokens[7]];
    for (let end = 0; end <= whole.length; end++) {
      const found = findInPieces(whole, [end]);
      expect(found.map((one) => one.text)).toEqual(expected);
      expect(found.map((one) => one.start)).toEqual(find(whole).map((one) => one.start));
    }
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 60 }), (ends) => {
        const found = findInPieces(
          whole,
          ends.sort((a, b) => a - b),
        );
        expect(found.map((one) => one.text)).toEqual(expected);
      }),
    );
  });

  it('takes no token for one whose text was changed', () => {
    const text = make('key');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'09azAZ_-'), (at, letter) => {
        fc.pre(text[at] !== letter);
        const changed = text.slice(0, at) + letter + text.slice(at + 1);
        expect(find(bytesOf(changed))).toEqual([]);
      }),
    );
  });

  it('raises no alarm over what has the form alone, nor over keys of others', () => {
    const run = base62Encode(entropy.bytes(60), 90);
    const texts = [
      `mm_key_${run.slice(0, 56)}`,
      `mm_at_${run.slice(0, 64)}`,
      `mm_nokind_${run.slice(0, 56)}`,
      `_key_${run.slice(0, 56)}`,
      `MM_key_${run.slice(0, 56)}`,
      `ghp_${run.slice(0, 36)}`,
      'a'.repeat(5_000),
      'Z'.repeat(5_000),
      Buffer.from('a'.repeat(5_000)).toString('base64'),
      '',
    ];
    for (const text of texts) expect(find(bytesOf(text))).toEqual([]);
  });
});
