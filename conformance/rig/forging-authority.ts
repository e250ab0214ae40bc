/**
 * An authority that says and signs whatever a test wants, good tokens and bad: the feed over HTTP
 * with its proofs, and an introspection that knows nobody. Enough for every node that follows one.
 */
import { createPublicKey, generateKeyPairSync, hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type FeedEntry,
  feedHttp,
  feedProofPayload,
  type JsonObject,
  type RevocationTarget,
  type TenantId,
  type UnixSeconds,
  utf8,
} from '@mintmark/core';
import {
  assembleJws,
  generateSigningKey,
  jwsSigningInput,
  type LocalSigner,
  localSigner,
} from '@mintmark/tokens';

export interface ForgedToken {
  readonly header?: JsonObject;
  /** In the place of the usual ones; undefined ones are left out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Default: the key of the moment. */
  readonly signer?: Pick<LocalSigner, 'sign'>;
  /** In the place of the signature. */
  readonly signature?: string;
}

export interface ForgingAuthority {
  readonly url: string;
  readonly issuer: string;
  readonly tenant: TenantId;
  /** Position of the last entry. */
  readonly head: () => number;
  /** Tells every node that follows. */
  push(...entries: readonly Omit<FeedEntry, 'position'>[]): void;
  revoke(target: RevocationTarget, more?: { readonly before?: number }): void;
  route(name: string, wire: JsonObject): void;
  /** Another key signs from now on; the ones before are trusted until retired. @returns its kid */
  rotate(): Promise<string>;
  readonly kid: () => string;
  readonly publicPem: () => string;
  token(forged?: ForgedToken): string;
  /** Answers nothing any more, as a network that swallows packets. */
  silence(isSilent: boolean): void;
  close(): Promise<void>;
}

const tenant = 'default' as TenantId;
const epoch = 'forged';

export async function startForgingAuthority(): Promise<ForgingAuthority> {
  const forger = new Forger(await freshKey());
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, answer) => void forger.respond(request, answer));
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  forger.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url: forger.url, issuer: forger.url, tenant },
    head: () => forger.head,
    kid: () => forger.key.kid,
    publicPem: () => forger.key.publicPem,
    push: (...entries) => forger.push(...entries),
    revoke(target, { before } = {}) {
      const expiresAt = (Math.floor(Date.now() / 1000) + 3_600) as UnixSeconds;
      const date = before === undefined ? {} : { before };
      forger.push({ type: 'revocation', target, expiresAt, ...date } as never);
    },
    route: (name, wire) => forger.push({ type: 'route', name, route: { name, ...wire } } as never),
    async rotate() {
      forger.trust(await freshKey());
      return forger.key.kid;
    },
    token: (forged = {}) => forger.token(forged),
    silence(silent) {
      forger.isSilent = silent;
    },
    close() {
      server.closeAllConnections();
      return new Promise((done) => {
        server.close(() => done());
      });
    },
  };
}

class Forger {
  url = '';
  key: Awaited<ReturnType<typeof freshKey>>;
  isSilent = false;
  readonly #entries: FeedEntry[] = [];
  readonly #waiting = new Set<() => void>();
  #serial = 0;

  constructor(key: Awaited<ReturnType<typeof freshKey>>) {
    this.key = key;
    this.trust(key);
  }

  get head(): number {
    return this.#entries.length;
  }

  push(...more: readonly Omit<FeedEntry, 'position'>[]): void {
    for (const entry of more) {
      this.#entries.push({ ...entry, position: this.head + 1 } as FeedEntry);
    }
    for (const wake of this.#waiting) wake();
  }

  trust(key: Awaited<ReturnType<typeof freshKey>>): void {
    this.key = key;
    this.push({ type: 'signing_key', kid: key.kid, jwk: key.jwk, status: 'trusted' } as never);
  }

  token({ header = {}, claims = {}, signer = this.key.signer, signature }: ForgedToken): string {
    const now = Math.floor(Date.now() / 1000);
    this.#serial += 1;
    const usual = {
      ...{ iss: this.url, sub: 'user-1', aud: this.url, client_id: 'client-1' },
      ...{ scope: 'read write', iat: now, exp: now + 600, jti: `jti-${this.#serial}` },
      ...{ mm_tenant: tenant, mm_pos: this.head, mm_family: 'family-1' },
    };
    // As the authority orders them.
    const further = Object.fromEntries(Object.entries(claims).filter(([name]) => !(name in usual)));
    const payload = JSON.stringify({ ...further, ...usual, ...claims });
    const head = { typ: 'at+jwt', alg: 'ES256', kid: this.key.kid, ...header };
    const input = jwsSigningInput(head, JSON.parse(payload));
    if (signature !== undefined) return `${input}.${signature}`;
    return assembleJws(input, signer.sign(utf8(input)));
  }

  async respond(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    request.resume();
    if (this.isSilent) return;
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.url);
    const json = (body: unknown, headers = {}): void => {
      answer.writeHead(200, { 'content-type': 'application/json', ...headers });
      answer.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    if (pathname === feedHttp.snapshotPath) {
      const entries = this.#entries;
      json({ tenant, epoch, head: this.head, issuer: this.url, entries });
    } else if (pathname === feedHttp.deltaPath) {
      // What it trusts already, not what this answer brings.
      const { key } = this;
      const after = Number(query.get('after'));
      if (after === this.head) await this.#news();
      if (!this.isSilent) this.#tell({ after, query, key, json });
    } else if (pathname === feedHttp.introspectionPath) json({ active: false });
    else answer.writeHead(204).end();
  }

  #tell(input: {
    readonly after: number;
    readonly query: URLSearchParams;
    readonly key: Forger['key'];
    readonly json: (body: string, headers: Readonly<Record<string, string>>) => void;
  }): void {
    const { after, query, key, json } = input;
    const { head } = this;
    const entries = this.#entries.slice(after);
    const body = JSON.stringify({ tenant, epoch, head, after, entries });
    const [node, nonce] = [query.get('node') ?? '', query.get('nonce') ?? ''];
    const payload = feedProofPayload({ tenant, epoch, head, body, node, nonce });
    const header = { typ: feedHttp.signatureType, alg: 'ES256', kid: key.kid };
    const proven = jwsSigningInput(header, payload);
    const proof = assembleJws(proven, key.signer.sign(utf8(proven)));
    json(body, { [feedHttp.signatureHeader]: proof });
  }

  /** As a heartbeat: within a second, or as soon as there is something. */
  #news(): Promise<void> {
    return new Promise((done) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        clearTimeout(timer);
        done();
      };
      const timer = setTimeout(wake, 1_000);
      this.#waiting.add(wake);
    });
  }
}

async function freshKey() {
  const { privateKey, kid, publicJwk } = await generateSigningKey('ES256');
  const signer = localSigner({ privateKey, algorithm: 'ES256', kid });
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return { kid, jwk: publicJwk, signer, publicPem };
}

/** A key that nobody trusts. */
export function strangeSigner(): LocalSigner {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = hash('sha256', privateKey.export({ type: 'sec1', format: 'pem' })) as never;
  return localSigner({ privateKey, algorithm: 'ES256', kid });
}
