/**
 * One table of requests, asked of our own proxy and of others before the same API, and what is
 * compared: verdict, status, challenge, and what the API saw.
 */
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Answer, exchange } from './exchange.ts';
import type { JudgedWorld } from './judged-world.ts';

export interface Row {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: (world: JudgedWorld, origin: string) => Headers | Promise<Headers>;
  /** Lines that no client library would send. */
  readonly lines?: readonly string[];
  /** How often it is asked; the last answer counts. */
  readonly times?: number;
  /** Where another proxy comes to another outcome, and which: never that more reaches the API. */
  readonly elsewhere?: Readonly<Record<string, Elsewhere>>;
}

/**
 * `before`: the proxy refuses it itself, in words of its own. `as`: it makes another request of it,
 * and that one is judged and sent on. Else: what is different.
 */
export type Elsewhere = 'before' | { readonly as: Partial<Row> } | ((own: Outcome) => Outcome);

const envoy = (elsewhere: Elsewhere) => ({ 'envoy-http': elsewhere, 'envoy-grpc': elsewhere });
const apiInstead: Elsewhere = { as: { path: '/api' } };

/** What the outcome at another proxy is to be, by what our own comes to. */
export async function expectedOf(row: Row, name: string, world: JudgedWorld): Promise<Outcome> {
  const { gateway } = world.installation;
  const differs = row.elsewhere?.[name];
  if (differs === 'before') return refusedBefore;
  if (typeof differs === 'object') return askRow({ ...row, ...differs.as }, world, gateway);
  const own = await askRow(row, world, gateway);
  return differs === undefined ? own : differs(own);
}

const refusedBefore: Outcome = {
  status: 400,
  ...{ code: undefined, challenge: undefined, retryAfter: undefined, limit: undefined },
  ...{ allowOrigin: undefined, seen: undefined },
};

type Headers = Readonly<Record<string, string>>;

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
const good = (world: JudgedWorld): Headers => bearer(world.credentials.jwt);

