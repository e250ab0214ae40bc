/** Rotations through the management API, as operators and `mintmark apply` write them. */
import { defaultTenant, err, ok } from '@mintmark/core';
import { describe, expect, it, vi } from 'vitest';
import { authorityBed } from './authority-bed.ts';
import type { DeliveryTarget, Parcel } from './rotation/delivery/delivery.ts';
import { addTenant } from './tenant-bed.ts';

async function bedWithTargets() {
  const parcels: Parcel[] = [];
  const state = { fails: false };
  const shelf: DeliveryTarget = {
    tenants: [defaultTenant],
    judge: ({ at }) => (at === 'bad' ? 'is bad' : undefined),
    async deliver(parcel) {
      if (state.fails) return err({ reason: 'refused', detail: 'status 500' });
      parcels.push(parcel);
      return ok(undefined);
    },
  };
  const deliveryTargets = new Map([
    ['shelf', shelf],
    ['theirs', { ...shelf, tenants: ['a'] }],
  ]);
  const bed = await authorityBed(1, undefined, {}, { deliveryTargets });
  const made = await bed.manage('POST', '/v1/keys', { json: { name: 'ci', scopes: ['read'] } });
  const keyId = String(made.json['id']);
  const rule = (more: object = {}) => ({
    target: { kind: 'key', id: keyId },
    every_seconds: 3600,
    overlap_seconds: 60,
    deliver_to: [{ to: 'shelf', at: 'ci' }],
    ...more,
  });
  return {
    ...bed,
    parcels,
    state,
    keyId,
    key: String(made.json['key']),
    rule,
    put: (name: string, json: object, ifMatch?: string) =>
      bed.manage('PUT', `/v1/rotations/${name}`, { json, ...(ifMatch && { ifMatch }) }),
    /** Rounds of the authority, a second apart. */
    async pass(seconds: number) {
      for (let i = 0; i < seconds; i++) {
        bed.clock.advanceMs(1000);
        for (let quarter = 0; quarter < 4; quarter++) await bed.authority.tick();
        // What was begun goes on by itself; over memory all of it is promises.
        for (let i = 0; i < 200; i++) await undefined;
      }
    },
  };
}

