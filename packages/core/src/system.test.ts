import { expect, test } from 'vitest';
import { systemEntropy } from './system.ts';

test('never hands out the same bytes twice, across many blocks', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 5_000; i++) {
    seen.add(Buffer.from(systemEntropy.bytes(16)).toString('hex'));
  }
  expect(seen.size).toBe(5_000);
});

test.each([1, 12, 33, 1024, 4096, 5000])('hands out %i bytes that nothing else holds', (count) => {
  const first = systemEntropy.bytes(count);
  const copy = Uint8Array.from(first);
  systemEntropy.bytes(count);
  for (let i = 0; i < 300; i++) systemEntropy.bytes(32);
  expect(Buffer.compare(first, copy)).toBe(0);
  expect(first).toHaveLength(count);
  expect(first.buffer.byteLength).toBeLessThanOrEqual(Math.max(count, 8192));
});

test('is not all zero where a block begins or ends', () => {
  for (let i = 0; i < 1_000; i++) expect(systemEntropy.bytes(31).some((b) => b !== 0)).toBe(true);
});
