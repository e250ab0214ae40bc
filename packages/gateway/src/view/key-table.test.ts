import { type KeyId, type KeyView, limits, type TenantId, type UnixSeconds } from '@mintmark/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTable } from './key-table.ts';

const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const seconds = fc.integer({ min: 1, max: 4_000_000_000 });
const views = fc.record(
  {
    id: fc.constantFrom('a', 'b', 'c'),
    tenant: fc.constantFrom('default', 'acme'),
    verifier: hash,
    derivationKey: hash,
    status: fc.constantFrom('active', 'disabled', 'quarantined'),
    owner: fc.string(),
    clientId: fc.constantFrom('c1'),
    scopes: fc.array(fc.constantFrom('read', 'write')),
    environment: fc.constantFrom('live', 'test'),
    plan: fc.constantFrom('gold'),
    allowedAddresses: fc.constantFrom(['192.0.2.0/24'], ['nonsense']),
    createdAt: fc.integer({ min: 1, max: 4_000_000_000_000 }),
    notBefore: seconds,
    expiresAt: seconds,
    successor: fc.constantFrom('d'),
    // A member of a later version, which must not be lost on the way.
    laterMember: fc.constantFrom('x', 'y'),
  },
  { requiredKeys: ['id', 'tenant', 'status', 'owner', 'scopes'] },
) as unknown as fc.Arbitrary<KeyView>;

function view(more: Partial<KeyView> = {}): KeyView {
  const id = 'a' as KeyId;
  return { id, tenant: 'default' as TenantId, status: 'active', owner: 'o', scopes: [], ...more };
}

describe('KeyTable', () => {
  it('gives back the last view of each key, whatever was put, in whatever order', () => {
    fc.assert(
      fc.property(fc.array(views, { maxLength: 20 }), (list) => {
        const table = new KeyTable();
        const last = new Map<string, KeyView>();
        for (const [index, one] of list.entries()) {
          expect(table.put(one, index)).toBe(true);
          last.set(one.id, one);
          const held = table.get(one.id)!;
          expect(held.view).toEqual(one);
          expect(held.targets).toMatchObject({ owner: one.owner, position: index });
          expect(held.identity).toMatchObject({ credentialId: one.id, scopes: one.scopes });
        }
        expect(table.size).toBe(last.size);
        for (const [id, one] of last) expect(table.get(id)!.view).toEqual(one);
      }),
    );
  });

  it('hands out one object while a key stays as it is, and another when it changed', () => {
    const table = new KeyTable();
    table.put(view(), 1);
    const held = table.get('a');
    expect(table.get('a')).toBe(held);
    table.put(view({ owner: 'p' }), 2);
    expect(table.get('a')?.view.owner).toBe('p');
    expect(table.get('none')).toBe(undefined);
    expect(table.has('a')).toBe(true);
  });

  it('makes nothing active again that was revoked', () => {
    const table = new KeyTable();
    table.put(view(), 1);
    table.get('a');
    table.revoke('a');
    table.revoke('unknown');
    expect(table.get('a')?.view.status).toBe('revoked');
    table.put(view({ scopes: ['x'] }), 2);
    expect(table.get('a')?.view).toMatchObject({ status: 'revoked', scopes: ['x'] });
  });

  it('gives the place of a key that went to another one, and never its hash', () => {
    const table = new KeyTable();
    const of = (byte: number) => Buffer.alloc(32, byte).toString('base64url');
    const ended = { expiresAt: 5 as UnixSeconds };
    table.put(view({ verifier: of(1), ...ended }), 1);
    const before = table.get('a')!.verifier;
    table.expire(6 as UnixSeconds);
    expect(table.get('a')).toBe(undefined);
    table.put(view({ id: 'b' as KeyId, verifier: of(2) }), 2);
    table.put(view({ id: 'c' as KeyId, verifier: 'short' }), 3);
    expect(before).toEqual(new Uint8Array(32).fill(1));
    expect(table.get('b')!.verifier).toEqual(new Uint8Array(32).fill(2));
    expect(table.get('c')!.verifier).toBe(undefined);
  });

  it('looks for what has ended in turns, through all of it', () => {
    const table = new KeyTable();
    const count = limits.expiringKeysAtOnce + 10;
    for (let i = 0; i < count; i++) {
      table.put(view({ id: `k${i}` as KeyId, expiresAt: 5 as UnixSeconds }), 1);
    }
    table.expire(5 as UnixSeconds);
    table.expire(5 as UnixSeconds);
    expect(table.size).toBe(count);
    table.expire(6 as UnixSeconds);
    expect(table.size).toBe(10);
    table.expire(6 as UnixSeconds);
    expect(table.size).toBe(0);
  });
});
