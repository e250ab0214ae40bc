/** What is measured: each scenario names its contenders, ours first, and how each is started. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Work } from './load.ts';
import { type MintmarkServer, startMintmark } from './mintmark.ts';
import { type Server, startServer } from './server-process.ts';

export interface Running {
  readonly server: Server;
  readonly work: Work;
}

export interface Contender {
  readonly name: string;
  readonly isOurs: boolean;
  /** @param answerBytes how long our own answer was: the floor sends as many */
  start(at: { readonly directory: string; readonly answerBytes: number }): Promise<Running>;
}

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly contenders: readonly Contender[];
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };
export const credentialsOf = { clientId: 'bench', clientSecret: 'bench-secret-0123456789' };
const basic = {
  ...form,
  authorization: `Basic ${Buffer.from(Object.values(credentialsOf).join(':')).toString('base64')}`,
};
const tokenBody = 'grant_type=client_credentials&scope=read';

/** Distinct credentials that a checking server sees, so that no cache holds just one. */
const credentials = 1_000;

function ours(name: string, work: (server: MintmarkServer) => Promise<Work>): Contender {
  return {
    name,
    isOurs: true,
    async start({ directory }) {
      const folder = join(directory, randomBytes(6).toString('hex'));
      mkdirSync(folder);
      const server = await startMintmark(folder, credentialsOf);
      return { server: server.process, work: await work(server) };
    },
  };
}

function floor(kind: 'sign' | 'plain', work: Omit<Work, 'port' | 'expect'>): Contender {
  return {
    name: kind === 'sign' ? 'floor: http + bare signature' : 'floor: bare http',
    isOurs: false,
    async start({ directory, answerBytes }) {
      const args = ['servers/floor.ts', directory, String(answerBytes), kind];
      const server = await startServer(args);
      return { server, work: { ...work, port: Number(server.firstLine), expect: /x/ } };
    },
  };
}

function oidcProvider(format: 'jwt' | 'opaque', work: (port: number) => Promise<Work>): Contender {
  return {
    name: `oidc-provider, in memory, ${format}`,
    isOurs: false,
    async start({ directory }) {
      const args = ['servers/oidc-provider.ts', directory, format];
      const server = await startServer(args, { ready: /^\d+$/ });
      return { server, work: await work(Number(server.firstLine)) };
    },
  };
}

function issue(port: number, path: string): Work {
  const expect = /access_token/;
  return { port, path, method: 'POST', headers: basic, bodies: [tokenBody], expect };
}

async function fetchTokens(port: number, path: string): Promise<readonly string[]> {
  const tokens: string[] = [];
  for (let i = 0; i < credentials; i++) {
    const url = `http://127.0.0.1:${port}${path}`;
    const answer = await fetch(url, { method: 'POST', headers: basic, body: tokenBody });
    tokens.push(((await answer.json()) as { access_token: string }).access_token);
  }
  return tokens;
}

async function introspect(port: number, paths: { token: string; check: string }): Promise<Work> {
  const tokens = await fetchTokens(port, paths.token);
  const bodies = tokens.map((token) => `token=${token}`);
  const expect = /"active":true/;
  return { port, path: paths.check, method: 'POST', headers: basic, bodies, expect };
}

const ourPaths = { token: '/oauth2/token', check: '/oauth2/introspect' };
const peerPaths = { token: '/token', check: '/token/introspection' };
const floorIntrospect = {
  path: '/',
  method: 'POST',
  headers: basic,
  bodies: [`token=${'x'.repeat(73)}`],
} as const;

/** Our own issuance under load. */
export function issueWork(port: number): Work {
  return issue(port, ourPaths.token);
}

/** Our own introspection of fresh tokens under load. */
export function introspectionOf(port: number): Promise<Work> {
  return introspect(port, ourPaths);
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'token-jwt',
    what: 'client_credentials → ES256 JWT, audit record durable before the answer',
    contenders: [
      ours('mintmark', async (server) => {
        await server.setFormat('jwt');
        return issue(server.port, '/oauth2/token');
      }),
      oidcProvider('jwt', async (port) => issue(port, '/token')),
      floor('sign', { path: '/', method: 'POST', headers: basic, bodies: [tokenBody] }),
    ],
  },
  {
    name: 'token-opaque',
    what: 'client_credentials → opaque token, row and audit record durable before the answer',
    contenders: [
      ours('mintmark', async (server) => {
        await server.setFormat('opaque');
        return issue(server.port, '/oauth2/token');
      }),
      oidcProvider('opaque', async (port) => issue(port, '/token')),
      floor('plain', { path: '/', method: 'POST', headers: basic, bodies: [tokenBody] }),
    ],
  },
  {
    name: 'introspect-opaque',
    what: `introspection of ${credentials} opaque tokens in turn`,
    contenders: [
      ours('mintmark', async (server) => {
        await server.setFormat('opaque');
        return introspect(server.port, ourPaths);
      }),
      oidcProvider('opaque', (port) => introspect(port, peerPaths)),
      floor('plain', floorIntrospect),
    ],
  },
  {
    name: 'introspect-jwt',
    what: `introspection of ${credentials} ES256 JWTs in turn`,
    contenders: [
      ours('mintmark', async (server) => {
        await server.setFormat('jwt');
        return introspect(server.port, ourPaths);
      }),
      floor('plain', { ...floorIntrospect, bodies: [`token=${'x'.repeat(600)}`] }),
    ],
  },
  {
    name: 'key-verify',
    what: 'POST /v1/keys/verify',
    contenders: [
      ours('mintmark', async (server) => {
        const keys = await server.createKeys(credentials);
        return {
          port: server.port,
          path: '/v1/keys/verify',
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            authorization: `Bearer ${server.adminKey}`,
          },
          bodies: keys.map((key) => JSON.stringify({ key })),
          expect: /"active":true/,
        };
      }),
      {
        name: 'better-auth, SQLite',
        isOurs: false,
        async start({ directory }) {
          const folder = join(directory, randomBytes(6).toString('hex'));
          mkdirSync(folder);
          const server = await startServer(['servers/better-auth.ts', folder], { ready: /^\d+ / });
          const [port, key] = server.firstLine.split(' ');
          return {
            server,
            work: {
              port: Number(port),
              path: '/',
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              bodies: [JSON.stringify({ key })],
              expect: /"active":true/,
            },
          };
        },
      },
      floor('plain', {
        path: '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        bodies: [JSON.stringify({ key: 'x'.repeat(63) })],
      }),
    ],
  },
];
