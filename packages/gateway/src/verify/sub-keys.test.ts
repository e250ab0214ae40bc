import {
  type IntrospectionAnswer,
  limits,
  nowSeconds,
  seededEntropy,
  type UnixSeconds,
} from '@mintmark/core';
import { deriveSubKey, type SubKeyRestrictions, subKeyTargetId } from '@mintmark/tokens';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

beforeEach(async () => {
  rig = await openRig([
    { name: 'read', match: { path_prefix: '/v1' }, upstream: upstream.url, scopes: ['read'] },
    { name: 'write', match: { path_prefix: '/w' }, upstream: upstream.url, scopes: ['write'] },
    { name: 'free', match: {}, upstream: upstream.url, audience: 'https://api.example' },
  ]);
});
afterEach(() => rig.close());

const entropy = seededEntropy(11);

function derived(parent: string, more: Partial<SubKeyRestrictions> = {}) {
  const now = nowSeconds(rig.clock);
  const restrictions = { issuedAt: now, expiresAt: (now + 600) as UnixSeconds, ...more };
  const made = deriveSubKey({ parent, prefix: 'mm', restrictions, entropy });
  if (!made.ok) throw new Error(made.refusal.reason);
  const { links } = made.value.subKey;
  return { text: made.value.text, id: links.at(-1)!.id };
}

async function judged(credential: string, at: { path?: string; method?: string } = {}) {
  const before = rig.decisions.length;
  const { path = '/v1/x', method = 'GET' } = at;
  const { status } = await ask(rig.listener.port, { path, method, headers: bearer(credential) });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return `${status} ${rig.decisions.at(-1)?.reason}`;
}

async function key(view: Parameters<Rig['key']>[0] = {}) {
  const made = rig.key({ scopes: ['read', 'write'], ...view });
  await rig.caughtUp();
  return made;
}

