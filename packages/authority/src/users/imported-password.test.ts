import { pbkdf2Sync } from 'node:crypto';
import { limits } from '@mintmark/core';
import { hashSync } from '@node-rs/argon2';
import { hashSync as bcryptSync } from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';
import { managementBed } from '../management-bed.ts';
import { createUser } from './change-user.ts';
import { judgePasswordHash, verifyImportedPassword } from './imported-password.ts';
import { isOurHash } from './password.ts';
import { requesterOf, usersBed } from './users-bed.ts';

const password = 'correct horse battery';
const salt = Buffer.from('0123456789abcdef');

function pbkdf2(digest: string, iterations: number, length: number): string {
  const key = pbkdf2Sync(password, salt, iterations, length, digest);
  const [a, b] = [salt, key].map((bytes) => bytes.toString('base64').replace(/=+$/, ''));
  return `$pbkdf2-${digest}$i=${iterations},l=${length}$${a}$${b}`;
}

/** As Keycloak's default has it, of other cost than ours. */
const foreignArgon2 = hashSync(password, { memoryCost: 7168, timeCost: 5, parallelism: 1 });

const hashes: readonly (readonly [string, string])[] = [
  ['PBKDF2 with SHA-1', pbkdf2('sha1', 1_000, 20)],
  ['PBKDF2 with SHA-256', pbkdf2('sha256', 27_500, 32)],
  ['PBKDF2 with SHA-512', pbkdf2('sha512', 1_000, 64)],
  ['bcrypt', bcryptSync(password, { cost: 4 })],
  ['argon2', foreignArgon2],
];

/** Of a real export of Keycloak 26.7.1: see packages/cli/src/moves/fixtures. */
const ofKeycloak = [
  '$argon2id$v=19$m=7168,t=5,p=1$6FRX7oaqaqWR4VSnl/HPiA$0WM4dmtGZi6VXpQcR' +
    'gQVnDamIn/PG2BEgbG/6/4e880',
  '$pbkdf2-sha512$i=210000$gIoxo3BTL3JdYMDddS0mOw==$' +
    'Z168d0cnUwT8trMFRsWYxxxzTPBcacj8ucIP83Vkgy/WJsIb8RAiJpPlyo/PJTrXw8diW51HL3og+hZ7JSeAOA==',
];

describe('judgePasswordHash', () => {
  it.each(ofKeycloak)('takes what Keycloak made: %s', async (text) => {
    expect(judgePasswordHash(text).ok).toBe(true);
    expect(await verifyImportedPassword(text, password)).toBe(true);
    expect(await verifyImportedPassword(text, 'another one')).toBe(false);
  });

  it.each(hashes)('takes %s, and the password alone fits it', async (_name, text) => {
    expect(judgePasswordHash(text)).toEqual({ ok: true, value: text });
    expect(await verifyImportedPassword(text, password)).toBe(true);
    expect(await verifyImportedPassword(text, `${password}!`)).toBe(false);
  });

  it('knows a published value of PBKDF2 (RFC 6070, the fifth)', async () => {
    const key = Buffer.from('3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038', 'hex');
    const text =
      `$pbkdf2-sha1$i=4096$${btoa('saltSALTsaltSALTsaltSALTsaltSALTsalt')}` +
      `$${key.toString('base64')}`;
    expect(await verifyImportedPassword(text, 'passwordPASSWORDpassword')).toBe(true);
  });

  it.each([
    ['malformed_hash', 'a'.repeat(64)],
    ['malformed_hash', '$pbkdf2-md5$i=1000$MDEyMzQ1Njc$MDEyMzQ1Njc4OTAxMjM0NTY3ODk'],
    ['malformed_hash', pbkdf2('sha256', 1_000, 32).replace('l=32', 'l=31')],
    ['malformed_hash', '$pbkdf2-sha256$i=0$MDEyMzQ1Njc$MDEyMzQ1Njc4OTAxMjM0NTY3ODk'],
    [
      'hash_too_costly',
      pbkdf2('sha1', 1, 20).replace('i=1', `i=${limits.importPbkdf2IterationsMax + 1}`),
    ],
  ])('refuses as %s', (reason, text) => {
    expect(judgePasswordHash(text)).toEqual({ ok: false, refusal: { reason } });
  });
});

describe('a user with an imported hash', () => {
  it.each(hashes)('signs in by %s, and has ours from then on', async (_name, passwordHash) => {
    const bed = usersBed();
    const made = await createUser(bed, requesterOf(), { username: 'alice', passwordHash });
    expect(made.ok).toBe(true);
    expect(await bed.tryPassword('alice', 'wrong one')).toBe('invalid_credentials');
    expect((await bed.store.users.list({ limit: 1 }))[0]?.passwordHash).toBe(passwordHash);
    expect(await bed.tryPassword('alice', password)).toBe('ok');
    const kept = (await bed.store.users.list({ limit: 1 }))[0]?.passwordHash;
    expect(isOurHash(kept ?? '')).toBe(true);
    expect(await bed.recorded()).toEqual(['user.create', 'user.password_rehash']);
    expect(await bed.tryPassword('alice', 'wrong one')).toBe('invalid_credentials');
    expect(await bed.tryPassword('alice', password)).toBe('ok');
    expect(await bed.recorded()).toEqual(['user.create', 'user.password_rehash']);
  });

  it('is refused beside a password, and where the hash is none', async () => {
    const bed = await managementBed();
    const both = { username: 'a', password, password_hash: foreignArgon2 };
    expect((await bed.call('POST', '/v1/users', { json: both })).status).toBe(422);
    for (const password_hash of ['nonsense', `$2b$31$${'a'.repeat(53)}`]) {
      const json = { username: 'a', password_hash };
      const refused = await bed.call('POST', '/v1/users', { json });
      expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_body' } });
    }
    const json = { username: 'a', password_hash: foreignArgon2 };
    const made = await bed.call('POST', '/v1/users', { json });
    expect([made.status, made.text.includes('$argon2')]).toEqual([201, false]);
  });
});
