/**
 * Callers that issue, create and revoke as fast as they are answered, until the process under them
 * dies. What is answered is noted as acknowledged; what is not, as unanswered.
 */
import { type Answer, isBroken } from '../rig/exchange.ts';
import { type ClientSecret, call, type Installation, postForm } from '../rig/installation.ts';
import type { Chance } from '../rig/seeded.ts';
import { type Ledger, nameOf, type Thing } from './ledger.ts';

export const opaqueClient: ClientSecret = { id: 'crash-opaque', secret: 'Secret0fTheOpaqueClient' };
export const jwtClient: ClientSecret = { id: 'crash-jwt', secret: 'Secret0fTheJwtClient' };

export interface LoadDeps {
  readonly installation: Installation;
  readonly ledger: Ledger;
  readonly chance: Chance;
}

/** @returns stops the callers, and resolves once each has had its answer or lost it */
export function startLoad(deps: LoadDeps, callers: number): () => Promise<void> {
  let stopped = false;
  const live = [...deps.ledger.things.values()].filter((thing) => thing.state === 'live');
  const loop = async (): Promise<void> => {
    while (!stopped && (await actOnce(deps, live))) {}
  };
  const all = Promise.all(Array.from({ length: callers }, loop));
  return async () => {
    stopped = true;
    await all;
  };
}

/** @returns false once there is nobody to answer */
async function actOnce(deps: LoadDeps, live: Thing[]): Promise<boolean> {
  const turn = deps.chance.next();
  if (turn < 0.3) return issue(deps, live, opaqueClient);
  if (turn < 0.55) return issue(deps, live, jwtClient);
  if (turn < 0.75) return createKey(deps, live);
  const index = deps.chance.between(0, live.length - 1);
  const [thing] = live.splice(index, 1);
  return thing === undefined || revoke(deps, thing);
}

async function issue(deps: LoadDeps, live: Thing[], client: ClientSecret): Promise<boolean> {
  const { installation, ledger } = deps;
  const form = { grant_type: 'client_credentials' };
  const answer = await unlessDead(postForm(installation, '/oauth2/token', client, form));
  if (answer === undefined) {
    ledger.unanswered['token.issue']++;
    return false;
  }
  const text = answer.body['access_token'];
  if (answer.status !== 200 || typeof text !== 'string') throw unexpected('a token', answer);
  note(ledger, live, { kind: 'token', id: tokenIdOf(text), text, state: 'live' });
  return true;
}

async function createKey({ installation, ledger }: LoadDeps, live: Thing[]): Promise<boolean> {
  const body = { name: 'crash', scopes: ['crash:read'] };
  const answer = await unlessDead(call(installation, 'POST /v1/keys', body));
  if (answer === undefined) {
    ledger.unanswered['key.create']++;
    return false;
  }
  if (answer.status !== 201) throw unexpected('a key', answer);
  const { id, key } = answer.body as { readonly id: string; readonly key: string };
  note(ledger, live, { kind: 'key', id, text: key, state: 'live' });
  return true;
}

async function revoke({ installation, ledger }: LoadDeps, thing: Thing): Promise<boolean> {
  thing.state = 'unsure';
  ledger.asked.add(thing);
  ledger.touched.add(thing);
  const body = { target: { kind: thing.kind, id: thing.id }, reason: 'crash' };
  const answer = await unlessDead(call(installation, 'POST /v1/revocations', body));
  if (answer === undefined) return false;
  if (answer.status !== 200) throw unexpected('a revocation', answer);
  thing.state = 'revoked';
  ledger.recent.add(nameOf('revocation.create', thing));
  return true;
}

function note(ledger: Ledger, live: Thing[], thing: Thing): void {
  ledger.things.set(thing.id, thing);
  ledger.touched.add(thing);
  ledger.recent.add(nameOf(thing.kind === 'token' ? 'token.issue' : 'key.create', thing));
  live.push(thing);
}

/** Undefined where the connection broke before an answer was complete. */
function unlessDead(answer: Promise<Answer>): Promise<Answer | undefined> {
  return answer.catch((error: unknown) => {
    if (isBroken(error)) return undefined;
    throw error;
  });
}

function unexpected(what: string, { status, text }: Answer): Error {
  return new Error(`asked for ${what}, was answered ${status}: ${text.slice(0, 500)}`);
}

/** `‹prefix›_at_‹id›‹secret›‹crc32›`, the id of this many characters. */
const tokenIdChars = 25;

/** `jti` of a JWT; of an opaque token the id between kind and secret. */
function tokenIdOf(text: string): string {
  const claims = text.split('.')[1];
  if (claims !== undefined) return JSON.parse(Buffer.from(claims, 'base64url').toString()).jti;
  return text.split('_')[2]!.slice(0, tokenIdChars);
}
