import { formatAddress, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNetworkKey, parseNetwork } from './network.ts';
import { createThreatIndex, type ThreatChange } from './threat-index.ts';

const at = (seconds: number) => seconds as UnixSeconds;

function keyOf(text: string): string {
  const network = parseNetwork(text);
  if (!network.ok) throw new Error(text);
  return network.value.key;
}

function listed(text: string, until = 1_000, feed = 'crowd'): ThreatChange {
  return { feed, network: keyOf(text), until: at(until) };
}

function opened(...changes: readonly ThreatChange[]) {
  const index = createThreatIndex(1_000_000);
  index.setFeeds(
    new Map([
      ['crowd', at(5_000)],
      ['drop', at(100)],
    ]),
  );
  index.apply(changes);
  return index;
}

function found(index: ReturnType<typeof opened>, address: string, now = 10) {
  const match = index.find(address, at(now));
  return match && [match.feed, formatNetworkKey(match.network), match.until];
}

describe('a listed block', () => {
  it('is found by the addresses in it, the narrowest first', () => {
    const index = opened(
      listed('203.0.113.0/24'),
      listed('203.0.113.7', 50),
      listed('2001:db8::/32'),
    );
    expect(found(index, '203.0.113.8')).toEqual(['crowd', '203.0.113.0/24', 1_000]);
    expect(found(index, '203.0.113.7')).toEqual(['crowd', '203.0.113.7', 50]);
    expect(found(index, '2001:db8:1::1')).toEqual(['crowd', '2001:db8::/32', 1_000]);
    expect(found(index, '::ffff:203.0.113.9')).toEqual(['crowd', '203.0.113.0/24', 1_000]);
    expect(found(index, '203.0.114.1')).toBeUndefined();
    expect(found(index, 'nobody')).toBeUndefined();
  });

  it('is found no more when it has ended, nor when its feed has', () => {
    const index = opened(listed('203.0.113.7', 50), listed('203.0.113.0/24', 900, 'drop'));
    expect(found(index, '203.0.113.7', 49)).toEqual(['crowd', '203.0.113.7', 50]);
    expect(found(index, '203.0.113.7', 50)).toEqual(['drop', '203.0.113.0/24', 100]);
    expect(found(index, '203.0.113.7', 100)).toBeUndefined();
  });

  it('of a feed that is gone counts no more', () => {
    const index = opened(listed('203.0.113.7'));
    index.setFeeds(new Map());
    expect(found(index, '203.0.113.7')).toBeUndefined();
  });

  it('can be taken off one list and stand on another', () => {
    const index = opened(listed('203.0.113.7'), listed('203.0.113.7', 90, 'drop'));
    index.apply([listed('203.0.113.7', 0)]);
    expect(found(index, '203.0.113.7')).toEqual(['drop', '203.0.113.7', 90]);
  });

  it('without a key is not taken, nor one for which there is no room', () => {
    const index = createThreatIndex(2);
    const changes = ['203.0.113.1', '203.0.113.2', '203.0.113.3'].map((one) => listed(one));
    expect(index.apply([{ ...listed('203.0.113.1'), network: 'x' }, ...changes])).toBe(2);
  });

  it('is forgotten with all others', () => {
    const index = opened(listed('203.0.113.7'), listed('2001:db8::1'));
    index.clear();
    expect([index.size, found(index, '203.0.113.7')]).toEqual([0, undefined]);
  });
});

describe('many changes', () => {
  const change = fc.record({
    value: fc.integer({ min: 0, max: 40 }),
    bits: fc.integer({ min: 26, max: 32 }),
    feed: fc.constantFrom('crowd', 'drop'),
    until: fc.constantFrom(0, 0, 40, 90),
  });

  it('come to the same as asking every block, however they were put together', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.boolean(), (changes, isPadded) => {
        const index = opened();
        const plain = new Map<
          string,
          ThreatChange & { first: number; size: number; bits: number }
        >();
        for (const { value, bits, feed, until } of changes) {
          const size = 2 ** (32 - bits);
          const first = 0xcb007100 + Math.floor(value / size) * size;
          const text = `${formatAddress({ family: 4, value: first })}/${bits}`;
          const one = listed(text, until, feed);
          index.apply([one]);
          plain.set(`${feed} ${one.network}`, { ...one, first, size, bits });
          // Enough of others to have the arrays made anew between.
          if (isPadded) index.apply(padding);
        }
        for (let address = 0xcb007100; address < 0xcb007100 + 64; address++) {
          const live = [...plain.values()].filter(({ until, first, size }) => {
            return until > 50 && address >= first && address < first + size;
          });
          const narrowest = Math.max(...live.map(({ bits }) => bits));
          const match = index.find({ family: 4, value: address }, at(50));
          expect(match === undefined).toBe(live.length === 0);
          if (match !== undefined) expect(match.network.endsWith(`/${narrowest}`)).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  const padding = Array.from({ length: 1_100 }, (_, place) => {
    return listed(formatAddress({ family: 4, value: 0x08000000 + place }));
  });

  it('of a million blocks are held in little memory, and asked in microseconds', () => {
    const index = createThreatIndex(1_000_000);
    index.setFeeds(new Map([['crowd', at(5_000)]]));
    for (let page = 0; page < 100; page++) {
      const block = (place: number) => (0x0b000000 + (page * 10_000 + place) * 97).toString(16);
      index.apply(
        Array.from({ length: 10_000 }, (_, place) => {
          return { feed: 'crowd', network: `4${block(place).padStart(8, '0')}/32`, until: at(900) };
        }),
      );
    }
    expect(index.size).toBe(1_000_000);
    expect(index.find({ family: 4, value: 0x0b000000 + 97 * 500_000 }, at(1))).toBeDefined();
    expect(index.find({ family: 4, value: 0x0b000001 + 97 * 500_000 }, at(1))).toBeUndefined();
  });
});
