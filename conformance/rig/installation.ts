/**
 * A Mintmark of a suite's own, driven through what is documented and nothing else: the command line
 * and HTTP. Prepared by `mintmark init`, started by `mintmark serve` or `mintmark authority`.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, type Finished, startChild } from './child.ts';
import { type Answer, exchange, type Json } from './exchange.ts';
import { freePort } from './free-port.ts';
import { mintmark, command as program } from './mintmark.ts';
import { until } from './until.ts';

/** A data folder that was initialised, running or not. */
export interface Installation {
  readonly home: string;
  readonly folder: string;
  readonly issuer: string;
  readonly gateway: string;
  readonly adminKey: string;
  /** Flags that every `serve` of it needs: folder and addresses. */
  readonly flags: readonly string[];
  /** What its database is called, where it is not in the folder. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Running {
  readonly child: Child;
  readonly installation: Installation;
}

/** A command line against a running installation, as its administrator, answering in JSON. */
export function administer(
  { home, issuer, adminKey }: Installation,
  ...args: readonly string[]
): Promise<Finished> {
  const env = { HOME: home, MINTMARK_SERVER: issuer, MINTMARK_TOKEN: adminKey };
  return mintmark([...args, '--json'], { cwd: home, env });
}

/** Clients and routes, as an operator would write them. @throws where one is refused */
export async function apply(
  installation: Installation,
  {
    clients = [],
    routes = [],
  }: { readonly clients?: readonly Json[]; readonly routes?: readonly Json[] },
): Promise<void> {
  for (const client of clients) {
    expectMade(await call(installation, 'POST /v1/clients', client));
  }
  for (const { name, ...route } of routes) {
    expectMade(await call(installation, `PUT /v1/routes/${name}`, route));
  }
}

function expectMade({ status, text }: Answer): void {
  if (status !== 200 && status !== 201) throw new Error(`not made: ${status} ${text}`);
}

/**
 * @param home an empty folder: working folder of the processes, so no stray mintmark.yaml is read
 * @param options.database for another one than SQLite in the data folder
 */
export async function initialise(
  home: string,
  { database }: { readonly database?: string } = {},
): Promise<Installation> {
  mkdirSync(home, { recursive: true });
  const folder = join(home, 'data');
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const flags = [
    ...['--data', folder, '--listen', `127.0.0.1:${port}`],
    ...['--gateway-listen', `127.0.0.1:${gatewayPort}`],
  ];
  const env = {
    HOME: home,
    ...(database === undefined ? {} : { MINTMARK_DATABASE: database }),
  };
  const done = await mintmark(['init', ...flags, '--json'], { cwd: home, env });
  if (done.code !== 0) throw new Error(`mintmark init: ${done.code}\n${done.stderr}`);
  const shown = JSON.parse(done.stdout) as { readonly issuer: string; readonly admin_key: string };
  return {
    home,
    folder,
    issuer: shown.issuer,
    gateway: `http://127.0.0.1:${gatewayPort}`,
    adminKey: shown.admin_key,
    flags,
    env,
  };
}

/** Starts `serve` or `authority`, without waiting. */
export function launch(
  installation: Installation,
  {
    command = 'serve',
    flags = [],
    env = {},
    wrap = [],
  }: {
    readonly command?: 'serve' | 'authority';
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    /** A command that runs the rest of its line, such as `prlimit`. */
    readonly wrap?: readonly string[];
  } = {},
): Child {
  const { home: cwd } = installation;
  const line = [...wrap, process.execPath, program, command, ...installation.flags, ...flags];
  return startChild(line[0]!, line.slice(1), { cwd, env: { ...installation.env, ...env } });
}

/** Starts it and waits until it says that it is ready. */
export async function start(
  installation: Installation,
  options: Parameters<typeof launch>[1] = {},
): Promise<Running> {
  const child = launch(installation, options);
  await ready(installation, child);
  return { child, installation };
}

async function ready({ issuer }: Installation, child: Child): Promise<void> {
  await until('mintmark is ready', async () => {
    if (child.ended() !== undefined) {
      throw new Error(`mintmark ended with ${child.ended()}: ${child.stderr()}${child.stdout()}`);
    }
    const answer = await exchange(`${issuer}/readyz`).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
}

/** One request to the management API, as its administrator unless told otherwise. */
export function call(
  { issuer, adminKey }: Pick<Installation, 'issuer' | 'adminKey'>,
  line: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const [method, path] = line.split(' ') as [string, string];
  return exchange(`${issuer}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/**
 * The chain of the audit log, its columns, and what waits for its place.
 *
 * @returns what is wrong with it, in words; undefined where it verifies
 */
export async function auditProblem(installation: Installation): Promise<string | undefined> {
  const { status, body, text } = await call(installation, 'GET /v1/audit/verify');
  return status === 200 && body['ok'] === true ? undefined : `audit verify: ${status} ${text}`;
}

export interface ClientSecret {
  readonly id: string;
  readonly secret: string;
}

/** One form to a protocol endpoint, by HTTP Basic (RFC 6749 §2.3.1). */
export function postForm(
  { issuer }: Pick<Installation, 'issuer'>,
  path: `/oauth2/${string}`,
  { id, secret }: ClientSecret,
  form: Readonly<Record<string, string>>,
  from?: string,
): Promise<Answer> {
  const basic = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
  return exchange(`${issuer}${path}`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form).toString(),
    ...(from === undefined ? {} : { from }),
  });
}

/** @throws where the authority gives none */
export async function clientCredentials(
  installation: Pick<Installation, 'issuer'>,
  client: ClientSecret,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const form = { grant_type: 'client_credentials', ...more };
  const answer = await postForm(installation, '/oauth2/token', client, form);
  const token = answer.body['access_token'];
  if (typeof token !== 'string') throw new Error(`no token: ${answer.status} ${answer.text}`);
  return token;
}
