/**
 * A budget of failed credential checks for each address, spent before any look-up: guessing costs
 * the guesser his own budget and the store nothing. Successes cost nothing. Many stand behind one
 * address (a proxy, a bridge, the gateway's own host): whoever proved itself there has a budget of
 * its own from then on, so that nobody's guesses refuse it.
 */
import { formatAddress, parseAddress } from './address.ts';
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';

export interface FailureBudget {
  /**
   * Whole seconds to wait, or 0 while the address may try.
   *
   * @param who public name of the credential that is presented, where it has one
   */
  retryAfterSeconds(address: string, who?: string): number;
  failed(address: string, who?: string): void;
  /** Takes one failure back: it was counted before the judgement, and the judgement was good. */
  takeBack(address: string, who?: string): void;
  /** That the credential of this name was good, from this address. */
  proven(address: string, who: string): void;
}

interface Bucket {
  failures: number;
  atMs: number;
}

/**
 * Failures leak away at `perMinute` a minute. Memory is bounded: beyond `addressesMax` the address
 * whose last failure is oldest is forgotten, and the credential that was proven first.
 */
export function createFailureBudget(
  clock: Pick<Clock, 'monotonicMs'>,
  perMinute: number = limits.failureBudgetPerMinute,
  addressesMax: number = limits.failureBudgetAddressesMax,
): FailureBudget {
  const buckets = new Map<string, Bucket>();
  const provenThere = new Set<string>();
  const bucketOf = (address: string, who: string | undefined): string => {
    const line = lineOf(address);
    if (who === undefined) return line;
    const own = `${line} ${who}`;
    return provenThere.has(own) ? own : line;
  };
  const perMs = perMinute / 60_000;
  const failuresOf = (bucket: Bucket, now: number): number =>
    Math.max(0, bucket.failures - (now - bucket.atMs) * perMs);

  return {
    retryAfterSeconds(address, who) {
      // Nobody has failed at all: the usual case.
      if (buckets.size === 0) return 0;
      const bucket = buckets.get(bucketOf(address, who));
      if (bucket === undefined) return 0;
      const over = failuresOf(bucket, clock.monotonicMs()) - (perMinute - 1);
      return over <= 0 ? 0 : Math.ceil(over / perMs / 1000);
    },
    failed(address, who) {
      const now = clock.monotonicMs();
      const line = bucketOf(address, who);
      const bucket = buckets.get(line);
      const failures = (bucket === undefined ? 0 : failuresOf(bucket, now)) + 1;
      // Setting it anew moves it to the end: the map's order is the order of last failures.
      buckets.delete(line);
      const oldest = buckets.keys().next();
      if (buckets.size >= addressesMax && oldest.done !== true) buckets.delete(oldest.value);
      buckets.set(line, { failures, atMs: now });
    },
    takeBack(address, who) {
      const bucket = buckets.get(bucketOf(address, who));
      if (bucket !== undefined) bucket.failures -= 1;
    },
    proven(address, who) {
      const own = `${lineOf(address)} ${who}`;
      if (provenThere.has(own)) return;
      const first = provenThere.values().next();
      if (provenThere.size >= addressesMax && first.done !== true) provenThere.delete(first.value);
      provenThere.add(own);
    },
  };
}

/** One line at a provider is one address of IPv4, or a whole /64 of IPv6 (RFC 6177 §2). */
export function lineOf(address: string): string {
  // IPv4, by far the most, is its own name.
  const parsed = address.includes(':') ? parseAddress(address) : undefined;
  if (parsed === undefined) return address;
  return parsed.family === 4 ? formatAddress(parsed) : `${(parsed.value >> 64n).toString(16)}::/64`;
}
