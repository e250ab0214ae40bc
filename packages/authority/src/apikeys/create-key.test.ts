import { defaultTenant, type UnixMs } from '@mintmark/core';
import { parseSecretToken, secretVerifier } from '@mintmark/tokens';
import { describe, expect, it } from 'vitest';
import { createKey } from './create-key.ts';
import { keyBed, requester, startMs } from './key-bed.ts';
import { openVerifier } from './key-secret.ts';

const settings = { name: 'ci', owner: 'team-a', scopes: ['read', 'write'] };

describe('createKey', () => {
  it('keeps nothing from which the key could be called', async () => {
    const bed = keyBed();
    const made = await createKey(bed, { requester, settings });
    if (!made.ok) throw new Error('refused');
    const { row, text } = made.value;
    const parsed = parseSecretToken(text, 'mm');
    const secret = parsed.ok ? parsed.value.secret : '';
    const everything = JSON.stringify({
      keys: await bed.store.keys.list({ limit: 10 }),
      feed: await bed.fed(),
      pending: (await bed.store.auditPending.list({ limit: 10 })).map((r) => `${r.leaf}`),
    });
    expect(secret).toHaveLength(33);
    expect(everything).not.toContain(secret);
    expect(everything).toContain(row.id);
  });

  it('tells enforcement points of the key, without its verifier in the feed', async () => {
    const bed = keyBed();
    const expiresAt = (startMs - 250 + 60_000) as UnixMs;
    const made = await createKey(bed, { requester, settings: { ...settings, expiresAt } });
    if (!made.ok) throw new Error('refused');
    const { row, text } = made.value;
    expect(await bed.fed()).toEqual([
      {
        id: row.id,
        tenant: defaultTenant,
        status: 'active',
        owner: 'team-a',
        scopes: ['read', 'write'],
        createdAt: row.createdAt,
        derivationKey: Buffer.from(row.derivationKey!).toString('base64url'),
        expiresAt: expiresAt / 1000,
      },
    ]);
    const parsed = parseSecretToken(text, 'mm');
    const verifier = parsed.ok ? Buffer.from(secretVerifier(parsed.value.secret)) : undefined;
    expect(await openVerifier(bed.sealer, row)).toBe(verifier?.toString('base64url'));
  });

  it('opens no verifier that was moved to another key', async () => {
    const bed = keyBed();
    const made = await createKey(bed, { requester, settings });
    if (!made.ok) throw new Error('refused');
    const moved = { ...made.value.row, id: 'other' };
    await expect(openVerifier(bed.sealer, moved)).rejects.toThrow('moved');
  });

  it('records who made it, in the same act', async () => {
    const bed = keyBed();
    await createKey(bed, { requester, settings });
    expect(await bed.recorded()).toEqual(['key.create']);
  });

  it('leaves the owner, who may be a person, out of the record that lasts for ever', async () => {
    const bed = keyBed();
    const owner = 'alice@example.com';
    await createKey(bed, { requester, settings: { ...settings, owner } });
    const [record] = await bed.store.auditPending.list({ limit: 1 });
    expect(Buffer.from(record!.leaf).toString()).not.toContain('alice');
    expect(Buffer.from(record!.personal!).toString()).toContain(`"owner":"${owner}"`);
  });

  it('makes nothing when a step alongside refuses', async () => {
    const bed = keyBed();
    const made = await createKey(bed, {
      requester,
      settings,
      alongside: () => [
        { do: 'require', table: 'tenants', where: { tenant: 'none' }, refused: 'no_such_tenant' },
      ],
    });
    expect(made).toEqual({
      ok: false,
      refusal: { reason: 'refused_by_step', step: 'no_such_tenant' },
    });
    expect(await bed.store.keys.count()).toBe(0);
    expect(await bed.recorded()).toEqual([]);
    expect(await bed.fed()).toEqual([]);
  });

  it('refuses an id that is taken rather than replacing the key', async () => {
    const bed = keyBed();
    const stuck = { ...bed, entropy: { bytes: (count: number) => new Uint8Array(count).fill(7) } };
    expect((await createKey(stuck, { requester, settings })).ok).toBe(true);
    expect(await createKey(stuck, { requester, settings })).toEqual({
      ok: false,
      refusal: { reason: 'id_taken' },
    });
  });
});