describe('a rotation rule', () => {
  it('is written, shown as written, replaced under its version, and deleted', async () => {
    const bed = await bedWithTargets();
    const made = await bed.put('ci', bed.rule());
    expect([made.status, made.json]).toMatchObject([201, { name: 'ci', ...bed.rule() }]);
    expect(made.json['state']).toMatchObject({
      ...{ credential: bed.keyId, run: null, fault: null, waiting_for: null },
      next_at: '2026-09-21T15:13:20.000Z',
    });
    expect((await bed.put('ci', bed.rule())).json['code']).toBe('if_match_required');
    expect((await bed.put('ci', bed.rule(), '"9"')).json['code']).toBe('version_mismatch');
    const etag = String(made.headers['etag']);
    const replaced = await bed.put('ci', bed.rule({ every_seconds: 7200, on: ['leak'] }), etag);
    expect([replaced.status, replaced.json['on']]).toEqual([200, ['leak']]);
    const shown = await bed.manage('GET', '/v1/rotations/ci');
    expect(shown.json).toEqual(replaced.json);
    const gone = { ifMatch: String(shown.headers['etag']) };
    expect((await bed.manage('DELETE', '/v1/rotations/ci', { ifMatch: etag })).status).toBe(412);
    expect((await bed.manage('DELETE', '/v1/rotations/ci', gone)).status).toBe(204);
    expect((await bed.manage('DELETE', '/v1/rotations/ci', gone)).status).toBe(404);
    expect((await bed.put('ci', bed.rule(), etag)).json['code']).toBe('version_mismatch');
    // The place is free again.
    expect((await bed.put('other', bed.rule())).status).toBe(201);
  });

  it('is refused where it could not work, at the place that is wrong', async () => {
    const bed = await bedWithTargets();
    const pointerOf = async (rule: object) => {
      const { json } = await bed.put('ci', rule);
      return (json['errors'] as { pointer: string }[])[0]!.pointer;
    };
    const to = (place: object) => bed.rule({ deliver_to: [place] });
    expect(await pointerOf(to({ to: 'nobody' }))).toBe('/deliver_to/0/to');
    // Another tenant's target is not told apart from none.
    expect(await pointerOf(to({ to: 'theirs' }))).toBe('/deliver_to/0/to');
    expect(await pointerOf(to({ to: 'shelf', at: 'bad' }))).toBe('/deliver_to/0');
    const twice = { to: 'shelf', at: 'x' };
    expect(await pointerOf(bed.rule({ deliver_to: [twice, twice] }))).toBe('/deliver_to/1');
    expect(await pointerOf(bed.rule({ confirm_within_seconds: 61 }))).toBe(
      '/confirm_within_seconds',
    );
    expect(await pointerOf(bed.rule({ every_seconds: 60, overlap_seconds: 61 }))).toBe(
      '/every_seconds',
    );
    expect(await pointerOf(bed.rule({ target: { kind: 'key', id: 'x' } }))).toBe('/target/id');
    expect(await pointerOf(bed.rule({ name: 'other' }))).toBe('/name');
    const client = await bed.addClient({ authMethod: 'none' });
    const target = { kind: 'client_secret', id: client.clientId };
    expect(await pointerOf(bed.rule({ target }))).toBe('/target/id');
    expect(await pointerOf(bed.rule({ target: { ...target, id: 'x' } }))).toBe('/target/id');
  });

  it('shares neither its credential nor its place with another', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule());
    const again = await bed.put('again', bed.rule({ deliver_to: [{ to: 'shelf', at: 'b' }] }));
    expect(again.json).toMatchObject({ status: 409, detail: 'another rule rotates this' });
    const client = await bed.addClient();
    const target = { kind: 'client_secret', id: client.clientId };
    const there = await bed.put('app', bed.rule({ target }));
    expect(there.json['detail']).toBe('another rule writes to one of the places');
    // A webhook or a command has no places that could be taken.
    const anywhere = bed.rule({ target, deliver_to: [{ to: 'shelf' }] });
    expect((await bed.put('app', anywhere)).status).toBe(201);
  });

  it('is written by nobody who may not rotate its target by hand', async () => {
    const bed = await bedWithTargets();
    const keyOf = async (...permissions: string[]) => {
      const json = { name: 'x', permissions };
      return String((await bed.manage('POST', '/v1/admin-keys', { json })).json['key']);
    };
    const write = async (name: string, json: object, ...permissions: string[]) =>
      bed.manage('PUT', `/v1/rotations/${name}`, { json, key: await keyOf(...permissions) });
    const client = await bed.addClient();
    const target = { kind: 'client_secret', id: client.clientId };
    const ofClient = bed.rule({ target, deliver_to: [{ to: 'shelf', at: 'app' }] });
    expect((await write('ci', bed.rule(), 'keys:write', 'keys:assign')).status).toBe(403);
    expect((await write('ci', bed.rule(), 'rotations:write')).status).toBe(403);
    expect((await write('ci', bed.rule(), 'rotations:write', 'keys:write')).status).toBe(403);
    const all = ['rotations:write', 'keys:write', 'keys:assign'];
    expect((await write('ci', bed.rule(), ...all)).status).toBe(201);
    expect((await write('app', ofClient, ...all)).status).toBe(403);
    expect((await write('app', ofClient, 'rotations:write', 'clients:write')).status).toBe(201);
  });
});

