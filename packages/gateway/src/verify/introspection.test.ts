import {
  defaultTenant,
  type IntrospectionAnswer,
  type KeyId,
  limits,
  NetworkFault,
  nowSeconds,
  type UnixSeconds,
} from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, turn, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  rig = await openRig([{ name: 'all', match: {}, upstream: upstream.url, scopes: ['read'] }]);
  rig.feed.push({ type: 'import_prefix', prefix: 'sk_live_' });
  await rig.caughtUp();
});
afterEach(() => rig.close());

/** Status, and the inside reason. */
async function judged(credential: string, localAddress?: string): Promise<string> {
  const before = rig.decisions.length;
  const from = localAddress === undefined ? {} : { localAddress };
  const { status } = await ask(rig.listener.port, { headers: bearer(credential), ...from });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return `${status} ${rig.decisions.at(-1)?.reason}`;
}

function activeToken(change: Partial<IntrospectionAnswer> = {}): IntrospectionAnswer {
  return {
    active: true,
    kind: 'opaque',
    id: 'token-id',
    subject: 's',
    clientId: 'c',
    scopes: ['read'],
    audience: [rig.feed.issuer],
    issuedAt: nowSeconds(rig.clock),
    expiresAt: undefined,
    position: rig.feed.head,
    family: undefined,
    binding: undefined,
    ...change,
  } as IntrospectionAnswer;
}

function activeKey(change: Partial<IntrospectionAnswer> = {}): IntrospectionAnswer {
  return activeToken({ kind: 'api_key', position: undefined, audience: [], ...change } as never);
}

/** Until what was answered is asked again, with a view that stays fresh meanwhile. */
async function outlastAnswers(): Promise<void> {
  for (let age = 0; age < limits.introspectionTtlMs; age += 1_000) {
    rig.clock.advanceMs(1_000);
    rig.feed.heartbeat();
    await until(() => rig.feed.waiting === 1);
    rig.timers.advance(0);
  }
}

describe('opaque tokens', () => {
  it('are asked for once, and judged by the view from then on', async () => {
    rig.introspect = async () => activeToken();
    const { text } = rig.secret('at');
    expect(await judged(text)).toBe('200 ok');
    expect(await judged(text)).toBe('200 ok');
    expect(rig.asked).toEqual([text]);
    expect(rig.decisions.at(-1)).toMatchObject({ credential: 'opaque', credentialId: 'token-id' });
    rig.revoke({ kind: 'client', id: 'c' });
    await rig.caughtUp();
    expect(await judged(text)).toBe('401 revoked');
    expect(rig.asked).toHaveLength(1);
  });

  it('that only their resource can read are such too, and end with their key', async () => {
    rig.introspect = async () => activeToken({ signingKey: 'k1' } as never);
    const encrypted = 'e30.AA.AA.AA.AA';
    expect(await judged(encrypted)).toBe('200 ok');
    expect(await judged(encrypted)).toBe('200 ok');
    expect(rig.asked).toEqual([encrypted]);
    rig.revoke({ kind: 'signing_key', id: 'k1' });
    await rig.caughtUp();
    expect(await judged(encrypted)).toBe('401 revoked');
  });

  it('are asked for again after a bounded time', async () => {
    rig.introspect = async () => activeToken();
    const { text } = rig.secret('at');
    await judged(text);
    await outlastAnswers();
    expect(await judged(text)).toBe('200 ok');
    expect(rig.asked).toHaveLength(2);
  });

  it('expire by their own time, whatever was answered', async () => {
    const expiresAt = rig.clock.nowMs() / 1000 + 2;
    rig.introspect = async () => activeToken({ expiresAt } as never);
    const { text } = rig.secret('at');
    expect(await judged(text)).toBe('200 ok');
    rig.clock.advanceMs(2_000);
    expect(await judged(text)).toBe('401 expired');
  });

  it('must have what local tokens have', async () => {
    const { text } = rig.secret('at');
    rig.introspect = async () => activeToken({ position: undefined } as never);
    expect(await judged(text)).toBe('401 unknown_credential');
    rig.introspect = async () => activeToken({ scopes: [] } as never);
    expect(await judged(rig.secret('at').text)).toBe('403 insufficient_scope');
    rig.introspect = async () => activeToken({ audience: ['else'] } as never);
    expect(await judged(rig.secret('at').text)).toBe('401 wrong_audience');
  });

  it('that are refused are remembered briefly', async () => {
    const { text } = rig.secret('at');
    expect(await judged(text)).toBe('401 unknown_credential');
    expect(await judged(text)).toBe('401 unknown_credential');
    expect(rig.asked).toHaveLength(1);
    rig.clock.advanceMs(limits.introspectionNegativeTtlMs);
    rig.introspect = async () => activeToken();
    expect(await judged(text)).toBe('200 ok');
  });

  it('that come together are asked for together', async () => {
    let answer = (_value: IntrospectionAnswer): void => {};
    rig.introspect = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const { text } = rig.secret('at');
    const all = Promise.all([judged(text), judged(text), judged(text)]);
    await until(() => rig.asked.length > 0);
    for (let i = 0; i < 20; i++) await turn();
    answer(activeToken());
    await all;
    expect(rig.asked).toHaveLength(1);
  });

  it('are refused, not let through, where the authority cannot be asked', async () => {
    const { text } = rig.secret('at');
    rig.introspect = () => Promise.reject(new NetworkFault('x', 'down'));
    expect(await judged(text)).toBe('503 introspection_unavailable');
    rig.introspect = async () => activeToken();
    expect(await judged(text)).toBe('200 ok');
  });

  it('that are revoked while the authority is asked are refused', async () => {
    const { text } = rig.secret('at');
    rig.introspect = async () => {
      const old = activeToken();
      rig.revoke({ kind: 'client', id: 'c' });
      await rig.caughtUp();
      return old;
    };
    expect(await judged(text)).toBe('401 revoked');
  });
});

