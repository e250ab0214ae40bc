/**
 * When signing keys change, as a pure function of the rows, the time and the settings. A key is
 * published, then active, then retiring, then retired:
 *
 * - published long enough before its first use that every cached key set has it by then;
 * - retiring until the last token that it signed has expired, so that every live token verifies;
 * - compromised, by `emergency` alone, from any of the first three: untrusted at once.
 */
import { type JwsAlgorithm, limits, type SigningKeyId, type TenantId } from '@mintmark/core';
import type { Row } from '../store/tables.ts';

export type SigningKeyStatus = 'published' | 'active' | 'retiring' | 'retired' | 'compromised';

export type SigningKeyRow = Row<'signingKeys'>;

/** `ECDH-ES`: the key that is encrypted to; whoever encrypts may use `ECDH-ES+A256KW` with it. */
export type KeyPairAlgorithm = JwsAlgorithm | 'ECDH-ES';

/** Whether a key is for messages to us, and signs nothing. */
export function isForEncryption({ algorithm }: Pick<SigningKeyRow, 'algorithm'>): boolean {
  return algorithm === 'ECDH-ES';
}

export interface KeyringSettings {
  /** Algorithms that every tenant has a key for. Others get theirs when first asked for. */
  readonly algorithms: readonly JwsAlgorithm[];
  /** Whether every tenant has a key that may be encrypted to; default no. */
  readonly encryptedRequests?: boolean;
  /** How long a key signs. */
  readonly rotateEverySeconds: number;
  /** Longer than any verifier caches the key set. */
  readonly publishAheadSeconds: number;
  /** Longest life of a token; default `limits.accessTokenTtlSecondsMax`. */
  readonly tokenTtlSecondsMax?: number;
}

export type KeyChange =
  /** No key of the algorithm exists, so there is nothing to wait for. */
  | { readonly do: 'create'; readonly algorithm: KeyPairAlgorithm }
  | { readonly do: 'publish'; readonly algorithm: KeyPairAlgorithm; readonly activateAt: number }
  | {
      readonly do: 'activate';
      readonly key: SigningKeyRow;
      readonly replaced: readonly SigningKeyRow[];
      readonly retireAt: number;
    }
  | { readonly do: 'retire'; readonly key: SigningKeyRow };

/**
 * What is due now, at most one change of each algorithm: the next tick sees the next one.
 *
 * @param now unix milliseconds
 */
export function dueChanges(
  rows: readonly SigningKeyRow[],
  settings: KeyringSettings,
  now: number,
): readonly KeyChange[] {
  // HS256 has no key pair: a resource server's shared secret is its client's, not the tenant's.
  const algorithms = new Set<KeyPairAlgorithm>(
    keptAlgorithms(settings).filter((name) => name !== 'HS256'),
  );
  for (const row of rows) if (isTrusted(row)) algorithms.add(row.algorithm as KeyPairAlgorithm);
  return [...algorithms].flatMap((algorithm) => {
    const change = dueChange(newestFirst(rows, algorithm), { settings, now, algorithm });
    return change === undefined ? [] : [change];
  });
}

/** What every tenant has a key for. */
export function keptAlgorithms(settings: KeyringSettings): readonly KeyPairAlgorithm[] {
  return [...settings.algorithms, ...(settings.encryptedRequests ? ['ECDH-ES' as const] : [])];
}

function dueChange(
  rows: readonly SigningKeyRow[],
  context: {
    readonly settings: KeyringSettings;
    readonly now: number;
    readonly algorithm: KeyPairAlgorithm;
  },
): KeyChange | undefined {
  const { settings, now, algorithm } = context;
  const ended = rows.find((row) => row.status === 'retiring' && (row.retireAt ?? 0) <= now);
  if (ended !== undefined) return { do: 'retire', key: ended };
  const active = rows.filter((row) => row.status === 'active');
  const next = rows.find((row) => row.status === 'published');
  const signing = active[0];
  if (next !== undefined && (next.activateAt <= now || signing === undefined)) {
    const retireAt = retirementOf(settings, now);
    return { do: 'activate', key: next, replaced: active, retireAt };
  }
  if (next !== undefined) return undefined;
  if (signing === undefined) {
    return keptAlgorithms(settings).includes(algorithm) ? { do: 'create', algorithm } : undefined;
  }
  const activateAt = activationOf(settings, now);
  const due = signing.activateAt + settings.rotateEverySeconds * 1000;
  return due <= activateAt ? { do: 'publish', algorithm, activateAt } : undefined;
}

/** The skew, because it may be another machine's clock that finds the moment come. */
export function activationOf(settings: KeyringSettings, now: number): number {
  return now + (settings.publishAheadSeconds + limits.clockSkewSeconds) * 1000;
}

/**
 * When a key ends that is replaced now. Other processes may sign with it until their view is
 * renewed.
 */
export function retirementOf(settings: KeyringSettings, now: number): number {
  const ttlSeconds = settings.tokenTtlSecondsMax ?? limits.accessTokenTtlSecondsMax;
  return now + (ttlSeconds + limits.clockSkewSeconds) * 1000 + limits.keyringViewMs;
}

/** In the key set, and accepted by enforcement points. */
export function isTrusted(row: SigningKeyRow): boolean {
  return row.status === 'published' || row.status === 'active' || row.status === 'retiring';
}

/** The row whose key signs, if there is one: never one that is only published. */
export function signingRow(
  rows: readonly SigningKeyRow[],
  algorithm: KeyPairAlgorithm,
): SigningKeyRow | undefined {
  return newestFirst(rows, algorithm).find((row) => row.status === 'active');
}

/** 1 where the algorithm has had no key. */
export function nextGeneration(
  rows: readonly SigningKeyRow[],
  algorithm: KeyPairAlgorithm,
): number {
  return (newestFirst(rows, algorithm)[0]?.generation ?? 0) + 1;
}

function newestFirst(
  rows: readonly SigningKeyRow[],
  algorithm: KeyPairAlgorithm,
): readonly SigningKeyRow[] {
  const own = rows.filter((row) => row.algorithm === algorithm);
  return own.sort((a, b) => b.generation - a.generation);
}

export function kidOf(row: SigningKeyRow): SigningKeyId {
  return row.kid as SigningKeyId;
}

export function tenantOf(row: SigningKeyRow): TenantId {
  return row.tenant as TenantId;
}
