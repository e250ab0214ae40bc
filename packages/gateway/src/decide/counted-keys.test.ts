import { NetworkFault, type SpendAnswer } from '@mintmark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, bearer } from '../conformance/ask.ts';
import { openRawUpstream, plainAnswer, type RawUpstream } from '../conformance/raw-upstream.ts';
import { openRig, type Rig, until } from '../conformance/rig.ts';

let upstream: RawUpstream;
let rig: Rig;
let asked: unknown[];
let answer: () => Promise<SpendAnswer>;

beforeAll(async () => {
  upstream = await openRawUpstream(plainAnswer);
});
afterAll(() => upstream.close());

const places: Readonly<Record<string, string>> = { '127.0.0.1': 'DE', '127.0.0.2': 'FR' };

async function open(config: { readonly countries?: boolean } = {}) {
  rig = await openRig(
    [
      { name: 'all', match: {}, upstream: upstream.url },
      { name: 'dear', match: { path_prefix: '/dear' }, cost: 7, upstream: upstream.url },
      { name: 'write', match: { path_prefix: '/write' }, scopes: ['none'], upstream: upstream.url },
    ],
    {},
    [],
    config.countries === false ? {} : { countryOf: (address) => places[address] },
  );
  rig.spend = async (input) => {
    asked.push(input);
    return answer();
  };
}

beforeEach(async () => {
  asked = [];
  answer = async () => ({ spent: true });
  await open();
});
afterEach(() => rig.close());

async function judged(text: string, path = '/', localAddress?: string) {
  const before = rig.decisions.length;
  const from = localAddress === undefined ? {} : { localAddress };
  const got = await ask(rig.listener.port, { path, headers: bearer(text), ...from });
  rig.timers.advance(500);
  await until(() => rig.decisions.length > before);
  return { said: `${got.status} ${rig.decisions.at(-1)?.reason}`, headers: got.headers };
}

describe('a key whose uses are counted', () => {
  it('is let through once its use is spent, one for each request', async () => {
    const { id, text } = rig.key({ metered: true });
    await rig.caughtUp();
    for (let i = 0; i < 3; i++) expect((await judged(text)).said).toBe('200 ok');
    const { tenant } = rig.feed;
    expect(asked).toEqual(Array(3).fill({ tenant, keyId: id, cost: 1 }));
  });

  it('costs the credits that its route says', async () => {
    const { id, text } = rig.key({ metered: true });
    await rig.caughtUp();
    expect((await judged(text, '/dear')).said).toBe('200 ok');
    expect(asked).toEqual([{ tenant: rig.feed.tenant, keyId: id, cost: 7 }]);
  });

  it('costs nothing where something else is wrong, and other keys nothing at all', async () => {
    const { text } = rig.key({ metered: true });
    const plain = rig.key();
    await rig.caughtUp();
    expect((await judged(text, '/write')).said).toBe('403 insufficient_scope');
    expect((await judged(plain.text)).said).toBe('200 ok');
    expect(asked).toEqual([]);
  });

  it.each([
    ['uses_spent', 7, '7'],
    ['credits_spent', undefined, undefined],
  ] as const)('is refused with 429 when %s', async (code, retryAfterSeconds, header) => {
    const { text } = rig.key({ metered: true });
    await rig.caughtUp();
    answer = async () => ({ spent: false, code, retryAfterSeconds });
    const { said, headers } = await judged(text);
    expect(said).toBe(`429 ${code}`);
    expect(headers['retry-after']).toBe(header);
    expect(headers['www-authenticate']).toBeUndefined();
  });

  it('is refused where nobody can tell, and where it stopped working', async () => {
    const { text } = rig.key({ metered: true });
    await rig.caughtUp();
    answer = () => Promise.reject(new NetworkFault('authority_refused', 'away'));
    expect((await judged(text)).said).toBe('503 spending_unavailable');
    answer = async () => ({ spent: false, code: 'not_active', retryAfterSeconds: undefined });
    expect((await judged(text)).said).toBe('401 revoked');
  });

  it('is refused where it was revoked while its use was spent', async () => {
    const { id, text } = rig.key({ metered: true });
    await rig.caughtUp();
    answer = async () => {
      rig.revoke({ kind: 'key', id });
      await rig.caughtUp();
      return { spent: true };
    };
    expect((await judged(text)).said).toBe('401 revoked');
  });

  it('is spent also where the authority had to be asked about it', async () => {
    const { id, text } = rig.secret('key');
    rig.introspect = async () => ({
      ...{ active: true, kind: 'api_key', id, subject: 'o', clientId: undefined, scopes: [] },
      ...{ audience: [], issuedAt: 0 as never, expiresAt: undefined, position: undefined },
      ...{ family: undefined, binding: undefined, metered: true },
    });
    expect((await judged(text)).said).toBe('200 ok');
    expect(asked).toHaveLength(1);
  });
});

describe('a key that names countries', () => {
  it.each([
    [{ allowedCountries: ['DE'] }, '200 ok', '403 country_not_allowed'],
    [{ deniedCountries: ['DE'] }, '403 country_not_allowed', '200 ok'],
    [
      { allowedCountries: ['FR', 'DE'], deniedCountries: ['FR'] },
      '200 ok',
      '403 country_not_allowed',
    ],
  ])('%j: from Germany %s, from France %s', async (rules, german, french) => {
    const { text } = rig.key(rules);
    await rig.caughtUp();
    expect((await judged(text, '/', '127.0.0.1')).said).toBe(german);
    expect((await judged(text, '/', '127.0.0.2')).said).toBe(french);
    // Nobody knows where that is.
    expect((await judged(text, '/', '127.0.0.3')).said).toBe('403 country_not_allowed');
  });

  it('is refused where there is no database, and others are not', async () => {
    await rig.close();
    await open({ countries: false });
    const { text } = rig.key({ deniedCountries: ['KP'] });
    const plain = rig.key();
    await rig.caughtUp();
    expect((await judged(text)).said).toBe('403 country_not_allowed');
    expect((await judged(plain.text)).said).toBe('200 ok');
  });
});
