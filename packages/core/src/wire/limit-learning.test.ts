import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../json.ts';
import { parseLimitProfiles } from './limit-learning.ts';

const page = {
  newest: 3,
  profiles: [
    { route: 'api', limit: 'each', caller: '["user","u"]', profile: 'AAAA' },
    { route: 'api', limit: 'each', caller: '["user","v"]', profile: null },
  ],
};

describe('a page of profiles', () => {
  it('is read as it was written', () => {
    expect(parseLimitProfiles(page)).toEqual({ ok: true, value: page });
  });

  it.each([
    ['body', null],
    ['newest', { ...page, newest: 1.5 }],
    ['next', { ...page, next: {} }],
    ['profiles', { ...page, profiles: 'none' }],
    ['profiles', { ...page, profiles: [{ ...page.profiles[0], profile: 7 }] }],
    ['profiles', { ...page, profiles: [{ ...page.profiles[0], route: null }] }],
  ])('is refused where its %s is malformed', (what, value) => {
    const refusal = { reason: 'malformed_profiles', what };
    expect(parseLimitProfiles(value as unknown as JsonValue)).toEqual({ ok: false, refusal });
  });
});
