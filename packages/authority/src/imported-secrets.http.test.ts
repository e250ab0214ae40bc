/** Clients that came with the hash of their secret, as Hydra keeps it. */
import { pbkdf2Sync } from 'node:crypto';
import { defaultTenant, limits } from '@mintmark/core';
import { hash as bcryptHash } from '@node-rs/bcrypt';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildRequest } from './http/management/request-builder.ts';
import { type ManagementBed, managementBed } from './management-bed.ts';

const secret = 'hydra-secret-0123456789';
const wrong = 'hydra-secret-0123456780';
const client_id = 'reports';
const form = { grant_type: 'client_credentials' };

let bed: ManagementBed;

beforeEach(async () => {
  bed = await managementBed();
});

/** As Hydra's PBKDF2 hasher writes it: base64 without padding. */
function pbkdf2(text: string): string {
  const salt = Buffer.from('0123456789abcdef');
  const bare = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  const key = pbkdf2Sync(text, salt, 25_000, 32, 'sha256');
  return `$pbkdf2-sha256$i=25000,l=32$${bare(salt)}$${bare(key)}`;
}

async function take(client_secret_hash: string, more: Record<string, unknown> = {}) {
  const json = { client_id, grant_types: ['client_credentials'], scope: 'read' };
  return bed.call('POST', '/v1/clients', { json: { ...json, client_secret_hash, ...more } });
}

const tokenFor = async (text: string) =>
  (await bed.post('/oauth2/token', form, { clientId: client_id, secret: text })).status;

async function asked(remoteAddress: string): Promise<number> {
  const headers = {
    authorization: `Basic ${Buffer.from(`${client_id}:${secret}`).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  const body = String(new URLSearchParams(form));
  const request = buildRequest('POST', '/oauth2/token', { headers, body, remoteAddress });
  return (await bed.authority.handle(request)).status;
}

const rows = () => bed.store.clientSecrets.list({ where: { clientId: client_id }, limit: 9 });

describe('a client secret that came as a hash', () => {
  it.each([
    ['bcrypt', () => bcryptHash(secret, { cost: 10 }), 'a'],
    ['PBKDF2', async () => pbkdf2(secret), 'b'],
  ])('of %s works, and is hashed as ours at its first use', async (_name, make) => {
    const made = await take(await make());
    expect(made.status).toBe(201);
    expect(made.body).not.toHaveProperty('client_secret');
    const [before] = await rows();
    expect(before?.pepperVersion).toBe('imported');
    expect(await tokenFor(wrong)).toBe(401);
    expect((await rows())[0]).toEqual(before);
    expect(await tokenFor(secret)).toBe(200);
    const [after] = await rows();
    expect([after?.hash.length, after?.pepperVersion]).not.toContain('imported');
    expect(after?.hash).toHaveLength(32);
    expect(await tokenFor(secret)).toBe(200);
    expect(await tokenFor(wrong)).toBe(401);
    const object = `/v1/audit/history/client/${client_id}`;
    const { text } = await bed.call('GET', object);
    expect(text.match(/client\.secret_rehash/g)).toHaveLength(1);
    expect(text).not.toContain(secret);
  });

  it('lets another process know it by the new hash', async () => {
    await take(pbkdf2(secret));
    const there = await bed.replica();
    const shown = { clientId: client_id, secret };
    const both = await Promise.all(
      [bed, there].map((one) => one.post('/oauth2/token', form, shown)),
    );
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect((await there.post('/oauth2/token', form, shown)).status).toBe(200);
  });

  it('ends like any other with a rotation', async () => {
    await take(pbkdf2(secret));
    const path = `/v1/clients/${client_id}`;
    const headers = await bed.ifMatch(path);
    const json = { overlap_seconds: 60 };
    const rotated = await bed.call('POST', `${path}/secrets/rotate`, { json, headers });
    expect(rotated.status).toBe(201);
    expect(await tokenFor(String(rotated.body['client_secret']))).toBe(200);
    expect(await tokenFor(secret)).toBe(200);
    bed.clock.advanceMs(61_000);
    expect(await tokenFor(secret)).toBe(401);
  });

  it('is refused where too many of them wait, and the client is not locked out', async () => {
    await take(pbkdf2(secret));
    const many = limits.slowHashConcurrencyMax + limits.slowHashQueueMax + 3;
    const statuses = await Promise.all(
      Array.from({ length: many }, (_, i) => asked(`192.0.2.${i}`)),
    );
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(3);
    expect(await tokenFor(secret)).toBe(200);
  });

  it('is judged when it comes: form, cost, and beside no other secret', async () => {
    const pointers = async (hash: string, more?: Record<string, unknown>) => {
      const { status, body } = await take(hash, more);
      return [status, (body['errors'] as { message: string }[])?.[0]?.message ?? body['code']];
    };
    expect(await pointers('hello')).toEqual([422, 'malformed_hash']);
    const costly = pbkdf2(secret).replace('i=25000', 'i=99999999');
    expect(await pointers(costly)).toEqual([422, 'hash_too_costly']);
    const both = { client_secret: 'chosen-0123456789abc' };
    expect((await pointers(pbkdf2(secret), both))[0]).toBe(422);
    const keyed = { token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] };
    const open = { ...keyed, redirect_uris: ['https://a.example/cb'] };
    expect(await pointers(pbkdf2(secret), open)).toEqual([409, 'wrong_state']);
    expect(await bed.store.clients.get(defaultTenant, client_id)).toBeUndefined();
  });
});
