/**
 * Address blocks with a name (IANA special-purpose registries, RFC 6890 and its updates). The
 * guarded client refuses `notPublic`; the listener asks for `loopback`.
 */
import { createRangeSet, type RangeSet } from './address.ts';

export const namedRanges = {
  /** RFC 1122 §3.2.1.3; "this host" reaches loopback on Linux. */
  unspecified: ['0.0.0.0/8', '::/128'],
  loopback: ['127.0.0.0/8', '::1/128'],
  /** RFC 1918. */
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  /** RFC 3927, RFC 4291 §2.5.6; site-local is deprecated (RFC 3879) but routed by some. */
  linkLocal: ['169.254.0.0/16', 'fe80::/10', 'fec0::/10'],
  /** Carrier-grade NAT, RFC 6598. */
  cgnat: ['100.64.0.0/10'],
  /** RFC 6052, RFC 8215: an IPv6 spelling of any IPv4 address. */
  nat64: ['64:ff9b::/96', '64:ff9b:1::/48'],
  /** RFC 3056 and its relays (RFC 7526); Teredo (RFC 4380); both carry IPv4 addresses. */
  tunnels: ['2002::/16', '192.88.99.0/24', '2001::/32'],
  /** IPv4-compatible and translated IPv6 (RFC 4291 §2.5.5.1, RFC 2765). */
  embedded: ['::/96', '::ffff:0:0:0/96'],
  /** RFC 4193. */
  uniqueLocal: ['fc00::/7'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
  /** RFC 5737, RFC 3849, RFC 9637. */
  documentation: [
    '192.0.2.0/24',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '2001:db8::/32',
    '3fff::/20',
  ],
  /** Instance metadata of the large clouds; most lie in other blocks too. */
  metadata: [
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
  ],
  /** Protocol assignments, benchmarks, discard, ORCHID, segment routing, class E, broadcast. */
  reserved: [
    '192.0.0.0/24',
    '192.31.196.0/24',
    '192.52.193.0/24',
    '192.175.48.0/24',
    '198.18.0.0/15',
    '240.0.0.0/4',
    '100::/64',
    '2001::/23',
    '5f00::/16',
  ],
  /** Everything of IPv6 outside global unicast (2000::/3, RFC 4291 §2.4). */
  notGlobalUnicast: ['::/3', '4000::/2', '8000::/1'],
} as const;

export type RangeName = keyof typeof namedRanges;

/** One set of several named blocks. */
export function rangeSetOf(...names: readonly RangeName[]): RangeSet {
  const set = createRangeSet(names.flatMap((name) => [...namedRanges[name]]));
  if (!set.ok) throw new Error(`named range does not parse: ${set.refusal.text}`);
  return set.value;
}

/** Where an address named by a stranger must never lead. */
export const notPublic: RangeSet = rangeSetOf(...(Object.keys(namedRanges) as RangeName[]));

export const loopback: RangeSet = rangeSetOf('loopback');
