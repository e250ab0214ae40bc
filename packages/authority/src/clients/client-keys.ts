/**
 * The keys by which clients prove themselves: out of their own metadata, or fetched from where it
 * says, through the guarded client. What must never happen: a fetch for each request that somebody
 * makes up, or a key of one client that vouches for another.
 */
import { hash } from 'node:crypto';
import {
  type Clock,
  type JsonValue,
  limits,
  NetworkFault,
  parseJson,
  utf8Decode,
} from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import { type KeySet, parseKeySet } from '@mintmark/tokens';
import { type ClientRules, publicKeyAlgorithms } from './client-rules.ts';

export interface ClientKeys {
  /**
   * The client's keys; fetched ones at most `limits.jwksFreshMs` old. One that lacks `kid` is asked
   * for again, at most once in `limits.unknownKidRefetchMs` whoever asks.
   *
   * @returns undefined where there are none, or they cannot be had
   */
  find(
    rules: Pick<ClientRules, 'jwks' | 'jwksUri'>,
    kid: string | undefined,
  ): Promise<KeySet | undefined>;
}

interface Fetched {
  /** Undefined where the last try failed. */
  readonly keys: KeySet | undefined;
  readonly atMonotonicMs: number;
}

export function createClientKeys(deps: {
  readonly outbound: Pick<GuardedClient, 'send'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): ClientKeys {
  const fetched = new Map<string, Fetched>();
  const underWay = new Map<string, Promise<Fetched>>();

  async function load(uri: string): Promise<Fetched> {
    const atMonotonicMs = deps.clock.monotonicMs();
    const keys = await fetchKeys(deps.outbound, uri);
    const entry = { keys, atMonotonicMs };
    fetched.delete(uri);
    const oldest = fetched.keys().next();
    if (fetched.size >= limits.jwksCachedMax && oldest.done !== true) fetched.delete(oldest.value);
    fetched.set(uri, entry);
    return entry;
  }

  /** Callers at the same time share one fetch. */
  function loadOnce(uri: string): Promise<Fetched> {
    const known = underWay.get(uri);
    if (known !== undefined) return known;
    const loading = load(uri).finally(() => underWay.delete(uri));
    underWay.set(uri, loading);
    return loading;
  }

  function isGoodEnough(entry: Fetched, kid: string | undefined): boolean {
    const age = deps.clock.monotonicMs() - entry.atMonotonicMs;
    if (entry.keys === undefined) return age < limits.jwksRetryMs;
    if (age >= limits.jwksFreshMs) return false;
    return entry.keys.lookup(kid) !== undefined || age < limits.unknownKidRefetchMs;
  }

  return {
    async find({ jwks, jwksUri }, kid) {
      if (jwksUri === undefined) return jwks === undefined ? undefined : keysIn(jwks);
      const entry = fetched.get(jwksUri);
      if (entry !== undefined && isGoodEnough(entry, kid)) return entry.keys;
      return (await loadOnce(jwksUri)).keys;
    },
  };
}

/** The keys of a client that has them in its metadata, parsed once for as long as it is kept. */
const parsed = new WeakMap<object, KeySet>();

function keysIn(jwks: JsonValue): KeySet | undefined {
  if (typeof jwks !== 'object' || jwks === null) return undefined;
  const known = parsed.get(jwks);
  if (known !== undefined) return known;
  const keys = readKeys(jwks);
  if (keys !== undefined) parsed.set(jwks, keys);
  return keys;
}

function readKeys(jwks: JsonValue): KeySet | undefined {
  const epoch = hash('sha256', JSON.stringify(jwks), 'base64url');
  const read = parseKeySet(jwks, { algorithms: publicKeyAlgorithms, epoch });
  return read.ok ? read.value.keySet : undefined;
}

async function fetchKeys(
  outbound: Pick<GuardedClient, 'send'>,
  uri: string,
): Promise<KeySet | undefined> {
  try {
    const answer = await outbound.send({ url: uri, bytesMax: limits.jwksBytesMax });
    if (!answer.ok || answer.value.status !== 200) return undefined;
    const json = parseJson(utf8Decode(answer.value.body) ?? '');
    return json.ok ? readKeys(json.value) : undefined;
  } catch (fault) {
    if (fault instanceof NetworkFault) return undefined;
    throw fault;
  }
}
