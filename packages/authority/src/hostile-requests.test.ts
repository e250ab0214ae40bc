/** Requests that were made to break something, sent to the authority as it is served. */
import { beforeEach, expect, test } from 'vitest';
import { authorityBed } from './authority-bed.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await authorityBed();
});

test('takes no decision from a time that could not be shown', async () => {
  const made = await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } });
  const { id } = made.json;
  const decision = {
    type: 'decision',
    node: 'n1',
    tenant: 'default',
    method: 'GET',
    path: '/',
    address: '192.0.2.1',
    credential: 'api_key',
    credentialId: id,
    authenticated: true,
    verdict: 'allow',
    reason: 'ok',
    degraded: false,
    judgedMicros: 1,
  };
  const hand = (at: number) => {
    return bed.manage('POST', '/v1/decisions', { json: { events: [{ ...decision, at }] } });
  };
  expect((await hand(Number.MAX_SAFE_INTEGER)).status).toBe(422);
  expect((await hand(bed.clock.nowMs())).status).toBe(204);
  for (let round = 0; round < 4; round++) await bed.authority.tick();
  const shown = await bed.manage('GET', `/v1/keys/${id}`);
  expect(shown).toMatchObject({ status: 200, json: { uses_allowed: 1 } });
});
