import { limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { thingApi } from './thing-api.ts';

describe('Idempotency-Key', () => {
  const request = (key: string, name = 'a', actor = 'root') => ({
    headers: { 'idempotency-key': key, 'x-actor': actor },
    json: { name },
  });

  it('answers a repetition with the same thing, without its secret', async () => {
    const { send, workshop } = thingApi();
    const first = await send('POST', '/v1/things', request('k1'));
    expect(first.body).toEqual({ id: 't1', name: 'a', key: 's-t1' });
    const second = await send('POST', '/v1/things', request('"k1"'));
    expect(second.status).toBe(201);
    expect(second.body).toEqual({ id: 't1', name: 'a', secret_already_shown: true });
    expect(workshop.made).toBe(1);
  });

  it('refuses the same key with another body', async () => {
    const { send } = thingApi();
    await send('POST', '/v1/things', request('k1'));
    expect(await send('POST', '/v1/things', request('k1', 'b'))).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it('keeps the keys of two callers apart', async () => {
    const { send } = thingApi();
    await send('POST', '/v1/things', request('k1'));
    const other = await send('POST', '/v1/things', request('k1', 'b', 'other'));
    expect(other.body).toEqual({ id: 't2', name: 'b', key: 's-t2' });
  });

  it('lets one of two concurrent twins create, and gives both its thing', async () => {
    const { send, workshop } = thingApi();
    let release = (): void => {};
    workshop.holdUp = new Promise((resolve) => {
      release = resolve;
    });
    const twins = [1, 2].map(() => send('POST', '/v1/things', request('k1')));
    release();
    const answers = await Promise.all(twins);
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.body.key !== undefined)).toHaveLength(1);
    expect(answers.filter((answer) => answer.body.secret_already_shown)).toHaveLength(1);
  });

  it('forgets after 24 hours', async () => {
    const { send, clock } = thingApi();
    await send('POST', '/v1/things', request('k1'));
    clock.advanceMs(limits.idempotencyTtlSeconds * 1000);
    expect((await send('POST', '/v1/things', request('k1', 'b'))).body.id).toBe('t2');
  });

  it.each(['', 'a b', 'ä', 'a'.repeat(256), '"a'])('refuses the key %j', async (key) => {
    const { send } = thingApi();
    expect(await send('POST', '/v1/things', request(key))).toMatchObject({ status: 400 });
  });
});
