import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { json, run, type Sent } from '../fake-ports.ts';

let folder: string;

const cedar = '@id("readers")\npermit(principal, action == Action::"GET", resource);\n';
const tests = (expected: string) => `
tests:
  - name: anybody reads
    request: { principal: 'User::"ann"', action: GET, resource: 'Route::"npm"' }
    expect: ${expected}
`;
const openapi = `
openapi: 3.1.0
servers: [{ url: https://api.example/v2 }]
paths:
  /pets/{id}: { get: { operationId: showPet }, delete: {} }
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mintmark-policy-'));
  const yaml = `name: office\nroutes: [npm]\ncedar_file: office.cedar\n`;
  const files: Record<string, string> = {
    'office.cedar': cedar,
    'office.yaml': yaml + tests('allow'),
    'failing.yaml': yaml + tests('deny'),
    'untested.yaml': yaml,
    'bad.cedar': 'permit(principal,\n  action resource);',
    'typed.yaml':
      'name: typed\nschema_file: pets.cedarschema\n' +
      'cedar: permit(principal, action == Action::"feed", resource);\n',
    'nameless.yaml': 'cedar_file: office.cedar',
    'list.yaml': '[]',
    'broken.yaml': 'a: [',
    'apply.yaml': `policies:\n  - name: office\n    cedar_file: office.cedar\n`,
    'openapi.yaml': openapi,
    'openapi-bad.yaml': 'openapi: 3.1.0\npaths: 1',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const word = (...words: string[]) => ['policy', ...words];

describe('mintmark policy check', () => {
  it('takes Cedar, YAML and what is applied', async () => {
    const files = ['office.cedar', 'office.yaml', 'apply.yaml'].map(at);
    const { exit, out } = await run(word('check', ...files));
    expect([exit, out]).toEqual([0, 'ok  office\nok  office\nok  office\n']);
  });

  it('says line and column of what is wrong', async () => {
    const { exit, out } = await run(word('check', at('bad.cedar'), at('office.cedar')));
    expect(exit).toBe(1);
    expect(out).toMatch(/^bad bad \(.*bad\.cedar\)\n {2}\/cedar line 2, column \d+: /);
  });

  it('holds policies to the schema beside them', async () => {
    const schema = await run(word('schema', at('openapi.yaml')));
    writeFileSync(at('pets.cedarschema'), schema.out);
    const { exit, out } = await run(word('check', at('typed.yaml')));
    expect([exit, out]).toEqual([1, expect.stringMatching(/line 1, column \d+: .*feed/)]);
  });

  it.each([
    ['nameless.yaml', /has no name/],
    ['list.yaml', /holds no object/],
    ['broken.yaml', /line 1/],
  ])('refuses %s', async (name, message) => {
    const { exit, err } = await run(word('check', at(name)));
    expect([exit, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it('says which file cannot be read', async () => {
    const { exit, err } = await run(word('check', at('gone.yaml')));
    expect([exit, err]).toEqual([3, expect.stringMatching(/gone\.yaml cannot be read/)]);
  });
});

describe('mintmark policy test', () => {
  it('runs the tests beside a policy', async () => {
    const { exit, out } = await run(word('test', at('office.yaml')));
    expect([exit, out]).toEqual([0, 'ok   office: anybody reads\n1 passed, 0 failed\n']);
  });

  it('says what fails, and takes no tests at all for a failure', async () => {
    const failing = await run(word('test', at('failing.yaml')));
    expect(failing.exit).toBe(1);
    expect(failing.out).toContain('FAIL office: anybody reads\n     is allow, not deny\n');
    expect((await run(word('test', at('untested.yaml')))).exit).toBe(1);
    const bad = await run(word('test', at('bad.cedar'), '--json'));
    expect(bad.exit).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({ passed: 0, policies: [{ name: 'bad' }] });
  });
});

describe('mintmark policy schema', () => {
  it('has the operations of an API, or the methods', async () => {
    const { out } = await run(word('schema', at('openapi.yaml')));
    expect(out).toMatch(/action "showPet" in \["GET"\] appliesTo/);
    expect(out).toMatch(/action "DELETE \/pets\/\{id\}" in \["DELETE"\]/);
    expect(out).toContain('parameters: { id: String }');
    expect((await run('policy schema')).out).not.toContain('parameters');
    const bad = await run(word('schema', at('openapi-bad.yaml')));
    expect([bad.exit, bad.err]).toEqual([2, expect.stringMatching(/\/paths: is not an object/)]);
  });
});

const policy = {
  ...{ name: 'office', version: 4, stage: 'shadow', reason: 'why', author: 'admin_key a', cedar },
  ...{ enforced_version: 3, shadow_version: 4, created_at: 'then', updated_at: 'now' },
};

/** Knows the policy, as version "7", and says so of every change. */
function server({ method }: Sent) {
  return method === 'DELETE'
    ? new Response(null, { status: 204 })
    : json(200, policy, { etag: '"7"' });
}

describe('mintmark policy, against a server', () => {
  it('puts what files say, under what it has seen', async () => {
    const files = [at('office.yaml')];
    const { exit, out, sent } = await run(word('put', ...files, '--stage', 'shadow'), { server });
    expect([exit, out]).toEqual([0, 'office version 4: shadow\n']);
    const put = sent[1];
    expect(put).toMatchObject({ method: 'PUT', body: { cedar, routes: ['npm'], stage: 'shadow' } });
    const from = expect.stringMatching(/^from .*office\.yaml$/);
    expect(put?.body).toHaveProperty('reason', from);
    expect(put?.headers.get('if-match')).toBe('"7"');
  });

  it('passes on what is doubtful of it', async () => {
    const doubted = () => json(200, { ...policy, warnings: ['there is no route "npn"'] });
    const { exit, out } = await run(word('put', at('office.yaml')), { server: doubted });
    expect([exit, out]).toEqual([0, expect.stringContaining('there is no route "npn"')]);
  });

  it('lists decisions with their parties as other tables name them', async () => {
    const item = { id: 'D1', principal: 'User::"a\\"b"', action: 'GET', resource: 'todo' };
    const page = () => json(200, { items: [item], next: null });
    const { out } = await run('policy decisions', { server: page });
    expect(out).toMatch(/D1 .*User:a"b +GET +todo/);
  });

  it('puts a new one without having seen any', async () => {
    const fresh = ({ method }: Sent) =>
      method === 'GET' ? json(404, { code: 'not_found' }) : json(201, policy);
    const line = word('put', at('office.cedar'), '--reason', 'agreed');
    const { exit, sent } = await run(line, { server: fresh });
    expect(exit).toBe(0);
    expect(sent[1]).toMatchObject({ method: 'PUT', body: { cedar, reason: 'agreed' } });
    expect(sent[1]?.headers.get('if-match')).toBe(null);
    const closed = () => json(403, { code: 'insufficient_permission' });
    expect((await run(line, { server: closed })).exit).toBe(1);
  });

  it('moves a version, goes back, and takes a policy away', async () => {
    const why = ['--reason', 'no difference'];
    const stage = word('stage', 'office', '--number', '4', '--stage', 'enforce', ...why);
    const moved = await run(stage, { server });
    expect(moved.sent[1]).toMatchObject({
      method: 'POST',
      url: expect.stringMatching(/\/v1\/policies\/office\/versions\/4\/stage$/),
      body: { stage: 'enforce', reason: 'no difference' },
    });
    const back = await run(word('rollback', 'office', '--to', '2', ...why), { server });
    expect(back.sent[1]?.body).toEqual({ version: 2, reason: 'no difference' });
    const gone = await run('policy delete office', { server });
    expect([gone.exit, gone.out]).toEqual([0, 'deleted office\n']);
  });

  it('lists and shows', async () => {
    const page = () => json(200, { items: [policy], next: null });
    expect((await run('policy list', { server: page })).out).toMatch(/office +4 +3 +4 +now/);
    expect((await run('policy versions office', { server: page })).out).toMatch(/4 +shadow +then/);
    const { out } = await run('policy show office', { server });
    expect(out).toMatch(/stage +shadow/);
    expect(out).toContain(cedar.trim());
    const other = await run('policy show office --number 2', { server });
    expect(other.sent[0]?.url).toMatch(/\/v1\/policies\/office\/versions\/2$/);
  });

  it('shows what would change', async () => {
    const counts = { judged: 5, newly_denied: 2, newly_allowed: 0, failed: 0 };
    const items = [{ route: 'npm', action: 'GET', ...counts, denied_example: 'D1' }];
    const difference = () => json(200, { name: 'office', version: 4, ...counts, items });
    const { out } = await run('policy difference office', { server: difference });
    expect(out).toMatch(/newly_denied +2/);
    expect(out).toMatch(/npm +GET +5 +2 +0 +0 +D1/);
    const none = () => json(200, { name: 'office', version: 4, ...counts, items: [] });
    expect((await run('policy difference office', { server: none })).out).not.toContain('ROUTE');
  });

  it('explains a decision', async () => {
    const determining = [{ id: 'late', effect: 'forbid', line: 3, text: 'forbid(…);' }];
    const errors = [{ policy: 'odd', message: 'no attribute' }];
    const explained = {
      ...{ id: 'D1', at: 'then', node: 'east', surface: 'gateway', decision: 'deny' },
      ...{
        reason: 'policy_denied',
        principal: 'User::"ann"',
        action: 'GET',
        resource: 'Route::"x"',
      },
      request: { context: { bound: false } },
      policies: [
        { policy: 'office', version: 3, stage: 'enforce', decision: 'deny', determining, errors },
        {
          policy: 'other',
          version: 1,
          stage: 'shadow',
          decision: 'deny',
          determining: [],
          errors: [],
        },
      ],
    };
    const { out } = await run('policy explain D1', { server: () => json(200, explained) });
    for (const text of [
      ...['deny', 'principal  User::"ann"', 'office version 3, enforce: deny', 'forbid "late"'],
      ...['failed "odd": no attribute', 'nothing permits it', '"bound": false'],
    ]) {
      expect(out).toContain(text);
    }
    const page = () => json(200, { items: [explained], next: null });
    expect((await run('policy decisions', { server: page })).out).toMatch(/D1 +then +deny/);
  });

  it('says why a decision is not kept, and not that there never was one', async () => {
    const title = 'No decision is kept under this name';
    const detail = 'It was made at T, when its node had kept as many as it may.';
    const problem = { title, detail, status: 404, code: 'decision_not_kept' };
    const { err, exit } = await run('policy explain D1x', { server: () => json(404, problem) });
    expect(err).toContain(`${title}: ${detail}`);
    expect(exit).toBe(1);
  });
});

describe('mintmark api', () => {
  it('puts the operations of an OpenAPI description', async () => {
    const operations = [
      { operation: 'showPet', method: 'GET', path: '/pets/{id}' },
      { operation: 'DELETE /pets/{id}', method: 'DELETE', path: '/pets/{id}' },
    ];
    const api = { name: 'pets', base_path: '/v2', operations };
    const known = () => json(200, api, { etag: '"2"' });
    const line = ['api', 'put', 'pets', at('openapi.yaml'), '--allow-unlisted'];
    const { exit, out, sent } = await run(line, { server: known });
    expect([exit, out]).toEqual([0, 'pets: 2 operations\n']);
    expect(sent[1]?.body).toEqual({ base_path: '/v2', unlisted: 'by_method', operations });
    expect((await run('api show pets', { server: known })).out).toMatch(/showPet +GET +\/pets/);
    const page = () => json(200, { items: [api], next: null });
    expect((await run('api list', { server: page })).out).toMatch(/pets +\/v2 +2/);
    const bad = await run(['api', 'put', 'pets', at('openapi-bad.yaml')], { server: known });
    expect(bad.exit).toBe(2);
    const remove = ({ method }: Sent) =>
      method === 'GET' ? known() : new Response(null, { status: 204 });
    expect((await run('api delete pets', { server: remove })).out).toBe('deleted pets\n');
  });
});
