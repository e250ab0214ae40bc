/** Who goes through the flows: each comes with its first refresh tokens, one a connection. */
import { hash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openClient } from '../packages/authority/src/store/postgres/connections.ts';
import type { CodeOrder, FlowOrder, RefreshOrder } from './flow-client.ts';
import { keycloakTokenPath, startKeycloak } from './keycloak.ts';
import { startMintmark } from './mintmark.ts';
import { signIn } from './person.ts';
import { freePort, type Server, startServer } from './server-process.ts';

export interface Contender {
  readonly name: string;
  readonly server: Server;
  /** Of PostgreSQL, where it keeps its rows there. */
  readonly database?: string;
  refresh: Omit<FlowOrder & RefreshOrder, 'seconds'>;
  readonly code?: Omit<FlowOrder & CodeOrder, 'seconds'>;
}

export interface Place {
  readonly directory: string;
  readonly postgresUrl: string;
  readonly connections: number;
}

const secret = 'bench-secret-0123456789';
const authorization = `Basic ${Buffer.from(`bench:${secret}`).toString('base64')}`;
const person = { username: 'alice', password: 'correct horse battery' };
const redirectUri = 'https://app.example.com/cb';
const verifier = 'a-verifier-of-at-least-forty-three-characters';

export async function mintmark(
  place: Place & { readonly name: string; readonly kind: 'postgres' | 'sqlite' },
): Promise<Contender> {
  const folder = join(place.directory, randomBytes(6).toString('hex'));
  mkdirSync(folder);
  const database = place.kind === 'sqlite' ? undefined : await freshDatabase(place.postgresUrl);
  const ours = await startMintmark(folder, {
    clientId: 'other',
    clientSecret: secret,
    ...(database === undefined ? {} : { database }),
  });
  await ours.call('POST', '/v1/clients', {
    client_id: 'bench',
    client_secret: secret,
    client_name: 'bench',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [redirectUri],
    scope: 'read offline_access',
    access_token_format: 'jwt',
  });
  await ours.call('POST', '/v1/users', person);
  const { port } = ours;
  const authorizePath = `/oauth2/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id: 'bench',
    redirect_uri: redirectUri,
    scope: 'read offline_access',
    state: 'state',
    code_challenge: hash('sha256', verifier, 'base64url'),
    code_challenge_method: 'S256',
  })}`;
  const { cookie } = await signIn(`http://127.0.0.1:${port}${authorizePath}`, person);
  const form = { redirect_uri: redirectUri, code_verifier: verifier };
  const common = { port, authorization, path: '/oauth2/token' };
  const code = { ...common, kind: 'code', authorizePath, cookie, form } as const;
  const refreshTokens: string[] = [];
  for (let i = 0; i < place.connections; i++) refreshTokens.push(await refreshTokenBy(code));
  return {
    name: place.name,
    server: ours.process,
    ...(database === undefined ? {} : { database }),
    refresh: { ...common, kind: 'refresh', form: {}, refreshTokens },
    code: { ...code, connections: place.connections },
  };
}

async function refreshTokenBy(
  flow: Omit<FlowOrder & CodeOrder, 'seconds' | 'connections'>,
): Promise<string> {
  const origin = `http://127.0.0.1:${flow.port}`;
  const { cookie } = flow;
  const there = await fetch(`${origin}${flow.authorizePath}`, {
    redirect: 'manual',
    headers: { cookie },
  });
  const code = new URL(there.headers.get('location') ?? 'none:').searchParams.get('code') ?? '';
  const body = new URLSearchParams({ ...flow.form, grant_type: 'authorization_code', code });
  const headers = { authorization };
  const answer = await fetch(`${origin}${flow.path}`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`mintmark: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { refresh_token: string }).refresh_token;
}

export async function oidcProvider({ connections }: Place): Promise<Contender> {
  const args = ['servers/oidc-provider-refresh.ts', String(connections)];
  const server = await startServer(args, { ready: /^\{/ });
  const { port, refreshTokens } = JSON.parse(server.firstLine) as {
    port: number;
    refreshTokens: string[];
  };
  return {
    name: 'oidc-provider, in memory',
    server,
    refresh: { kind: 'refresh', port, authorization, path: '/token', form: {}, refreshTokens },
  };
}

export async function keycloak(home: string, place: Place): Promise<Contender> {
  const started = await startKeycloak(home, {
    database: await freshDatabase(place.postgresUrl),
    port: await freePort(),
    families: place.connections,
  });
  const { port, refreshTokens, server } = started;
  const path = keycloakTokenPath;
  return {
    name: 'Keycloak, PostgreSQL',
    server,
    refresh: { kind: 'refresh', port, authorization, path, form: {}, refreshTokens },
  };
}

async function freshDatabase(serverUrl: string): Promise<string> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  const client = openClient({ connectionString: serverUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
}
