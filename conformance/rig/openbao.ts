/** A real OpenBao (or Vault: the same command line and API) in development mode, with TLS. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { Json } from './exchange.ts';
import { freePort } from './free-port.ts';
import { type TrustingFetch, trustingFetch } from './trusting-fetch.ts';
import { until } from './until.ts';

const rootToken = 'root-of-the-run';

export interface OpenBao {
  readonly child: Child;
  readonly url: string;
  /** PEM file of the authority that signed its certificate. */
  readonly ca: string;
  /** As its root; empty where it answers without content. @throws where it says no */
  call(method: string, path: string, body?: unknown): Promise<Json>;
  /** A token that may do what this policy says, and nothing else. */
  tokenFor(name: string, policy: string): Promise<string>;
  close(): Promise<void>;
}

/** @param program path of `bao` or `vault` */
export async function startOpenBao(program: string, home: string): Promise<OpenBao> {
  const certificates = join(home, 'bao');
  mkdirSync(certificates);
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const child = startChild(
    program,
    [
      ...['server', '-dev-tls', `-dev-tls-cert-dir=${certificates}`],
      ...[`-dev-root-token-id=${rootToken}`, `-dev-listen-address=127.0.0.1:${port}`],
      '-dev-no-store-token',
    ],
    { cwd: home, env: { HOME: home } },
  );
  const ca = join(certificates, 'vault-ca.pem');
  const web = await until(
    'OpenBao answers',
    async () => {
      if (child.ended() !== undefined) throw new Error(child.stderr() + child.stdout());
      return openWeb(url, ca);
    },
    { deadlineMs: 60_000, everyMs: 200 },
  );
  const call = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const answer = await web.fetch(`${url}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': rootToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Json);
  };
  return {
    ...{ child, url, ca, call },
    async tokenFor(name, policy) {
      await call('PUT', `sys/policies/acl/${name}`, { policy });
      const made = await call('POST', 'auth/token/create', { policies: [name] });
      return String((made['auth'] as Json)['client_token']);
    },
    async close() {
      await web.close();
      await child.stop();
    },
  };
}

async function openWeb(url: string, ca: string): Promise<TrustingFetch | undefined> {
  let web: TrustingFetch | undefined;
  try {
    web = trustingFetch(readFileSync(ca, 'utf8'));
    if ((await web.fetch(`${url}/v1/sys/health`)).status === 200) return web;
  } catch {
    // Neither its certificate nor its listener is there at once.
  }
  await web?.close();
  return undefined;
}
