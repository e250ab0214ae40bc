/** An authority on the memory store under a manual clock, for tests through its own interface. */
import {
  type ClientId,
  defaultTenant,
  err,
  type HttpResponse,
  manualClock,
  ok,
  type SubjectId,
  seededEntropy,
} from '@mintmark/core';
import { createRecorder } from './audit/record.ts';
import type { Requester } from './audit/requester.ts';
import { type Authority, initAuthority, openAuthority } from './authority.ts';
import { freshStore } from './bed-stores.ts';
import { type ClientRules, clientRules } from './clients/client-rules.ts';
import { createClient } from './clients/registry.ts';
import { type AuthorityConfig, authorityDefaults } from './config.ts';
import { openMemoryCustody } from './custody/memory.ts';
import { createPeppers } from './custody/peppers.ts';
import { createSealer } from './custody/sealer.ts';
import { createSlowHashQueue } from './custody/slow-hash-queue.ts';
import { buildRequest } from './http/management/request-builder.ts';
import type { AuthorityEvent, AuthorityPorts } from './rooms.ts';
import type { Store } from './store/store.ts';
import { createUser } from './users/change-user.ts';

export const bedConfig: AuthorityConfig = {
  issuer: 'https://issuer.example',
  prefix: 'mm',
  signing: { algorithms: ['ES256'], rotateEverySeconds: 86_400, publishAheadSeconds: 3_600 },
  sessions: authorityDefaults.sessions,
  decisions: authorityDefaults.decisions,
  branding: authorityDefaults.branding,
};

const bedRules: ClientRules = clientRules.parse({
  name: 'test',
  owner: 'team',
  grantTypes: ['client_credentials'],
  authMethod: 'client_secret_basic',
  scopes: ['read', 'write'],
  audiences: ['https://api.example', 'https://other.example'],
  resources: [],
  accessTokenFormat: 'jwt',
  accessTokenTtlSeconds: 600,
  accessTokenAlgorithm: 'ES256',
  metadata: {},
});

/** They never ring: what happens by itself is driven by hand. */
const timers = { after: () => () => undefined, every: () => () => undefined };

export const bedPassword = 'correct horse battery';

export const operator: Requester = {
  tenant: defaultTenant,
  actor: { kind: 'admin_key', id: 'operator' },
};

export async function authorityBed(
  seed = 1,
  given?: Store,
  more: Partial<AuthorityConfig> = {},
  replaced: Partial<AuthorityPorts> = {},
) {
  const config = { ...bedConfig, ...more };
  const store = given ?? (await freshStore());
  const clock = manualClock(1_790_000_000_000);
  const entropy = seededEntropy(seed);
  const events: AuthorityEvent[] = [];
  const custody = openMemoryCustody({ entropy, clock });
  const log = (event: AuthorityEvent): number => events.push(event);
  const web = fakeWeb();
  const ports = { store, custody, clock, entropy, timers, log, outbound: web, ...replaced };
  const made = await initAuthority(config, ports);
  if (!made.ok) throw new Error(made.refusal.reason);
  let authority = await openAuthority(config, ports);
  const sealer = createSealer({ custody, store, entropy, clock });
  const peppers = await createPeppers({ custody, store, entropy, clock });
  const recorder = createRecorder({ sealer, entropy, clock });
  const registry = {
    ...{ store, recorder, peppers, clock, entropy, prefix: 'mm', changed: () => {} },
    // The authority under test makes a key when it first signs.
    prepareKey: async () => undefined,
  };

  return {
    get authority() {
      return authority;
    },
    /** The same store under another process. */
    async restart() {
      authority = await openAuthority(config, ports);
    },
    ports,
    web,
    registry,
    sealer,
    store,
    clock,
    events,
    adminKey: made.value.adminKey,

    async addClient(rules: Partial<ClientRules> = {}) {
      const input = { rules: { ...bedRules, ...rules } };
      const added = await createClient(registry, operator, input);
      if (!added.ok) throw new Error(added.refusal.reason);
      const { clientId } = added.value.client;
      return { clientId: clientId as ClientId, secret: added.value.secret ?? '' };
    },

    /** A person with the password of the bed. */
    async addUser(username: string): Promise<SubjectId> {
      const passwordHashes = createSlowHashQueue();
      const people = { store, sealer, recorder, clock, entropy, passwordHashes };
      const added = await createUser(people, operator, { username, password: bedPassword });
      if (!added.ok) throw new Error(added.refusal.reason);
      return added.value.id;
    },

    ...callsOf(() => authority, made.value.adminKey),

    /** Another process over the same store and custody; the first one goes on. */
    async replica(through: Store = store) {
      const other = await openAuthority(config, { ...ports, store: through });
      return { authority: other, ...callsOf(() => other, made.value.adminKey) };
    },
  };
}

/** What stands at URLs that clients chose, and how often each was asked for. */
function fakeWeb() {
  const pages = new Map<string, unknown>();
  /** What is there as text, with its headers. */
  const texts = new Map<string, { readonly text: string; readonly headers: Headers }>();
  const asked: string[] = [];
  return {
    pages,
    texts,
    asked,
    async send({ url, bytesMax }: { readonly url: string; readonly bytesMax: number }) {
      asked.push(url);
      const found = texts.get(url);
      if (found !== undefined) {
        const header = (name: string) => found.headers.get(name) ?? undefined;
        const body = Buffer.from(found.text);
        if (body.length > bytesMax) return err({ reason: 'body_too_large', bytesMax } as const);
        return ok({ status: 200, header, body });
      }
      const page = pages.get(url);
      const body = Buffer.from(JSON.stringify(page ?? null));
      if (body.length > bytesMax) return err({ reason: 'body_too_large', bytesMax } as const);
      return ok({ status: page === undefined ? 404 : 200, header: () => undefined, body });
    },
  };
}

/** Requests to an authority, as its users make them. */
export function callsOf(authority: () => Authority, adminKey: string) {
  return {
    /** A form request to a protocol endpoint, authenticated by Basic where a client is given. */
    async post(
      path: string,
      form: Record<string, string> | URLSearchParams,
      client?: { readonly clientId: string; readonly secret: string },
    ) {
      const basic =
        client === undefined ? {} : { authorization: basicHeader(client.clientId, client.secret) };
      const headers = { 'content-type': 'application/x-www-form-urlencoded', ...basic };
      const body = new URLSearchParams(form).toString();
      return read(await authority().handle(buildRequest('POST', path, { headers, body })));
    },

    /** A request to the management API, by the first administrator unless another key is given. */
    async manage(
      method: string,
      path: string,
      more: { readonly json?: unknown; readonly key?: string; readonly ifMatch?: string } = {},
    ) {
      const { json, key = adminKey, ifMatch } = more;
      const headers = { authorization: `Bearer ${key}`, ...(ifMatch && { 'if-match': ifMatch }) };
      return read(await authority().handle(buildRequest(method, path, { headers, json })));
    },

    async get(path: string, headers: Record<string, string> = {}) {
      return read(await authority().handle(buildRequest('GET', path, { headers })));
    },
  };
}

export function basicHeader(id: string, secret: string): string {
  const encoded = [id, secret].map(encodeURIComponent).join(':');
  return `Basic ${Buffer.from(encoded).toString('base64')}`;
}

function read(response: HttpResponse) {
  const { status, headers, body } = response;
  const isJson = /^application\/(?:problem\+)?json/.test(String(headers['content-type']));
  const text = body === undefined ? '' : Buffer.from(body).toString();
  const json = (isJson ? JSON.parse(text) : {}) as Record<string, unknown>;
  return { status, headers, text, json };
}
