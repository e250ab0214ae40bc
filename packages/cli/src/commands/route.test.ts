import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const route = {
  name: 'npm',
  match: { host: 'npm.example', path_prefix: '/' },
  upstream: 'http://127.0.0.1:4873',
  scopes: ['packages:read'],
};

describe('mintmark route and node', () => {
  it('lists routes', async () => {
    const server = () => json(200, { items: [route, { name: 'bare' }], next: null });
    const { out } = await run('route list', { server });
    expect(out).toMatch(/npm +npm\.example +\/ +http:\/\/127\.0\.0\.1:4873 +packages:read/);
  });

  it('shows a route as it can be applied again', async () => {
    const { out } = await run('route show npm', { server: () => json(200, route) });
    expect(JSON.parse(out)).toEqual(route);
  });

  it('deletes the version that it has seen', async () => {
    const server = ({ method }: { method: string }) =>
      method === 'GET' ? json(200, route, { etag: '"3"' }) : new Response(null, { status: 204 });
    const { exit, out, sent } = await run('route delete npm', { server });
    expect(exit).toBe(0);
    expect(out).toBe('deleted npm\n');
    expect(sent[1]).toMatchObject({ method: 'DELETE' });
    expect(sent[1]!.headers.get('if-match')).toBe('"3"');
  });

  it('lists gateways', async () => {
    const items = [{ node: 'east', connected: true, position: 9, seen_at: 'now' }];
    const { out } = await run('node list', { server: () => json(200, { items, next: null }) });
    expect(out).toMatch(/east +true +9 +now/);
  });
});

describe('mintmark admin-key', () => {
  it('creates with permissions and shows the key once', async () => {
    const server = () => json(201, { id: 'a1', key: 'mm_admin_x', permissions: ['keys:*'] });
    const line = 'admin-key create --name ops --permission keys:* --expires-in 30d';
    const { out, sent } = await run(line, { server });
    expect(sent[0]!.body).toMatchObject({ name: 'ops', permissions: ['keys:*'] });
    expect(out).toContain('mm_admin_x');
  });

  it('lists and revokes', async () => {
    const item = { id: 'a1', name: 'ops', status: 'active', permissions: ['*'] };
    const listing = await run('admin-key list', {
      server: () => json(200, { items: [item], next: null }),
    });
    expect(listing.out).toMatch(/a1 +ops +active/);
    const server = () => json(200, { ...item, status: 'revoked' }, { etag: '"1"' });
    const { out, sent } = await run('admin-key revoke a1', { server });
    expect(sent.map((one) => one.method)).toEqual(['GET', 'DELETE']);
    expect(out).toContain('revoked');
  });
});
