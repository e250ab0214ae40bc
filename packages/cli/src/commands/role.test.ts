import { describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

const dev = { name: 'dev', scopes: ['read'], description: '', exclusive: false, updated_at: 'now' };
const staff = { name: 'staff', roles: ['dev'], description: 'All', updated_at: 'now' };
const alice = { id: 'u1', username: 'alice', roles: ['dev'], groups: [], claims: {} };
const waiting = { id: 'p2', user: 'u1', name: 'New', status: 'active', awaiting_approval: true };
const pat = { id: 'p1', user: 'u1', name: 'CI', effective_scopes: ['read'], expires_at: 'then' };

function server({ method, url }: Sent): Response {
  const { pathname, searchParams } = new URL(url);
  if (pathname === '/v1/users' && searchParams.has('username')) {
    return json(200, { items: [alice], next: null });
  }
  if (method === 'DELETE' || pathname.endsWith('/revoke'))
    return new Response(null, { status: 204 });
  if (pathname.startsWith('/v1/users')) return json(200, alice, { etag: '"3"' });
  if (pathname === '/v1/roles/new') return json(404, { code: 'not_found', title: 'no' });
  if (pathname.startsWith('/v1/roles/')) return json(200, dev, { etag: '"1"' });
  if (pathname.startsWith('/v1/groups/')) return json(200, staff, { etag: '"2"' });
  if (pathname === '/v1/roles') return json(200, { items: [dev], next: null });
  if (pathname === '/v1/groups') return json(200, { items: [staff], next: null });
  if (pathname === '/v1/pat-policy') {
    const policy = { max_life_seconds: 60, allowed_scopes: null, makers: null };
    return json(200, { ...policy, requires_approval: false }, { etag: '"1"' });
  }
  if (pathname === '/v1/pats' && method === 'GET')
    return json(200, { items: [pat, waiting], next: null });
  if (pathname === '/v1/pats') return json(201, { ...pat, token: 'mm_pat_x' });
  return json(200, pat, { etag: '"1"' });
}

const last = (sent: readonly Sent[]) => {
  const { method, url, body, headers } = sent.at(-1)!;
  return { method, path: new URL(url).pathname, body, seen: headers.get('if-match') };
};

describe('mintmark role and group', () => {
  it('list and show', async () => {
    expect((await run('role list', { server })).out).toMatch(/dev +read/);
    expect((await run('group list', { server })).out).toMatch(/staff +dev +All/);
    expect((await run('role show dev', { server })).out).toContain('read');
    expect((await run('group show staff', { server })).out).toContain('dev');
  });

  it('set makes what is not there, and replaces the version that it has seen', async () => {
    const made = await run('role set new --scope read write --exclusive', { server });
    expect(made.exit).not.toBe(0);
    const { sent } = await run('role set dev --scope read write', { server });
    expect(last(sent)).toMatchObject({
      ...{ method: 'PUT', path: '/v1/roles/dev', seen: '"1"' },
      body: { scopes: ['read', 'write'], exclusive: false },
    });
    expect(last(made.sent)).toMatchObject({ method: 'PUT', path: '/v1/roles/new', seen: null });
    const group = await run('group set staff --role dev', { server });
    expect(last(group.sent)).toMatchObject({ path: '/v1/groups/staff', body: { roles: ['dev'] } });
  });

  it('delete', async () => {
    const { sent, out } = await run('group delete staff', { server });
    expect(last(sent)).toMatchObject({ method: 'DELETE', path: '/v1/groups/staff', seen: '"2"' });
    expect(out).toContain('deleted staff');
  });
});

describe('mintmark user role and group', () => {
  it('give and take, and leave the others', async () => {
    const add = await run('user role add alice ops', { server });
    expect(last(add.sent)).toMatchObject({ method: 'PATCH', body: { roles: ['dev', 'ops'] } });
    const remove = await run('user role remove alice dev', { server });
    expect(last(remove.sent)).toMatchObject({ body: { roles: [] }, seen: '"3"' });
    const group = await run('user group add alice staff', { server });
    expect(last(group.sent)).toMatchObject({ path: '/v1/users/u1', body: { groups: ['staff'] } });
  });
});

describe('mintmark pat', () => {
  it('creates with an end, and shows the token once', async () => {
    const line = 'pat create --user alice --name CI --scope read --audience https://a.example';
    expect((await run(line, { server })).exit).toBe(2);
    const { sent, out } = await run(`${line} --expires-in 30d`, { server });
    expect(out).toContain('mm_pat_x');
    expect(last(sent).body).toMatchObject({
      ...{ user: 'alice', name: 'CI', scopes: ['read'], audience: ['https://a.example'] },
      expires_at: expect.stringMatching(/Z$/),
    });
  });

  it('lists, shows, approves and revokes', async () => {
    const listing = await run('pat list --user alice --waiting', { server });
    expect(listing.out).toMatch(/p2 .*New +waiting/);
    expect(listing.out).toMatch(/p1 +u1 +CI/);
    expect(listing.sent.at(-1)?.url).toContain('awaiting_approval=true');
    expect((await run('pat show p1', { server })).out).toContain('CI');
    const approved = await run('pat approve p1', { server });
    expect(last(approved.sent)).toMatchObject({ method: 'POST', path: '/v1/pats/p1/approve' });
    const revoked = await run('pat revoke p1', { server });
    expect(last(revoked.sent)).toMatchObject({ method: 'POST', path: '/v1/pats/p1/revoke' });
    expect(revoked.out).toContain('revoked p1');
  });

  it('shows and sets the policy', async () => {
    expect((await run('pat policy show', { server })).out).toContain('60');
    const line = 'pat policy set --max-life 90d --require-approval --allow-scope read --maker lead';
    const { sent } = await run(line, { server });
    expect(last(sent)).toMatchObject({
      ...{ method: 'PUT', path: '/v1/pat-policy', seen: '"1"' },
      body: {
        ...{ max_life_seconds: 7_776_000, allowed_scopes: ['read'] },
        ...{ requires_approval: true, makers: ['lead'] },
      },
    });
    const part = await run('pat policy set --require-approval', { server });
    expect(last(part.sent).body).toEqual({ max_life_seconds: 60, requires_approval: true });
    const anew = await run('pat policy set --require-approval --reset', { server });
    expect(last(anew.sent).body).toEqual({ requires_approval: true });
    expect((await run('pat policy set', { server })).exit).toBe(2);
    expect((await run('pat policy set --max-life soon', { server })).exit).toBe(2);
  });
});
