import type { JsonObject } from '@mintmark/core';
import { describe, expect, it, test } from 'vitest';
import { isPartOf, settleDetails } from './settle-details.ts';

const files: JsonObject = { type: 'files', actions: ['read', 'write'], folder: { id: 7 } };
const here: JsonObject = { type: 'files', locations: ['https://here'], actions: ['read'] };
const there: JsonObject = { type: 'files', locations: ['https://there', 'https://x'] };

const settle = (asked: readonly JsonObject[] | undefined, agreed = [files], more = {}) =>
  settleDetails({ asked, agreed, types: ['files'], audience: ['https://here'], ...more });

describe('one detail is part of another', () => {
  test.each<[boolean, JsonObject]>([
    [true, files],
    [true, { ...files, actions: ['write'] }],
    [false, { ...files, actions: ['write', 'delete'] }],
    [false, { ...files, actions: [] }],
    [false, { ...files, actions: 'read' }],
    [false, { ...files, folder: { id: 8 } }],
    [false, { ...files, more: 1 }],
    // Without `actions` it might mean all of them.
    [false, { type: 'files', folder: { id: 7 } }],
    [false, { ...files, type: 'other' }],
  ])('%j: %j', (is, part) => {
    expect(isPartOf(part, files)).toBe(is);
  });
});

describe('the details of a token', () => {
  it('are all that were agreed to, or the narrower ones that are asked for', () => {
    expect(settle(undefined)).toEqual({ ok: true, value: [files] });
    const narrow = { ...files, actions: ['read'] };
    expect(settle([narrow])).toEqual({ ok: true, value: [narrow] });
    const refusal = { reason: 'invalid_authorization_details' };
    expect(settle([{ ...files, actions: ['own'] }])).toEqual({ ok: false, refusal });
    expect(settle([files], [])).toEqual({ ok: false, refusal });
  });

  it('are those of its audience, and of types that the client may still use', () => {
    expect(settle(undefined, [here, there, files])).toEqual({ ok: true, value: [here, files] });
    const audience = ['https://x'];
    expect(settle(undefined, [here, there], { audience })).toEqual({ ok: true, value: [there] });
    expect(settle(undefined, [files], { types: [] })).toEqual({ ok: true, value: [] });
  });
});
