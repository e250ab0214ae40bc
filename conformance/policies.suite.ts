/**
 * Policies from end to end, by the command and HTTP: a version stands in shadow over real traffic,
 * its differences are seen, it is enforced, a request is denied and explained by its id; a version
 * that fails its own tests decides nothing; a gateway apart judges by the same.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from './rig/child.ts';
import { type Answer, exchange, type Json } from './rig/exchange.ts';
import { startGatewayProcess } from './rig/gateway.ts';
import {
  administer,
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let home: string;
let installation: Installation;
let running: Running;
let upstream: Upstream;
let key: string;
const gateways: Child[] = [];

const openapi = `
openapi: 3.1.0
paths:
  /pets: { get: { operationId: listPets } }
  /pets/{id}: { get: { operationId: showPet }, delete: { operationId: deletePet } }
`;

const cedar = `@id("readers")
permit(principal is Key, action in [Action::"listPets", Action::"showPet"], resource in Api::"pets")
when { principal.owner == "zoo" && context.address.isLoopback() };
`;

const policy = (reads: string) => `
name: zoo
routes: [pets]
cedar_file: zoo.cedar
tests:
  - name: the zoo reads
    request:
      principal: { type: Key, id: k, owner: zoo }
      action: { name: showPet, method: GET }
      resource: 'Route::"pets"'
      context: { address: 127.0.0.1 }
      entities: [{ uid: { type: Route, id: pets }, parents: [{ type: Api, id: pets }] }]
    expect: ${reads}
`;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-'));
  upstream = await startUpstream();
  installation = await initialise(home);
  running = await start(installation);
  for (const [name, text] of Object.entries({
    ...{ 'openapi.yaml': openapi, 'zoo.cedar': cedar },
    ...{ 'zoo.yaml': policy('allow'), 'wrong.yaml': policy('deny') },
  })) {
    writeFileSync(join(home, name), text);
  }
  const made = await call(installation, 'POST /v1/keys', { name: 'zoo', owner: 'zoo', scopes: [] });
  key = String(made.body['key']);
  await json('api', 'put', 'pets', 'openapi.yaml');
  await apply(installation, {
    routes: [
      { name: 'pets', match: { path_prefix: '/pets' }, upstream: upstream.origin, api: 'pets' },
      { name: 'rest', match: { path_prefix: '/rest' }, upstream: upstream.origin },
    ],
  });
  await until('the gateway knows the key', async () => {
    return (await ask('GET /pets')).status === 200 ? true : undefined;
  });
}, 60_000);

afterAll(async () => {
  for (const gateway of gateways) await gateway.stop('SIGKILL');
  await running?.child.stop();
  await upstream?.close();
  rmSync(home, { recursive: true, force: true });
});

async function json(...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await administer(installation, ...args);
  expect(`${code} ${stderr}`).toMatch(/^0 /);
  return JSON.parse(stdout) as Json;
}

function ask(line: string, gateway = installation.gateway): Promise<Answer> {
  const [method = '', path = ''] = line.split(' ');
  return exchange(gateway + path, { method, headers: { authorization: `Bearer ${key}` } });
}

async function startGatewayApart(): Promise<string> {
  const permissions = ['feed:read', 'decisions:write'];
  const made = await call(installation, 'POST /v1/admin-keys', { name: 'east', permissions });
  const key = String(made.body['key']);
  const started = await startGatewayProcess({ home, authority: installation.issuer, key });
  gateways.push(started.child);
  return started.origin;
}

/** Resolves with the answer once policies have changed it. */
function becomes(line: string, status: number, gateway?: string): Promise<Answer> {
  return until(`${line} is answered ${status}`, async () => {
    const answer = await ask(line, gateway);
    return answer.status === status ? answer : undefined;
  });
}

