import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

type Item = Record<string, unknown>;

const fixture = (name: string): string =>
  new URL(`../moves/fixtures/${name}`, import.meta.url).pathname;
const sha = (key: string): string => hash('sha256', key);

/** A server that keeps what it is sent. */
function keeping() {
  const keys = new Map<string, Item>();
  const clients = new Map<string, Item>();
  const users = new Map<string, Item>();
  const rights = new Map<string, Item>();
  const missing = () => json(404, { code: 'not_found', title: 'No such thing' });
  function server({ method, url, body }: Sent): Response {
    const { pathname, searchParams } = new URL(url);
    const given = body as Item;
    const id = decodeURIComponent(pathname.split('/').at(-1) ?? '');
    if (pathname === '/v1/keys/import') {
      const rows = given['keys'] as Item[];
      const fresh = rows.filter((row) => !keys.has(String(row['hash'])));
      for (const row of fresh) keys.set(String(row['hash']), row);
      const counts = { imported: fresh.length, unchanged: rows.length - fresh.length };
      return json(200, { ...counts, conflicts: [] });
    }
    if (/^\/v1\/(?:roles|groups)\//.test(pathname)) {
      const at = decodeURIComponent(pathname.replace('/v1/', ''));
      if (method === 'PUT') rights.set(at, given);
      const found = rights.get(at);
      return found === undefined ? missing() : json(200, found);
    }
    if (pathname.startsWith('/v1/clients/')) {
      const client = clients.get(id);
      return client === undefined ? missing() : json(200, client);
    }
    if (pathname === '/v1/clients') {
      const { client_secret = 'fresh-secret', ...client } = given;
      clients.set(String(client['client_id']), client);
      return json(201, { ...client, client_secret });
    }
    if (pathname === '/v1/users' && method === 'GET') {
      const user = users.get(searchParams.get('username') ?? '');
      return json(200, { items: user === undefined ? [] : [user], next: null });
    }
    if (pathname === '/v1/users') {
      if (given['username'] === 'refused') {
        const errors = [{ pointer: '/username', message: 'is not a name' }];
        return json(422, { code: 'invalid_body', title: 'Wrong', errors });
      }
      users.set(String(given['username']), { ...given, id: given['username'] });
      return json(201, { id: given['username'] }, { etag: '"1"' });
    }
    Object.assign(users.get(id) ?? {}, given);
    return json(200, {});
  }
  return { server, keys, clients, users, rights };
}

let folder: string;
let world: ReturnType<typeof keeping>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-import-'));
  world = keeping();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function move(from: string, file: string, ...more: string[]) {
  const args = ['import', '--json', '--from', from, fixture(file), ...more];
  const { exit, out, err, sent } = await run(args, { server: world.server });
  const report = out === '' ? JSON.parse(err) : JSON.parse(out);
  return { exit, report, sent, reasons: reasonsOf(report) };
}

function reasonsOf(report: { refused?: { at: string; reason: string }[] }) {
  return (report.refused ?? []).map(({ at, reason }) => [at, reason]);
}

describe('mintmark import --from kong', () => {
  it('takes keys with their consumers and groups, and says what it could not', async () => {
    const { exit, report, reasons, sent } = await move('kong', 'kong.yaml');
    expect([exit, report.keys]).toEqual([1, { imported: 3, unchanged: 0 }]);
    const first = world.keys.get(sha('3fKx0mQ9vLr2Zt8yWc5PbN7hJd1sGa6e'));
    expect(first).toMatchObject({ owner: 'alice', scopes: ['gold'] });
    const ending = world.keys.get(sha('9aVd2xJk7Qm4Ys1ZtB6nLw8RcE3uHf5g'));
    expect(ending).toMatchObject({ expires_at: '2026-09-21T15:13:20.000Z' });
    const loose = world.keys.get(sha('Zk3mQ9vLr2Xt8yWc5PbN7hJd1sGa6e0f'));
    expect(loose).toMatchObject({ owner: 'bob', scopes: ['silver'] });
    expect(reasons).toEqual([
      ['consumers[0].keyauth_credentials[1]', 'the key has fewer than 16 characters'],
      ['consumers[0].keyauth_credentials[2]', 'the key is a reference to a vault'],
      ['consumers[0].keyauth_credentials[4]', 'it has a ttl and no created_at'],
      ['keyauth_credentials[1]', 'its consumer is not in the file'],
    ]);
    expect(report.left_out).toMatchObject({ basicauth_credentials: 1, plugins: 1 });
    // No key leaves this machine.
    expect(JSON.stringify(sent)).not.toContain('3fKx0mQ9vLr2Zt8yWc5PbN7hJd1sGa6e');
  });

  it('changes nothing the second time, and nothing at all in a dry run', async () => {
    const dry = await move('kong', 'kong.yaml', '--dry-run');
    expect([dry.report.keys.imported, dry.sent]).toEqual([3, []]);
    await move('kong', 'kong.yaml');
    expect((await move('kong', 'kong.yaml')).report.keys).toEqual({ imported: 0, unchanged: 3 });
  });
});

