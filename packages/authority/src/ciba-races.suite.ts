/**
 * Races over what a person agreed to by the back channel (CIBA), on the stores that serve: three
 * authorities, as far as rows know. Of many redemptions at once one gets tokens; of many answers
 * one holds; and a revocation leaves no live token, whichever of the two came first.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '@mintmark/core/system';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Authority, openAuthority } from './authority.ts';
import { authorityBed, basicHeader, bedConfig, callsOf } from './authority-bed.ts';
import { cibaGrant } from './backchannel-bed.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { freshDatabase } from './store/conformance/postgres-database.ts';
import { openPostgresStore } from './store/postgres/postgres-store.ts';
import { openSqliteStore } from './store/sqlite/sqlite-store.ts';
import type { Store } from './store/store.ts';

const trials = inject('raceTrials' as never) as number;
const racers = trials > 10 ? 50 : 12;
const folder = mkdtempSync(join(tmpdir(), 'mintmark-ciba-races-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function openStores(kind: 'sqlite' | 'postgres'): Promise<readonly Store[]> {
  if (kind === 'sqlite') {
    const ports = { clock: systemClock, timers: systemTimers };
    const store = await openSqliteStore({ directory: join(folder, 'store'), ...ports });
    return [store, store, store];
  }
  const url = await freshDatabase();
  const open = () => openPostgresStore({ url, clock: systemClock });
  return Promise.all([open(), open(), open()]);
}

describe.each(['sqlite', 'postgres'] as const)('on %s', (kind) => {
  let stores: readonly Store[] = [];
  let bed: Awaited<ReturnType<typeof authorityBed>>;
  let authorities: readonly Authority[] = [];
  let client: Awaited<ReturnType<typeof bed.addClient>>;

  beforeAll(async () => {
    stores = await openStores(kind);
    bed = await authorityBed(1, stores[0]);
    const others = stores
      .slice(1)
      .map((store) => openAuthority(bedConfig, { ...bed.ports, store }));
    authorities = [bed.authority, ...(await Promise.all(others))];
    await bed.addUser('alice');
    client = await bed.addClient({
      grantTypes: [cibaGrant, 'refresh_token'],
      scopes: ['openid'],
      accessTokenFormat: 'opaque',
      backchannelTokenDeliveryMode: 'poll',
    });
  });
  afterAll(async () => {
    await Promise.all([...new Set(stores)].map(({ upkeep }) => upkeep.close()));
  });

  async function asked() {
    // What lost the last trial waits no more.
    bed.clock.advanceMs(400_000);
    const form = { scope: 'openid', login_hint: 'alice' };
    const { json } = await bed.post('/oauth2/bc-authorize', form, client);
    const authReqId = String(json['auth_req_id']);
    return { authReqId, id: authReqId.split('_')[2]!.slice(0, 17) };
  }

  async function redeem(authority: Authority, authReqId: string) {
    const authorization = basicHeader(client.clientId, client.secret);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization };
    const form = { grant_type: cibaGrant, auth_req_id: authReqId };
    const body = new URLSearchParams(form).toString();
    const answer = await authority.handle(buildRequest('POST', '/oauth2/token', { headers, body }));
    const json = JSON.parse(String(answer.body)) as Record<string, unknown>;
    return { status: answer.status, json };
  }

  const each = <T>(work: (authority: Authority, index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: racers }, (_, i) => work(authorities[i % 3]!, i)));

  it(`one of ${racers} redemptions gets tokens: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const { authReqId, id } = await asked();
      await bed.manage('POST', `/v1/authentication-requests/${id}/approve`);
      const answers = await each((authority) => redeem(authority, authReqId));
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      const lost = answers.filter(({ status }) => status !== 200).map(({ json }) => json['error']);
      expect(new Set(lost)).toEqual(new Set(['invalid_grant']));
    }
  });

  it(`one of ${racers} answers holds: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const { authReqId, id } = await asked();
      const answers = await each(async (authority, index) => {
        const how = index % 2 === 0 ? 'approve' : 'deny';
        const { manage } = callsOf(() => authority, bed.adminKey);
        const { status } = await manage('POST', `/v1/authentication-requests/${id}/${how}`);
        return { how, status };
      });
      const held = answers.filter(({ status }) => status === 204);
      expect(held).toHaveLength(1);
      const { status } = await redeem(authorities[trial % 3]!, authReqId);
      expect(status).toBe(held[0]!.how === 'approve' ? 200 : 400);
    }
  });

  it(`a revocation leaves no live token: ${trials} trials`, async () => {
    for (let trial = 0; trial < trials; trial++) {
      const { authReqId, id } = await asked();
      await bed.manage('POST', `/v1/authentication-requests/${id}/approve`);
      const target = { kind: 'client', id: client.clientId };
      const [given, revoked] = await Promise.all([
        redeem(authorities[trial % 3]!, authReqId),
        bed.manage('POST', '/v1/revocations', { json: { target, reason: 'race' } }),
      ]);
      expect(revoked.status).toBe(200);
      const token = String(given.json['access_token'] ?? 'none');
      const shown = await bed.post('/oauth2/introspect', { token }, client);
      expect(shown.json['active']).toBe(false);
    }
  });
});
