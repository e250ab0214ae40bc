import { defaultTenant, type UnixMs } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { eventBy } from './requester.ts';

const what = {
  action: 'key.create',
  at: 5 as UnixMs,
  object: { kind: 'key', id: 'k' },
} as const;
const actor = { kind: 'admin_key', id: 'a' } as const;

describe('eventBy', () => {
  it('keeps address and user agent as personal data', () => {
    const requester = {
      tenant: defaultTenant,
      actor,
      address: '192.0.2.1',
      userAgent: 'curl/8',
      requestId: 'r1',
    };
    expect(eventBy(requester, what)).toEqual({
      tenant: defaultTenant,
      actor,
      ...what,
      result: 'done',
      personal: { address: '192.0.2.1', userAgent: 'curl/8' },
      requestId: 'r1',
    });
  });

  it('leaves out what is not known', () => {
    const event = eventBy({ tenant: defaultTenant, actor }, { ...what, result: 'refused' });
    expect(event).toEqual({ tenant: defaultTenant, actor, ...what, result: 'refused' });
    expect(Object.keys(event)).not.toContain('personal');
  });
});
