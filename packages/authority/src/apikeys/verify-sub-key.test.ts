import { defaultTenant, err, type UnixMs, type UnixSeconds } from '@mintmark/core';
import { deriveSubKey, parseSecretToken } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { createKey } from './create-key.ts';
import { keyBed, requester, startMs } from './key-bed.ts';
import { rehashKey } from './rehash-key.ts';
import { proveKey, type VerifyKeyPorts, verifyKey } from './verify-key.ts';

const now = startMs as UnixMs;
const issuedAt = Math.floor(startMs / 1000) as UnixSeconds;
const settings = { name: 'ci', owner: 'team-a', scopes: ['read'] };

async function keyed() {
  const bed = keyBed();
  const made = await createKey(bed, { requester, settings });
  if (!made.ok) throw new Error('refused');
  const restrictions = { issuedAt, expiresAt: (issuedAt + 60) as UnixSeconds };
  const { entropy } = bed;
  const sub = deriveSubKey({ parent: made.value.text, prefix: 'mm', restrictions, entropy });
  if (!sub.ok) throw new Error('refused');
  return { bed, row: made.value.row, key: made.value.text, sub: sub.value.text };
}

type Bed = Awaited<ReturnType<typeof keyed>>['bed'];

async function codeOf(
  bed: VerifyKeyPorts,
  text: string,
  kinds: readonly ('key' | 'admin')[] = ['key'],
) {
  const verdict = await verifyKey(bed, { tenant: defaultTenant, text, kinds, now });
  return verdict.active ? 'ok' : verdict.code;
}

async function set(bed: Bed, id: string, columns: Record<string, unknown>): Promise<void> {
  await bed.store.acts.run({
    steps: [{ do: 'update', table: 'keys', where: { tenant: defaultTenant, id }, set: columns }],
    audit: null,
  } as never);
}

describe('a presented sub-key', () => {
  it('is good while its key is', async () => {
    const { bed, sub } = await keyed();
    expect(await codeOf(bed, sub)).toBe('ok');
    expect(await codeOf(bed, sub)).toBe('ok');
  });

  it('waits for the next use of a key that was made before sub-keys were', async () => {
    const { bed, row, key, sub } = await keyed();
    await set(bed, row.id, { derivationKey: null });
    expect(await codeOf(bed, sub)).toBe('not_found');
    expect(await codeOf(bed, key)).toBe('ok');
    expect(await codeOf(bed, sub)).toBe('ok');
  });

  it('is brought up by two first uses at once without harm', async () => {
    const { bed, row, key, sub } = await keyed();
    await set(bed, row.id, { derivationKey: null });
    const old = (await bed.store.keys.get(defaultTenant, row.id))!;
    const parsed = parseSecretToken(key, 'mm');
    const secret = parsed.ok ? parsed.value.secret : '';
    await Promise.all([rehashKey(bed, old, secret), rehashKey(bed, old, secret)]);
    expect(await codeOf(bed, sub)).toBe('ok');
  });

  it('is none where its key may not be presented', async () => {
    const { bed, sub } = await keyed();
    expect(await codeOf(bed, sub, ['admin'])).toBe('not_found');
  });

  it('is told apart from its key, which is more than it, where either is proven', async () => {
    const { bed, key, sub, row } = await keyed();
    const shown = (text: string) => {
      return proveKey(bed, { tenant: defaultTenant, text, kinds: ['key'], now });
    };
    expect(await shown(key)).toMatchObject({ row: { id: row.id } });
    expect(await shown(key)).not.toHaveProperty('subKey');
    const proven = await shown(sub);
    expect(proven).toMatchObject({ subKey: { keyId: row.id, targets: [expect.any(String)] } });
  });

  it('is none of an imported key', async () => {
    const { bed, row, sub } = await keyed();
    await set(bed, row.id, { importFormat: 'f' });
    expect(await codeOf(bed, sub)).toBe('not_found');
  });

  it('asks for the end of its key and of each of its links', async () => {
    const { bed, sub, row } = await keyed();
    const asked: unknown[] = [];
    const ended = async (_: unknown, links?: readonly string[]) => {
      asked.push(links);
      return links !== undefined;
    };
    expect(await codeOf({ ...bed, ended }, sub)).toBe('revoked');
    expect(asked).toEqual([[expect.stringMatching(new RegExp(`^${row.id}\\.[0-9A-Za-z]{17}$`))]]);
  });

  it('spends the limits of its key, and nothing where it is refused', async () => {
    const { bed, sub, row } = await keyed();
    const spent: string[] = [];
    const limiter = {
      async spend(of: { id: string }) {
        spent.push(of.id);
        return err({ reason: 'uses_spent' as const, budgets: [], retryMs: undefined });
      },
    };
    expect(await codeOf({ ...bed, limiter }, sub)).toBe('uses_spent');
    expect(await codeOf({ ...bed, limiter, ended: async () => true }, sub)).toBe('revoked');
    expect(spent).toEqual([row.id]);
  });
});
