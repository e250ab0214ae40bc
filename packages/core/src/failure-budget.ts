/**
 * A budget of failed credential checks for each address, spent before any look-up: guessing costs
 * the guesser his own budget and the store nothing. Successes cost nothing.
 */
import { formatAddress, parseAddress } from './address.ts';
import type { Clock } from './clock.ts';
import { limits } from './limits.ts';

export interface FailureBudget {
  /** Whole seconds to wait, or 0 while the address may try. */
  retryAfterSeconds(address: string): number;
  failed(address: string): void;
}

interface Bucket {
  failures: number;
  atMs: number;
}

/**
 * Failures leak away at `perMinute` a minute. Memory is bounded: beyond `addressesMax` the address
 * whose last failure is oldest is forgotten.
 */
export function createFailureBudget(
  clock: Pick<Clock, 'monotonicMs'>,
  perMinute: number = limits.failureBudgetPerMinute,
  addressesMax: number = limits.failureBudgetAddressesMax,
): FailureBudget {
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / 60_000;
  const failuresOf = (bucket: Bucket, now: number): number =>
    Math.max(0, bucket.failures - (now - bucket.atMs) * perMs);

  return {
    retryAfterSeconds(address) {
      const bucket = buckets.get(lineOf(address));
      if (bucket === undefined) return 0;
      const over = failuresOf(bucket, clock.monotonicMs()) - (perMinute - 1);
      return over <= 0 ? 0 : Math.ceil(over / perMs / 1000);
    },
    failed(address) {
      const now = clock.monotonicMs();
      const line = lineOf(address);
      const bucket = buckets.get(line);
      const failures = (bucket === undefined ? 0 : failuresOf(bucket, now)) + 1;
      // Setting it anew moves it to the end: the map's order is the order of last failures.
      buckets.delete(line);
      const oldest = buckets.keys().next();
      if (buckets.size >= addressesMax && oldest.done !== true) buckets.delete(oldest.value);
      buckets.set(line, { failures, atMs: now });
    },
  };
}

/** One line at a provider is one address of IPv4, or a whole /64 of IPv6 (RFC 6177 §2). */
function lineOf(address: string): string {
  // IPv4, by far the most, is its own name.
  const parsed = address.includes(':') ? parseAddress(address) : undefined;
  if (parsed === undefined) return address;
  return parsed.family === 4 ? formatAddress(parsed) : `${(parsed.value >> 64n).toString(16)}::/64`;
}