export const rows: readonly Row[] = [
  { name: 'a good token', path: '/api/x?a=1&b=%2F', headers: good },
  { name: 'an opaque token', path: '/api', headers: (w) => bearer(w.credentials.opaque) },
  { name: 'an API key', path: '/api', headers: (w) => ({ 'x-api-key': w.credentials.key }) },
  { name: 'a token with a proof', path: '/api/p', headers: (w, at) => w.proven(at, '/api/p') },
  { name: 'a proof of another path', path: '/api/q', headers: (w, at) => w.proven(at, '/api/p') },
  { name: 'a bound token as Bearer', path: '/api', headers: boundAsBearer },
  { name: 'nothing, where nothing is needed', path: '/open/x' },
  { name: 'nothing, where something may be', path: '/maybe' },
  { name: 'something, where something may be', path: '/maybe', headers: good },
  { name: 'another method', method: 'POST', path: '/api', headers: good },
  { name: 'HEAD', method: 'HEAD', path: '/api', headers: good },
  { name: 'no credential', path: '/api' },
  { name: 'garbage', path: '/api', headers: () => bearer('nothing') },
  {
    name: 'an expired key',
    path: '/api',
    headers: (w) => ({ 'x-api-key': w.credentials.expired }),
  },
  { name: 'a revoked key', path: '/api', headers: (w) => ({ 'x-api-key': w.credentials.revoked }) },
  { name: 'a missing scope', path: '/write', headers: good },
  { name: 'two credentials', path: '/api', headers: (w) => ({ ...good(w), 'x-api-key': 'a' }) },
  { name: 'a token in the query', path: '/api?access_token=x', headers: good },
  { name: 'an address that may not', path: '/near', headers: good },
  {
    name: 'an address that it only says',
    path: '/near',
    headers: (w) => ({
      ...good(w),
      'x-forwarded-for': '203.0.113.1',
      forwarded: 'for=203.0.113.1',
      'x-real-ip': '203.0.113.1',
    }),
  },
  { name: 'no route', path: '/elsewhere', headers: good },
  { name: 'a method without a route', path: '/gone', headers: good },
  {
    name: 'what is left of a limit',
    path: '/few',
    headers: freshBearer,
    elsewhere: { caddy: (own) => ({ ...own, limit: undefined }) },
  },
  { name: 'more than a limit', path: '/few', headers: freshBearer, times: 3 },
  {
    name: 'a preflight',
    method: 'OPTIONS',
    path: '/page',
    headers: () => ({ origin: 'https://app.example', 'access-control-request-method': 'GET' }),
  },
  {
    name: 'a page of another origin, refused',
    path: '/page',
    headers: () => ({ origin: 'https://app.example' }),
  },
  {
    name: 'a page of another origin',
    path: '/page',
    headers: (w) => ({ ...good(w), origin: 'https://app.example' }),
    elsewhere: { caddy: (own) => ({ ...own, allowOrigin: undefined }) },
  },
  { name: 'where to get a token', path: '/.well-known/oauth-protected-resource/api' },
  {
    name: 'an escaped letter',
    path: '/%61pi/caf%c3%a9',
    headers: good,
    // By HTTP the judge cannot name a path; theirs differ from ours in spelling alone.
    elsewhere: {
      'envoy-http': (own) => ({ ...own, seen: { ...own.seen!, path: '/api/caf%c3%a9' } }),
      caddy: (own) => ({ ...own, seen: { ...own.seen!, path: '/%61pi/caf%c3%a9' } }),
    },
  },
  {
    name: 'empty segments',
    path: '/open//x///y',
    elsewhere: { caddy: () => ({ ...refusedBefore, code: 'empty_segment' }) },
  },
  { name: 'a way up', path: '/open/../api', elsewhere: envoy(apiInstead) },
  { name: 'an escaped way up', path: '/open/%2e%2e/api', elsewhere: envoy(apiInstead) },
  { name: 'half an escaped way up', path: '/open/.%2e/api', elsewhere: envoy(apiInstead) },
  { name: 'an escaped slash', path: '/open%2f..%2fapi', elsewhere: envoy('before') },
  { name: 'a backslash', path: '/open/..%5capi', elsewhere: envoy('before') },
  { name: 'a path parameter', path: '/open/..;/api', elsewhere: envoy(apiInstead) },
  { name: 'double encoding', path: '/open/%252e%252e/api' },
  { name: 'a NUL', path: '/open/%00', elsewhere: { ...envoy('before'), nginx: 'before' } },
  {
    name: 'a malformed escape',
    path: '/open/%zz',
    elsewhere: { nginx: 'before', caddy: 'before' },
  },
  { name: 'overlong UTF-8', path: '/open/%c0%ae%c0%ae/api' },
  {
    name: 'our own words',
    path: '/open',
    headers: () => ({
      'X-Mintmark-Subject': 'root',
      'x-mintmark-scopes': 'all',
      'X-Mintmark-Tenant': 'other',
    }),
  },
  {
    name: 'our own words beside a credential',
    path: '/api',
    headers: (w) => ({ ...good(w), 'X-Mintmark-Subject': 'root', 'X-Mintmark-Sub-Key': 'x' }),
  },
  {
    name: 'our own words with dots',
    path: '/open',
    headers: () => ({ 'x.mintmark.subject': 'root' }),
  },
  {
    name: 'our own words with underscores',
    path: '/open',
    headers: () => ({ x_mintmark_subject: 'root', X_Forwarded_For: '10.0.0.1' }),
    elsewhere: envoy('before'),
  },
  {
    name: 'ours nominated away',
    path: '/api',
    headers: (w) => ({ ...good(w), connection: 'close, X-Mintmark-Subject, X-Mintmark-Scopes' }),
  },
  {
    name: 'another path by header',
    path: '/open',
    headers: () => ({
      'x-original-url': '/admin',
      'x-original-uri': '/admin',
      'x-rewrite-url': '/admin',
      'x-http-method-override': 'DELETE',
      'x-forwarded-uri': '/admin',
      'x-forwarded-method': 'DELETE',
      'x-original-method': 'DELETE',
      'x-original-host': 'admin.test',
    }),
  },
  {
    name: 'a proxy that speaks for it',
    path: '/api',
    headers: () => ({
      'x-forwarded-uri': '/open',
      'x-original-uri': '/open',
      'x-mintmark-status': '200',
      'x-envoy-original-path': '/open',
    }),
  },
  {
    name: 'a doubled credential',
    path: '/api',
    lines: ['Authorization: Bearer a', 'Authorization: Bearer b'],
    elsewhere: {
      ...envoy({ as: { lines: ['Authorization: Bearer a,Bearer b'] } }),
      nginx: 'before',
    },
  },
  {
    name: 'a doubled host',
    path: '/open',
    lines: ['Host: other.test'],
    elsewhere: {
      ...envoy((own) => ({ ...own, code: 'malformed_host' })),
      nginx: 'before',
      caddy: 'before',
      haproxy: 'before',
    },
  },
];

async function freshBearer(world: JudgedWorld): Promise<Headers> {
  return bearer(await world.freshToken());
}

