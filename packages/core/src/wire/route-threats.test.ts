import { describe, expect, it } from 'vitest';
import { readThreats } from './route-threats.ts';

describe('what a route does about listed addresses', () => {
  it.each([
    [undefined, undefined],
    ['observe', { action: 'observe', factor: 1, feeds: undefined }],
    ['refuse', { action: 'refuse', factor: 1, feeds: undefined }],
    [
      { action: 'limit', factor: 0.25, feeds: ['crowd'] },
      { action: 'limit', factor: 0.25, feeds: ['crowd'] },
    ],
  ])('is read: %j', (wire, value) => {
    expect(readThreats(wire)).toEqual({ ok: true, value });
  });

  it.each([
    ['/threats', 'ban'],
    ['/threats/mode', { mode: 'refuse' }],
    ['/threats/factor', 'limit'],
    ['/threats/factor', { action: 'limit', factor: 1 }],
    ['/threats/factor', { action: 'limit', factor: 0 }],
    ['/threats/factor', { action: 'limit', factor: '0.5' }],
    ['/threats/factor', { action: 'refuse', factor: 0.5 }],
    ['/threats/feeds', { action: 'refuse', feeds: [] }],
    ['/threats/feeds', { action: 'refuse', feeds: ['a b'] }],
  ])('is refused at %s: %j', (pointer, wire) => {
    const read = readThreats(wire);
    expect(read.ok ? undefined : read.refusal.path).toBe(pointer);
  });
});
