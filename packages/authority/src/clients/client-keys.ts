/**
 * The keys by which clients prove themselves, and those that they are encrypted to: out of their
 * own metadata, or fetched from where it says, through the guarded client. What must never happen:
 * a fetch for each request that somebody makes up, or a key of one client that vouches for another.
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
import {
  type EncryptionKey,
  encryptionKeysIn,
  type JweAlgorithm,
  type KeySet,
  parseKeySet,
} from '@mintmark/tokens';
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
  /** The first key of the set that may be encrypted to by the algorithm; undefined without one. */
  encryptionKey(
    rules: Pick<ClientRules, 'jwks' | 'jwksUri'>,
    algorithm: JweAlgorithm,
  ): Promise<EncryptionKey | undefined>;
}

/** One key set, read for both purposes. */
interface ReadKeys {
  readonly verify: KeySet;
  readonly encrypt: readonly EncryptionKey[];
}

interface Fetched {
  /** Undefined where the last try failed. */
  readonly keys: ReadKeys | undefined;
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

  function isGoodEnough(entry: Fetched, has: (keys: ReadKeys) => boolean): boolean {
    const age = deps.clock.monotonicMs() - entry.atMonotonicMs;
    if (entry.keys === undefined) return age < limits.jwksRetryMs;
    if (age >= limits.jwksFreshMs) return false;
    return has(entry.keys) || age < limits.unknownKidRefetchMs;
  }

  /** @param has whether the keys hold what is looked for */
  async function keysOf(
    { jwks, jwksUri }: Pick<ClientRules, 'jwks' | 'jwksUri'>,
    has: (keys: ReadKeys) => boolean,
  ): Promise<ReadKeys | undefined> {
    if (jwksUri === undefined) return jwks === undefined ? undefined : keysIn(jwks);
    const entry = fetched.get(jwksUri);
    if (entry !== undefined && isGoodEnough(entry, has)) return entry.keys;
    return (await loadOnce(jwksUri)).keys;
  }

  return {
    async find(rules, kid) {
      return (await keysOf(rules, ({ verify }) => verify.lookup(kid) !== undefined))?.verify;
    },
    async encryptionKey(rules, algorithm) {
      const first = ({ encrypt }: ReadKeys) =>
        encrypt.find(({ algorithms }) => algorithms.includes(algorithm));
      const keys = await keysOf(rules, (read) => first(read) !== undefined);
      return keys && first(keys);
    },
  };
}

/** The keys of a client that has them in its metadata, parsed once for as long as it is kept. */
const parsed = new WeakMap<object, ReadKeys>();

function keysIn(jwks: JsonValue): ReadKeys | undefined {
  if (typeof jwks !== 'object' || jwks === null) return undefined;
  const known = parsed.get(jwks);
  if (known !== undefined) return known;
  const keys = readKeys(jwks);
  if (keys !== undefined) parsed.set(jwks, keys);
  return keys;
}

function readKeys(jwks: JsonValue): ReadKeys | undefined {
  const epoch = hash('sha256', JSON.stringify(jwks), 'base64url');
  const read = parseKeySet(jwks, { algorithms: publicKeyAlgorithms, epoch });
  if (!read.ok) return undefined;
  return { verify: read.value.keySet, encrypt: encryptionKeysIn(jwks) };
}

async function fetchKeys(
  outbound: Pick<GuardedClient, 'send'>,
  uri: string,
): Promise<ReadKeys | undefined> {
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
