import { describe, expect, it } from 'vitest';
import { judgeNode } from './node-version.ts';

describe('judgeNode', () => {
  it.each([
    ['v26.10.0', 'pass'],
    ['v26.5.1', 'pass'],
    ['v26.5.0', 'fail'],
    ['v26.4.10', 'fail'],
    ['v24.18.1', 'pass'],
    ['v24.9.0', 'fail'],
    ['v25.1.0', 'warn'],
    ['v27.0.0', 'warn'],
    ['v22.30.0', 'fail'],
  ])('says of %s: %s', (version, verdict) => {
    expect(judgeNode(version).verdict).toBe(verdict);
  });

  it('names the defects and the version that mends them', () => {
    expect(judgeNode('v26.5.0').message).toMatch(/CVE-\d+-\d+.*26\.5\.1/);
  });
});
