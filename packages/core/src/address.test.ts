import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRangeSet, formatAddress, parseAddress, parseCidr } from './address.ts';
import { loopback, namedRanges, notPublic, rangeSetOf } from './address-ranges.ts';

describe('parseAddress', () => {
  const accepted: readonly (readonly [string, string])[] = [
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['0:0:0:0:0:ffff:7f00:0001', '127.0.0.1'],
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    ['::10.0.0.1', '::a00:1'],
  ];
  it.each(accepted)('reads %s as %s', (text, canonical) => {
    const address = parseAddress(text);
    expect(address && formatAddress(address)).toBe(canonical);
  });

  const refused = [
    '',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.0.0.01',
    '00.0.0.0',
    '127.0.0.256',
    '127.0.0.1.',
    '.127.0.0.1',
    '127..0.1',
    '127.0.0.1.5',
    ' 127.0.0.1',
    '127.0.0.1 ',
    '127.0.0.1\n',
    '127.0.0.1:80',
    '１２７.0.0.1',
    '127。0。0。1',
    '+1.0.0.1',
    ':',
    ':::',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    '[::1]',
    '::1%eth0',
    'fe80::1%25eth0',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::127.1',
    '::ffff:0177.0.0.1',
    'localhost',
  ];
  it.each(refused)('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('round-trips every IPv6 address', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (value) => {
        fc.pre(value >> 32n !== 0xffffn);
        expect(parseAddress(formatAddress({ family: 6, value }))).toEqual({ family: 6, value });
      }),
    );
  });

  it('round-trips every IPv4 address', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        expect(parseAddress(formatAddress({ family: 4, value }))).toEqual({ family: 4, value });
      }),
    );
  });

  it('agrees with fast-check’s own IPv6 grammar', () => {
    fc.assert(fc.property(fc.ipV6(), (text) => parseAddress(text) !== undefined));
  });

  it('never throws on any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
  });
});

describe('parseCidr', () => {
  it.each([
    '10.0.0.5/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10/8',
    '::1/64',
  ])('refuses %s', (text) => {
    expect(parseCidr(text)).toMatchObject({ ok: false, refusal: { reason: 'malformed_cidr' } });
  });

  it('reads a mapped block as IPv4', () => {
    expect(parseCidr('::ffff:10.0.0.0/104')).toEqual(parseCidr('10.0.0.0/8'));
    expect(parseCidr('::ffff:10.0.0.0/80').ok).toBe(false);
  });

  it('covers exactly the block', () => {
    const block = createRangeSet(['10.1.0.0/16', '2001:db8::/33']);
    if (!block.ok) throw new Error('block');
    expect(block.value.contains('10.0.255.255')).toBe(false);
    expect(block.value.contains('10.1.0.0')).toBe(true);
    expect(block.value.contains('10.1.255.255')).toBe(true);
    expect(block.value.contains('10.2.0.0')).toBe(false);
    expect(block.value.contains('2001:db8:7fff:ffff:ffff:ffff:ffff:ffff')).toBe(true);
    expect(block.value.contains('2001:db8:8000::')).toBe(false);
  });
});

describe('createRangeSet', () => {
  it('contains what a linear search contains', () => {
    const cidr = fc
      .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 4, max: 32 }))
      .map(([value, prefix]) => {
        const size = 2 ** (32 - prefix);
        const address = formatAddress({ family: 4, value: value - (value % size) });
        return `${address}/${prefix}`;
      });
    fc.assert(
      fc.property(
        fc.array(cidr, { maxLength: 20 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (cidrs, value) => {
          const set = createRangeSet(cidrs);
          if (!set.ok) throw new Error(set.refusal.text);
          const linear = cidrs.some((text) => {
            const range = parseCidr(text);
            return range.ok && range.value.first <= value && value <= range.value.last;
          });
          expect(set.value.contains({ family: 4, value })).toBe(linear);
        },
      ),
    );
  });

  it('names the block that cannot be read', () => {
    expect(createRangeSet(['10.0.0.0/8', 'nonsense'])).toMatchObject({
      refusal: { text: 'nonsense' },
    });
  });

  it('contains nothing that is not an address', () => {
    const everything = createRangeSet(['0.0.0.0/0', '::/0']);
    expect(everything.ok && everything.value.contains('localhost')).toBe(false);
  });
});

describe('named ranges', () => {
  it('refuses every spelling of loopback that is an address', () => {
    for (const text of ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '0:0::1']) {
      expect(loopback.contains(text)).toBe(true);
    }
    expect(loopback.contains('128.0.0.1')).toBe(false);
  });

  const inward = [
    '0.0.0.0',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001:0:1::1',
    '::7f00:1',
    '::ffff:0:7f00:1',
    'fe80::1',
    'fec0::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
    '3fff::1',
    '4000::1',
  ];
  it.each(inward)('%s is not public', (text) => expect(notPublic.contains(text)).toBe(true));

  it.each(['1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111'])(
    '%s is public',
    (text) => expect(notPublic.contains(text)).toBe(false),
  );

  it('each name stands for at least one block', () => {
    for (const name of Object.keys(namedRanges) as (keyof typeof namedRanges)[]) {
      expect(rangeSetOf(name).size).toBeGreaterThan(0);
    }
  });
});