describe('keys that the view cannot check', () => {
  it.each(['user', 'tenant'] as const)('end with their %s', async (kind) => {
    const { text, id } = rig.secret('key');
    rig.introspect = async () => activeKey({ id } as never);
    expect(await judged(text)).toBe('200 ok');
    rig.revoke({ kind, id: kind === 'user' ? 's' : defaultTenant });
    await rig.caughtUp();
    expect(await judged(text)).toBe('401 revoked');
  });

  it('end by when they were made, where only those of before a moment end', async () => {
    const { text, id } = rig.secret('key');
    rig.introspect = async () => activeKey({ id } as never);
    expect(await judged(text)).toBe('200 ok');
    const now = nowSeconds(rig.clock);
    rig.revoke({ kind: 'user', id: 's' }, now);
    await rig.caughtUp();
    expect(await judged(text)).toBe('200 ok');
    rig.revoke({ kind: 'user', id: 's' }, (now + 1) as UnixSeconds);
    await rig.caughtUp();
    expect(await judged(text)).toBe('401 revoked');
  });

  it('newer than the view are asked for', async () => {
    const { text, id } = rig.secret('key');
    rig.introspect = async () => activeKey({ id } as never);
    expect(await judged(text)).toBe('200 ok');
    expect(rig.decisions.at(-1)).toMatchObject({ credential: 'api_key', credentialId: id });
    rig.revoke({ kind: 'key', id });
    await rig.caughtUp();
    expect(await judged(text)).toBe('401 revoked');
  });

  it('without a verifier are asked for, and judged by what the view says of them', async () => {
    const { text, id } = rig.secret('key');
    rig.key({ id: id as KeyId });
    const { verifier: _unknown, ...view } = rig.feed.lastKey()!;
    rig.feed.push({ type: 'key', key: view });
    await rig.caughtUp();
    rig.introspect = async () => activeKey({ id } as never);
    expect(await judged(text)).toBe('200 ok');
    rig.feed.push({ type: 'key', key: { ...view, scopes: ['write'] } });
    await rig.caughtUp();
    expect(await judged(text)).toBe('403 insufficient_scope');
    rig.feed.push({ type: 'key', key: { ...view, status: 'disabled' } });
    await rig.caughtUp();
    expect(await judged(text)).toBe('401 disabled');
    expect(rig.asked).toHaveLength(1);
  });

  it('of another system are asked for by their declared prefix', async () => {
    rig.introspect = async () => activeKey({ id: 'imported' } as never);
    expect(await judged('sk_live_abc')).toBe('200 ok');
    expect(await judged('sk_test_abc')).toBe('401 foreign_prefix');
    expect(rig.asked).toEqual(['sk_live_abc']);
  });

  it('that were good for one address are asked for again for another', async () => {
    rig.introspect = async () => activeKey({ id: 'imported' } as never);
    await judged('sk_live_abc');
    await judged('sk_live_abc', '127.0.0.2');
    expect(rig.asked).toHaveLength(2);
  });

  it('are never keys of the management API', async () => {
    expect(await judged(rig.secret('admin').text)).toBe('401 wrong_kind');
    expect(rig.asked).toEqual([]);
  });
});

describe('guessing', () => {
  it('costs the guesser his budget, and nobody else anything', async () => {
    const budget = limits.failureBudgetPerMinute;
    for (let i = 0; i < budget; i++) {
      await ask(rig.listener.port, { headers: bearer(rig.secret('at').text) });
    }
    expect(rig.asked).toHaveLength(budget);
    expect(await judged(rig.secret('at').text)).toBe('429 too_many_failures');
    expect(rig.asked).toHaveLength(budget);
    rig.introspect = async () => activeToken();
    expect(await judged(rig.secret('at').text, '127.0.0.2')).toBe('200 ok');
    // What the view can check by itself asks nobody, and still passes.
    const { text } = rig.key();
    await rig.caughtUp();
    expect(await judged(text)).toBe('200 ok');
    rig.clock.advanceMs(60_000 / budget + 1);
    expect(await judged(rig.secret('at').text)).toBe('200 ok');
  });

  it('at signatures ends the same way, but for tokens that were good before', async () => {
    const good = rig.token();
    await judged(good);
    const forged = good.slice(0, -8) + (good.at(-8) === 'A' ? 'B' : 'A') + good.slice(-7);
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) {
      await ask(rig.listener.port, { headers: bearer(forged) });
    }
    const status = async (token: string): Promise<number> =>
      (await ask(rig.listener.port, { headers: bearer(token) })).status;
    expect(await status(forged)).toBe(429);
    expect(await status(rig.token())).toBe(429);
    expect(await status(good)).toBe(200);
    expect(await judged(rig.token(), '127.0.0.2')).toBe('200 ok');
  });

  it('stops no token that was good there before, when it is asked for again', async () => {
    const good = rig.secret('at').text;
    rig.introspect = async (text) => (text === good ? activeToken() : { active: false });
    expect(await judged(good)).toBe('200 ok');
    await outlastAnswers();
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) {
      await ask(rig.listener.port, { headers: bearer(rig.secret('at').text) });
    }
    const guess = await ask(rig.listener.port, { headers: bearer(rig.secret('at').text) });
    expect(guess.status).toBe(429);
    expect(await judged(good)).toBe('200 ok');
    expect(rig.asked.filter((text) => text === good)).toHaveLength(2);
  });

  it('is told when to come again', async () => {
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) {
      await ask(rig.listener.port, { headers: bearer(rig.secret('at').text) });
    }
    const answer = await ask(rig.listener.port, { headers: bearer(rig.secret('at').text) });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});
