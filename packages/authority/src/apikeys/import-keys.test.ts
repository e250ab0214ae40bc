import { createHash } from 'node:crypto';
import { defaultTenant, limits, type UnixMs } from '@mintmark/core';
import { hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlowHashQueue } from '../custody/slow-hash-queue.ts';
import {
  type FormatDeclaration,
  type ImportReport,
  type ImportRow,
  importKeys,
} from './import-keys.ts';
import { keyBed, requester, startMs } from './key-bed.ts';
import { type VerifyKeyPorts, verifyKey } from './verify-key.ts';

const settings = { name: 'old', owner: 'team-a', scopes: ['read'] };
const withId: FormatDeclaration = { prefix: 'sk_', separator: '.', hashed: 'key' };
const withoutId: FormatDeclaration = { prefix: 'tok-', separator: '', hashed: 'key' };

const sha256 = (text: string) => createHash('sha256').update(text).digest();

function row(hash: string, id?: string): ImportRow {
  return { hash, id, settings };
}

async function importInto(
  bed: ReturnType<typeof keyBed>,
  format: FormatDeclaration,
  rows: readonly ImportRow[],
): Promise<ImportReport> {
  const report = await importKeys(bed, { requester, format, rows });
  if ('reason' in report) throw new Error(report.reason);
  return report;
}

async function codeOf(ports: VerifyKeyPorts, text: string): Promise<string> {
  const now = startMs as UnixMs;
  const kinds = ['key'] as const;
  const verdict = await verifyKey(ports, { tenant: defaultTenant, text, kinds, now });
  return verdict.active ? 'ok' : verdict.code;
}

/** Every form that an import can have: the format, and the hash of a presented text. */
const forms: readonly {
  readonly name: string;
  readonly format: FormatDeclaration;
  readonly hash: (text: string, secret: string) => Promise<string> | string;
}[] = [
  { name: 'SHA-256 hex', format: withId, hash: (text) => sha256(text).toString('hex') },
  {
    name: 'SHA-256 HEX',
    format: withId,
    hash: (text) => sha256(text).toString('hex').toUpperCase(),
  },
  { name: 'SHA-256 base64', format: withId, hash: (text) => sha256(text).toString('base64') },
  {
    name: 'SHA-256 base64url',
    format: withoutId,
    hash: (text) => sha256(text).toString('base64url'),
  },
  { name: 'SHA-256 without id', format: withoutId, hash: (text) => sha256(text).toString('hex') },
  {
    name: 'SHA-256 of the secret',
    format: { ...withId, hashed: 'secret' },
    hash: (_, secret) => sha256(secret).toString('hex'),
  },
  {
    name: 'SHA-256 of the secret without id or prefix',
    format: { prefix: '', separator: '', hashed: 'secret' },
    hash: (_, secret) => sha256(secret).toString('hex'),
  },
  { name: 'bcrypt', format: withId, hash: (text) => bcrypt(text, { cost: 4 }) },
  {
    name: 'bcrypt of the secret',
    format: { ...withId, hashed: 'secret' },
    hash: (_, secret) => bcrypt(secret, { cost: 4 }),
  },
  {
    name: 'argon2',
    format: withId,
    hash: (text) => argon2(text, { memoryCost: 64, timeCost: 1 }),
  },
];

function spell(format: FormatDeclaration, id: string, secret: string): string {
  return format.separator === ''
    ? format.prefix + secret
    : format.prefix + id + format.separator + secret;
}

