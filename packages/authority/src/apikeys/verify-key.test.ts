import { defaultTenant, err, ok, StoreFault, type TenantId, type UnixMs } from '@mintmark/core';
import { buildSecretToken } from '@mintmark/tokens';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKey, type KeySettings } from './create-key.ts';
import { keyBed, requester, startMs } from './key-bed.ts';
import type { KeyRow } from './key-change.ts';
import { pepperedColumns } from './key-secret.ts';
import { type PresentedKey, type VerifyKeyPorts, verifyKey } from './verify-key.ts';

type Bed = ReturnType<typeof keyBed>;

async function keyed(settings: Partial<KeySettings> = {}, bed = keyBed()) {
  const made = await createKey(bed, {
    requester,
    settings: { name: 'ci', owner: 'team-a', scopes: ['read', 'write'], ...settings },
  });
  if (!made.ok) throw new Error('refused');
  const { row, text } = made.value;
  return { bed, row, text, codeOf: (input?: Partial<PresentedKey>) => codeOf(bed, text, input) };
}

async function codeOf(
  ports: VerifyKeyPorts,
  text: string,
  input: Partial<PresentedKey> = {},
): Promise<string> {
  const base = { tenant: defaultTenant, text, kinds: ['key'], now: startMs as UnixMs } as const;
  const verdict = await verifyKey(ports, { ...base, ...input });
  return verdict.active ? 'ok' : verdict.code;
}

async function change(bed: Bed, row: KeyRow, set: Partial<KeyRow>): Promise<void> {
  const where = { tenant: row.tenant, id: row.id };
  await bed.store.acts.run({
    steps: [{ do: 'update', table: 'keys', where, set }],
    audit: null,
  });
}

describe('verifyKey', () => {
  it('accepts a key that is good, with the scopes that it has', async () => {
    const { codeOf } = await keyed();
    expect(await codeOf()).toBe('ok');
    expect(await codeOf({ scopes: ['read', 'write'] })).toBe('ok');
  });

  it.each(['', 'mm_key_', 'mm_key_short', 'x'.repeat(100_000), 'mm_key_\u0000', 'Bearer'])(
    'refuses %j without looking anything up by id',
    async (text) => {
      const bed = keyBed();
      const keys = { ...bed.store.keys, get: () => Promise.reject(new Error('looked up')) };
      const ports = { ...bed, store: { ...bed.store, keys } };
      expect(await codeOf(ports, text)).toBe('malformed');
    },
  );

  it('spends no look-up on a wrong checksum', async () => {
    const { bed, text } = await keyed();
    const last = text.endsWith('0') ? '1' : '0';
    const keys = { ...bed.store.keys, get: () => Promise.reject(new Error('looked up')) };
    const ports = { ...bed, store: { ...bed.store, keys } };
    expect(await codeOf(ports, text.slice(0, -1) + last)).toBe('malformed');
  });

  it('answers alike to an unknown id and a wrong secret', async () => {
    const { bed, row } = await keyed();
    const guess = (id: string) =>
      buildSecretToken({ prefix: 'mm', kind: 'key', id, entropy: bed.entropy }).text;
    const input = { tenant: defaultTenant, kinds: ['key'], now: startMs as UnixMs } as const;
    const wrong = await verifyKey(bed, { ...input, text: guess(row.id) });
    const unknown = await verifyKey(bed, { ...input, text: guess('0'.repeat(17)) });
    expect(wrong).toEqual({ active: false, code: 'not_found' });
    expect(unknown).toEqual(wrong);
  });

  it('knows no key of another tenant', async () => {
    const { codeOf } = await keyed();
    expect(await codeOf({ tenant: 'other' as TenantId })).toBe('not_found');
  });

  it('takes no kind that was not asked for, nor one under the prefix of another', async () => {
    const { bed, row, codeOf } = await keyed();
    expect(await codeOf({ kinds: ['admin'] })).toBe('malformed');
    await change(bed, row, { kind: 'admin' });
    expect(await codeOf()).toBe('not_found');
  });

  it('refuses a key whose pepper is gone', async () => {
    const { bed, row, codeOf } = await keyed();
    await change(bed, row, { pepperVersion: 'lost' });
    expect(await codeOf()).toBe('not_found');
  });

  it('is exact about the first and the last second', async () => {
    const notBefore = (startMs + 750) as UnixMs;
    const expiresAt = (startMs + 60_750) as UnixMs;
    const { codeOf } = await keyed({ notBefore, expiresAt });
    const at = (ms: number) => codeOf({ now: ms as UnixMs });
    expect(await at(notBefore - 1)).toBe('not_yet_valid');
    expect(await at(notBefore)).toBe('ok');
    expect(await at(expiresAt - 1)).toBe('ok');
    expect(await at(expiresAt)).toBe('expired');
    expect(await at(expiresAt + 1000)).toBe('expired');
  });

  it.each([
    ['192.0.2.7', 'ok'],
    ['::ffff:192.0.2.7', 'ok'],
    ['2001:db8::1', 'ok'],
    ['192.0.3.7', 'address_not_allowed'],
    ['192.0.2.07', 'address_not_allowed'],
    ['nonsense', 'address_not_allowed'],
    [undefined, 'address_not_allowed'],
  ])('from %s says %s', async (address, code) => {
    const { codeOf } = await keyed({ allowedAddresses: ['192.0.2.0/24', '2001:db8::/32'] });
    expect(await codeOf({ address })).toBe(code);
  });

  it('works without writing where everything is as it should be', async () => {
    const { bed, codeOf } = await keyed();
    const before = await bed.recorded();
    await codeOf();
    expect(await bed.recorded()).toEqual(before);
  });
});

