import { createRangeSet, formatAddress, parseAddress, parseCidr } from '@mintmark/core';
import { type Harness, invariant, latin1 } from '../harness.ts';

export const parseAddressHarness: Harness = {
  name: 'parse-address',
  seeds: [
    ...['127.0.0.1', '0.0.0.0/0', '10.0.0.0/8', '::1', '::/0', '2001:db8::/32', 'fe80::1%eth0'],
    ...['::ffff:127.0.0.1', '64:ff9b::1.2.3.4', '1:2:3:4:5:6:7:8', '0177.0.0.1', '0x7f.1'],
  ],
  dictionary: ['.', ':', '::', '/', '0', '255', '256', 'ffff', '::ffff:', '/32', '/128', '%', '['],
  run(input) {
    const text = latin1(input);
    const address = parseAddress(text);
    if (address !== undefined) {
      const spelt = formatAddress(address);
      const again = parseAddress(spelt);
      invariant(again !== undefined && formatAddress(again) === spelt, 'two spellings of one');
      invariant(again.value === address.value, 'another address than the one that was read');
    }
    const range = parseCidr(text);
    if (!range.ok) return `${address?.family ?? 'no address'}, ${range.refusal.rule}`;
    const set = createRangeSet([text]);
    invariant(set.ok, 'a block that is none in a set');
    const { family } = range.value;
    const ends = [range.value.first, range.value.last];
    for (const value of ends) {
      invariant(set.value.contains({ family, value } as never), 'a block without its own ends');
    }
    return `block of IPv${family}`;
  },
};