describe('a rotation', () => {
  it('runs by hand, delivers what works, and answers no secret', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule());
    const begun = await bed.manage('POST', '/v1/rotations/ci/run');
    expect([begun.status, begun.json]).toMatchObject([
      202,
      { status: 'delivering', cause: 'manual', predecessor: bed.keyId, places_delivered: 0 },
    ]);
    const again = await bed.manage('POST', '/v1/rotations/ci/run');
    expect(again.json).toMatchObject({ status: 409, code: 'wrong_state' });
    await bed.pass(2);
    const { secret } = bed.parcels[0]!;
    expect(JSON.stringify(begun.json)).not.toContain(secret);
    const verified = await bed.manage('POST', '/v1/keys/verify', { json: { key: secret } });
    expect(verified.json).toMatchObject({ active: true });
    // That was its first use.
    await bed.pass(3);
    const runs = await bed.manage('GET', '/v1/rotations/ci/runs');
    expect(runs.json['items']).toMatchObject([
      { status: 'ending', places_delivered: 1, confirmed_at: expect.any(String) },
    ]);
    await bed.pass(60);
    // After it: refused, and its owner hears of it, once a day.
    const { key: text } = bed;
    for (let i = 0; i < 2; i++) {
      const late = await bed.manage('POST', '/v1/keys/verify', { json: { key: text } });
      expect(late.json).toMatchObject({ active: false });
      await bed.pass(2);
    }
    const [notice, ...others] = await bed.store.notices.list({ limit: 10 });
    expect(others).toEqual([]);
    expect(notice).toMatchObject({ kind: 'rotation.used_late', aboutId: bed.keyId, repeats: 0 });
    const shown = await bed.manage('GET', '/v1/rotations/ci');
    expect(shown.json['state']).toMatchObject({ credential: begun.json['successor'], run: null });
    expect((await bed.manage('GET', '/v1/rotations/none/runs')).status).toBe(404);
    expect((await bed.manage('POST', '/v1/rotations/none/run')).status).toBe(404);
    const trail = await bed.manage('GET', '/v1/audit/events?object_kind=rotation&object_id=ci');
    const actions = (trail.json['items'] as { action: string }[]).map(({ action }) => action);
    expect(new Set(actions)).toEqual(
      new Set(['rotation.create', 'rotation.deliver', 'rotation.confirm', 'rotation.end']),
    );
  });

  it('whose secret waits keeps its rule', async () => {
    const bed = await bedWithTargets();
    bed.state.fails = true;
    await bed.put('ci', bed.rule());
    await bed.manage('POST', '/v1/rotations/ci/run');
    const ifMatch = String((await bed.manage('GET', '/v1/rotations/ci')).headers['etag']);
    const kept = await bed.manage('DELETE', '/v1/rotations/ci', { ifMatch });
    expect(kept.json).toMatchObject({ status: 409, code: 'wrong_state' });
    bed.state.fails = false;
    await bed.pass(40);
    expect(bed.parcels).toHaveLength(1);
    expect((await bed.manage('DELETE', '/v1/rotations/ci', { ifMatch })).status).toBe(204);
    // It goes on to its end by the terms that it began with, and is shown for a while.
    await bed.pass(300);
    const runs = await bed.manage('GET', '/v1/rotations/ci/runs');
    expect(runs.json['items']).toMatchObject([{ status: 'unconfirmed', extensions: 3 }]);
  });

  it('cannot begin while its key does not work', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule());
    const { headers } = await bed.manage('GET', `/v1/keys/${bed.keyId}`);
    await bed.manage('PATCH', `/v1/keys/${bed.keyId}`, {
      ...{ json: { status: 'disabled' }, ifMatch: String(headers['etag']) },
    });
    const refused = await bed.manage('POST', '/v1/rotations/ci/run');
    expect(refused.json).toMatchObject({ status: 409, detail: 'what it rotates is disabled' });
    const shown = await bed.manage('GET', '/v1/rotations/ci');
    expect(shown.json['state']).toMatchObject({ fault: 'disabled' });
  });

  it('of a client secret has two that work, and tells the ended one apart inside', async () => {
    const bed = await bedWithTargets();
    const client = await bed.addClient();
    const target = { kind: 'client_secret', id: client.clientId };
    await bed.put('app', bed.rule({ target }));
    const asks = async (secret: string) => {
      const form = { grant_type: 'client_credentials' };
      const of = { clientId: client.clientId, secret };
      return (await bed.post('/oauth2/token', form, of)).status;
    };
    await bed.manage('POST', '/v1/rotations/app/run');
    await bed.pass(2);
    const { secret } = bed.parcels[0]!;
    expect([await asks(client.secret), await asks(secret)]).toEqual([200, 200]);
    await bed.pass(3);
    const { json } = await bed.manage('GET', '/v1/rotations/app/runs');
    expect(json['items']).toMatchObject([{ status: 'ending' }]);
    await bed.pass(60);
    expect([await asks(client.secret), await asks(secret)]).toEqual([401, 200]);
    const ended = await bed.manage('GET', '/v1/rotations/app/runs');
    expect(ended.json['items']).toMatchObject([{ status: 'done', overlap_uses: 1 }]);
    await bed.pass(70);
    const told = (await bed.store.notices.list({ limit: 10 })).map(({ kind, aboutId }) => {
      return [kind, aboutId];
    });
    expect(told).toEqual([
      ['rotation.ended', client.clientId],
      ['rotation.used_late', client.clientId],
    ]);
    const trail = await bed.manage('GET', '/v1/audit/events?action=security.refused');
    const object = { kind: 'client', id: client.clientId };
    expect(trail.json['items']).toContainEqual(
      expect.objectContaining({ result: 'ended_secret_used', object }),
    );
  });
});

/** A busy machine and a real database take their time. */
const longMs = 15_000;

