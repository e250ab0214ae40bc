/**
 * A Mintmark with routes and every kind of credential, for tests that ask the same of its own proxy
 * and of other people's before the same API.
 */
import { hash } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { exchange } from './exchange.ts';
import type { Around } from './foreign-proxy.ts';
import { freePort } from './free-port.ts';
import {
  apply,
  type ClientSecret,
  call,
  clientCredentials,
  type Installation,
  initialise,
  type Running,
  start,
} from './installation.ts';
import { until } from './until.ts';
import { startUpstream, type Upstream } from './upstream.ts';

export interface JudgedWorld {
  readonly installation: Installation;
  readonly around: Around;
  readonly credentials: Credentials;
  /** A token of a client that nobody used, for what is counted. */
  freshToken(): Promise<string>;
  /** Headers of a request by the bound token. */
  proven(origin: string, path: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

export interface Credentials {
  readonly jwt: string;
  readonly opaque: string;
  readonly key: string;
  readonly expired: string;
  readonly revoked: string;
}

const worker: ClientSecret = { id: 'worker', secret: 'Secret-that-an-operator-chose' };
const opaque: ClientSecret = { id: 'reporter', secret: 'Secret-that-an-operator-chose' };

/** @param home an empty folder */
export async function startJudgedWorld(home: string): Promise<JudgedWorld> {
  const installation = await initialise(home);
  const judge = `127.0.0.1:${await freePort()}`;
  const grpc = `127.0.0.1:${await freePort()}`;
  const spop = `127.0.0.1:${await freePort()}`;
  const running = await start(installation, {
    flags: [
      ...['--judge-listen', judge, '--gateway-grpc-listen', grpc],
      ...['--gateway-spop-listen', spop],
      ...['--gateway-judge-proxies', '127.0.0.1'],
    ],
  });
  const upstream = await startUpstream();
  await apply(installation, { clients: clients(), routes: routes(upstream) });
  const credentials = await credentialsOf(installation);
  await until('what was revoked and expired is refused', async () => {
    const all = [credentials.revoked, credentials.expired].map((credential) =>
      exchange(`${installation.gateway}/api`, { headers: { 'x-api-key': credential } }),
    );
    return (await Promise.all(all)).every(({ status }) => status === 401) ? true : undefined;
  });
  const sender = await generateKeyPair('ES256');
  const jwk = await exportJWK(sender.publicKey);
  const prove = proofMaker(sender.privateKey, jwk);
  const bound = await boundToken(installation, prove);
  return {
    installation,
    around: { judge, grpc, spop, api: new URL(upstream.origin).host },
    credentials,
    freshToken: () => clientCredentials(installation, worker),
    async proven(origin, path) {
      const ath = hash('sha256', bound, 'base64url');
      const dpop = await prove({ htm: 'GET', htu: `${origin}${path}`, ath });
      return { authorization: `DPoP ${bound}`, dpop };
    },
    close: () => closeAll(running, upstream),
  };
}

async function closeAll(running: Running, upstream: Upstream): Promise<void> {
  await running.child.stop('SIGKILL');
  await upstream.close();
}

function clients() {
  const machine = { grant_types: ['client_credentials'], scope: 'read' };
  return [
    { client_id: worker.id, client_secret: worker.secret, ...machine },
    {
      ...{ client_id: opaque.id, client_secret: opaque.secret, ...machine },
      access_token_format: 'opaque',
    },
  ];
}

function routes({ origin: upstream }: Upstream) {
  const at = (name: string, more: object) => ({
    ...{ name, match: { path_prefix: `/${name}` }, upstream, ...more },
  });
  return [
    at('api', { scopes: ['read'] }),
    at('write', { scopes: ['write'] }),
    at('open', { credential: 'none' }),
    at('maybe', { credential: 'optional' }),
    at('few', { limits: [{ name: 'burst', quota: 2, window_seconds: 3600 }] }),
    at('counted', { limits: [{ name: 'few', by: 'address', quota: 3, window_seconds: 3600 }] }),
    at('near', { address_ranges: ['203.0.113.0/24'] }),
    at('page', { cors: { origins: ['https://app.example'] } }),
    { ...at('gone', {}), match: { path_prefix: '/gone', methods: ['DELETE'] } },
  ];
}

async function credentialsOf(installation: Installation): Promise<Credentials> {
  const makeKey = async (more: object = {}): Promise<{ key: string; id: string }> => {
    const { body } = await call(installation, 'POST /v1/keys', {
      ...{ name: 'k', scopes: ['read'], ...more },
    });
    return { key: String(body['key']), id: String(body['id']) };
  };
  const soon = new Date(Date.now() + 2_000).toISOString();
  const expired = await makeKey({ expires_at: soon });
  const revoked = await makeKey();
  await call(installation, 'POST /v1/revocations', {
    ...{ target: { kind: 'key', id: revoked.id }, reason: 'a test' },
  });
  return {
    jwt: await clientCredentials(installation, worker),
    opaque: await clientCredentials(installation, opaque),
    key: (await makeKey()).key,
    expired: expired.key,
    revoked: revoked.key,
  };
}

type Prove = (claims: Record<string, string>) => Promise<string>;

function proofMaker(
  privateKey: Parameters<SignJWT['sign']>[0],
  jwk: Awaited<ReturnType<typeof exportJWK>>,
): Prove {
  let proofs = 0;
  return async (claims) => {
    const jti = `${await calculateJwkThumbprint(jwk)}-${proofs++}`;
    return new SignJWT({ ...claims, jti })
      .setIssuedAt()
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .sign(privateKey);
  };
}

async function boundToken({ issuer }: Installation, prove: Prove): Promise<string> {
  const basic = Buffer.from(`${worker.id}:${worker.secret}`).toString('base64');
  const { body, text } = await exchange(`${issuer}/oauth2/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-www-form-urlencoded',
      dpop: await prove({ htm: 'POST', htu: `${issuer}/oauth2/token` }),
    },
    body: 'grant_type=client_credentials',
  });
  const token = body['access_token'];
  if (typeof token !== 'string') throw new Error(`no token: ${text}`);
  return token;
}
