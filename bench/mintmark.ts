/** Our own server under measurement: initialised in a fresh folder, set up through its own API. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type Server, startServer } from './server-process.ts';

const main = join(import.meta.dirname, '../packages/cli/src/main.ts');

export interface MintmarkServer {
  readonly process: Server;
  readonly port: number;
  readonly adminKey: string;
  /** Milliseconds from the start of the process to its first answer. */
  readonly startMs: number;
  setFormat(format: 'jwt' | 'opaque'): Promise<void>;
  createKeys(count: number): Promise<readonly string[]>;
  /** A fresh access token of the client. */
  issue(): Promise<string>;
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
}

export interface MintmarkOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly command?: 'authority' | 'serve';
  /** Where it keeps its rows; SQLite in the data folder by default. */
  readonly database?: string;
  readonly flags?: readonly string[];
}

/** @param folder empty; taken as the data folder */
export async function startMintmark(
  folder: string,
  options: MintmarkOptions,
): Promise<MintmarkServer> {
  const data = join(folder, 'data');
  const { database } = options;
  const env = { MINTMARK_LOG_LEVEL: 'error', ...(database && { MINTMARK_DATABASE: database }) };
  const adminKey = initialise(data, join(folder, 'admin-key'), env);
  const startedAt = performance.now();
  const args = [main, options.command ?? 'authority', '--data', data, '--listen', '127.0.0.1:0'];
  const server = await startServer([...args, ...(options.flags ?? [])], {
    ready: /http:\/\/127\.0\.0\.1:\d+/,
    env,
  });
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(server.firstLine)?.[1]);
  const call = caller(port, adminKey);
  await call('GET', '/v1/clients');
  const startMs = performance.now() - startedAt;
  const client = {
    client_id: options.clientId,
    client_secret: options.clientSecret,
    client_name: 'bench',
    scope: 'read',
    grant_types: ['client_credentials'],
  };
  // A folder that was used before knows the client already.
  await call('POST', '/v1/clients', client).catch((error: Error) => {
    if (!error.message.includes('already_exists')) throw error;
  });
  return {
    process: server,
    port,
    adminKey,
    startMs,
    call,
    async issue() {
      const { clientId, clientSecret } = options;
      const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
      const answer = await fetch(`http://127.0.0.1:${port}/oauth2/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      return ((await answer.json()) as { access_token: string }).access_token;
    },
    async setFormat(format) {
      const path = `/v1/clients/${options.clientId}`;
      await call('PATCH', path, { access_token_format: format });
    },
    async createKeys(count) {
      const keys: string[] = [];
      for (let i = 0; i < count; i++) {
        const made = await call('POST', '/v1/keys', { name: `bench ${i}`, scopes: ['read'] });
        keys.push(made['key'] as string);
      }
      return keys;
    },
  };
}

/** A gateway under measurement, with the authority that it follows. */
export interface GatewayPort {
  readonly server: MintmarkServer;
  readonly gatewayPort: number;
  /** Of the process in which the gateway runs. */
  readonly gateway: Server;
  stop(): Promise<void>;
}

/** Authority and gateway in one process. */
export async function startTogether(
  folder: string,
  options: MintmarkOptions,
): Promise<GatewayPort> {
  const gatewayPort = await freePort();
  const flags = ['--gateway-listen', `127.0.0.1:${gatewayPort}`];
  const server = await startMintmark(folder, { ...options, command: 'serve', flags });
  const { process } = server;
  return { server, gatewayPort, gateway: process, stop: () => process.stop() };
}

/** Authority and gateway in two processes, on the same core. */
export async function startApart(folder: string, options: MintmarkOptions): Promise<GatewayPort> {
  const server = await startMintmark(folder, options);
  const { gatewayPort, gateway } = await startGateway(server);
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await server.process.stop();
  };
  return { server, gatewayPort, gateway, stop };
}

/** A gateway of its own that follows the authority. */
export async function startGateway(
  server: Pick<MintmarkServer, 'port' | 'adminKey'>,
  node = 'bench',
): Promise<Pick<GatewayPort, 'gatewayPort' | 'gateway'>> {
  const gatewayPort = await freePort();
  const where = ['--gateway-listen', `127.0.0.1:${gatewayPort}`];
  const args = [
    main,
    'gateway',
    ...where,
    ...['--gateway-node', node],
    '--gateway-authority',
    `http://127.0.0.1:${server.port}`,
  ];
  const gateway = await startServer([...args, '--gateway-token', 'env:GATEWAY_KEY'], {
    ready: /gateway/,
    env: { GATEWAY_KEY: server.adminKey, MINTMARK_LOG_LEVEL: 'error' },
  });
  return { gatewayPort, gateway };
}

/** @returns the admin key, of now or of the first time that the folder was used */
function initialise(data: string, keyFile: string, env: Record<string, string>): string {
  if (existsSync(keyFile)) return readFileSync(keyFile, 'utf8');
  const init = execFileSync(process.execPath, [main, 'init', '--json', '--data', data], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { admin_key: adminKey } = JSON.parse(init) as { admin_key: string };
  writeFileSync(keyFile, adminKey, { mode: 0o600 });
  return adminKey;
}

function caller(port: number, adminKey: string): MintmarkServer['call'] {
  return async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        'content-type': 'application/json',
        ...(method === 'PATCH' ? { 'if-match': '*' } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  };
}