describe('a policy', () => {
  it('is checked and tested without a server', async () => {
    expect(await json('policy', 'test', 'zoo.yaml')).toMatchObject({ passed: 1, failed: 0 });
    expect((await administer(installation, 'policy', 'test', 'wrong.yaml')).code).toBe(1);
    expect(await json('policy', 'check', 'zoo.cedar')).toMatchObject({
      policies: [{ errors: [] }],
    });
  });

  it('stands in shadow: it decides nothing, and what it would change is counted', async () => {
    await json('policy', 'put', 'zoo.yaml', '--reason', 'first try');
    const difference = await until('a difference was seen', async () => {
      const answers = await Promise.all(
        ['GET /pets', 'GET /pets/7', 'DELETE /pets/7'].map((one) => ask(one)),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      const seen = await json('policy', 'difference', 'zoo');
      return Number(seen['newly_denied']) > 0 ? seen : undefined;
    });
    const items = difference['items'] as Json[];
    const denied = items.filter((item) => Number(item['newly_denied']) > 0);
    expect(denied).toMatchObject([{ route: 'pets', action: 'deletePet', newly_allowed: 0 }]);
    const example = String(denied[0]?.['denied_example']);
    const explained = await until('the example is kept', async () => {
      const { code, stdout } = await administer(installation, 'policy', 'explain', example);
      return code === 0 ? (JSON.parse(stdout) as Json) : undefined;
    });
    expect(explained).toMatchObject({
      ...{ decision: 'allow', differs: true, action: 'deletePet', resource: 'Route::"pets"' },
      policies: [{ policy: 'zoo', version: 1, stage: 'shadow', decision: 'deny' }],
    });
  });

  it('is enforced, denies, says outside nothing of it, and is explained by the id', async () => {
    const stage = ['policy', 'stage', 'zoo', '--number', '1', '--stage', 'enforce'];
    await json(...stage, '--reason', 'as seen');
    const denied = await becomes('DELETE /pets/7', 403);
    expect(denied.body).toMatchObject({ code: 'policy_denied' });
    expect(denied.text).not.toMatch(/zoo|readers/);
    expect((await ask('GET /pets/7')).status).toBe(200);
    // Another route is none of its business; what the API does not have is not let through.
    expect((await ask('GET /rest')).status).toBe(200);
    expect((await ask('GET /pets/7/toys')).status).toBe(404);
    const id = String(denied.headers.get('mintmark-decision'));
    const explained = await until('the decision is kept', async () => {
      const { code, stdout } = await administer(installation, 'policy', 'explain', id);
      return code === 0 ? (JSON.parse(stdout) as Json) : undefined;
    });
    expect(explained).toMatchObject({
      ...{ id, decision: 'deny', reason: 'policy_denied', action: 'deletePet' },
      request: {
        principal: { type: 'Key' },
        context: { parameters: { id: '7' }, method: 'DELETE', bound: false },
      },
      policies: [{ policy: 'zoo', version: 1, stage: 'enforce', decision: 'deny' }],
    });
    expect(JSON.stringify(explained)).not.toContain(key);
  });

  it('judges at a gateway apart too, which reports what it said', async () => {
    const gateway = await startGatewayApart();
    await becomes('GET /pets/7', 200, gateway);
    const denied = await becomes('DELETE /pets/7', 403, gateway);
    const id = String(denied.headers.get('mintmark-decision'));
    await until('the decision of the other gateway is kept', async () => {
      const { status } = await call(installation, `GET /v1/decisions/${id}`);
      return status === 200 ? true : undefined;
    });
  });

  it('that fails its own tests, or cannot be read, decides nothing', async () => {
    const put = ['policy', 'put', 'wrong.yaml', '--stage', 'enforce', '--reason', 'no'];
    const failed = await administer(installation, ...put);
    expect([failed.code, failed.stdout + failed.stderr]).toEqual([
      1,
      expect.stringContaining('tests_failed'),
    ]);
    writeFileSync(join(home, 'bad.yaml'), 'name: zoo\ncedar: "permit(principal"\n');
    const bad = await administer(installation, 'policy', 'put', 'bad.yaml', '--stage', 'enforce');
    expect([bad.code, bad.stdout + bad.stderr]).toEqual([1, expect.stringMatching(/line 1/)]);
    expect(await json('policy', 'show', 'zoo')).toMatchObject({ enforced_version: 1 });
    expect((await ask('DELETE /pets/7')).status).toBe(403);
  });

  it('survives a restart, and goes back to an earlier version', async () => {
    writeFileSync(
      join(home, 'open.yaml'),
      'name: zoo\ncedar: permit(principal, action, resource);',
    );
    await json('policy', 'put', 'open.yaml', '--stage', 'enforce', '--reason', 'open day');
    await becomes('DELETE /pets/7', 200);
    await running.child.stop();
    running = await start(installation);
    await becomes('DELETE /pets/7', 200);
    await json('policy', 'rollback', 'zoo', '--to', '1', '--reason', 'over');
    await becomes('DELETE /pets/7', 403);
    const versions = (await json('policy', 'versions', 'zoo'))['items'] as Json[];
    expect(versions.map(({ reason }) => reason)).toEqual(['over', 'open day', 'first try']);
  }, 60_000);
});
