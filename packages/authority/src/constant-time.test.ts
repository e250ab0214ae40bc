/**
 * Secrets are compared by the one constant-time function, on inputs of one length, as often for a
 * wrong secret as for an unknown id: with `===` in its place, or a way out before it, these fail.
 * What it comes to in time is measured by `npm run timing`.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { crc32 } from 'node:zlib';
import {
  base62Number,
  defaultTenant,
  nowSeconds,
  seededEntropy,
  type UnixSeconds,
} from '@mintmark/core';
import { deriveSubKey } from '@mintmark/tokens';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildRequest } from './http/management/request-builder.ts';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;
let lengths: [number, number][];
const { timingSafeEqual } = crypto;

beforeEach(async () => {
  bed = await managementBed();
  lengths = [];
  crypto.timingSafeEqual = (a, b) => {
    lengths.push([a.byteLength, b.byteLength]);
    return timingSafeEqual(a, b);
  };
  syncBuiltinESMExports();
});
afterEach(() => {
  crypto.timingSafeEqual = timingSafeEqual;
  syncBuiltinESMExports();
});

/** Comparisons while `act` runs, each of them by the lengths of its inputs. */
async function comparisons(act: () => Promise<unknown>): Promise<[number, number][]> {
  lengths = [];
  await act();
  return lengths;
}

function changed(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

function withChecksum(body: string): string {
  return body + base62Number(crc32(body), 6);
}

describe('an API key', () => {
  it('is compared as hashes, as often wherever it is wrong and whether it is known', async () => {
    const json = { name: 'ci', scopes: [] };
    const { body } = await bed.call('POST', '/v1/keys', { json });
    const good = String(body['key']).slice(0, -6);
    const ask = (text: string) => {
      return bed.authority.introspector.introspect({
        tenant: defaultTenant,
        credential: withChecksum(text),
        address: '192.0.2.1',
      });
    };
    const twice = [
      [32, 32],
      [32, 32],
    ];
    const [start, end] = ['mm_key_'.length, good.length - 1];
    for (const at of [start + 17, end, start]) {
      expect(await comparisons(() => ask(changed(good, at)))).toEqual(twice);
    }
  });
});

describe('a sub-key', () => {
  it('is compared by the public key of its seed', async () => {
    const json = { name: 'ci', scopes: [] };
    const { body } = await bed.call('POST', '/v1/keys', { json });
    const now = nowSeconds(bed.clock);
    const made = deriveSubKey({
      ...{ parent: String(body['key']), prefix: 'mm', entropy: seededEntropy(1) },
      restrictions: { issuedAt: now, expiresAt: (now + 60) as UnixSeconds },
    });
    const credential = made.ok ? made.value.text : '';
    const ask = { tenant: defaultTenant, credential, address: '192.0.2.1' };
    const found = await comparisons(() => bed.authority.introspector.introspect(ask));
    expect(found).toContainEqual([32, 32]);
  });
});

describe("a client's secret", () => {
  const secret = 'k7Qw0vXb2ZpL9rTn4YcM6sHd8JfG1aUe';

  async function ask(id: string, presented: string) {
    const basic = Buffer.from(`${id}:${presented}`).toString('base64');
    const headers = {
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const body = 'grant_type=client_credentials';
    return bed.authority.handle(buildRequest('POST', '/oauth2/token', { headers, body }));
  }

  it('is compared as often for an unknown client as for a wrong secret', async () => {
    const client = { client_id: 'known', client_secret: secret, scope: 'read' };
    const json = { ...client, grant_types: ['client_credentials'] };
    await bed.call('POST', '/v1/clients', { json });
    expect((await ask('known', secret)).status).toBe(200);
    const twice = [
      [32, 32],
      [32, 32],
    ];
    for (const wait of [0, 5_000]) {
      bed.clock.advanceMs(wait);
      const wrong = await comparisons(() => ask('known', changed(secret, 0)));
      expect(wrong.filter(([a]) => a === 32).length).toBeGreaterThanOrEqual(2);
      expect(await comparisons(() => ask('known', changed(secret, 31)))).toEqual(
        await comparisons(() => ask('known', changed(secret, 0))),
      );
      expect(await comparisons(() => ask('nobody', secret))).toEqual(twice);
    }
  });

  it('is looked for as often for an unknown client as for a wrong secret', async () => {
    const json = { client_id: 'known', client_secret: secret, grant_types: ['client_credentials'] };
    await bed.call('POST', '/v1/clients', { json });
    const looks = async (id: string) => {
      bed.clock.advanceMs(5_000);
      const seen = { clients: 0, secrets: 0 };
      const { clients, clientSecrets } = bed.store;
      const [get, list] = [clients.get, clientSecrets.list];
      clients.get = (...key) => {
        seen.clients++;
        return get(...key);
      };
      clientSecrets.list = (query) => {
        seen.secrets++;
        return list(query);
      };
      expect((await ask(id, changed(secret, 0))).status).toBe(401);
      clients.get = get;
      clientSecrets.list = list;
      return seen;
    };
    await ask('known', changed(secret, 0));
    expect(await looks('nobody')).toEqual({ clients: 2, secrets: 1 });
    expect(await looks('known')).toEqual({ clients: 2, secrets: 1 });
  });
});
