import { defaultTenant, limits } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { keyBed, requester } from '../apikeys/key-bed.ts';
import { deleteRoute } from './delete-route.ts';
import { putRoute } from './put-route.ts';

const wire = { match: { path_prefix: '/npm' }, upstream: 'http://127.0.0.1:4873', scopes: ['npm'] };

function routeBed() {
  const bed = keyBed();
  const put = async (
    name: string,
    isSeen?: (version: number) => boolean,
    route: Readonly<Record<string, unknown>> = wire,
  ) => {
    const result = await putRoute(bed, { requester, name, wire: route, isSeen });
    return result.ok ? [result.value.created, result.value.row.version] : result.refusal;
  };
  const remove = async (name: string, isSeen: (version: number) => boolean) => {
    const result = await deleteRoute(bed, { requester, name, isSeen });
    return result.ok ? 'deleted' : result.refusal.reason;
  };
  const fed = async () =>
    (await bed.store.feed.list({ where: { tenant: defaultTenant }, limit: 100 })).map(
      ({ entry }) => (entry.type === 'route' ? [entry.name, entry.route] : entry),
    );
  return { bed, put, remove, fed };
}

describe('putRoute', () => {
  it('makes a route, replaces it, and tells gateways both times', async () => {
    const { bed, put, fed } = routeBed();
    expect(await put('npm')).toEqual([true, 1]);
    expect(await put('npm', (version) => version === 1, { ...wire, scopes: [] })).toEqual([
      false,
      2,
    ]);
    expect(await fed()).toEqual([
      ['npm', { ...wire, name: 'npm' }],
      ['npm', { ...wire, scopes: [], name: 'npm' }],
    ]);
    expect(await bed.recorded()).toEqual(['route.create', 'route.update']);
  });

  it('refuses what gateways could not read, and says where', async () => {
    const { put } = routeBed();
    expect(await put('npm', undefined, { ...wire, scope: ['npm'] })).toMatchObject({
      reason: 'malformed',
      refusal: { path: '/scope' },
    });
    expect(await put('bad name')).toMatchObject({ refusal: { path: '/name' } });
  });

  it('does not overwrite what its maker has not seen', async () => {
    const { put } = routeBed();
    await put('npm');
    expect(await put('npm')).toEqual({ reason: 'version_unknown' });
    expect(await put('npm', () => false)).toEqual({ reason: 'version_mismatch' });
    expect(await put('other', () => true)).toEqual({ reason: 'version_mismatch' });
  });

  it('lets one of racing makers win', async () => {
    const { put } = routeBed();
    const both = await Promise.all([put('npm'), put('npm')]);
    expect(both).toContainEqual([true, 1]);
    expect(both).toContainEqual({ reason: 'version_mismatch' });
  });

  it('bounds how many there are', async () => {
    const { bed, put } = routeBed();
    const rows = Array.from({ length: limits.routesMax }, (_, i) => {
      return { tenant: defaultTenant, name: `r${i}`, route: wire, updatedAt: 0, version: 1 };
    });
    await bed.store.acts.run({
      steps: [{ do: 'insertMany', table: 'routes', rows }],
      audit: null,
    });
    expect(await put('one-more')).toEqual({ reason: 'too_many' });
  });
});

describe('deleteRoute', () => {
  it('takes it away from gateways too', async () => {
    const { bed, put, remove, fed } = routeBed();
    await put('npm');
    expect(await remove('npm', () => false)).toBe('version_mismatch');
    expect(await remove('npm', () => true)).toBe('deleted');
    expect((await fed()).at(-1)).toEqual(['npm', null]);
    expect(await remove('npm', () => true)).toBe('not_found');
    expect(await bed.recorded()).toEqual(['route.create', 'route.delete']);
  });

  it('lets one of racing deleters win', async () => {
    const { put, remove } = routeBed();
    await put('npm');
    const both = await Promise.all([remove('npm', () => true), remove('npm', () => true)]);
    expect(both.sort()).toEqual(['deleted', 'version_mismatch']);
  });
});