describe.each(forms)('an import of $name', ({ format, hash }) => {
  it('accepts the key, rehashes it at first use, changes nothing when sent again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[A-Za-z0-9]{1,20}$/),
        fc.stringMatching(/^[\x21-\x2d\x2f-\x7e]{1,40}$/),
        async (id, secret) => {
          const bed = keyBed();
          const text = spell(format, id, secret);
          const page = [row(await hash(text, secret), format.separator === '' ? undefined : id)];
          expect(await importInto(bed, format, page)).toMatchObject({ imported: 1 });
          expect(await importInto(bed, format, page)).toMatchObject({ imported: 0, unchanged: 1 });
          // Until its first use, enforcement points have nothing to check it with.
          expect((await bed.fed()).every((key) => key.verifier === undefined)).toBe(true);

          expect(await codeOf(bed, `${text}x`)).toBe('not_found');
          expect(await codeOf(bed, text)).toBe('ok');
          const [stored] = await bed.store.keys.list({ limit: 2 });
          expect(stored).toMatchObject({ hashScheme: 'pepper', pepperVersion: 'p1' });
          expect(stored?.sealedVerifier).not.toBeNull();
          expect(await codeOf(bed, text)).toBe('ok');
          expect(await codeOf(bed, `${text}x`)).toBe('not_found');
          expect(await bed.recorded()).toEqual(['key.import', 'key.import_format', 'key.rehash']);

          expect(await importInto(bed, format, page)).toEqual({
            imported: 0,
            unchanged: 1,
            conflicts: [],
          });
          expect(await codeOf(bed, text)).toBe('ok');
        },
      ),
      { numRuns: 8 },
    );
  });
});

