import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../json.ts';
import { parseThreatPage } from './threat-feed.ts';

const page = {
  newest: 7,
  feeds: [{ name: 'crowd', until: 100 }],
  blocks: [{ feed: 'crowd', network: '4cb007107/32', until: 90 }],
  next: '5/crowd/4cb007107/32',
};

describe('a page of listed addresses', () => {
  it('is read as it was written', () => {
    expect(parseThreatPage(page)).toEqual({ ok: true, value: page });
  });

  it.each([
    ['body', []],
    ['newest', { ...page, newest: -1 }],
    ['next', { ...page, next: 1 }],
    ['feeds', { ...page, feeds: [{ name: 'crowd' }] }],
    ['feeds', { ...page, feeds: {} }],
    ['blocks', { ...page, blocks: [{ feed: 'crowd', network: 4, until: 1 }] }],
    ['blocks', { ...page, blocks: null }],
  ])('is refused where its %s is malformed', (what, value) => {
    const refusal = { reason: 'malformed_threats', what };
    expect(parseThreatPage(value as unknown as JsonValue)).toEqual({ ok: false, refusal });
  });
});
