/**
 * Rotation under load, by real processes: programs that read their credential from the file to
 * which the server delivers it, and that never stop asking, see no request fail through so many
 * rotations. `npm run rotation:longer -- --rotations 100` runs it for longer.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { exchange, type Json } from './rig/exchange.ts';
import {
  apply,
  auditProblem,
  call,
  clientCredentials,
  type Installation,
  initialise,
  postForm,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

const rotations = inject('rotations' as never) as number;
const overlapSeconds = 4;
/** Long enough for a delivery, a first use that is counted, and the overlap. */
const secondsEach = 30;

const audience = 'https://api.example';
const clientId = 'reporter';

let folder: Folder;
let installation: Installation;
let running: Running;
let upstream: Upstream;
let secrets: string;

beforeAll(async () => {
  folder = freshFolder();
  secrets = join(folder.path, 'secrets');
  mkdirSync(secrets);
  installation = await initialise(folder.path);
  const config = join(folder.path, 'rotating.yaml');
  const target = { type: 'file', folder: secrets, mode: '0640' };
  writeFileSync(config, JSON.stringify({ rotation: { targets: { shelf: target } } }));
  running = await start(installation, { flags: ['--config', config] });
  upstream = await startUpstream();
  await prepare();
}, 60_000);

afterAll(async () => {
  await running?.child.stop('SIGKILL');
  await upstream?.close();
  folder?.remove();
});

/** A key and a client secret in their files, and the rules that rotate them. */
async function prepare(): Promise<void> {
  const client = {
    ...{ client_id: clientId, client_name: 'Reporter', grant_types: ['client_credentials'] },
    ...{ scope: 'read', audiences: [audience] },
  };
  const made = await call(installation, 'POST /v1/clients', client);
  writeFileSync(join(secrets, 'app.secret'), String(made.body['client_secret']));
  const route = { name: 'api', match: { path_prefix: '/api' }, scopes: ['read'], audience };
  await apply(installation, { routes: [{ ...route, upstream: upstream.origin }] });
  const key = await call(installation, 'POST /v1/keys', { name: 'app', scopes: ['read'] });
  writeFileSync(join(secrets, 'app.key'), String(key.body['key']));
  const terms = { overlap_seconds: overlapSeconds, confirm_within_seconds: 3, max_extensions: 100 };
  const rules = [
    { name: 'key', target: { kind: 'key', id: key.body['id'] }, at: 'app.key' },
    { name: 'secret', target: { kind: 'client_secret', id: clientId }, at: 'app.secret' },
  ];
  for (const { name, target, at } of rules) {
    const rule = { target, ...terms, deliver_to: [{ to: 'shelf', at }] };
    const written = await call(installation, `PUT /v1/rotations/${name}`, rule);
    expect(written.status, written.text).toBe(201);
  }
  await until('the gateway takes the key', async () =>
    (await askGateway(read('app.key'))) === 200 ? true : undefined,
  );
}

const read = (name: string): string => readFileSync(join(secrets, name), 'utf8');

async function askGateway(key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  return (await exchange(`${installation.gateway}/api`, { headers })).status;
}

async function askForToken(secret: string): Promise<number> {
  const form = { grant_type: 'client_credentials' };
  return (await postForm(installation, '/oauth2/token', { id: clientId, secret }, form)).status;
}

/** A program that never stops asking, with what its file says at the time. */
function consume(file: string, ask: (credential: string) => Promise<number>) {
  const seen = new Set<string>();
  const failures: string[] = [];
  let requests = 0;
  let isOver = false;
  const loop = (async () => {
    while (!isOver) {
      const credential = read(file);
      seen.add(credential);
      requests++;
      const status = await ask(credential).catch((error: Error) => error.message);
      if (status !== 200) failures.push(`${file}: ${status} at request ${requests}`);
      await pause(20);
    }
  })();
  return {
    seen,
    failures,
    requests: () => requests,
    async stop() {
      isOver = true;
      await loop;
    },
  };
}

/** Begins a rotation and waits for its end, past the predecessor's. */
async function rotate(rule: 'key' | 'secret'): Promise<Json> {
  const begun = await call(installation, `POST /v1/rotations/${rule}/run`);
  expect(begun.status, begun.text).toBe(202);
  return until(
    `${rule} has rotated`,
    async () => {
      const { body } = await call(installation, `GET /v1/rotations/${rule}/runs?limit=1`);
      const [run] = body['items'] as Json[];
      return run!['id'] === begun.body['id'] && run!['status'] === 'done' ? run : undefined;
    },
    { deadlineMs: secondsEach * 1000, everyMs: 200 },
  );
}

describe('programs under constant load', () => {
  it(
    `see no request fail through ${rotations} rotations of their key and their secret`,
    async () => {
      const first = { key: read('app.key'), secret: read('app.secret') };
      const consumers = [
        consume('app.key', askGateway),
        consume('app.key', askGateway),
        consume('app.secret', askForToken),
      ];
      for (let i = 0; i < rotations; i++) {
        const runs = await Promise.all([rotate('key'), rotate('secret')]);
        for (const run of runs) expect(run['confirmed_at']).not.toBeNull();
      }
      await Promise.all(consumers.map((one) => one.stop()));
      const counted = consumers.map((one) => one.requests());
      console.log(`${rotations} rotations each, ${counted.join(' + ')} requests, none failed`);
      expect(consumers.flatMap((one) => one.failures)).toEqual([]);
      // Every one of them was read and used, and none but the last works.
      for (const { seen } of consumers) expect(seen.size).toBe(rotations + 1);
      expect(Math.min(...counted)).toBeGreaterThan(rotations * 50);
      expect([await askGateway(first.key), await askForToken(first.secret)]).toEqual([401, 401]);
      expect([await askGateway(read('app.key')), await askForToken(read('app.secret'))]).toEqual([
        200, 200,
      ]);
      expect(statSync(join(secrets, 'app.key')).mode & 0o777).toBe(0o640);
      const last = { id: clientId, secret: read('app.secret') };
      expect(await clientCredentials(installation, last)).toMatch(/./);
      expect(await auditProblem(installation)).toBeUndefined();
    },
    (rotations * secondsEach + 60) * 1000,
  );
});
