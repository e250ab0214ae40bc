import { describe, expect, it } from 'vitest';
import { json, run } from '../fake-ports.ts';

const acme = {
  ...{ tenant: 'acme', name: 'ACME', status: 'active' },
  ...{ issuer: 'https://a.example/t/acme', settings: {}, created_at: 'now' },
};

describe('mintmark tenant', () => {
  it('creates one with settings, and shows its key once', async () => {
    const server = () => json(201, { ...acme, admin_key: 'mm_admin_x' });
    const line = 'tenant create acme --name ACME --settings {"clients":{}}';
    const { out, sent } = await run(line, { server });
    expect(sent[0]).toMatchObject({ method: 'POST', body: { tenant: 'acme', name: 'ACME' } });
    expect(sent[0]!.body).toMatchObject({ settings: { clients: {} } });
    expect(out).toContain('https://a.example/t/acme');
    expect(out).toContain('mm_admin_x');
    expect((await run('tenant create acme --settings {', { server })).exit).toBe(2);
  });

  it('lists and shows them', async () => {
    const listed = await run('tenant list', {
      server: () => json(200, { items: [acme], next: null }),
    });
    expect(listed.out).toMatch(/acme +ACME +active +https:\/\/a\.example\/t\/acme/);
    expect((await run('tenant show acme', { server: () => json(200, acme) })).out).toContain(
      'ACME',
    );
  });

  it.each([
    ['update acme --name New', 'PATCH', { name: 'New' }],
    ['disable acme', 'PATCH', { status: 'disabled' }],
    ['enable acme', 'PATCH', { status: 'active' }],
    ['delete acme', 'DELETE', undefined],
  ])('%s changes the version that was seen', async (line, method, body) => {
    const server = () => json(200, acme, { etag: '"3"' });
    const { exit, sent } = await run(`tenant ${line}`, { server });
    expect(exit).toBe(0);
    expect(sent[1]).toMatchObject({ method, ...(body && { body }) });
    expect(sent[1]!.url).toMatch(/\/v1\/tenants\/acme$/);
    expect(sent[1]!.headers.get('if-match')).toBe('"3"');
    expect((await run(`tenant ${line}`, { server: () => json(404, {}) })).exit).toBe(1);
  });

  it('makes another administrator', async () => {
    const server = () => json(201, { tenant: 'acme', id: 'k1', admin_key: 'mm_admin_y' });
    const { out, sent } = await run('tenant admin-key acme --name back', { server });
    expect(sent[0]).toMatchObject({ method: 'POST', body: { name: 'back' } });
    expect(sent[0]!.url).toMatch(/\/v1\/tenants\/acme\/admin-keys$/);
    expect(out).toContain('mm_admin_y');
  });
});
