/**
 * Deliveries of rotations to a real OpenBao (or Vault) and a real Kubernetes API server, from a
 * real Mintmark, with the least rights that docs/rotation.md asks for. Where the programs come
 * from: docs/testing.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, type Json } from './rig/exchange.ts';
import { call, type Installation, initialise, type Running, start } from './rig/installation.ts';
import { type KubeApiServer, startKubeApiServer } from './rig/kube-apiserver.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { type OpenBao, startOpenBao } from './rig/openbao.ts';
import { until } from './rig/until.ts';

const bao = program('MINTMARK_BAO');
const apiServer = program('MINTMARK_KUBE_APISERVER');
const etcd = program('MINTMARK_ETCD');

let folder: Folder;
let vault: OpenBao;
let cluster: KubeApiServer;
let installation: Installation;
let running: Running;

/** @throws where the runner did not say where it is */
function program(name: string): string {
  const path = process.env[name];
  if (path === undefined) throw new Error(`run this by npm run deliveries:longer: no ${name}`);
  return path;
}

beforeAll(async () => {
  folder = freshFolder();
  vault = await startOpenBao(bao, folder.path);
  cluster = await startKubeApiServer({ apiServer, etcd }, folder.path);
  const policy = 'path "secret/data/mintmark/*" { capabilities = ["create", "update"] }';
  writeToken('vault', await vault.tokenFor('mintmark', policy));
  await prepareCluster();
  writeToken('cluster', await cluster.serviceAccountToken('apps', 'mintmark'));
  installation = await initialise(join(folder.path, 'home'));
  const config = join(folder.path, 'delivering.yaml');
  const targets = {
    vault: {
      ...{ type: 'vault', url: vault.url, ca: vault.ca },
      ...{ prefix: 'mintmark/', token: tokenOf('vault') },
    },
    cluster: {
      ...{ type: 'kubernetes', server: cluster.url, ca: cluster.ca },
      ...{ namespace: 'apps', token: tokenOf('cluster') },
    },
  };
  writeFileSync(config, JSON.stringify({ rotation: { targets } }));
  running = await start(installation, { flags: ['--config', config] });
}, 300_000);

afterAll(async () => {
  await running?.child.stop('SIGKILL');
  await cluster?.close();
  await vault?.close();
  folder?.remove();
});

const tokenFile = (name: string): string => join(folder.path, `${name}.token`);
const tokenOf = (name: string): string => `file:${tokenFile(name)}`;
const writeToken = (name: string, token: string): void =>
  writeFileSync(tokenFile(name), `${token}\n`, { mode: 0o600 });

/** A service account that may make and change Secrets of one namespace, and read none. */
async function prepareCluster(): Promise<void> {
  const inApps = { namespace: 'apps' };
  const role = '/apis/rbac.authorization.k8s.io/v1/namespaces/apps';
  const subject = { kind: 'ServiceAccount', name: 'mintmark', ...inApps };
  const group = 'rbac.authorization.k8s.io';
  for (const [path, body] of [
    ['/api/v1/namespaces', { metadata: { name: 'apps' } }],
    ['/api/v1/namespaces/apps/serviceaccounts', { metadata: { name: 'mintmark' } }],
    [
      `${role}/roles`,
      {
        metadata: { name: 'deliver' },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['create', 'patch'] }],
      },
    ],
    [
      `${role}/rolebindings`,
      {
        metadata: { name: 'deliver' },
        roleRef: { apiGroup: group, kind: 'Role', name: 'deliver' },
        subjects: [subject],
      },
    ],
  ] as const) {
    const made = await cluster.call('POST', path, body);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
  }
}

async function keyWithRule(name: string, to: object): Promise<string> {
  const key = await call(installation, 'POST /v1/keys', { name, scopes: ['read'] });
  const rule = {
    target: { kind: 'key', id: key.body['id'] },
    overlap_seconds: 3600,
    deliver_to: [to],
  };
  const written = await call(installation, `PUT /v1/rotations/${name}`, rule);
  expect(written.status, written.text).toBe(201);
  return String(key.body['key']);
}

/** @returns the run, once its status or its failure is what is waited for */
async function rotate(name: string, holds: (run: Json) => boolean): Promise<Json> {
  const begun = await call(installation, `POST /v1/rotations/${name}/run`);
  expect(begun.status, begun.text).toBe(202);
  return runOf(name, holds);
}

function runOf(name: string, holds: (run: Json) => boolean): Promise<Json> {
  return until(
    `the run of ${name}`,
    async () => {
      const { body } = await call(installation, `GET /v1/rotations/${name}/runs?limit=1`);
      const [run] = body['items'] as Json[];
      return run !== undefined && holds(run) ? run : undefined;
    },
    { deadlineMs: 60_000, everyMs: 200 },
  );
}

