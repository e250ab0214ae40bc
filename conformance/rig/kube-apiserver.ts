/** A real Kubernetes API server over a real etcd, with roles: what a cluster asks of deliveries. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificates } from './certificate.ts';
import { type Child, startChild } from './child.ts';
import type { Json } from './exchange.ts';
import { freePort } from './free-port.ts';
import { trustingFetch } from './trusting-fetch.ts';
import { until } from './until.ts';

const administrator = 'administrator-of-the-run';

export interface KubeApiServer {
  readonly url: string;
  /** PEM file of the authority that signed its certificate. */
  readonly ca: string;
  /** As an administrator of the cluster. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  /** A service account's token, bound and short-lived as pods have them. */
  serviceAccountToken(namespace: string, name: string): Promise<string>;
  close(): Promise<void>;
}

/** @param programs paths of `kube-apiserver` and `etcd` */
export async function startKubeApiServer(
  programs: { readonly apiServer: string; readonly etcd: string },
  home: string,
): Promise<KubeApiServer> {
  const folder = join(home, 'kube');
  mkdirSync(folder);
  const etcd = await startEtcd(programs.etcd, folder);
  const { ca, cert, key } = await makeCertificates(folder);
  const port = await freePort();
  const url = `https://localhost:${port}`;
  const accounts = join(folder, 'accounts.pem');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(accounts, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const tokens = join(folder, 'tokens.csv');
  writeFileSync(tokens, `${administrator},admin,1,system:masters\n`, { mode: 0o600 });
  const child = startChild(
    programs.apiServer,
    [
      ...[`--etcd-servers=${etcd.url}`, '--bind-address=127.0.0.1', `--secure-port=${port}`],
      ...[`--tls-cert-file=${cert}`, `--tls-private-key-file=${key}`, `--cert-dir=${folder}`],
      ...[`--token-auth-file=${tokens}`, '--authorization-mode=RBAC'],
      ...[`--service-account-issuer=${url}`, `--service-account-key-file=${accounts}`],
      ...[`--service-account-signing-key-file=${accounts}`],
      '--service-cluster-ip-range=10.0.0.0/24',
    ],
    { cwd: folder, env: { HOME: home } },
  );
  const web = trustingFetch(readFileSync(ca, 'utf8'));
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await web.fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: answer.status, body: isJson ? (JSON.parse(text) as Json) : {} };
  };
  await until(
    'the API server is ready',
    async () => {
      if (child.ended() !== undefined) throw new Error(child.stderr().slice(-4000));
      const answer = await call('GET', '/readyz').catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    },
    { deadlineMs: 120_000, everyMs: 500 },
  );
  return {
    ...{ url, ca, call },
    async serviceAccountToken(namespace, name) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const spec = { expirationSeconds: 600 };
      const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      const made = await call('POST', path, asked);
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      return String((made.body['status'] as Json)['token']);
    },
    async close() {
      await web.close();
      await child.stop('SIGKILL');
      await etcd.child.stop('SIGKILL');
    },
  };
}

async function startEtcd(program: string, folder: string): Promise<{ url: string; child: Child }> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child = startChild(
    program,
    [
      ...['--data-dir', join(folder, 'etcd'), '--name', 'run'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `run=${peer}`],
    ],
    { cwd: folder },
  );
  await until(
    'etcd answers',
    async () => {
      if (child.ended() !== undefined) throw new Error(child.stderr().slice(-4000));
      const answer = await fetch(`${url}/health`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    },
    { deadlineMs: 60_000, everyMs: 200 },
  );
  return { url, child };
}