async function boundAsBearer(world: JudgedWorld, origin: string): Promise<Headers> {
  const { authorization = '' } = await world.proven(origin, '/api');
  return { authorization: authorization.replace('DPoP', 'Bearer') };
}

export interface Outcome {
  readonly status: number;
  /** The problem's code. */
  readonly code: string | undefined;
  readonly challenge: string | undefined;
  readonly retryAfter: string | undefined;
  readonly limit: string | undefined;
  readonly allowOrigin: string | undefined;
  /** What the API saw; undefined where nothing reached it. */
  readonly seen: Seen | undefined;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** Headers by which it knows who calls, from where. */
  readonly told: Readonly<Record<string, string>>;
  /** Names of headers that it should not have seen. */
  readonly leaked: readonly string[];
}

/** Asks one row of a proxy. @param origin where that proxy listens */
export async function askRow(row: Row, world: JudgedWorld, origin: string): Promise<Outcome> {
  const headers = (await row.headers?.(world, origin)) ?? {};
  const { method = 'GET', times = 1 } = row;
  let answer: Answer | undefined;
  for (let count = 0; count < times; count++) {
    answer =
      row.lines === undefined
        ? await exchange(origin + row.path, { method, headers, rawPath: row.path })
        : await askRaw(origin, row);
  }
  return outcomeOf(answer!, { method, origin });
}

function outcomeOf(
  answer: Answer,
  { method, origin }: { readonly method: string; readonly origin: string },
): Outcome {
  const said = (name: string): string | undefined =>
    answer.headers.get(name)?.replaceAll(new URL(origin).host, 'HOST') ?? undefined;
  const { body, status } = answer;
  const reached = body['headers'] !== undefined || (method === 'HEAD' && status === 200);
  return {
    status,
    code: typeof body['code'] === 'string' ? body['code'] : undefined,
    challenge: said('www-authenticate'),
    // Time passes between one proxy and the next.
    retryAfter: said('retry-after')?.replace(/^[1-9][0-9]*$/, 'SECONDS'),
    limit: said('ratelimit')?.replaceAll(/;t=[0-9]+/g, ';t=SECONDS'),
    allowOrigin: said('access-control-allow-origin'),
    seen: reached ? seenOf(body, origin) : undefined,
  };
}

function seenOf(body: Answer['body'], origin: string): Seen {
  const headers = (body['headers'] ?? {}) as Readonly<Record<string, string>>;
  const names = Object.keys(headers);
  const isOurs = (name: string) => name.startsWith('x-mintmark-') && name !== 'x-mintmark-decision';
  const told = names.filter((name) => isOurs(name) || fromWhere.includes(name)).sort();
  return {
    method: String(body['method'] ?? 'HEAD'),
    path: String(body['path'] ?? ''),
    told: Object.fromEntries(told.map((name) => [name, known(name, headers[name]!, origin)])),
    leaked: names.filter((name) => isForbidden(name) && !isOurs(name)).sort(),
  };
}

const fromWhere = ['host', 'x-forwarded-for', 'x-forwarded-proto'];

/** Envoy says the machine's own address for a client on loopback. */
const machine = Object.values(networkInterfaces()).flatMap((all) => all?.map((one) => one.address));

function known(name: string, value: string, origin: string): string {
  if (name === 'x-forwarded-for' && machine.includes(value)) return 'THIS MACHINE';
  // Of a token that each proxy was given afresh.
  if (name === 'x-mintmark-credential-id') return `${value.length} characters`;
  return value.replace(new URL(origin).host, 'HOST');
}

/** Credentials, and whatever could speak for somebody else. */
function isForbidden(name: string): boolean {
  return (
    /^(?:authorization|x-api-key|dpop|x[._]mintmark.*|x_forwarded.*|x-original-.*)$/.test(name) ||
    /^(?:x-rewrite-url|x-http-method-override|x-envoy-original-path)$/.test(name) ||
    /^x-forwarded-(?:uri|method|user)$/.test(name)
  );
}

/** A request as it is written, over a connection of its own. */
function askRaw(origin: string, { method = 'GET', path, lines = [] }: Row): Promise<Answer> {
  const { hostname, port, host } = new URL(origin);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: hostname, port: Number(port) });
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(parsed(text)));
    const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...lines, 'Connection: close'];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
  });
}

function parsed(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const headers = new globalThis.Headers();
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const body = rest.join('\r\n\r\n');
  const json = /\{.*\}/s.exec(body)?.[0];
  return {
    status: Number(head.split(' ')[1]),
    headers,
    text: body,
    body: json === undefined ? {} : (JSON.parse(json) as Answer['body']),
  };
}
