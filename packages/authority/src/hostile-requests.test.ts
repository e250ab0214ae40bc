/** Requests that were made to break something, sent to the authority as it is served. */
import { beforeEach, expect, test } from 'vitest';
import { authorityBed } from './authority-bed.ts';

type Bed = Awaited<ReturnType<typeof authorityBed>>;
let bed: Bed;

beforeEach(async () => {
  bed = await authorityBed();
});

/** What a gateway says of one use of a key. */
function decisionOf(id: string, change: Record<string, unknown>) {
  return {
    type: 'decision',
    at: bed.clock.nowMs(),
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
    ...change,
  };
}

test('takes no decision that could not be kept or shown', async () => {
  const made = await bed.manage('POST', '/v1/keys', { json: { name: 'x', scopes: [] } });
  const id = String(made.json['id']);
  const hand = async (change: Record<string, unknown>) => {
    const json = { events: [decisionOf(id, change)] };
    return (await bed.manage('POST', '/v1/decisions', { json })).status;
  };
  expect(await hand({ at: Number.MAX_SAFE_INTEGER })).toBe(422);
  expect(await hand({ address: '192.0.2.1\0' })).toBe(422);
  expect(await hand({ credentialId: `${id}\0` })).toBe(422);
  expect(await hand({})).toBe(204);
  for (let round = 0; round < 4; round++) await bed.authority.tick();
  const shown = await bed.manage('GET', `/v1/keys/${id}`);
  expect(shown).toMatchObject({ status: 200, json: { uses_allowed: 1 } });
});

test.each([
  ['GET', '/v1/keys/%00', 404],
  ['GET', '/v1/admin-keys/a%00b', 404],
  ['GET', '/v1/clients/%00', 404],
  ['GET', '/v1/revocations/%00', 404],
  ['GET', '/v1/signing-keys/%00', 404],
  ['GET', '/v1/audit/history/key/%00', 404],
  ['DELETE', '/v1/admin-keys/%00', 404],
  ['GET', '/v1/keys?owner=%00', 400],
  ['GET', '/v1/audit/events?object_kind=key&object_id=%00', 400],
])('%s %s is answered %d, not taken for a bug', async (method, path, status) => {
  expect((await bed.manage(method, path, { ifMatch: '*' })).status).toBe(status);
  expect(bed.events).toEqual([]);
});

test('revokes nothing whose name no record could hold', async () => {
  const json = { target: { kind: 'user', id: 'a\0b' }, reason: 'x' };
  expect((await bed.manage('POST', '/v1/revocations', { json })).status).toBe(422);
});
