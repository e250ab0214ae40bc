import { beforeEach, describe, expect, it } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import type { RegistrationPolicy } from './clients/registration.ts';
import { createClientUses } from './clients/unused-clients.ts';
import { buildRequest } from './http/management/request-builder.ts';
import { openMemoryStore } from './store/memory/memory-store.ts';

const day = 86_400;
const policy: RegistrationPolicy = {
  mode: 'token',
  scopes: ['mcp'],
  audiences: ['https://mcp.example'],
  metadataDocuments: false,
  requirePkce: true,
  unusedSeconds: 30 * day,
};

let bed: Awaited<ReturnType<typeof authorityBed>>;

async function open(registration: RegistrationPolicy) {
  bed = await authorityBed(1, openMemoryStore(), { registration });
}

beforeEach(() => open(policy));

async function register() {
  const headers = { authorization: `Bearer ${bed.adminKey}` };
  const json = { grant_types: ['client_credentials'] };
  const request = buildRequest('POST', '/oauth2/register', { headers, json });
  const made = JSON.parse(String((await bed.authority.handle(request)).body));
  return { clientId: String(made.client_id), secret: String(made.client_secret) };
}

const use = (client: { readonly clientId: string; readonly secret: string }) =>
  bed.post('/oauth2/token', { grant_type: 'client_credentials' }, client);
const isThere = async ({ clientId }: { readonly clientId: string }) =>
  (await bed.manage('GET', `/v1/clients/${clientId}`)).status === 200;

async function passDays(days: number) {
  bed.clock.advanceMs(days * day * 1000);
  for (let i = 0; i < 241; i++) await bed.authority.tick();
}

describe('a client that registered itself', () => {
  it('goes when nobody used it for as long as the operator says, on record', async () => {
    const [used, unused] = [await register(), await register()];
    const own = await bed.addClient();
    await passDays(29);
    expect((await use(used)).status).toBe(200);
    await passDays(2);
    expect([await isThere(used), await isThere(unused)]).toEqual([true, false]);
    expect((await use(unused)).json['error']).toBe('invalid_client');
    const rows = await bed.store.auditLog.list({ limit: 1_000 });
    const leaves = rows.map(({ leaf }) => Buffer.from(leaf).toString());
    const gone = leaves.filter((leaf) => leaf.includes('"client.delete"'));
    expect(gone).toHaveLength(1);
    expect(gone[0]).toContain(unused.clientId);
    expect(gone[0]).toContain('"unused_since"');
    await passDays(400);
    expect([await isThere(used), await isThere(own)]).toEqual([false, true]);
    expect(await bed.store.clientUses.count({})).toBe(0);
  });

  it('stays where an administrator approved something of it', async () => {
    await open({ ...policy, approval: { scopes: ['mcp'], grantTypes: [] } });
    const [approved, other] = [await register(), await register()];
    const path = `/v1/clients/${approved.clientId}/approve`;
    const done = await bed.manage('POST', path, { ifMatch: '*', json: {} });
    expect(done.status, done.text).toBe(200);
    for (const _ of [1, 2]) {
      await passDays(31);
      expect([await isThere(approved), await isThere(other)]).toEqual([true, false]);
    }
  });

  it('stays where the operator says nothing', async () => {
    const { unusedSeconds: _, ...silent } = policy;
    await open(silent);
    const client = await register();
    await passDays(4_000);
    expect(await isThere(client)).toBe(true);
  });

  it('leaves no row behind when it is deleted otherwise', async () => {
    const { clientId } = await register();
    const path = `/v1/clients/${clientId}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    expect((await bed.manage('DELETE', path, { ifMatch })).status).toBe(204);
    expect(await bed.store.clientUses.count({})).toBe(0);
  });
});

describe('the use of a client', () => {
  it('is noted once an hour, and of those alone that nobody vouches for', () => {
    const uses = createClientUses(bed.clock);
    const client = { tenant: 'default', clientId: 'c', source: 'document' } as never;
    const count = () => uses.note(client).length;
    expect([count(), count()]).toEqual([1, 0]);
    bed.clock.advanceMs(3_600_000);
    expect([count(), count()]).toEqual([1, 0]);
    const vetted = { tenant: 'default', clientId: 'v', source: 'administrator' } as never;
    expect(uses.note(vetted)).toEqual([]);
  });
});
