import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

const present: Readonly<Record<string, Record<string, unknown>>> = {
  '/v1/clients/ci': { client_id: 'ci', scope: 'write read', status: 'active' },
  '/v1/routes/npm': {
    name: 'npm',
    match: { host: 'npm.example' },
    upstream: 'http://127.0.0.1:1',
    accept_basic: true,
    updated_at: 'then',
  },
  '/v1/users/u1': {
    id: 'u1',
    username: 'alice',
    status: 'active',
    claims: { name: 'Alice', address: { country: 'UK' } },
    has_password: true,
  },
  '/v1/keys/k1': {
    id: 'k1',
    name: 'build',
    owner: 'me',
    status: 'active',
    scopes: ['a', 'b'],
    expires_at: '2027-01-01T00:00:00.000Z',
    successor: null,
  },
};

/** Knows what is above, and answers each change with what was sent. */
function server({ method, url, body }: Sent): Response {
  const { pathname } = new URL(url);
  if (method === 'GET' && pathname === '/v1/keys') {
    const revoked = { ...present['/v1/keys/k1'], id: 'k0', status: 'revoked' };
    return json(200, { items: [present['/v1/keys/k1'], revoked], next: null });
  }
  if (method === 'GET' && pathname === '/v1/users') {
    const isAlice = new URL(url).searchParams.get('username') === 'alice';
    return json(200, { items: isAlice ? [present['/v1/users/u1']] : [], next: null });
  }
  if (pathname === '/v1/users/u1/password/compare') {
    return json(200, { same: (body as { password: string }).password === 'as it was' });
  }
  if (method === 'GET') {
    const found = present[pathname];
    const missing = { code: 'not_found', title: 'There is no such thing' };
    return found === undefined ? json(404, missing) : json(200, found, { etag: '"5"' });
  }
  const secret = pathname === '/v1/clients' ? { client_secret: 'mm_cs_new' } : {};
  return json(method === 'POST' ? 201 : 200, { ...(body as object), ...secret });
}

const changesOf = (sent: readonly Sent[]) =>
  sent.filter(({ method, url }) => method !== 'GET' && !url.endsWith('/compare'));