const isDelivered = ({ status }: Json): boolean => status === 'confirming';
const hasFailed = ({ delivery_failure: failure }: Json): boolean => failure !== null;

async function isGood(key: string): Promise<boolean> {
  const body = JSON.stringify({ key });
  const headers = {
    authorization: `Bearer ${installation.adminKey}`,
    'content-type': 'application/json',
  };
  const asked = { method: 'POST', headers, body };
  const { body: found } = await exchange(`${installation.issuer}/v1/keys/verify`, asked);
  return found['active'] === true;
}

describe('OpenBao', () => {
  const stored = async () => {
    const answer = await vault.call('GET', 'secret/data/mintmark/payments');
    return answer['data'] as { data: Record<string, string>; metadata: { version: number } };
  };

  it('has the successor as a new version, by a token that can read nothing', async () => {
    const first = await keyWithRule('payments', { to: 'vault', at: 'payments', key: 'api-key' });
    await rotate('payments', isDelivered);
    const one = await stored();
    const secret = one.data['api-key'] ?? '';
    expect(Object.keys(one.data)).toEqual(['api-key']);
    expect(secret).not.toBe(first);
    expect(await isGood(secret)).toBe(true);
    // Used, so the overlap is all that is waited for.
    await runOf('payments', ({ status }) => status === 'ending');
    expect(one.metadata.version).toBe(1);
    expect(await isGood(first)).toBe(true);
  });

  it('refuses what the policy of its token does not allow, until it does', async () => {
    const own = await vault.tokenFor(
      'other',
      'path "secret/data/other" { capabilities = ["read"] }',
    );
    const good = await vault.tokenFor(
      'mintmark',
      'path "secret/data/mintmark/*" { capabilities = ["create", "update"] }',
    );
    writeToken('vault', own);
    await keyWithRule('refused', { to: 'vault', at: 'refused' });
    const run = await rotate('refused', hasFailed);
    expect(run['delivery_failure']).toContain('status 403');
    // The file is read for each delivery.
    writeToken('vault', good);
    await runOf('refused', isDelivered);
    const answer = await vault.call('GET', 'secret/data/mintmark/refused');
    const { data } = answer['data'] as { data: Record<string, string> };
    expect(await isGood(data['secret'] ?? '')).toBe(true);
  });
});

describe('the Kubernetes API server', () => {
  const secretOf = async (name: string) => {
    const { status, body } = await cluster.call('GET', `/api/v1/namespaces/apps/secrets/${name}`);
    expect(status).toBe(200);
    const members = Object.entries(body['data'] as Record<string, string>);
    const data = members.map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]);
    return { body, data: Object.fromEntries(data) as Record<string, string> };
  };

  it('makes the Secret, by a service account that can read none', async () => {
    await keyWithRule('web', { to: 'cluster', at: 'payments', key: 'api-key' });
    await rotate('web', isDelivered);
    const { body, data } = await secretOf('payments');
    expect(Object.keys(data)).toEqual(['api-key']);
    expect(await isGood(data['api-key'] ?? '')).toBe(true);
    const { managedFields } = body['metadata'] as { managedFields: Json[] };
    expect(managedFields).toMatchObject([{ manager: 'mintmark', operation: 'Apply' }]);
  });

  it('changes its member alone in a Secret that others made', async () => {
    const path = '/api/v1/namespaces/apps/secrets';
    const data = { other: Buffer.from('theirs').toString('base64') };
    const made = await cluster.call('POST', path, { metadata: { name: 'shared' }, data });
    expect(made.status).toBe(201);
    await keyWithRule('shared', { to: 'cluster', at: 'shared', key: 'ours' });
    await rotate('shared', isDelivered);
    const after = (await secretOf('shared')).data;
    expect(after['other']).toBe('theirs');
    expect(await isGood(after['ours'] ?? '')).toBe(true);
  });

  it('refuses a service account without the role, until it is the right one', async () => {
    const plain = { metadata: { name: 'plain' } };
    await cluster.call('POST', '/api/v1/namespaces/apps/serviceaccounts', plain);
    writeToken('cluster', await cluster.serviceAccountToken('apps', 'plain'));
    await keyWithRule('late', { to: 'cluster', at: 'late' });
    const run = await rotate('late', hasFailed);
    expect(run['delivery_failure']).toContain('status 403');
    writeToken('cluster', await cluster.serviceAccountToken('apps', 'mintmark'));
    await runOf('late', isDelivered);
    expect(await isGood((await secretOf('late')).data['secret'] ?? '')).toBe(true);
  });
});
