import { beforeEach, describe, expect, it } from 'vitest';
import { reservedIds } from './apikeys/import-keys.ts';
import { managementBed } from './management-bed.ts';

let bed: Awaited<ReturnType<typeof managementBed>>;

beforeEach(async () => {
  bed = await managementBed();
  for (const owner of ['a', 'b', 'a']) {
    bed.clock.advanceMs(1000);
    const json = { name: `of ${owner}`, scopes: ['read'], owner, tags: ['ci'] };
    expect((await bed.call('POST', '/v1/keys', { json })).status).toBe(201);
  }
});

const preview = (filter: unknown, act: unknown, credential?: string) => {
  const as = credential === undefined ? {} : { credential };
  return bed.call('POST', '/v1/keys/bulk', { json: { filter, act }, ...as });
};
const run = (id: unknown, credential?: string) => {
  const as = credential === undefined ? {} : { credential };
  return bed.call('POST', `/v1/keys/bulk/${id}/run`, as);
};
const statuses = async () => {
  const { body } = await bed.call('GET', '/v1/keys');
  return (body['items'] as { status: string }[]).map(({ status }) => status);
};

describe('/v1/keys/bulk', () => {
  it('previews a change, and does it to what was previewed', async () => {
    const shown = await preview({ owner: 'a', tag: 'ci' }, { do: 'disable' });
    expect(shown).toMatchObject({ status: 200, body: { count: 2, left_out: 0 } });
    expect(shown.body['sample']).toMatchObject([{ name: 'of a' }, { name: 'of a' }]);
    expect(await statuses()).toEqual(['active', 'active', 'active']);
    const { id } = shown.body;
    expect((await run(id)).body).toEqual({ count: 2, done: 2, changed: 2 });
    expect(await statuses()).toEqual(['disabled', 'active', 'disabled']);
    expect((await run('none')).status).toBe(404);
    const other = await bed.credential('keys:write');
    expect((await run(id, other)).status).toBe(404);
    const reader = await bed.credential('keys:read');
    expect((await run(id, reader)).status).toBe(403);
  });

  it('takes every condition and act that there is', async () => {
    const at = new Date(bed.clock.nowMs() + 3600_000).toISOString();
    const filter = {
      ...{ status: 'active', scope: 'read', name_prefix: 'of', created_before: at },
      ...{ unused_since: at, violating: false },
    };
    for (const act of [
      { do: 'quarantine', reason: 'r' },
      { do: 'revoke', reason: 'r' },
      { do: 'set_expiry', expires_at: at },
      { do: 'add_tag', tag: 'x' },
      { do: 'set_owner', owner: 'c' },
    ]) {
      expect((await preview(filter, act)).body['count']).toBe(3);
    }
    expect((await preview({ expires_before: at }, { do: 'disable' })).body['count']).toBe(0);
    expect((await preview({ environment: 'live' }, { do: 'disable' })).body['count']).toBe(0);
  });

  it('revokes only for who may revoke', async () => {
    const limited = await bed.credential('keys:*');
    const act = { do: 'revoke', reason: 'r' };
    expect((await preview({ tag: 'ci' }, act, limited)).status).toBe(403);
    const able = await bed.credential('keys:write', 'revocations:write');
    const { body } = await preview({ tag: 'ci' }, act, able);
    expect((await run(body['id'], able)).body).toMatchObject({ changed: 3 });
    expect(await statuses()).toEqual(['revoked', 'revoked', 'revoked']);
  });

  it('and its neighbours are no id of an imported key, which nobody could show', async () => {
    const { body } = await bed.call('GET', '/openapi.json', { credential: null });
    const literals = Object.keys(body['paths'] as object).flatMap((path) => {
      const [, segment] = /^\/v1\/keys\/([^/{]+)/.exec(path) ?? [];
      return segment === undefined ? [] : [segment];
    });
    expect(new Set(literals)).toEqual(reservedIds);
  });

  it('asks which keys are meant, and leaves out those of others', async () => {
    for (const [filter, act] of [
      [{}, { do: 'disable' }],
      [{ owner: 'a' }, { do: 'revoke' }],
      [{ owner: 'a' }, { do: 'erase' }],
      [{ owner: 'a' }, { do: 'add_tag', tag: '' }],
    ]) {
      expect((await preview(filter, act)).status).toBe(422);
    }
    const limited = await bed.credential('keys:write');
    const tagged = await preview({ tag: 'ci' }, { do: 'add_tag', tag: 'x' }, limited);
    expect(tagged.body).toMatchObject({ count: 0, left_out: 3 });
    const given = await preview({ tag: 'ci' }, { do: 'set_owner', owner: 'z' }, limited);
    expect(given.status).toBe(403);
    const stopped = await preview({ tag: 'ci' }, { do: 'disable' }, limited);
    expect(stopped.body).toMatchObject({ count: 3 });
    expect((await run(stopped.body['id'], limited)).body).toMatchObject({ changed: 3 });
  });
});
