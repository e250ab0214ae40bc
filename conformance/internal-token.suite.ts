/**
 * Services that believe the gateway alone: examples/internal-token in Node and in Python, by the
 * published keys. What was made for one request is worth nothing for another.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, startChild } from './rig/child.ts';
import { exchange } from './rig/exchange.ts';
import {
  apply,
  call,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { until } from './rig/until.ts';

const example = new URL('../examples/internal-token', import.meta.url).pathname;
const python = new URL('../.cache/python/bin/python', import.meta.url).pathname;

const services = {
  node: [process.execPath, join(example, 'upstream.ts')],
  python: [python, join(example, 'upstream.py')],
} as const;
const names = ['node', 'python'] as const;
type Name = (typeof names)[number];

let home: string;
let installation: Installation;
let running: Running;
let key: string;
const children: Child[] = [];
const origins = new Map<Name, string>();

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mintmark-internal-'));
  installation = await initialise(join(home, 'mintmark'));
  running = await start(installation);
  for (const name of names) {
    const [command, script] = services[name];
    const env = { ISSUER: installation.issuer, AUDIENCE: name, PORT: '0' };
    const child = startChild(command, [script], { cwd: home, env });
    children.push(child);
    const listens = () => /^http:\S+/.exec(child.stdout())?.[0];
    origins.set(name, await until(`the ${name} service listens`, listens));
  }
  await apply(installation, {
    routes: names.map((name) => ({
      ...{ name, match: { path_prefix: `/${name}` }, upstream: origins.get(name) },
      ...{ strip_prefix: true, internal_token: { audience: name } },
    })),
  });
  const made = await call(installation, 'POST /v1/keys', { name: 'caller', scopes: ['read'] });
  key = String(made.body['key']);
  await until('the key of the gateway is published', async () => {
    const { status } = await through('/node/ready');
    return status === 200 ? true : undefined;
  });
});

afterAll(async () => {
  for (const child of children) await child.stop();
  await running?.child.stop();
  rmSync(home, { recursive: true, force: true });
});

const through = (path: string) =>
  exchange(`${installation.gateway}${path}`, { headers: { authorization: `Bearer ${key}` } });

const direct = (name: Name, path: string, authorization?: string, method = 'GET') =>
  exchange(`${origins.get(name)}${path}`, {
    method,
    headers: authorization === undefined ? {} : { authorization },
  });

describe.each(names)('a service in %s', (name) => {
  const other = name === 'node' ? 'python' : 'node';

  it('learns who calls from a token that the gateway signed, and never sees the key', async () => {
    const answer = await through(`/${name}/orders/7?state=open`);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.text).not.toContain(key);
    const { issuer } = installation;
    expect(answer.body['claims']).toMatchObject({
      ...{ iss: issuer, aud: name, scope: 'read', htm: 'GET', htp: '/orders/7' },
    });
  });

  it('takes nothing without a token, nor one twice, nor one for another request', async () => {
    const { body } = await through(`/${name}/orders/7?state=open`);
    const token = String(body['authorization']);
    const replays = [
      await direct(name, '/orders/7?state=open'),
      await direct(name, '/orders/7?state=open', `Bearer ${key}`),
      await direct(name, '/orders/7?state=open', token),
      await direct(name, '/orders/8?state=open', token),
      await direct(name, '/orders/7?state=all', token),
      await direct(name, '/orders/7', token),
      await direct(name, '/orders/7?state=open', token, 'DELETE'),
      await direct(other, '/orders/7?state=open', token),
      await direct(name, '/orders/7?state=open', `${token.slice(0, -4)}AAAA`),
    ];
    expect(replays.map(({ status }) => status)).toEqual(replays.map(() => 401));
    const words = replays.map((replay) => replay.body['error']);
    expect(words.slice(2, 7)).toEqual([
      ...['used before', 'another request', 'another query', 'another query'],
      'another request',
    ]);
  });
});
