import { seededEntropy } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { openSuccessor, sealSuccessor } from './sealed-successor.ts';

const rotation = { tenant: 'default', id: 'family', generation: 2 };
const predecessor = 'a'.repeat(33);
const successor = 'mm_rt_next';

const seal = () => sealSuccessor({ predecessor, successor, rotation, entropy: seededEntropy(1) });

describe('a sealed successor', () => {
  it('is opened by its predecessor', () => {
    expect(openSuccessor({ predecessor, sealed: seal(), rotation })).toBe(successor);
  });

  it('says nothing of itself', () => {
    expect(Buffer.from(seal()).toString('latin1')).not.toContain(successor);
  });

  it.each([
    ['another token', { predecessor: 'b'.repeat(33) }],
    ['another tenant', { rotation: { ...rotation, tenant: 'other' } }],
    ['another family', { rotation: { ...rotation, id: 'other' } }],
    ['another generation', { rotation: { ...rotation, generation: 3 } }],
  ])('does not open for %s', (_, other) => {
    expect(openSuccessor({ predecessor, sealed: seal(), rotation, ...other })).toBeUndefined();
  });

  it('does not open when it was changed or cut', () => {
    const sealed = seal();
    const changed = Uint8Array.from(sealed);
    changed[20]! ^= 1;
    for (const bytes of [changed, sealed.subarray(0, 20), new Uint8Array(0)]) {
      expect(openSuccessor({ predecessor, sealed: bytes, rotation })).toBeUndefined();
    }
  });
});
