import { describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

const alice = {
  id: 'u1',
  username: 'alice',
  status: 'active',
  claims: { email: 'alice@example.com', email_verified: true },
  has_password: true,
  created_at: 'then',
  updated_at: 'now',
};

/** Knows alice by name and by id. */
function server({ method, url }: Sent): Response {
  const { pathname, searchParams } = new URL(url);
  const name = searchParams.get('username');
  if (method === 'GET' && name !== null) {
    return json(200, { items: name === 'Alice' ? [alice] : [], next: null });
  }
  if (method === 'GET' && pathname === '/v1/users') {
    return json(200, { items: [alice], next: null });
  }
  if (method === 'GET') return json(200, alice, { etag: '"4"' });
  if (method === 'DELETE') return new Response(null, { status: 204 });
  return json(method === 'POST' ? 201 : 200, { ...alice, status: 'disabled' });
}

const last = (sent: readonly Sent[]) => {
  const { method, url, body, headers } = sent.at(-1)!;
  return { method, path: new URL(url).pathname, body, seen: headers.get('if-match') };
};

describe('mintmark user', () => {
  it('creates with claims in their types, the password from standard input', async () => {
    const line = 'user create alice --password - --claim email=a@b.c email_verified=true';
    const { out, sent } = await run(line, { server, input: 'correct horse\n' });
    expect(last(sent)).toMatchObject({
      method: 'POST',
      path: '/v1/users',
      body: {
        username: 'alice',
        password: 'correct horse',
        claims: { email: 'a@b.c', email_verified: true },
      },
    });
    expect(out).toContain('alice@example.com');
    expect(out).not.toContain('correct horse');
  });

  it('takes an address as JSON', async () => {
    const argv = ['user', 'create', 'a', '--claim', 'address={"country":"UK"}', 'name=A=B'];
    const { sent } = await run(argv, { server });
    const claims = { address: { country: 'UK' }, name: 'A=B' };
    expect(last(sent).body).toMatchObject({ claims });
  });

  it.each([
    ['user create a --claim email', 'has no value'],
    ['user create a --claim email_verified=maybe', 'cannot be "maybe"'],
    ['user set-password alice', 'there is no password'],
  ])('refuses %s', async (line, message) => {
    const { exit, err, sent } = await run(line, { server });
    expect(exit).toBe(2);
    expect(err).toContain(message);
    expect(sent.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  it('lists and shows, by name or by id', async () => {
    expect((await run('user list', { server })).out).toMatch(/u1 +alice +active/);
    expect((await run('user show Alice', { server })).out).toContain('alice@example.com');
    const { sent } = await run('user show u1', { server });
    expect(last(sent).path).toBe('/v1/users/u1');
  });

  it.each([
    ['user update Alice --username alicia', 'PATCH', '/v1/users/u1', { username: 'alicia' }],
    ['user set-password Alice --password -', 'PUT', '/v1/users/u1/password', { password: 'new' }],
    ['user disable Alice', 'POST', '/v1/users/u1/disable', undefined],
    ['user enable Alice', 'POST', '/v1/users/u1/enable', undefined],
    ['user delete Alice', 'DELETE', '/v1/users/u1', undefined],
  ])('%s edits the version that it has seen', async (line, method, path, body) => {
    const { exit, sent } = await run(line, { server, input: 'new\n' });
    expect(exit).toBe(0);
    expect(last(sent)).toMatchObject({ method, path, seen: '"4"', ...(body && { body }) });
  });

  it('makes a link for a forgotten password', async () => {
    const link = 'https://id.example/reset?token=x';
    const making = (request: Sent) =>
      request.method === 'POST' ? json(201, { url: link, expires_at: 'soon' }) : server(request);
    const { out, sent } = await run('user reset-password Alice', { server: making });
    expect(out).toContain(link);
    expect(last(sent)).toMatchObject({ method: 'POST', path: '/v1/users/u1/password/reset' });
  });

  it('passes on what the server refuses while it looks for the name', async () => {
    const refusing = () => json(403, { code: 'insufficient_permission', title: 'No' });
    expect((await run('user show alice', { server: refusing })).exit).toBe(1);
  });
});