describe('mintmark import --from unkey', () => {
  it('takes hashes with owner, rights, end and credits; rate limits are facts', async () => {
    const { report, reasons } = await move('unkey', 'unkey.json', '--prefix', 'sk_');
    expect(report.keys.imported).toBe(2);
    expect([...world.keys.values()]).toMatchObject([
      {
        name: 'Partner',
        owner: 'acme',
        scopes: ['docs.read', 'docs.write'],
        expires_at: '2030-01-01T00:00:00.000Z',
        metadata: { team: 'a', unkey_id: 'key_1', unkey_ratelimit: { limit: 10 } },
        credits: { remaining: 100 },
      },
      { name: 'key_2', owner: 'globex', scopes: ['admin'] },
    ]);
    expect(reasons).toEqual([['[2]', 'there is no hash: the API lists none, export the table']]);
    expect(report.left_out).toEqual({
      'keys that are disabled': 1,
      'rate limits of keys: in their metadata, and they bound nothing here': 1,
    });
  });

  it.each([
    [{ remaining: 5 }, { remaining: 5 }],
    [
      { credits: { remaining: 7, refill: { interval: 'daily', amount: 9 } } },
      { remaining: 7, refill: { amount: 9, every: 'day' } },
    ],
    [
      { remaining: 7, refill: { interval: 'monthly', amount: 9, refillDay: 15 } },
      { remaining: 7, refill: { amount: 9, every: 'month', on: 15 } },
    ],
    [
      { remaining_requests: 3, refill_amount: 4, refill_day: null },
      { remaining: 3, refill: { amount: 4, every: 'day' } },
    ],
    [
      { remaining_requests: 3, refill_amount: 4, refill_day: 31 },
      { remaining: 3, refill: { amount: 4, every: 'month', on: 31 } },
    ],
    [{ remaining: null, credits: {} }, undefined],
  ])('takes the credits of %j', async (more, credits) => {
    const file = join(folder, 'keys.json');
    writeFileSync(file, JSON.stringify([{ id: 'k', hash: sha('x'), ...more }]));
    await run(['import', '--from', 'unkey', file], world);
    expect([...world.keys.values()][0]?.['credits']).toEqual(credits);
  });
});