describe('signing keys', () => {
  it('rotate by a rule when one of them is reported, and go on until then', async () => {
    const bed = await bedWithTargets();
    const target = { kind: 'signing_key', id: 'ES256' };
    const made = await bed.put('tokens', { target, on: ['leak'], max_uses: 1_000_000 });
    expect(made.status, made.text).toBe(201);
    expect(made.json['state']).toMatchObject({ credential: 'ES256', next_at: null });
    const place = await bed.put('more', { target, deliver_to: [{ to: 'shelf', at: 'x' }] });
    expect(place.json['errors']).toMatchObject([{ pointer: '/deliver_to' }]);
    const keys = async () =>
      (await bed.manage('GET', '/v1/signing-keys')).json['items'] as Record<string, string>[];
    const [key] = await keys();
    const path = `/v1/signing-keys/${key!['kid']}/report`;
    const reported = await bed.manage('POST', path, { json: { reason: 'a laptop is missing' } });
    expect(reported.status).toBe(202);
    await bed.restart();
    // A key pair is made in a thread of its own.
    await vi.waitFor(async () => {
      await bed.pass(1);
      const statuses = (await keys()).map(({ status }) => status);
      expect(statuses.sort()).toEqual(['active', 'published']);
    }, longMs);
    await bed.pass(1);
    const { json } = await bed.manage('GET', '/v1/rotations/tokens/runs');
    expect(json['items']).toMatchObject([
      { status: 'confirming', cause: 'leak', kind: 'signing_key', predecessor: key!['kid'] },
    ]);
    const trail = await bed.manage('GET', '/v1/audit/events?action=signing_key.report');
    expect(trail.json['items']).toMatchObject([{ object: { id: key!['kid'] }, why: 'other' }]);
    const gone = await bed.manage('POST', '/v1/signing-keys/none/report', {
      json: { reason: 'x' },
    });
    expect(gone.status).toBe(404);
  });

  it('need their own permission to be ruled over', async () => {
    const bed = await bedWithTargets();
    const json = { name: 'limited', permissions: ['rotations:write', 'keys:write'] };
    const made = await bed.manage('POST', '/v1/admin-keys', { json });
    const rule = { target: { kind: 'signing_key', id: 'ES256' }, on: ['leak'] };
    const key = String(made.json['key']);
    const written = await bed.manage('PUT', '/v1/rotations/tokens', { json: rule, key });
    expect(written.json['code']).toBe('insufficient_permission');
  });

  it('stand in the same list, and rotate by the same word', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule());
    const first = await bed.manage('GET', '/v1/rotations?limit=1');
    expect(first.json['items']).toMatchObject([
      {
        name: 'signing_key:ES256',
        target: { kind: 'signing_key', id: 'ES256' },
        every_seconds: 86_400,
        overlap_seconds: 3_600,
      },
    ]);
    const cursor = encodeURIComponent(String(first.json['next']));
    const second = await bed.manage('GET', `/v1/rotations?limit=1&cursor=${cursor}`);
    expect(second.json).toMatchObject({ items: [{ name: 'ci' }], next: null });
    const all = await bed.manage('GET', '/v1/rotations');
    expect(all.json['items']).toMatchObject([{ name: 'signing_key:ES256' }, { name: 'ci' }]);
    const path = '/v1/rotations/signing_key:ES256';
    const begun = await bed.manage('POST', `${path}/run`);
    expect([begun.status, begun.json]).toEqual([202, { kid: expect.any(String) }]);
    const shown = await bed.manage('GET', path);
    expect(shown.json['state']).toMatchObject({ run: begun.json['kid'] });
    const json = { name: 'x', permissions: ['rotations:*'] };
    const key = String((await bed.manage('POST', '/v1/admin-keys', { json })).json['key']);
    expect((await bed.manage('POST', `${path}/run`, { key })).status).toBe(403);
  });
});

