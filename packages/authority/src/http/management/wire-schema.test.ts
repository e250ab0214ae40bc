import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressBlock,
  line,
  metadata,
  moment,
  queryInteger,
  renderMoment,
  scope,
} from './wire-schema.ts';

describe('moment', () => {
  it('reads what it renders, cut to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
        expect(moment.parse(renderMoment(ms))).toBe(Math.floor(ms / 1000) * 1000);
      }),
    );
  });

  it.each([
    ['2026-11-21T10:00:00Z', 1795255200000],
    ['2026-11-21t10:00:00.999999999z', 1795255200000],
    ['2026-11-21T12:30:00+02:30', 1795255200000],
    ['2024-02-29T00:00:00Z', 1709164800000],
  ])('reads %s', (text, ms) => {
    expect(moment.parse(text)).toBe(ms);
  });

  it.each([
    '2026-11-21',
    '2026-11-21 10:00:00Z',
    '2026-11-21T10:00:00',
    '2026-11-21T10:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
    '9999-12-31T23:59:59-00:01',
    '0000-01-01T00:00:00+00:01',
    '1795255200',
    '',
  ])('refuses %j', (text) => {
    expect(moment.safeParse(text).success).toBe(false);
  });
});

describe('line', () => {
  const name = line({ min: 1, max: 3 });

  it.each(['a', 'äöü', '😀😀😀', ' a '])('takes %j', (text) => {
    expect(name.safeParse(text).success).toBe(true);
  });

  it.each(['', 'abcd', '😀😀😀😀', 'a\n', 'a\r', '\u0000', '\u007f', '\u0085', '\u2028', 7, null])(
    'refuses %j',
    (text) => {
      expect(name.safeParse(text).success).toBe(false);
    },
  );
});

describe('queryInteger', () => {
  const limit = queryInteger({ min: 1, max: 50 });

  it('takes decimal numbers inside its bounds', () => {
    expect(limit.parse('1')).toBe(1);
    expect(limit.parse('50')).toBe(50);
  });

  it.each(['0', '51', '-1', '01', '1.0', ' 1', '1e1', '0x1', '', '９', '99999999999999999'])(
    'refuses %j',
    (text) => {
      expect(limit.safeParse(text).success).toBe(false);
    },
  );
});

describe('scope and metadata', () => {
  it('refuse what would not fit', () => {
    expect(scope.safeParse('read:all').success).toBe(true);
    for (const text of ['', 'a b', 'a"', 'a\\', 'ä', 'a'.repeat(129)]) {
      expect(scope.safeParse(text).success).toBe(false);
    }
    expect(metadata.safeParse({ team: 'a', nested: { list: [1, null] } }).success).toBe(true);
    expect(metadata.safeParse({ big: 'a'.repeat(9000) }).success).toBe(false);
    expect(metadata.safeParse({ '': 1 }).success).toBe(false);
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, i]));
    expect(metadata.safeParse(many).success).toBe(false);
  });
});

describe('addressBlock', () => {
  it.each(['192.0.2.1', '192.0.2.0/24', '2001:db8::/32', '::ffff:192.0.2.0/120'])(
    'takes %s',
    (text) => {
      expect(addressBlock.safeParse(text).success).toBe(true);
    },
  );

  it.each(['192.0.2.1/24', '192.0.2', '0300.0.2.1', 'example.org', '10.0.0.0/33', ''])(
    'refuses %j',
    (text) => {
      expect(addressBlock.safeParse(text).success).toBe(false);
    },
  );
});
