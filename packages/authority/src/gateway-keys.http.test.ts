/** Keys by which gateways sign for upstreams: who may publish one, and how long it stays. */
import type { JsonObject } from '@mintmark/core';
import { generateSigningKey } from '@mintmark/tokens';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ManagementBed, managementBed } from './management-bed.ts';

let bed: ManagementBed;
let jwk: JsonObject;

beforeEach(async () => {
  bed = await managementBed();
  jwk = (await generateSigningKey('ES256')).publicJwk;
});

const path = '/v1/gateway-keys';
const publish = (body: unknown, credential?: string) =>
  bed.call('POST', path, { json: body, ...(credential === undefined ? {} : { credential }) });
const published = async () => (await bed.get('/.well-known/internal-jwks.json')).json['keys'];

describe('the key of a gateway', () => {
  it('is published while its node asks again, and recorded once', async () => {
    expect(await published()).toEqual([]);
    expect((await publish({ node: 'n', jwk })).status).toBe(204);
    expect(await published()).toEqual([jwk]);
    bed.clock.advanceMs(599_000);
    expect((await publish({ node: 'n', jwk })).status).toBe(204);
    bed.clock.advanceMs(599_000);
    expect(await published()).toEqual([jwk]);
    bed.clock.advanceMs(2_000);
    expect(await published()).toEqual([]);
    const records = await bed.call('GET', '/v1/audit/events?action=gateway.register');
    expect(records.body['items']).toHaveLength(1);
  });

  it('is a public one under its own thumbprint', async () => {
    const other = (await generateSigningKey('ES256')).publicJwk;
    for (const wrong of [
      { ...jwk, kid: other['kid'] },
      { ...jwk, x: other['x'] },
      { ...jwk, d: 'AAAA' },
      { ...jwk, crv: 'P-384' },
      { ...jwk, use: 'enc' },
    ]) {
      expect((await publish({ node: 'n', jwk: wrong })).status).toBe(422);
    }
    expect(await published()).toEqual([]);
  });

  it('is nobody else’s, and takes a permission of its own', async () => {
    await publish({ node: 'n', jwk });
    expect(await publish({ node: 'm', jwk })).toMatchObject({ status: 409 });
    const credential = await bed.credential('feed:read', 'decisions:write');
    expect((await publish({ node: 'n', jwk }, credential)).status).toBe(403);
  });
});
