/** Credentials of upstreams: kept through the management API, told by the status feed alone. */
import { defaultTenant, limits } from '@mintmark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { managementBed } from './management-bed.ts';

type Bed = Awaited<ReturnType<typeof managementBed>>;
let bed: Bed;

const path = '/v1/upstream-credentials';
const one = `${path}/billing`;
const canary = 'canary-4711-secret';
const billing = { name: 'billing', scheme: 'bearer', secret: canary };

beforeEach(async () => {
  bed = await managementBed();
});

const create = (json: object, headers = {}) => bed.call('POST', path, { json, headers });

/** What gateways are told now, by a new view and by one that goes on. */
async function told(): Promise<unknown> {
  const { feed } = bed.authority;
  const { entries, epoch } = await feed.snapshot(defaultTenant);
  const delta = await feed.delta({ tenant: defaultTenant, epoch, after: 0, node: 'n' });
  if (delta === 'resync') throw new Error('resync');
  const whole = entries.find(({ type }) => type === 'upstream_credential');
  const last = delta.entries.findLast(({ type }) => type === 'upstream_credential');
  const fieldOf = (entry: unknown) => (entry as { credential?: unknown } | undefined)?.credential;
  expect(fieldOf(last) ?? undefined).toEqual(fieldOf(whole));
  return fieldOf(whole);
}

describe('/v1/upstream-credentials', () => {
  it('keeps, shows, lists, replaces and deletes one, and tells gateways alone', async () => {
    const headers = { 'idempotency-key': 'one' };
    const made = await create(billing, headers);
    expect(made).toMatchObject({ status: 201, body: { name: 'billing', scheme: 'bearer' } });
    expect(await create(billing, headers)).toMatchObject({ status: 201, body: made.body });
    expect(await create(billing)).toMatchObject({ status: 409, body: { code: 'already_exists' } });
    expect(await told()).toEqual({ header: 'authorization', value: `Bearer ${canary}` });
    const listed = await bed.call('GET', path);
    expect(listed.body['items']).toEqual([made.body]);
    const shown = await bed.call('GET', one);
    expect(shown.body).toEqual(made.body);

    const json = { scheme: 'header', header: 'X-Api-Key' };
    expect((await bed.call('PUT', one, { json })).status).toBe(428);
    const stale = { json, headers: { 'if-match': '"7"' } };
    expect((await bed.call('PUT', one, stale)).status).toBe(412);
    const put = await bed.call('PUT', one, { json, headers: await bed.ifMatch(one) });
    expect(put).toMatchObject({ status: 200, body: { scheme: 'header', header: 'X-Api-Key' } });
    expect(await told()).toEqual({ header: 'x-api-key', value: canary });
    const other = { ...json, secret: 'another' };
    await bed.call('PUT', one, { json: other, headers: await bed.ifMatch(one) });
    expect(await told()).toEqual({ header: 'x-api-key', value: 'another' });

    expect((await bed.call('DELETE', one, { headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect((await bed.call('DELETE', one, { headers: await bed.ifMatch(one) })).status).toBe(204);
    expect(await told()).toBeUndefined();
    const gone = { headers: { 'if-match': '"4"' } };
    expect((await bed.call('GET', one)).status).toBe(404);
    expect((await bed.call('DELETE', one, gone)).status).toBe(404);
    expect((await bed.call('PUT', one, { ...gone, json })).status).toBe(412);
    const bare = await bed.call('PUT', one, { json });
    expect(bare.body['errors']).toMatchObject([{ pointer: '/secret' }]);
    expect((await bed.call('PUT', one, { json: other })).status).toBe(201);
    expect(await told()).toEqual({ header: 'x-api-key', value: 'another' });
  });

  it('shows the secret in no answer, in no record, and in no row', async () => {
    const json = { scheme: 'bearer', username: 'x', secret: canary };
    const answers = [
      await create({ ...billing, username: 'x' }),
      await create(billing),
      await create(billing),
      await bed.call('PUT', one, { json, headers: await bed.ifMatch(one) }),
      await bed.call('GET', one),
      await bed.call('GET', path),
      await bed.call('GET', '/v1/audit/events'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([422, 201, 409, 422, 200, 200, 200]);
    expect(JSON.stringify(answers)).not.toContain(canary);
    expect(JSON.stringify(answers.at(-1))).toContain('upstream_credential.create');
    const { store } = bed;
    const rows = [
      ...(await store.upstreamCredentials.list({ limit: 10 })),
      ...(await store.feed.list({ limit: 100 })),
      ...(await store.idempotency.list({ limit: 10 })),
      ...(await store.auditPending.list({ limit: 100 })),
    ];
    const bytes = rows.map((row) =>
      Object.values(row).map((cell) =>
        cell instanceof Uint8Array ? Buffer.from(cell).toString('latin1') : JSON.stringify(cell),
      ),
    );
    expect(bytes.flat().join('\n')).not.toContain(canary);
  });

  it.each([
    ['/header', { header: 'x' }],
    ['/secret', { secret: 'two words' }],
    ['/scheme', { scheme: 'digest' }],
    ['/name', { name: 'a b' }],
  ])('says %s of what is malformed', async (pointer, more) => {
    const { status, body } = await create({ ...billing, ...more });
    expect({ status, errors: body['errors'] }).toMatchObject({
      ...{ status: 422, errors: [{ pointer }] },
    });
  });

  it('takes no other name than that of the path', async () => {
    await create(billing);
    const json = { name: 'other', scheme: 'bearer' };
    const { body } = await bed.call('PUT', one, { json, headers: await bed.ifMatch(one) });
    expect(body['errors']).toMatchObject([{ pointer: '/name' }]);
  });

  it('keeps no more than it can tell', async () => {
    const dates = { createdAt: 0, updatedAt: 0, version: 1 };
    const rest = { form: { scheme: 'bearer' }, sealedSecret: new Uint8Array(), ...dates } as const;
    const steps = Array.from({ length: limits.upstreamCredentialsMax }, (_, i) => {
      const row = { tenant: defaultTenant, name: `c${i}`, ...rest };
      return { do: 'put', table: 'upstreamCredentials', row } as const;
    });
    for (let i = 0; i < steps.length; i += 100) {
      await bed.store.acts.run({ steps: steps.slice(i, i + 100), audit: null });
    }
    expect(await create(billing)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  });

  it('asks for its permissions', async () => {
    const credential = await bed.credential('upstream_credentials:read');
    expect((await bed.call('GET', path, { credential })).status).toBe(200);
    expect((await bed.call('POST', path, { json: billing, credential })).status).toBe(403);
    const other = await bed.credential('routes:write');
    expect((await bed.call('GET', path, { credential: other })).status).toBe(403);
  });
});
