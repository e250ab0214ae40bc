import { deflateSync } from 'node:zlib';
import { base64urlEncode, limits, type SigningKeyId, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compressStatuses,
  packStatuses,
  readStatusList,
  type StatusBits,
  statusListSigningInput,
} from './status-list.ts';

/** draft-ietf-oauth-status-list §4.1, and its "Test vectors for Status List encoding". */
const small = {
  1: {
    statuses: [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1],
    packed: 'b9a3',
    lst: 'eNrbuRgAAhcBXQ',
  },
  2: { statuses: [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], packed: 'c944f9', lst: 'eNo76fITAAPfAgc' },
} as const;

const large =
  'eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAA' +
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpL' +
  'AAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb';
const largeSet = [0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345];

describe('a status list', () => {
  it.each([1, 2] as const)('is that of the standard, with %i bits', (bits) => {
    const { statuses, packed, lst } = small[bits];
    const made = packStatuses({ bits, size: statuses.length, statuses: statuses.entries() });
    expect(Buffer.from(made).toString('hex')).toBe(packed);
    expect(compressStatuses(made)).toBe(lst);
    const read = readStatusList({ bits, lst });
    expect(read.ok && statuses.map((_, index) => read.value.at(index))).toEqual(statuses);
  });

  it('is read in full size: a million entries, eleven of them set', () => {
    const read = readStatusList({ bits: 1, lst: large });
    if (!read.ok) throw new Error(read.refusal.reason);
    expect(read.value.size).toBe(2 ** 20);
    const all = Array.from({ length: read.value.size }, (_, index) => index);
    expect(all.filter((index) => read.value.at(index) !== 0)).toEqual(largeSet);
  });

  it('gives back whatever was put in', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<StatusBits>(1, 2, 4, 8),
        fc.array(fc.nat(255), { minLength: 1, maxLength: 200 }),
        (bits, values) => {
          const statuses = values.map((value) => value % 2 ** bits);
          const packed = packStatuses({ bits, size: values.length, statuses: statuses.entries() });
          const read = readStatusList({ bits, lst: compressStatuses(packed) });
          expect(read.ok && statuses.map((_, index) => read.value.at(index))).toEqual(statuses);
        },
      ),
    );
  });

  it('says nothing of what is beyond its end', () => {
    const read = readStatusList({ bits: 2, lst: small[2].lst });
    for (const index of [12, -1, 0.5, Number.NaN]) {
      expect(read.ok && read.value.at(index)).toBeUndefined();
    }
  });

  it.each([
    [null, 'malformed_list'],
    [{ bits: 3, lst: small[1].lst }, 'malformed_list'],
    [{ bits: 1 }, 'malformed_list'],
    [{ bits: 1, lst: 'ä' }, 'malformed_list'],
    [{ bits: 1, lst: 'AAAA' }, 'malformed_list'],
    [
      { bits: 1, lst: base64urlEncode(deflateSync(Buffer.alloc(limits.statusListBytesMax + 1))) },
      'list_too_long',
    ],
  ])('is refused where it is none: case %#', (value, reason) => {
    expect(readStatusList(value)).toEqual({ ok: false, refusal: { reason } });
  });

  it('has room for nothing that does not fit', () => {
    for (const [index, status] of [
      [4, 0],
      [-1, 0],
      [0, 4],
      [0, -1],
    ] as const) {
      const statuses = [[index, status]] as const;
      expect(() => packStatuses({ bits: 2, size: 4, statuses })).toThrow(RangeError);
    }
  });

  it('is signed under its own type, for its own place', () => {
    const input = statusListSigningInput(
      {
        uri: 'https://issuer.example/lists/1',
        issuedAt: 10 as UnixSeconds,
        expiresAt: 20 as UnixSeconds,
        ttlSeconds: 5,
        bits: 2,
        packed: Buffer.from(small[2].packed, 'hex'),
      },
      { kid: 'k' as SigningKeyId, algorithm: 'ES256' },
    );
    const [header, payload] = input
      .split('.')
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    expect(header).toEqual({ typ: 'statuslist+jwt', alg: 'ES256', kid: 'k' });
    expect(payload).toEqual({
      sub: 'https://issuer.example/lists/1',
      iat: 10,
      exp: 20,
      ttl: 5,
      status_list: { bits: 2, lst: small[2].lst },
    });
  });
});