describe('mintmark import --from keycloak', () => {
  it('takes clients with their secrets, and people with hashes of their passwords', async () => {
    const { report, reasons } = await move('keycloak', 'keycloak-argon2.json');
    expect(report.clients).toEqual({ imported: 2, unchanged: 0 });
    expect(world.clients.get('shop')).toMatchObject({
      client_name: 'Shop',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://shop.example/cb'],
      post_logout_redirect_uris: ['https://shop.example/bye'],
      allowed_origins: ['https://shop.example'],
    });
    expect(world.clients.get('worker')).toMatchObject({ grant_types: ['client_credentials'] });
    expect(reasons).toEqual([
      [expect.stringMatching(/^clients/), 'it has no redirect URI without a wildcard'],
    ]);
    expect(world.users.get('alice')).toMatchObject({
      password_hash: expect.stringMatching(
        /^\$argon2id\$v=19\$m=7168,t=5,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/,
      ),
      claims: { name: 'Alice Example', email: 'alice@example.com', email_verified: true },
    });
    expect(world.users.get('carol')).toMatchObject({ status: 'disabled' });
    expect(report.left_out).toMatchObject({ 'password grants': 1 });
    expect(world.users.get('alice')).toMatchObject({ roles: ['reader'], groups: ['staff'] });
  });

  it('takes roles of the realm and of clients, and groups with what those above give', async () => {
    const { exit, report } = await move('keycloak', 'keycloak-roles.json');
    expect(exit).toBe(0);
    expect(report).toMatchObject({
      roles: { imported: 5, unchanged: 0 },
      groups: { imported: 3, unchanged: 0 },
      left_out: { 'roles of roles: given one by one': 1 },
    });
    expect(Object.fromEntries(world.rights)).toEqual({
      'roles/buyer': { scopes: [], description: 'May buy' },
      'roles/auditor': { scopes: [], description: '' },
      'roles/chief': { scopes: [], description: 'Everything of the shop' },
      'roles/orders:read': { scopes: [], description: 'Reads orders' },
      'roles/orders:write': { scopes: [], description: '' },
      'groups/empty': { roles: [] },
      'groups/sales': { roles: ['buyer', 'orders:read'] },
      'groups/sales/emea': { roles: ['buyer', 'orders:read', 'orders:write'] },
    });
    const rightsOf = (name: string) => {
      const { roles, groups } = world.users.get(name) ?? {};
      return { roles, groups };
    };
    expect(rightsOf('ann')).toEqual({ roles: ['auditor', 'orders:read'], groups: ['sales/emea'] });
    expect(rightsOf('ben')).toEqual({
      roles: ['buyer', 'chief', 'orders:write'],
      groups: ['sales'],
    });
    expect(rightsOf('cem')).toEqual({ roles: undefined, groups: undefined });
  });

  it('leaves roles that were given rights since, and tells of a group that differs', async () => {
    await move('keycloak', 'keycloak-roles.json');
    world.rights.get('roles/buyer')!['scopes'] = ['orders:buy'];
    const again = await move('keycloak', 'keycloak-roles.json');
    expect(again.report).toMatchObject({
      roles: { imported: 0, unchanged: 5 },
      groups: { imported: 0, unchanged: 3 },
    });
    expect(world.rights.get('roles/buyer')).toMatchObject({ scopes: ['orders:buy'] });
    world.rights.get('groups/sales')!['roles'] = [];
    const { reasons } = await move('keycloak', 'keycloak-roles.json');
    expect(reasons).toEqual([['groups[1]', 'there is another one of this name: roles']]);
    const dry = await move('keycloak', 'keycloak-roles.json', '--dry-run');
    expect(dry.sent.every((one: Sent) => one.method === 'GET')).toBe(true);
  });

  it('spells PBKDF2 as the server reads it, and finds what is there already', async () => {
    await move('keycloak', 'keycloak-pbkdf2.json');
    expect(world.users.get('bob')?.['password_hash']).toMatch(
      /^\$pbkdf2-sha512\$i=210000\$[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{88}$/,
    );
    const again = await move('keycloak', 'keycloak-pbkdf2.json');
    expect(again.report.users).toEqual({ imported: 0, unchanged: 2 });
    expect(again.report.clients).toEqual({ imported: 0, unchanged: 2 });
    Object.assign(world.clients.get('shop') ?? {}, { redirect_uris: ['https://other.example'] });
    const other = await move('keycloak', 'keycloak-pbkdf2.json');
    expect(other.reasons).toContainEqual([
      expect.any(String),
      'there is another one of this name: redirect_uris',
    ]);
  });
});

describe('mintmark import --from hydra', () => {
  it('makes new secrets where old ones are hashes, and keeps them where it is told', async () => {
    const without = await move('hydra', 'hydra.json');
    expect(without.reasons[0]?.[1]).toBe('it has no grant that there is here');
    expect(without.reasons).toContainEqual([
      '[0]',
      'its secret is only a hash: --secrets-file keeps a new one',
    ]);
    const secrets = join(folder, 'secrets');
    const { report, reasons } = await move('hydra', 'hydra.json', '--secrets-file', secrets);
    expect(report.clients).toEqual({ imported: 1, unchanged: 1 });
    expect(world.clients.get('a1')).toMatchObject({ audiences: ['https://api.example'] });
    expect(readFileSync(secrets, 'utf8')).toBe(
      '{"client_id":"a1","client_secret":"fresh-secret"}\n',
    );
    expect(statSync(secrets).mode & 0o777).toBe(0o600);
    expect(reasons).toContainEqual(['[3]', 'it authenticates by tls_client_auth']);
  });

  it('takes the hashes that rows of its table hold, lists in JSON texts and all', async () => {
    const bcrypt = `$2a$10$${'a'.repeat(53)}`;
    const pbkdf2 = `$pbkdf2-sha256$i=25000,l=32$c2FsdHNhbHRzYWx0$${'A'.repeat(43)}`;
    const row = {
      ...{ token_endpoint_auth_method: 'client_secret_post', scope: 'read' },
      grant_types: '["client_credentials"]',
      audience: '["https://api.example"]',
    };
    const file = join(folder, 'rows.json');
    const rows = [
      { ...row, id: 'b1', client_secret: bcrypt },
      { ...row, id: 'b2', client_secret: pbkdf2 },
    ];
    writeFileSync(file, rows.map((one) => JSON.stringify(one)).join('\n'));
    const { exit, out } = await run(['import', '--json', '--from', 'hydra', file], world);
    expect([exit, JSON.parse(out).clients]).toEqual([0, { imported: 2, unchanged: 0 }]);
    expect(world.clients.get('b1')).toMatchObject({
      ...{ client_secret_hash: bcrypt, grant_types: ['client_credentials'] },
      audiences: ['https://api.example'],
    });
    expect(world.clients.get('b2')).toMatchObject({ client_secret_hash: pbkdf2 });
  });
});

describe('mintmark import, plain tables', () => {
  const columns = ['--column', 'hash=key_hash', 'name=label', 'expires_at=ends'];

  it('reads CSV with line ends in cells, and names the line of what is wrong', async () => {
    const { report, reasons } = await move('csv', 'keys.csv', ...columns);
    expect(report.keys.imported).toBe(2);
    expect(world.keys.get(sha('tok_first_0123456789'))).toMatchObject({
      name: 'Build, "main"',
      scopes: ['read', 'write'],
      expires_at: '2030-01-01T00:00:00.000Z',
    });
    expect(reasons).toEqual([
      ['line 5', 'there is neither a hash nor a key'],
      ['line 6', 'its end is no time'],
    ]);
  });

  it('reads what pg_dump writes, as COPY and as INSERT', async () => {
    const args = ['--table', 'api_keys', '--column', 'hash=digest', 'name=label'];
    const { report, reasons } = await move('sql', 'postgres.sql', ...args);
    expect(report.keys.imported).toBe(2);
    expect(world.keys.get(sha('pg_first_0123456789ab'))).toMatchObject({ name: 'Build\tmain' });
    expect(world.keys.get(sha('pg_third_0123456789ab'))).toMatchObject({
      name: "It's; (late)",
      owner: 'team-c',
    });
    expect(report.left_out).toEqual({ 'keys that are disabled': 1 });
    expect(reasons).toEqual([[expect.stringMatching(/^line 1\d$/), expect.any(String)]]);
  });

  it('reads what mysqldump writes, with the columns of the table', async () => {
    const { report } = await move(
      ...(['sql', 'mysql.sql', '--kind', 'users', '--table', 'people'] as const),
      ...['--column', 'username=login', 'password_hash=pass', 'email=mail', 'enabled=active'],
    );
    expect(report.users.imported).toBe(2);
    expect(world.users.get('dora')).toMatchObject({ claims: { email: 'dora@example.com' } });
    expect(world.users.get("o'neil")).toMatchObject({ status: 'disabled' });
  });

  it('says what one row was refused for, and goes on with the next', async () => {
    const file = join(folder, 'users.csv');
    writeFileSync(file, 'username\nrefused\n\nfine\n');
    const args = ['import', '--from', 'csv', '--kind', 'users', file];
    const { exit, out } = await run(args, { server: world.server });
    expect(exit).toBe(1);
    expect(out).toMatch(/line 2 +refused +Wrong; \/username is not a name/);
    expect(world.users.has('fine')).toBe(true);
  });

  it.each([
    ['kong', [], 'a: [', 'is not YAML'],
    ['unkey', [], '{', 'is no JSON'],
    ['csv', [], '', 'no heading'],
    ['csv', [], 'a\n"b', 'line 2: a quotation mark'],
    ['csv', ['--column', 'x=y'], 'a\nb', 'names none of'],
    ['sql', [], 'x', 'needs --table'],
    ['sql', ['--table', 't'], 'SELECT 1', 'no rows of t'],
    ['sql', ['--table', 't'], 'INSERT INTO t VALUES (1);', 'no names of columns'],
    ['sql', ['--table', 't'], 'INSERT INTO t (a) VALUES (f(1));', 'VALUES cannot be read'],
    ['sql', ['--table', 't'], 'COPY t (a) FROM stdin;\n1\n', 'has no end'],
  ])('refuses what it cannot read: %s %j', async (from, more, input, message) => {
    const args = ['import', '--from', from, '-', ...more];
    const { exit, err, sent } = await run(args, { server: world.server, input });
    expect([exit, sent]).toEqual([2, []]);
    expect(err).toContain(message);
  });

  it('stops where the server takes nothing', async () => {
    const server = () => json(403, { code: 'insufficient_permission', title: 'No' });
    const args = ['import', '--from', 'keycloak', fixture('keycloak-argon2.json')];
    expect((await run(args, { server })).exit).toBe(1);
    expect((await run('import --from csv ./no-such-file', { server })).exit).toBe(3);
  });
});