describe('mintmark apply', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-apply-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function file(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  it('replaces an assertion issuer as a whole, and only where it differs', async () => {
    const rules = [{ subject: 'a', clients: ['ci'] }];
    const issuer = { issuer: 'https://builds.example', algorithms: ['RS256'], rules };
    const kept = { name: 'builds', ...issuer, jwks_uri: 'https://builds.example/jwks' };
    const known = (request: Sent) =>
      request.method === 'GET' && request.url.endsWith('/v1/assertion-issuers/builds')
        ? json(200, { ...kept, single_use: false, updated_at: 'then' }, { etag: '"7"' })
        : server(request);
    const path = file('a.json', JSON.stringify({ assertion_issuers: [kept] }));
    const { exit, sent } = await run(['apply', path], { server: known });
    expect(exit).toBe(0);
    expect(changesOf(sent)).toMatchObject([{ method: 'PUT', body: kept }]);
    const same = { ...kept, single_use: false };
    const again = file('b.json', JSON.stringify({ assertion_issuers: [same] }));
    expect(changesOf((await run(['apply', again], { server: known })).sent)).toEqual([]);
    const fresh = file('c.json', JSON.stringify({ assertion_issuers: [{ ...kept, name: 'new' }] }));
    const made = changesOf((await run(['apply', fresh], { server: known })).sent);
    expect(made[0]?.url).toMatch(/\/v1\/assertion-issuers\/new$/);
    const moved = { ...kept, issuer: 'https://other.example' };
    const other = file('d.json', JSON.stringify({ assertion_issuers: [moved] }));
    expect((await run(['apply', other], { server: known })).exit).toBe(2);
  });

  it('writes a threat feed where it differs, its secret with a change alone', async () => {
    const feed = { kind: 'plain', url: 'https://lists.example/drop.txt', secret: 'hidden' };
    file('feeds.json', JSON.stringify({ threat_feeds: [{ name: 'drop', ...feed }] }));
    const { secret: _secret, ...kept } = feed;
    const shown = { name: 'drop', ...kept, has_secret: true, updated_at: 'x', progress: {} };
    let present: object = shown;
    const server = ({ method }: { readonly method: string }) =>
      method === 'GET' ? json(200, present, { etag: '"1"' }) : json(200, shown);
    const same = await run(`apply ${folder}/feeds.json`, { server });
    expect(same.sent.map(({ method }) => method)).toEqual(['GET']);
    present = { ...shown, url: 'https://lists.example/old.txt', blocks_max: 5 };
    const other = await run(`apply ${folder}/feeds.json`, { server });
    expect(other.sent[1]).toMatchObject({ method: 'PUT', body: { name: 'drop', ...feed } });
    expect(other.out).not.toContain('hidden');
  });

  it('writes a credential of an upstream where its form differs', async () => {
    const form = { name: 'billing', scheme: 'header', header: 'x-key' };
    const things = { upstream_credentials: [{ ...form, secret: 'hidden' }] };
    file('own.json', JSON.stringify(things));
    let present: object = { ...form, created_at: 'x', updated_at: 'x' };
    const server = ({ method }: { readonly method: string }) =>
      method === 'GET' ? json(200, present, { etag: '"1"' }) : json(200, present);
    const same = await run(`apply ${folder}/own.json`, { server });
    expect(same.sent.map(({ method }) => method)).toEqual(['GET']);
    present = { name: 'billing', scheme: 'bearer' };
    const other = await run(`apply ${folder}/own.json`, { server });
    expect(other.sent[1]).toMatchObject({ method: 'PUT', body: { ...form, secret: 'hidden' } });
    expect(other.out).not.toContain('hidden');
  });

  it('writes plans and who has them, and only where they differ', async () => {
    const limits = [{ name: 'monthly', kind: 'calendar', period: 'month', quota: 10 }];
    const holding = { ...{ kind: 'client', id: 'web', plan: 'free', raised: [] }, limits: [] };
    const known = (request: Sent) => {
      if (request.method === 'GET' && request.url.endsWith('/v1/plans/free')) {
        return json(200, { name: 'free', limits, updated_at: 'then' }, { etag: '"2"' });
      }
      if (request.method === 'GET' && request.url.endsWith('/v1/limits/client/web')) {
        return json(200, { ...holding, counted: 'in_common' }, { etag: '"0"' });
      }
      return server(request);
    };
    const wanted = { plans: [{ name: 'free', limits }] };
    const holders = [{ holder: 'client/web', plan: 'free' }];
    const same = file('p.json', JSON.stringify({ ...wanted, plan_holders: holders }));
    expect(changesOf((await run(['apply', same], { server: known })).sent)).toEqual([]);
    const raised = [{ limit: 'monthly', quota: 99 }];
    const more = file('q.json', JSON.stringify({ plan_holders: [{ ...holders[0], raised }] }));
    const changed = changesOf((await run(['apply', more], { server: known })).sent);
    expect(changed).toMatchObject([
      { method: 'PUT', body: { plan: 'free', raised, reason: 'applied from q.json' } },
    ]);
    expect(changed[0]?.url).toMatch(/\/v1\/limits\/client\/web$/);
  });

  it('makes what is not there, in an order in which each finds what it speaks of', async () => {
    const path = file(
      'all.yaml',
      'routes:\n  - {name: new, match: {host: a.example}, upstream: "http://127.0.0.1:2"}\n' +
        'clients:\n  - {client_id: fresh, scope: read}\n' +
        'authorization_details_types:\n  - {type: pay, schema: {type: object}}\n',
    );
    const { exit, out, sent } = await run(['apply', path], { server });
    expect(exit).toBe(0);
    expect(changesOf(sent).map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      'PUT /v1/authorization-details-types/pay',
      'POST /v1/clients',
      'PUT /v1/routes/new',
    ]);
    expect(out).toContain('+ clients fresh\n  client_secret mm_cs_new');
    expect(out).toContain('+ routes new');
  });

  it('does not show a secret that the file itself gave', async () => {
    const path = file('own.yaml', 'clients: [{client_id: own, client_secret: my own secret}]\n');
    const { out } = await run(['apply', path], { server });
    expect(out).toBe('+ clients own\n');
  });

  it('leaves what is the same in another spelling', async () => {
    const path = file(
      'same.json',
      JSON.stringify({
        clients: [{ client_id: 'ci', scope: 'read write', client_secret: 'kept as it is' }],
        keys: [
          {
            ...{ name: 'build', scopes: ['b', 'a'], expires_at: '2027-01-01T01:00:00+01:00' },
            // Only where it is made: nobody gets his credits back by applying a file again.
            credits: { remaining: 100 },
          },
        ],
        routes: [
          {
            name: 'npm',
            match: { host: 'npm.example' },
            upstream: 'http://127.0.0.1:1',
            accept_basic: true,
          },
        ],
      }),
    );
    const { exit, out, sent } = await run(['apply', path, '--json'], { server });
    expect(exit).toBe(0);
    expect(changesOf(sent)).toEqual([]);
    const { changes } = JSON.parse(out);
    expect(changes.map((one: { action: string }) => one.action)).toEqual([
      'unchanged',
      'unchanged',
      'unchanged',
    ]);
  });

  it('changes what differs, under the ETag that it saw', async () => {
    const path = file(
      'change.yaml',
      'clients: [{client_id: ci, scope: read}]\nkeys: [{name: build, scopes: [a]}]\n' +
        'routes: [{name: npm, match: {host: npm.example}, upstream: "http://127.0.0.1:9"}]\n',
    );
    const { out, sent } = await run(['apply', path], { server });
    const changes = changesOf(sent);
    expect(changes.map(({ method, body }) => [method, body])).toEqual([
      ['PATCH', { scope: 'read' }],
      ['PATCH', { scopes: ['a'] }],
      ['PUT', { name: 'npm', match: { host: 'npm.example' }, upstream: 'http://127.0.0.1:9' }],
    ]);
    expect(changes.every((one) => one.headers.get('if-match') === '"5"')).toBe(true);
    // What a route's file no longer says goes away, and is told.
    expect(out).toContain('~ routes npm: upstream, accept_basic');
  });

  it('sets a password only where it is another one', async () => {
    const claims = '{address: {country: UK}, name: Alice}';
    const same = `users: [{username: alice, password: as it was, claims: ${claims}}]\n`;
    const kept = await run(['apply', file('same.yaml', same)], { server });
    expect(kept.out).toBe('= users alice\n');
    expect(changesOf(kept.sent)).toEqual([]);
    const other = 'users: [{username: alice, password: now new, claims: {name: Alice}}]\n';
    const { out, sent } = await run(['apply', file('other.yaml', other)], { server });
    expect(out).toBe('~ users alice: password, claims\n');
    const [change] = changesOf(sent);
    expect(change).toMatchObject({
      method: 'PATCH',
      body: { password: 'now new', claims: { name: 'Alice' } },
    });
    expect(change!.headers.get('if-match')).toBe('"5"');
  });

  it('creates a user that nobody is', async () => {
    const text = 'users: [{username: bob, password: a good one, claims: {email: b@c.d}}]\n';
    const { out, sent } = await run(['apply', file('new.yaml', text)], { server });
    expect(out).toBe('+ users bob\n');
    const body = { username: 'bob', password: 'a good one', claims: { email: 'b@c.d' } };
    expect(changesOf(sent)).toMatchObject([{ method: 'POST', body }]);
  });

  it('shows the difference and sends nothing in a dry run', async () => {
    const path = file('dry.yaml', 'clients: [{client_id: ci, scope: read}, {client_id: fresh}]\n');
    const { out, sent } = await run(['apply', path, '--dry-run'], { server });
    expect(out).toBe('~ clients ci: scope\n+ clients fresh\n');
    expect(changesOf(sent)).toEqual([]);
    const machine = await run(['apply', path, '--dry-run', '--json'], { server });
    expect(JSON.parse(machine.out)).toMatchObject({ dry_run: true, changes: [{}, {}] });
  });

  it('compares everything before it changes anything', async () => {
    const path = file('bad.yaml', 'clients: [{client_id: x}]\nkeys: [{name: build, owner: you}]\n');
    const { exit, err, sent } = await run(['apply', path], { server });
    expect(exit).toBe(2);
    expect(err).toContain('the owner of "build" cannot change');
    expect(changesOf(sent)).toEqual([]);
  });

  it('shows what was made before a change that is refused, secrets above all', async () => {
    const path = file(
      'half.yaml',
      'clients: [{client_id: one}, {client_id: two}, {client_id: 3x}]\n',
    );
    const refusing = (request: Sent) =>
      (request.body as { client_id?: string } | undefined)?.client_id === 'two'
        ? json(422, { code: 'invalid_body', title: 'Wrong', errors: [] })
        : server(request);
    const text = await run(['apply', path], { server: refusing });
    expect(text.exit).toBe(1);
    expect(text.out).toContain('mm_cs_new');
    expect(text.err).toContain('at clients "two"');
    const machine = await run(['apply', path, '--json'], { server: refusing });
    expect(machine.exit).toBe(1);
    expect(JSON.parse(machine.out)).toMatchObject({
      changes: [{ name: 'one', client_secret: 'mm_cs_new' }],
      error: { code: 'invalid_body' },
      not_made: [{ name: 'two' }, { name: '3x' }],
    });
  });

  it('does the same where the server goes away', async () => {
    const path = file('gone.yaml', 'clients: [{client_id: one}, {client_id: two}]\n');
    let changes = 0;
    const vanishing = (request: Sent) => {
      if (request.method === 'POST' && ++changes === 2) throw new TypeError('fetch failed');
      return server(request);
    };
    const { exit, out } = await run(['apply', path, '--json'], { server: vanishing });
    expect(exit).toBe(3);
    expect(JSON.parse(out)).toMatchObject({
      changes: [{ client_secret: 'mm_cs_new' }],
      error: { code: 'server_unreachable' },
    });
  });

  it('holds policies to what is said of them, and not to why it was', async () => {
    file('office.cedar', 'permit(principal, action, resource);');
    const text = 'policies: [{name: office, cedar_file: office.cedar, stage: enforce}]';
    const path = file('policies.yaml', text);
    const cedar = 'permit(principal, action, resource);';
    const there = {
      name: 'office',
      version: 3,
      stage: 'enforce',
      reason: 'why',
      author: 'a',
      cedar,
    };
    const known = (body: object) => () => json(200, body, { etag: '"9"' });
    const same = await run(['apply', path, '--dry-run'], { server: known(there) });
    expect(same.out).toContain('= policies office');
    const shadow = { ...there, stage: 'shadow', routes: ['npm'] };
    const { out, sent } = await run(['apply', path], { server: known(shadow) });
    expect(out).toContain('~ policies office: stage, routes');
    expect(sent[1]).toMatchObject({
      method: 'PUT',
      body: { cedar, stage: 'enforce', reason: 'applied from policies.yaml' },
    });
  });

  it('refuses two keys of one name, which it could not tell apart', async () => {
    const path = file('twice.yaml', 'keys: [{name: build, scopes: []}]\n');
    const two = (request: Sent) => {
      const key = present['/v1/keys/k1'];
      const isList = new URL(request.url).pathname === '/v1/keys';
      return isList
        ? json(200, { items: [key, { ...key, id: 'k2' }], next: null })
        : server(request);
    };
    expect((await run(['apply', path], { server: two })).err).toContain('2 keys are called');
  });

  it.each([
    ['no YAML', 'clients: [', 'line 1'],
    ['a list', '- a', 'holds no sections'],
    ['an unknown section', 'client: []', 'did you mean "clients"?'],
    ['a section of later versions', 'detectors: []', 'this version knows'],
    ['a section that is no list', 'clients: {}', 'is not a list'],
    ['a thing without its name', 'routes: [{upstream: x}]', 'routes[0] has no name'],
    ['a thing given twice', 'keys: [{name: a}, {name: a}]', 'is there twice'],
  ])('refuses %s', async (_, text, message) => {
    const { exit, err, sent } = await run(['apply', file('wrong.yaml', text)], { server });
    expect(exit).toBe(2);
    expect(err).toContain(message);
    expect(sent).toEqual([]);
  });

  it('reads standard input, and says which file it cannot read', async () => {
    const input = 'clients: [{client_id: ci, scope: "read write"}]';
    expect((await run('apply -', { server, input })).out).toBe('= clients ci\n');
    expect((await run('apply ./no-such.yaml', { server })).err).toContain('file_unreadable');
  });

  it('passes on what the server refuses while it looks', async () => {
    const refusing = () => json(403, { code: 'insufficient_permission', title: 'No' });
    const line = ['apply', file('a.yaml', 'clients: [{client_id: ci}]')];
    expect((await run(line, { server: refusing })).exit).toBe(1);
  });
});

