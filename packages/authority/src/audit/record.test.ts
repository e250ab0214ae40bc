import {
  type AuditEvent,
  CustodyFault,
  concatBytes,
  defaultTenant,
  limits,
  manualClock,
  seededEntropy,
  type TenantId,
  type UnixMs,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { commitTo, parseLeaf } from './leaf.ts';
import { createRecorder, openPersonal, type PersonalSealer } from './record.ts';

const at = 1_700_000_000_123 as UnixMs;
const event: AuditEvent = {
  tenant: defaultTenant,
  action: 'token.issue',
  at,
  actor: { kind: 'client', id: 'c1' },
  object: { kind: 'token', id: 't1' },
  result: 'done',
  personal: { address: '192.0.2.1' },
};

/** Puts tenant and context in front instead of encrypting. */
const openSealer: PersonalSealer = {
  seal: async (tenant, context, plaintext) => concatBytes(prefix(tenant, context), plaintext),
  async open(tenant, context, sealed) {
    const expected = prefix(tenant, context);
    if (Buffer.compare(sealed.subarray(0, expected.length), expected) !== 0) {
      throw new CustodyFault('custody_tampered', 'moved');
    }
    return sealed.subarray(expected.length);
  },
};

function prefix(tenant: TenantId, context: string): Uint8Array {
  return utf8(`${tenant}|${context}|`);
}

function recorder(sealer: Pick<PersonalSealer, 'seal'> = openSealer) {
  return createRecorder({ sealer, entropy: seededEntropy(7), clock: manualClock(at) });
}

describe('a record', () => {
  it('holds the leaf and the columns by which it is found', async () => {
    const related = { kind: 'client', id: 'c1' } as const;
    const { personal: _, ...impersonal } = event;
    const record = await recorder().record({ ...impersonal, related });
    expect(record).toMatchObject({
      tenant: 'default',
      object: 'token:t1',
      related: 'client:c1',
      personal: null,
      at,
    });
    const leaf = parseLeaf(record.leaf);
    expect(leaf?.id).toBe(record.id);
    expect(leaf?.personalCommitment).toBeUndefined();
  });

  it('keeps personal data out of the leaf, beside it, and committed to', async () => {
    const record = await recorder().record(event);
    expect(utf8Decode(record.leaf)).not.toContain('192.0.2.1');
    const { id, tenant } = record;
    const personal = record.personal as Uint8Array;
    const opened = await openPersonal(openSealer, { id, tenant, personal });
    expect(opened?.text).toBe('{"address":"192.0.2.1"}');
    expect(opened?.salt).toHaveLength(32);
    expect(parseLeaf(record.leaf)?.personalCommitment).toBe(
      commitTo(opened?.salt as Uint8Array, '{"address":"192.0.2.1"}'),
    );
  });

  it('commits to the same data differently each time', async () => {
    const making = recorder();
    const [one, two] = [await making.record(event), await making.record(event)];
    expect(parseLeaf(one.leaf)?.personalCommitment).not.toBe(
      parseLeaf(two.leaf)?.personalCommitment,
    );
    expect(one.id).not.toBe(two.id);
  });

  it('does not open personal data beside another record, or of an unknown form', async () => {
    const record = await recorder().record(event);
    const personal = record.personal as Uint8Array;
    const { id, tenant } = record;
    const open = (row: { id: string; tenant: string; personal: Uint8Array }) =>
      openPersonal(openSealer, row);
    expect(await open({ id: 'other', tenant, personal })).toBeUndefined();
    expect(await open({ id, tenant: 'other', personal })).toBeUndefined();
    const newer = concatBytes(Uint8Array.of(2), personal.subarray(1));
    expect(await open({ id, tenant, personal: newer })).toBeUndefined();
    const failing = {
      open: async () => {
        throw new CustodyFault('custody_unavailable', 'away');
      },
    };
    await expect(openPersonal(failing, { id, tenant, personal })).rejects.toThrow('away');
  });

  it('is refused where it would be longer than a leaf may be', async () => {
    const fits = { ...event, why: 'x'.repeat(limits.auditLeafBytesMax - 400) };
    expect((await recorder().record(fits)).leaf.length).toBeLessThan(limits.auditLeafBytesMax);
    const tooLong = { ...event, why: 'x'.repeat(limits.auditLeafBytesMax) };
    await expect(recorder().record(tooLong)).rejects.toMatchObject({
      code: 'audit_leaf_too_large',
    });
  });

  it('fails where personal data cannot be sealed, so that its act is not done', async () => {
    const failing = {
      seal: async () => {
        throw new CustodyFault('custody_unavailable', 'away');
      },
    };
    await expect(recorder(failing).record(event)).rejects.toMatchObject({
      code: 'custody_unavailable',
    });
  });
});