describe('importKeys', () => {
  const hex = (text: string) => sha256(text).toString('hex');

  it('reports each row that it cannot take, and takes the others', async () => {
    const bed = keyBed();
    await importInto(bed, withId, [row(hex('sk_a.1'), 'a')]);
    const costly = '$argon2id$v=19$m=999999,t=2,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA';
    const report = await importInto(bed, withId, [
      row(hex('sk_b.1'), 'b'),
      row(hex('sk_a.1'), 'a'),
      row(hex('another'), 'a'),
      row(hex('sk_b.1'), 'b'),
      row(hex('c')),
      row(hex('c'), 'has.separator'),
      row(hex('c'), 'verify'),
      row(hex('c'), 'sp ace'),
      row('abc', 'd'),
      row('$2b$15$abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01234', 'e'),
      row(costly, 'f'),
    ]);
    expect(report.imported).toBe(1);
    expect(report.conflicts.map(({ index, reason }) => [index, reason])).toEqual([
      // 'a' occurs twice: the first is judged, the second repeats it.
      [2, 'repeated_in_page'],
      [3, 'repeated_in_page'],
      [4, 'id_missing'],
      [5, 'malformed_id'],
      [6, 'malformed_id'],
      [7, 'malformed_id'],
      [8, 'malformed_hash'],
      [9, 'hash_too_costly'],
      [10, 'hash_too_costly'],
    ]);
    expect(report.unchanged).toBe(1);
  });

  it.each(['.', '..'])('takes no key with the id %s, which no path could name', async (id) => {
    const format = { ...withId, separator: ':' };
    const { conflicts } = await importInto(keyBed(), format, [row(hex(`sk_${id}:1`), id)]);
    expect(conflicts).toMatchObject([{ reason: 'malformed_id' }]);
  });

  it('never replaces a key that has the id already', async () => {
    const bed = keyBed();
    await importInto(bed, withId, [row(hex('sk_a.1'), 'a')]);
    const again = await importInto(bed, withId, [row(hex('sk_a.2'), 'a')]);
    expect(again.conflicts).toEqual([{ index: 0, id: 'a', reason: 'id_taken' }]);
    const elsewhere = { ...withId, prefix: 'other_' };
    const third = await importInto(bed, elsewhere, [row(hex('sk_a.1'), 'a')]);
    expect(third.conflicts).toEqual([{ index: 0, id: 'a', reason: 'id_taken' }]);
    expect(await codeOf(bed, 'sk_a.1')).toBe('ok');
    expect(await codeOf(bed, 'sk_a.2')).toBe('not_found');
  });

  it('takes keys without an id only where the hash leads to them', async () => {
    const bed = keyBed();
    const report = await importInto(bed, withoutId, [
      row(await bcrypt('tok-x', { cost: 4 })),
      row(hex('tok-y'), 'y'),
    ]);
    expect(report.conflicts.map(({ reason }) => reason)).toEqual([
      'scheme_needs_id',
      'id_not_allowed',
    ]);
  });

  it('leaves what was done to a key since as it is', async () => {
    const bed = keyBed();
    const page = [row(hex('sk_a.1'), 'a')];
    await importInto(bed, withId, page);
    const where = { tenant: defaultTenant, id: 'a' };
    const set = { status: 'disabled', scopes: [] } as const;
    await bed.store.acts.run({
      steps: [{ do: 'update', table: 'keys', where, set }],
      audit: null,
    });
    expect(await importInto(bed, withId, page)).toMatchObject({ unchanged: 1 });
    expect(await codeOf(bed, 'sk_a.1')).toBe('disabled');
  });

  it('lets two imports of one page race without doing anything twice', async () => {
    const bed = keyBed();
    const page = Array.from({ length: 50 }, (_, i) => row(hex(`sk_k${i}.s`), `k${i}`));
    const reports = await Promise.all([1, 2].map(() => importInto(bed, withId, page)));
    const total = (name: 'imported' | 'unchanged') => reports[0]![name] + reports[1]![name];
    expect([total('imported'), total('unchanged')]).toEqual([50, 50]);
    expect(await bed.recorded()).toHaveLength(51);
  });

  it('refuses formats that could not be told from our own keys, or are too many', async () => {
    const bed = keyBed();
    const reasonOf = async (format: FormatDeclaration) => {
      const report = await importKeys(bed, { requester, format, rows: [] });
      return 'reason' in report ? report.reason : 'taken';
    };
    expect(await reasonOf({ ...withId, prefix: 'mm_key_' })).toBe('prefix_is_ours');
    for (const prefix of ['e', 'ey', 'eyJ', 'eyJhbGciOi']) {
      expect(await reasonOf({ ...withId, prefix })).toBe('prefix_is_ours');
    }
    expect(await reasonOf({ ...withId, prefix: '' })).toBe('prefix_missing');
    expect(await bed.recorded()).toEqual([]);
    for (let i = 0; i < limits.importFormatsMax; i++) {
      expect(await reasonOf({ ...withId, prefix: `p${i}_` })).toBe('taken');
    }
    expect(await reasonOf({ ...withId, prefix: 'one_more_' })).toBe('too_many_formats');
    expect(await reasonOf({ ...withId, prefix: 'p0_' })).toBe('taken');
    expect((await bed.recorded()).length).toBe(limits.importFormatsMax);
  });

  it('prefers the longest prefix that fits', async () => {
    const bed = keyBed();
    await importInto(bed, withId, [row(hex('sk_live_a.1'), 'live_a')]);
    await importInto(bed, { ...withId, prefix: 'sk_live_' }, [row(hex('sk_live_b.1'), 'b')]);
    expect(await codeOf(bed, 'sk_live_a.1')).toBe('ok');
    expect(await codeOf(bed, 'sk_live_b.1')).toBe('ok');
    expect(await codeOf(bed, 'sk_live_.1')).toBe('not_found');
    expect(await codeOf(bed, 'sk_live_b')).toBe('malformed');
  });
});

describe('first use of a slow hash', () => {
  it('is safe for two at once', async () => {
    const bed = keyBed();
    const text = 'sk_a.secret';
    await importInto(bed, withId, [row(await bcrypt(text, { cost: 4 }), 'a')]);
    expect(await Promise.all([codeOf(bed, text), codeOf(bed, text)])).toEqual(['ok', 'ok']);
    expect(await bed.recorded()).toEqual(['key.import', 'key.import_format', 'key.rehash']);
  });

  it('is turned away where the queue is full, while fast checks go on', async () => {
    const bed = keyBed();
    const text = 'sk_a.secret';
    await importInto(bed, withId, [
      row(await bcrypt(text, { cost: 4 }), 'a'),
      row(hex('sk_b.fast'), 'b'),
    ]);
    const slowHashes = createSlowHashQueue({ concurrencyMax: 1, queueMax: 0 });
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holder = slowHashes.run(() => held);
    const ports = { ...bed, slowHashes };
    expect(await codeOf(ports, text)).toBe('busy');
    expect(await codeOf(ports, 'sk_b.fast')).toBe('ok');
    release();
    await holder;
    expect(await codeOf(ports, text)).toBe('ok');
  });

  function hex(text: string): string {
    return sha256(text).toString('hex');
  }
});