describe('a sub-key at the gateway', () => {
  it('is judged without asking, and stands in the decision beside its key', async () => {
    const { text: parent, id } = await key();
    const sub = derived(parent, { label: 'ci job 7' });
    expect(await judged(sub.text)).toBe('200 ok');
    expect(rig.asked).toEqual([]);
    expect(rig.decisions.at(-1)).toMatchObject({
      credential: 'api_key',
      credentialId: id,
      subject: 'owner-1',
      subKey: { id: sub.id, label: 'ci job 7' },
    });
  });

  it('tells the upstream its own scopes and its id, and nothing of its text', async () => {
    const { text: parent } = await key();
    const sub = derived(parent, { scopes: ['read', 'admin'] });
    expect(await judged(sub.text)).toBe('200 ok');
    const head = upstream.received().slice(-2_000);
    expect(head).toMatch(/^x-mintmark-scopes: read\r$/im);
    expect(head).toContain(`x-mintmark-sub-key: ${sub.id}`);
    expect(head).not.toContain('mm_sub_');
  });

  it.each([
    ['200 ok', {}, {}],
    ['403 insufficient_scope', { scopes: ['write'] }, {}],
    ['403 insufficient_scope', { scopes: ['read'] }, { path: '/w' }],
    ['403 insufficient_scope', { scopes: [] }, {}],
    ['403 method_restricted', { methods: ['GET'] }, { method: 'POST' }],
    ['200 ok', { methods: ['GET'] }, { method: 'HEAD' }],
    ['403 path_restricted', { pathPrefix: '/v1/y' }, {}],
    ['403 route_restricted', { routes: ['write'] }, {}],
    ['403 resource_restricted', { audiences: ['https://api.example'] }, {}],
    ['200 ok', { audiences: ['https://api.example'] }, { path: '/free' }],
    ['403 address_not_allowed', { addresses: ['192.0.2.0/24'] }, {}],
    ['200 ok', { addresses: ['127.0.0.0/8'] }, {}],
  ] as const)('answers %s to one of %j', async (expected, more, at) => {
    const { text: parent } = await key();
    const first = derived(parent, more);
    expect(await judged(first.text, at)).toBe(expected);
    expect(await judged(derived(first.text).text, at)).toBe(expected);
    expect(await judged(derived(derived(parent).text, more).text, at)).toBe(expected);
  });

  it('cannot do what its key may not do any more, from one request to the next', async () => {
    const { text: parent, id } = await key();
    const sub = derived(parent, { scopes: ['read', 'write'] });
    expect(await judged(sub.text, { path: '/w' })).toBe('200 ok');
    rig.feed.push({ type: 'key', key: { ...rig.feed.lastKey()!, scopes: ['read'] } });
    await rig.caughtUp();
    expect(await judged(sub.text, { path: '/w' })).toBe('403 insufficient_scope');
    expect(await judged(sub.text)).toBe('200 ok');
    rig.revoke({ kind: 'key', id });
    await rig.caughtUp();
    expect(await judged(sub.text)).toBe('401 revoked');
  });

  it.each(['disabled', 'revoked', 'quarantined'] as const)(
    'dies with a key that is %s',
    async (status) => {
      const { text: parent } = await key();
      const sub = derived(derived(parent).text);
      expect(await judged(sub.text)).toBe('200 ok');
      rig.feed.push({ type: 'key', key: { ...rig.feed.lastKey()!, status } });
      await rig.caughtUp();
      expect(await judged(sub.text)).toBe(`401 ${status}`);
    },
  );

  it('ends at its own second, and at that of its key', async () => {
    const now = nowSeconds(rig.clock);
    const { text: parent } = await key({ expiresAt: (now + 4) as UnixSeconds });
    const sub = derived(parent, { expiresAt: (now + 2) as UnixSeconds });
    const longer = derived(parent);
    expect(await judged(sub.text)).toBe('200 ok');
    rig.clock.advanceMs(1_500);
    expect(await judged(sub.text)).toBe('401 expired');
    expect(await judged(longer.text)).toBe('200 ok');
    rig.clock.advanceMs(1_000);
    expect(await judged(longer.text)).toBe('401 expired');
  });

  it('begins when it says', async () => {
    const { text: parent } = await key();
    const notBefore = (nowSeconds(rig.clock) + 2) as UnixSeconds;
    const sub = derived(parent, { notBefore });
    expect(await judged(sub.text)).toBe('401 not_yet_valid');
    rig.clock.advanceMs(2_000);
    expect(await judged(sub.text)).toBe('200 ok');
  });

  it('can be revoked by itself, with all that was made from it and nothing else', async () => {
    const { text: parent, id } = await key();
    const one = derived(parent);
    const below = derived(one.text);
    const beside = derived(parent);
    expect(await judged(below.text)).toBe('200 ok');
    rig.revoke({ kind: 'sub_key', id: subKeyTargetId(id, one.id) });
    await rig.caughtUp();
    expect(await judged(one.text)).toBe('401 revoked');
    expect(await judged(below.text)).toBe('401 revoked');
    expect(await judged(beside.text)).toBe('200 ok');
    expect(await judged(parent)).toBe('200 ok');
  });

  it('is refused where its signature or its seed is another one', async () => {
    const { text: parent } = await key();
    const [a, b] = [derived(parent).text, derived((await key()).text).text];
    const [head, tail] = [a.slice(0, 24), b.slice(24)];
    expect(await judged(head + tail)).toBe('401 bad_checksum');
    const { text: moved } = await key({ derivationKey: rig.feed.lastKey()!.derivationKey! });
    expect(await judged(derived(moved).text)).toBe('401 bad_signature');
  });

  it('is verified no more for who forged many, and goes on where it was good', async () => {
    const { text: parent } = await key();
    const good = derived(parent).text;
    expect(await judged(good)).toBe('200 ok');
    const { text: other } = await key({ derivationKey: rig.feed.lastKey()!.derivationKey! });
    for (let i = 0; i < limits.failureBudgetPerMinute; i++) {
      await ask(rig.listener.port, { path: '/v1', headers: bearer(derived(other).text) });
    }
    expect(await judged(derived(parent).text)).toBe('429 too_many_failures');
    expect(await judged(good)).toBe('200 ok');
  });

  it('is asked about once where the view lacks its key, and judged for its use here', async () => {
    const { text: parent, id } = rig.secret('key');
    const sub = derived(parent, { scopes: ['read'], methods: ['GET'] });
    const now = nowSeconds(rig.clock);
    const answer: IntrospectionAnswer = {
      ...{ active: true, kind: 'api_key', id, subject: 'owner-1', clientId: undefined },
      ...{ scopes: ['read', 'write'], audience: [], issuedAt: now, expiresAt: undefined },
      ...{ position: undefined, family: undefined, binding: undefined },
    };
    rig.introspect = async () => answer;
    expect(await judged(sub.text)).toBe('200 ok');
    expect(await judged(sub.text, { method: 'POST' })).toBe('403 method_restricted');
    expect(await judged(sub.text, { path: '/w' })).toBe('403 insufficient_scope');
    expect(rig.asked).toEqual([sub.text]);
    expect(rig.decisions.at(-1)).toMatchObject({ credentialId: id, subKey: { id: sub.id } });
    rig.revoke({ kind: 'sub_key', id: subKeyTargetId(id, sub.id) });
    await rig.caughtUp();
    expect(await judged(sub.text)).toBe('401 revoked');
  });

  it('asks the authority where the view has no public key of its key', async () => {
    const { text: parent } = await key({ derivationKey: undefined } as never);
    expect(await judged(derived(parent).text)).toBe('401 unknown_credential');
    expect(rig.asked).toHaveLength(1);
  });
});
