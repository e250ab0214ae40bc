import { hash as bcryptHash } from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, parseImportedHash, verifyImportedHash } from './imported-hash.ts';

function judge(text: string): string {
  const parsed = parseImportedHash(text);
  return parsed.ok ? parsed.value.scheme : parsed.refusal.reason;
}

const bcryptTail = 'abcdefghijklmnopqrstuuAbCdEfGhIjKlMnOpQrStUvWxYz01234';
const argon2 = (parameters: string) =>
  `$argon2id$v=19$${parameters}$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA`;

describe('parseImportedHash', () => {
  it.each([
    ['a'.repeat(64), 'sha256'],
    [`${'A'.repeat(42)}B=`, 'malformed_hash'],
    [`${'A'.repeat(43)}=`, 'sha256'],
    ['A'.repeat(43), 'sha256'],
    [`${'_-'.repeat(21)}A`, 'sha256'],
    [`${'+/'.repeat(21)}A=`, 'sha256'],
    ['g'.repeat(64), 'malformed_hash'],
    ['a'.repeat(63), 'malformed_hash'],
    ['a'.repeat(128), 'malformed_hash'],
    ['', 'malformed_hash'],
    [`$2b$10$${bcryptTail}`, 'bcrypt'],
    [`$2a$04$${bcryptTail}`, 'bcrypt'],
    [`$2y$14$${bcryptTail}`, 'bcrypt'],
    [`$2b$15$${bcryptTail}`, 'hash_too_costly'],
    [`$2b$31$${bcryptTail}`, 'hash_too_costly'],
    [`$2x$10$${bcryptTail}`, 'malformed_hash'],
    [`$2b$03$${bcryptTail}`, 'malformed_hash'],
    [`$2b$32$${bcryptTail}`, 'malformed_hash'],
    [`$2b$+4$${bcryptTail}`, 'malformed_hash'],
    [`$2b$10$${bcryptTail}x`, 'malformed_hash'],
    [argon2('m=19456,t=2,p=1'), 'argon2'],
    [argon2('m=131072,t=16,p=8'), 'argon2'],
    [argon2('m=131073,t=2,p=1'), 'hash_too_costly'],
    [argon2('m=19456,t=17,p=1'), 'hash_too_costly'],
    [argon2('m=19456,t=2,p=9'), 'hash_too_costly'],
    [argon2('m=8,t=2,p=2'), 'malformed_hash'],
    [argon2('m=0,t=2,p=1'), 'malformed_hash'],
    [argon2('t=2,m=19456,p=1'), 'malformed_hash'],
    ['$argon2id$v=19$', 'malformed_hash'],
  ])('judges %s: %s', (text, verdict) => {
    expect(judge(text)).toBe(verdict);
  });

  it('gives every spelling of one SHA-256 the same fingerprint', () => {
    const digest = Buffer.alloc(32, 0xfb);
    const prints = (['hex', 'base64', 'base64url'] as const).map((encoding) => {
      const parsed = parseImportedHash(digest.toString(encoding));
      return parsed.ok ? Buffer.from(fingerprintOf(parsed.value)).toString('hex') : '';
    });
    expect(new Set(prints).size).toBe(1);
    expect(prints[0]).toHaveLength(64);
  });
});

describe('verifyImportedHash', () => {
  it('takes nothing on trust that bcrypt cut off', async () => {
    const id = 'k'.repeat(60);
    const kept = await parsedBcrypt(`sk_${id}_${'s'.repeat(8)}`);
    expect(await verifyImportedHash(kept, `sk_${id}_${'s'.repeat(8)}`)).toBe(true);
    const cut = await parsedBcrypt(`sk_${id}_${'s'.repeat(40)}`);
    expect(await verifyImportedHash(cut, `sk_${id}_${'s'.repeat(8)}-another-secret`)).toBe(false);
    expect(await verifyImportedHash(cut, `sk_${id}_${'s'.repeat(40)}`)).toBe(false);
  });
});

async function parsedBcrypt(text: string) {
  const parsed = parseImportedHash(await bcryptHash(text, { cost: 4 }));
  if (!parsed.ok) throw new Error(parsed.refusal.reason);
  return parsed.value;
}
