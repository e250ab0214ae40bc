/**
 * Peer: Keycloak on PostgreSQL, with refresh tokens that rotate and access tokens signed by ES256.
 * It is too large to bring along: `--keycloak` names an unpacked distribution
 * (`org.keycloak:keycloak-quarkus-dist` of Maven Central, Java 21).
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Server, startProgram } from './server-process.ts';

export interface KeycloakServer {
  readonly server: Server;
  readonly port: number;
  readonly refreshTokens: readonly string[];
}

export const keycloakTokenPath = '/realms/bench/protocol/openid-connect/token';

const admin = { username: 'admin', password: 'bench-admin-0123456789' };
const user = { username: 'alice', password: 'correct horse battery' };

/** @param families how many refresh tokens to begin with, each of a sign-in of its own */
export async function startKeycloak(
  home: string,
  options: { readonly database: string; readonly port: number; readonly families: number },
): Promise<KeycloakServer> {
  const { port, families } = options;
  const database = new URL(options.database);
  const program = join(home, 'bin', 'kc.sh');
  execFileSync(program, ['build', '--db=postgres'], { stdio: 'ignore' });
  const args = [
    ...['start', '--optimized', '--http-enabled=true', '--http-host=127.0.0.1'],
    ...[`--http-port=${port}`, '--hostname-strict=false'],
    `--db-url=jdbc:postgresql://${database.host}${database.pathname}`,
    `--db-username=${database.username}`,
    `--db-password=${database.password}`,
  ];
  const env = {
    KC_BOOTSTRAP_ADMIN_USERNAME: admin.username,
    KC_BOOTSTRAP_ADMIN_PASSWORD: admin.password,
  };
  const server = await startProgram(program, args, { ready: /started in/, env });
  const origin = `http://127.0.0.1:${port}`;
  await setUp(origin);
  const refreshTokens: string[] = [];
  for (let i = 0; i < families; i++) {
    const answer = await token(origin, 'bench', { ...user, ...benchClient });
    refreshTokens.push(answer.refresh_token);
  }
  return { server, port, refreshTokens };
}

const benchClient = { client_id: 'bench', client_secret: 'bench-secret-0123456789' };

async function setUp(origin: string): Promise<void> {
  const { access_token: access } = await token(origin, 'master', {
    ...admin,
    client_id: 'admin-cli',
  });
  const headers = { authorization: `Bearer ${access}`, 'content-type': 'application/json' };
  const realm = {
    realm: 'bench',
    enabled: true,
    sslRequired: 'none',
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    defaultSignatureAlgorithm: 'ES256',
    clients: [
      {
        clientId: benchClient.client_id,
        secret: benchClient.client_secret,
        directAccessGrantsEnabled: true,
      },
    ],
    users: [
      {
        username: user.username,
        enabled: true,
        email: 'alice@example.com',
        firstName: 'A',
        lastName: 'L',
        credentials: [{ type: 'password', value: user.password }],
      },
    ],
  };
  const body = JSON.stringify(realm);
  const made = await fetch(`${origin}/admin/realms`, { method: 'POST', headers, body });
  if (!made.ok) throw new Error(`keycloak: ${made.status} ${await made.text()}`);
}

async function token(
  origin: string,
  realm: string,
  form: Readonly<Record<string, string>>,
): Promise<{ readonly access_token: string; readonly refresh_token: string }> {
  const url = `${origin}/realms/${realm}/protocol/openid-connect/token`;
  const body = new URLSearchParams({ grant_type: 'password', ...form });
  const answer = await fetch(url, { method: 'POST', body });
  if (!answer.ok) throw new Error(`keycloak: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { access_token: string; refresh_token: string };
}