describe('mintmark apply of roles', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mintmark-apply-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const role = { name: 'dev', scopes: ['b', 'a'], description: '', exclusive: false };
  const policy = {
    ...{ max_life_seconds: 366 * 86_400, allowed_scopes: null },
    ...{ requires_approval: true, makers: null },
  };
  const leaks = { mode: 'act', revoke_after_seconds: 3600 };
  const rolesServer = ({ method, url, body }: Sent): Response => {
    const { pathname } = new URL(url);
    if (method !== 'GET') return json(200, body as object);
    if (pathname === '/v1/roles/dev') return json(200, role, { etag: '"1"' });
    if (pathname === '/v1/pat-policy') return json(200, policy, { etag: '"2"' });
    if (pathname === '/v1/leak-policy') return json(200, leaks, { etag: '"1"' });
    return json(404, { code: 'not_found', title: 'no' });
  };

  async function apply(text: string) {
    const file = join(folder, 'a.yaml');
    writeFileSync(file, text);
    return run(['apply', file], { server: rolesServer });
  }

  it('changes nothing where the file says what stands there, left out or not', async () => {
    const text = 'roles: [{name: dev, scopes: [a, b]}]\npat_policy: {requires_approval: true}\n';
    const { sent, exit } = await apply(text);
    expect(exit).toBe(0);
    expect(changesOf(sent)).toEqual([]);
  });

  it('writes roles before the groups that have them, and the policy as one thing', async () => {
    const text =
      'groups: [{name: staff, roles: [dev]}]\nroles: [{name: dev, scopes: [a]}]\n' +
      'pat_policy: {max_life_seconds: 60}\n';
    const { sent } = await apply(text);
    expect(changesOf(sent).map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
      'PUT /v1/roles/dev',
      'PUT /v1/groups/staff',
      'PUT /v1/pat-policy',
    ]);
    expect((await apply('pat_policy: [1]\n')).exit).toBe(2);
  });

  it('writes the policy on leaks under what it saw, and only where it differs', async () => {
    const same = await apply('leak_policy: {mode: act, revoke_after_seconds: 3600}\n');
    expect(changesOf(same.sent)).toEqual([]);
    const { sent } = await apply('leak_policy: {mode: dry_run, revoke_after_seconds: null}\n');
    const [put] = changesOf(sent);
    expect(put).toMatchObject({
      method: 'PUT',
      body: { mode: 'dry_run', revoke_after_seconds: null },
    });
    expect(put!.url).toContain('/v1/leak-policy');
    expect(put!.headers.get('if-match')).toBe('"1"');
    expect((await apply('leak_policy: [1]\n')).exit).toBe(2);
  });
});
