/**
 * Races of what a client may use once, on the stores that serve: three authorities, as far as rows
 * know. Of many at once that bring one assertion, or one DPoP proof, exactly one gets a token.
 */
import { generateKeyPairSync } from 'node:crypto';
import { nowSeconds } from '@mintmark/core';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, openAuthority } from './authority.ts';
import { authorityBed, basicHeader, bedConfig } from './authority-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import {
  openRaceStores,
  racedStores,
  raceTrials as trials,
} from './store/conformance/race-stores.ts';

const racers = 50;

describe.each(racedStores)('on %s', (kind) => {
  let close: () => Promise<void> = async () => undefined;
  let bed: Awaited<ReturnType<typeof authorityBed>>;
  let authorities: readonly Authority[] = [];

  beforeAll(async () => {
    const { stores, ...opened } = await openRaceStores(kind);
    close = opened.close;
    bed = await authorityBed(1, stores[0]);
    const others = stores
      .slice(1)
      .map((store) => openAuthority(bedConfig, { ...bed.ports, store }));
    authorities = [bed.authority, ...(await Promise.all(others))];
  });
  afterAll(() => close());

  /** Sends it to all authorities at once. @returns how often each status came */
  async function race(
    form: Record<string, string>,
    headers: Record<string, string>,
  ): Promise<Readonly<Record<number, number>>> {
    const request = () =>
      buildRequest('POST', '/oauth2/token', {
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(form).toString(),
      });
    const sent = Array.from({ length: racers }, (_, i) => authorities[i % 3]!.handle(request()));
    const counts: Record<number, number> = {};
    for (const { status } of await Promise.all(sent)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  }

  it(`one assertion gives one token: ${trials} trials of ${racers}`, async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x, y }] };
    const { clientId } = await bed.addClient({ authMethod: 'private_key_jwt', jwks });
    for (let trial = 0; trial < trials; trial++) {
      // The losers of the last trial have used up what their address may fail in a minute.
      bed.clock.advanceMs(60_000);
      const claims = { iss: clientId, sub: clientId, aud: bedConfig.issuer, jti: `t${trial}` };
      const assertion = await new SignJWT({ ...claims, exp: nowSeconds(bed.clock) + 60 })
        .setProtectedHeader({ alg: 'ES256' })
        .sign(privateKey);
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      };
      expect(await race(form, {})).toEqual({ 200: 1, 401: racers - 1 });
    }
  });

  it(`one assertion of an outside issuer gives one token: ${trials} trials`, async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const { clientId } = await bed.addClient({
      ...{ grantTypes: ['urn:ietf:params:oauth:grant-type:jwt-bearer'], authMethod: 'none' },
    });
    const json = {
      ...{ issuer: 'https://builds.example', algorithms: ['ES256'] },
      jwks: { keys: [await exportJWK(publicKey)] },
      rules: [{ subject: 'workload', clients: [clientId] }],
    };
    await bed.manage('PUT', '/v1/assertion-issuers/builds', { json });
    for (let trial = 0; trial < trials; trial++) {
      const claims = { iss: json.issuer, sub: 'workload', aud: bedConfig.issuer, jti: `t${trial}` };
      const assertion = await new SignJWT({ ...claims, exp: nowSeconds(bed.clock) + 60 })
        .setProtectedHeader({ alg: 'ES256' })
        .sign(privateKey);
      const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
      const form = { grant_type, assertion, client_id: clientId };
      expect(await race(form, {})).toEqual({ 200: 1, 400: racers - 1 });
    }
  });

  it(`one proof gives one token: ${trials} trials of ${racers}`, async () => {
    const client = await bed.addClient();
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    for (let trial = 0; trial < trials; trial++) {
      const htu = `${bedConfig.issuer}/oauth2/token`;
      const iat = nowSeconds(bed.clock);
      const dpop = await new SignJWT({ htm: 'POST', htu, iat, jti: `t${trial}` })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .sign(privateKey);
      const authorization = basicHeader(client.clientId, client.secret);
      const form = { grant_type: 'client_credentials' };
      expect(await race(form, { authorization, dpop })).toEqual({ 200: 1, 400: racers - 1 });
    }
  });
});