/** In the order in which they are judged; each flaw alone is enough. */
const flaws = [
  ['disabled', { status: 'disabled' }, {}],
  ['expired', { expiresAt: startMs - 1 }, {}],
  ['address_not_allowed', { allowedAddresses: ['198.51.100.1'] }, {}],
  ['country_not_allowed', { deniedCountries: ['XX'] }, {}],
  ['insufficient_scope', {}, { scopes: ['delete'] }],
] as const;

const nothingLeft = { reason: 'uses_spent', budgets: [], retryMs: undefined } as const;

describe('the order of verification', () => {
  it('names the first flaw of any set of flaws, and spends only where there is none', async () => {
    const limitedToo = fc.boolean();
    await fc.assert(
      fc.asyncProperty(fc.subarray([...flaws]), limitedToo, async (present, limited) => {
        const { bed, row, text } = await keyed();
        let asked = 0;
        const limiter = {
          spend: async () => {
            asked++;
            return limited ? err(nothingLeft) : ok([]);
          },
        };
        let presented: Partial<PresentedKey> = { address: '192.0.2.1' };
        for (const [, columns, input] of present) {
          await change(bed, row, { updatedAt: startMs, ...columns } as Partial<KeyRow>);
          presented = { ...presented, ...input };
        }
        const first = present[0]?.[0];
        const code = await codeOf({ ...bed, limiter }, text, presented);
        expect(code).toBe(first ?? (limited ? 'uses_spent' : 'ok'));
        // A denial by anything else never reaches the limiter, so it consumes nothing.
        expect(asked).toBe(first === undefined ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses a key in quarantine before anything else of it is judged', async () => {
    const { bed, row, codeOf } = await keyed();
    await change(bed, row, { status: 'quarantined', expiresAt: 1 });
    expect(await codeOf()).toBe('quarantined');
  });

  it('judges existence before any flaw', async () => {
    const { bed, row, text } = await keyed();
    await change(bed, row, { status: 'revoked', expiresAt: 1 });
    const { text: other } = buildSecretToken({
      prefix: 'mm',
      kind: 'key',
      id: row.id,
      entropy: bed.entropy,
    });
    expect(await codeOf(bed, text)).toBe('revoked');
    expect(await codeOf(bed, other)).toBe('not_found');
  });

  it('asks the limiter for the cost of the use', async () => {
    const { bed, text } = await keyed();
    const costs: number[] = [];
    const limiter = {
      spend: async (_row: KeyRow, cost: number) => {
        costs.push(cost);
        return ok([]);
      },
    };
    await codeOf({ ...bed, limiter }, text);
    await codeOf({ ...bed, limiter }, text, { cost: 7 });
    expect(costs).toEqual([1, 7]);
  });
});

describe('a new pepper', () => {
  it('takes a key over at its next use, once, and the old one can go', async () => {
    const { bed, row, codeOf } = await keyed();
    bed.peppers.rotate();
    expect(await Promise.all([codeOf(), codeOf(), codeOf()])).toEqual(['ok', 'ok', 'ok']);
    const now = await bed.store.keys.get(row.tenant, row.id);
    expect(now).toMatchObject({ pepperVersion: 'p2', version: 1 });
    expect(await bed.recorded()).toEqual(['key.create', 'key.rehash']);
    expect(await codeOf()).toBe('ok');
  });

  it('seals no verifier for an admin key', async () => {
    const { bed } = await keyed();
    const id = 'a'.repeat(17);
    const built = buildSecretToken({ prefix: 'mm', kind: 'admin', id, entropy: bed.entropy });
    const [known] = await bed.store.keys.list({ limit: 1 });
    const secret = { tenant: defaultTenant, id, secret: built.secret };
    const row = { ...known!, id, kind: 'admin', ...pepperedColumns(bed.peppers, secret) };
    await bed.store.acts.run({
      steps: [{ do: 'insert', table: 'keys', row, refused: 'taken' }],
      audit: null,
    });
    bed.peppers.rotate();
    expect(await codeOf(bed, built.text, { kinds: ['admin'] })).toBe('ok');
    const now = await bed.store.keys.get(defaultTenant, id);
    expect(now).toMatchObject({ pepperVersion: 'p2', sealedVerifier: null });
    // Enforcement points are told of API keys only.
    expect((await bed.fed()).map((key) => key.id)).not.toContain(id);
  });

  it('turns nobody away when the new hash cannot be written', async () => {
    const { bed, text } = await keyed();
    bed.peppers.rotate();
    const acts = { run: () => Promise.reject(new StoreFault('store_closed', 'closed')) };
    const ports = { ...bed, store: { ...bed.store, acts } };
    expect(await codeOf(ports, text)).toBe('ok');
    expect(bed.faults.map((fault) => fault.code)).toEqual(['store_closed']);
  });

  it('hides no bug behind that', async () => {
    const { bed, text } = await keyed();
    bed.peppers.rotate();
    const acts = { run: () => Promise.reject(new TypeError('a bug')) };
    await expect(codeOf({ ...bed, store: { ...bed.store, acts } }, text)).rejects.toThrow('a bug');
  });
});
