import { err, ok } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { oldSystem } from './old-system.ts';

type Sent = Parameters<Parameters<typeof oldSystem>[0]['send']>[0];

function asking(answer: unknown, request: 'introspection' | 'json' = 'json', status = 200) {
  const sent: Sent[] = [];
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  const client = {
    async send(one: Sent) {
      sent.push(one);
      return ok({ status, header: () => undefined, body: Buffer.from(text) });
    },
  };
  const settings = { url: 'https://old.example/verify', request, authorization: 'Bearer x' };
  return { ask: oldSystem(client, settings), sent };
}

describe('oldSystem', () => {
  it('asks by introspection, with the credential that it was given', async () => {
    const answer = { active: true, sub: 'acme', scope: 'read write', exp: 1_900_000_000 };
    const { ask, sent } = asking(answer, 'introspection');
    expect(await ask('a+b c')).toEqual({
      ...{ active: true, owner: 'acme', scopes: ['read', 'write'] },
      expiresAt: 1_900_000_000_000,
    });
    expect(sent[0]).toMatchObject({ method: 'POST', body: 'token=a%2Bb+c' });
    expect(sent[0]?.headers).toMatchObject({ authorization: 'Bearer x' });
  });

  it('asks by a JSON body, and reads what key services answer', async () => {
    const data = { valid: true, ownerId: 'acme', permissions: ['a', 'not one', 'a'] };
    for (const answer of [data, { meta: {}, data }]) {
      const { ask, sent } = asking(answer);
      expect(await ask('k')).toMatchObject({ active: true, owner: 'acme', scopes: ['a'] });
      expect(sent[0]?.body).toBe('{"key":"k"}');
    }
    expect(await asking({ valid: false }).ask('k')).toEqual({ active: false });
    expect(await asking({ active: true, sub: 7 }).ask('k')).toMatchObject({ owner: undefined });
  });

  it.each([
    ['no JSON', '<html>', 200],
    ['a list', [], 200],
    ['no verdict', { ok: true }, 200],
    ['an error', { active: true }, 500],
  ])('takes %s for no answer', async (_what, answer, status) => {
    expect(await asking(answer, 'json', status).ask('k')).toBeUndefined();
  });

  it('takes a refused request for no answer', async () => {
    const client = { send: async () => err({ reason: 'https_required' } as const) };
    const settings = { url: 'http://old.example', authorization: undefined };
    const ask = oldSystem(client, { ...settings, request: 'json' });
    expect(await ask('k')).toBeUndefined();
  });
});
