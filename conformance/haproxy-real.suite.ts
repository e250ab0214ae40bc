/**
 * HAProxy beside a whole Mintmark: tokens that the authority really issues, a revocation by its
 * management API, and the acknowledgement of the node that tells HAProxy.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange } from './rig/exchange.ts';
import { answers, type RunningHaproxy, startHaproxy } from './rig/haproxy.ts';
import {
  apply,
  call,
  clientCredentials,
  type Installation,
  initialise,
  type Running,
  start,
} from './rig/installation.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { until } from './rig/until.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';

let folder: Folder;
let installation: Installation;
let authority: Running;
let upstream: Upstream;
let proxy: RunningHaproxy;

const client = { id: 'shop', secret: 'a-secret-of-more-than-128-bits-0123456789' };

beforeAll(async () => {
  folder = freshFolder();
  installation = await initialise(folder.path);
  authority = await start(installation);
  upstream = await startUpstream();
  await apply(installation, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ['client_credentials'],
        scope: 'read write',
      },
    ],
    routes: [
      {
        name: 'api',
        match: { path_prefix: '/api' },
        upstream: upstream.origin,
        scopes: ['read'],
      },
    ],
  });
  const permissions = ['feed:read', 'decisions:write'];
  const made = await call(installation, 'POST /v1/admin-keys', { name: 'proxy', permissions });
  const key = String(made.body['key']);
  const common = { home: folder.path, authority: installation.issuer, key };
  proxy = await startHaproxy({ ...common, name: 'real' });
}, 60_000);

afterAll(async () => {
  await proxy?.stop();
  await authority?.child.stop('SIGKILL');
  await upstream?.close();
  folder?.remove();
});

describe('a token that the authority issued', () => {
  const asked = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  it('is judged by HAProxy itself, and its holder named to the upstream', async () => {
    const token = await clientCredentials(installation, client, { scope: 'read' });
    const answer = await exchange(`${proxy.origin}/api/x`, asked(token));
    expect(answer.status).toBe(200);
    expect(answer.body['headers']).toMatchObject({
      'x-mintmark-subject': 'client:shop',
      'x-mintmark-client': 'shop',
      'x-mintmark-scopes': 'read',
    });
    const narrow = await clientCredentials(installation, client, { scope: 'write' });
    expect((await exchange(`${proxy.origin}/api/x`, asked(narrow))).status).toBe(403);
  });

  it('ends with its client, and the authority hears that it has', async () => {
    const token = await clientCredentials(installation, client);
    await answers(`${proxy.origin}/api/x`, asked(token), 200);
    const target = { kind: 'client', id: client.id };
    const begin = performance.now();
    const made = await call(installation, 'POST /v1/revocations', { target, reason: 'test' });
    expect(made.status).toBe(200);
    await answers(`${proxy.origin}/api/x`, asked(token), 401);
    expect(performance.now() - begin).toBeLessThan(1_000);
    await until('everywhere', async () => {
      const shown = await call(installation, `GET /v1/revocations/${String(made.body['id'])}`);
      return shown.body['everywhere_at'] ?? undefined;
    });
    const nodes = await call(installation, 'GET /v1/nodes');
    expect(JSON.stringify(nodes.body)).toContain('"real-haproxy"');
    const fresh = await clientCredentials(installation, client);
    expect((await exchange(`${proxy.origin}/api/x`, asked(fresh))).status).toBe(200);
  });
});