describe('an event', () => {
  const causeOf = async (bed: Awaited<ReturnType<typeof bedWithTargets>>, name: string) => {
    await bed.pass(2);
    const { json } = await bed.manage('GET', `/v1/rotations/${name}/runs`);
    return (json['items'] as { cause: string }[]).map(({ cause }) => cause);
  };

  it('is a key that was held back: its successor is there before it is revoked', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule({ on: ['leak'], every_seconds: undefined }));
    const report = { token: bed.key, source: 'test' };
    const reported = await bed.manage('POST', '/v1/leaks', { json: report });
    expect(reported.status, reported.text).toBeLessThan(300);
    expect(await causeOf(bed, 'ci')).toEqual(['leak']);
    const { secret } = bed.parcels[0]!;
    const asked = async (key: string) =>
      (await bed.manage('POST', '/v1/keys/verify', { json: { key } })).json['active'];
    expect([await asked(bed.key), await asked(secret)]).toEqual([false, true]);
  });

  it('is a client secret that was held back: the client has another', async () => {
    const bed = await bedWithTargets();
    const client = await bed.addClient();
    const target = { kind: 'client_secret', id: client.clientId };
    await bed.put('app', bed.rule({ target, on: ['leak'], every_seconds: undefined }));
    const json = { token: client.secret, source: 'test' };
    expect((await bed.manage('POST', '/v1/leaks', { json })).status).toBeLessThan(300);
    expect(await causeOf(bed, 'app')).toEqual(['leak']);
    // Its holder has the overlap to take it up, and nothing is extended that has ended.
    await bed.pass(20);
    const runs = async () => (await bed.manage('GET', '/v1/rotations/app/runs')).json['items'];
    expect(await runs()).toMatchObject([{ status: 'confirming' }]);
    await bed.pass(50);
    expect(await runs()).toMatchObject([{ status: 'unconfirmed', extensions: 0 }]);
    const of = { clientId: client.clientId, secret: bed.parcels[0]!.secret };
    const asked = await bed.post('/oauth2/token', { grant_type: 'client_credentials' }, of);
    expect(asked.status).toBe(200);
  });

  it('is a rotation of custody, or the end of the owner', async () => {
    const bed = await bedWithTargets();
    const user = await bed.addUser('carol');
    const client = await bed.addClient({ owner: 'carol' });
    const target = { kind: 'client_secret', id: client.clientId };
    const on = ['custody_rotation', 'owner_left'];
    await bed.put('app', bed.rule({ target, on, every_seconds: undefined }));
    await bed.put('deaf', bed.rule({ deliver_to: [{ to: 'shelf', at: 'deaf' }] }));
    await bed.manage('POST', '/v1/custody/rotate', { json: { what: 'data' } });
    // Right behind the act that it is, another process begins anew.
    await bed.restart();
    expect(await causeOf(bed, 'app')).toEqual(['custody_rotation']);
    const { headers } = await bed.manage('GET', `/v1/users/${user}`);
    const ifMatch = String(headers['etag']);
    const gone = await bed.manage('DELETE', `/v1/users/${user}`, { ifMatch });
    expect(gone.status).toBe(204);
    await bed.restart();
    // The one that is under way comes to its end first.
    await bed.pass(300);
    expect(await causeOf(bed, 'app')).toContain('owner_left');
    await bed.manage('POST', '/v1/custody/rotate', { json: { what: 'root' } });
    expect(await causeOf(bed, 'deaf')).toEqual([]);
    await bed.pass(300);
    expect((await causeOf(bed, 'app'))[0]).toBe('custody_rotation');
    expect(await causeOf(bed, 'app')).toHaveLength(3);
  });

  it('is the end of an administrator’s key', async () => {
    const bed = await bedWithTargets();
    await bed.put('ci', bed.rule({ on: ['administrator_left'], every_seconds: undefined }));
    const json = { name: 'deputy', permissions: ['keys:write'] };
    const made = await bed.manage('POST', '/v1/admin-keys', { json });
    const path = `/v1/admin-keys/${made.json['id']}`;
    const ifMatch = String((await bed.manage('GET', path)).headers['etag']);
    const revoked = await bed.manage('DELETE', path, { ifMatch });
    expect(revoked.status, revoked.text).toBeLessThan(300);
    await bed.restart();
    expect(await causeOf(bed, 'ci')).toEqual(['administrator_left']);
  });
});

it('of another tenant begins in a process that has not met the tenant yet', async () => {
  const bed = await bedWithTargets();
  const a = await addTenant(bed, 'a');
  const made = await a.manage('POST', '/v1/keys', { name: 'x', scopes: [] });
  const target = { kind: 'key', id: made.json['id'] };
  const rule = bed.rule({ target, deliver_to: [{ to: 'theirs', at: 'x' }] });
  const written = await a.manage('PUT', '/v1/rotations/x', rule);
  // It was sent as an edit, and there is nothing yet.
  expect(written.status, written.text).toBe(412);
  const path = '/t/a/v1/rotations/x';
  expect((await bed.manage('PUT', path, { json: rule, key: a.key })).status).toBe(201);
  bed.clock.advanceMs(3_600_000);
  await bed.restart();
  await bed.pass(3);
  expect(bed.parcels).toMatchObject([{ tenant: 'a', cause: 'age' }]);
});
