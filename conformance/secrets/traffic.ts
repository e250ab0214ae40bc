/**
 * Puts secrets through everything that is documented: where they belong, and where a careless or
 * hostile caller puts them. Every answer is kept, to be searched as well.
 */
import { type Answer, type Asked, exchange } from '../rig/exchange.ts';
import {
  type ClientSecret,
  call,
  type Installation,
  postForm as postFormFrom,
} from '../rig/installation.ts';
import { nextAddress } from './addresses.ts';
import type { Secrets } from './make-secrets.ts';

type Note = (what: string, answer: Answer) => void;

/** Each from an address of its own. */
const send = (url: string, asked: Asked = {}): Promise<Answer> =>
  exchange(url, { ...asked, from: nextAddress() });

const postForm = (
  installation: Installation,
  path: `/oauth2/${string}`,
  client: ClientSecret,
  form: Readonly<Record<string, string>>,
): Promise<Answer> => postFormFrom(installation, path, client, form, nextAddress());

/** As it is meant: every secret is proven, used and judged. */
export async function properUse(
  installation: Installation,
  secrets: Secrets,
  note: Note,
): Promise<void> {
  const { opaqueClient, jwtClient } = secrets;
  for (const [name, token] of bearers(secrets)) {
    const headers = { authorization: `Bearer ${token}` };
    note(`gateway, ${name}`, await send(`${installation.gateway}${secrets.path}`, { headers }));
  }
  for (const [client, token] of [
    [opaqueClient, secrets.opaque],
    [jwtClient, secrets.jwt],
  ] as const) {
    note('introspect', await postForm(installation, '/oauth2/introspect', client, { token }));
    const form = { grant_type: 'client_credentials', client_secret: client.secret };
    const { issuer } = installation;
    const body = new URLSearchParams({ ...form, client_id: client.id }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    // The token in this answer is another one.
    note('token by post', await send(`${issuer}/oauth2/token`, { method: 'POST', headers, body }));
  }
  for (const key of [secrets.apiKey, secrets.rotatedKey, secrets.opaque, secrets.adminKey]) {
    note('verify', await call(installation, 'POST /v1/keys/verify', { key }));
  }
  note('list', await call(installation, 'GET /v1/keys'));
  note('show', await call(installation, `GET /v1/keys/${secrets.apiKeyId}`));
  note('events', await call(installation, 'GET /v1/audit/events?limit=200'));
}

export interface Misuse {
  readonly installation: Installation;
  readonly secrets: Secrets;
  readonly note: Note;
  /** Whether they are put into paths, queries and bodies that nobody reads too. */
  readonly everywhere: boolean;
}

/** Secrets where they do not belong: every operation described, every protocol endpoint. */
export async function misuse({ installation, secrets, note, everywhere }: Misuse): Promise<void> {
  const description = await send(`${installation.issuer}/openapi.json`);
  const paths = description.body['paths'] as Readonly<Record<string, object>>;
  for (const [name, secret] of everySecret(secrets)) {
    const noted: Note = (what, answer) => note(`${what}, ${name}`, answer);
    for (const [path, operations] of Object.entries(paths)) {
      for (const method of Object.keys(operations)) {
        await misuseOperation({ installation, method, path, secret }, noted);
      }
    }
    await misuseProtocol(installation, secret, noted);
    await misuseGateway(installation, secret, noted);
    if (!everywhere) continue;
    await sendTooLarge(installation, secret, noted);
    for (const url of targetsWith(installation, Object.keys(paths), secret)) {
      const headers = { authorization: `Bearer ${installation.adminKey}` };
      for (const method of ['GET', 'POST']) noted(url, await send(url, { method, headers }));
    }
  }
}

function targetsWith(
  { issuer, gateway }: Installation,
  paths: readonly string[],
  secret: string,
): string[] {
  return [
    ...paths.map((path) => `${issuer}${path.replaceAll(/\{\w+\}/g, secret)}?token=${secret}`),
    ...['token', 'introspect', 'revoke'].map((at) => `${issuer}/oauth2/${at}?token=${secret}`),
    `${issuer}/${secret}?q=${secret}`,
    `${gateway}/planted/red?access_token=${secret}`,
    `${gateway}/planted/${secret}/..%2f`,
    `${gateway}/${secret}`,
  ];
}

function bearers({ apiKey, rotatedKey, opaque, jwt }: Secrets): [string, string][] {
  return Object.entries({ apiKey, rotatedKey, opaque, jwt });
}

function everySecret(secrets: Secrets): [string, string][] {
  const { adminKey, opaqueClient, jwtClient } = secrets;
  const clients = { opaqueClient: opaqueClient.secret, jwtClient: jwtClient.secret };
  return [...bearers(secrets), ...Object.entries({ adminKey, ...clients })];
}

interface Operation {
  readonly installation: Installation;
  readonly method: string;
  readonly path: string;
  readonly secret: string;
}

async function misuseOperation(operation: Operation, note: Note): Promise<void> {
  const { installation, path, secret } = operation;
  const method = operation.method.toUpperCase();
  const url = `${installation.issuer}${path.replaceAll(/\{\w+\}/g, 'nothing')}`;
  const json = { 'content-type': 'application/json' };
  // The admin key in its place would be no misuse: a letter more makes it a wrong one.
  const wrong = { authorization: `Bearer ${secret}x` };
  const admin = { authorization: `Bearer ${installation.adminKey}` };
  note(`${method} ${path}, wrong credential`, await send(url, { method, headers: wrong }));
  if (method === 'GET' || method === 'DELETE') return;
  for (const body of [`{"${secret}":`, `{"${secret}":1}`, `"${secret}"`, `[["${secret}"]]`]) {
    const headers = { ...admin, ...json };
    note(`${method} ${path}, body`, await send(url, { method, headers, body }));
  }
}

async function misuseProtocol(
  installation: Installation,
  secret: string,
  note: Note,
): Promise<void> {
  const client = { id: 'nobody', secret };
  const forms: Readonly<Record<string, string>>[] = [
    { grant_type: secret },
    { grant_type: 'client_credentials', scope: secret, resource: secret, client_id: secret },
    { token: secret, token_type_hint: secret },
    { token: `${secret}x` },
    { [secret]: secret },
  ];
  for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke'] as const) {
    const url = `${installation.issuer}${path}`;
    for (const form of forms) note(path, await postForm(installation, path, client, form));
    const asName = { id: secret, secret: 'wrong' };
    note(`${path} as client`, await postForm(installation, path, asName, forms[0]!));
    for (const authorization of [`Basic ${secret}`, `Bearer ${secret}x`, secret]) {
      const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
      const init = { method: 'POST', headers, body: `${secret}=%ZZ` };
      note(`${path} header`, await send(url, init));
    }
  }
}

async function sendTooLarge({ issuer }: Installation, secret: string, note: Note): Promise<void> {
  const body = new URLSearchParams({ token: secret, filler: 'x'.repeat(100_000) }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const url = `${issuer}/oauth2/introspect`;
  note('too large', await send(url, { method: 'POST', headers, body }));
}

async function misuseGateway({ gateway }: Installation, secret: string, note: Note): Promise<void> {
  const url = `${gateway}/planted/red`;
  const wrong = { authorization: `Bearer ${secret}x` };
  note('gateway wrong', await send(url, { headers: wrong }));
  const two = { authorization: `Bearer ${secret}`, 'x-api-key': secret };
  note('gateway twice', await send(url, { headers: two }));
  const spaced = { authorization: `Bearer  ${secret} ${secret}` };
  note('gateway spaced', await send(url, { headers: spaced }));
}
