import type { VerifiedCache } from '@mintmark/tokens';
import type { Metrics } from '../record/metrics.ts';

/** A cache of verified signatures that counts how often it knew. */
export function countedCache<T>(cache: VerifiedCache<T>, metrics: Metrics): VerifiedCache<T> {
  return {
    find(digest, issuer, keys) {
      const found = cache.find(digest, issuer, keys);
      metrics.count(
        'mintmark_gateway_signature_cache_total',
        found === undefined ? 'unknown' : 'known',
      );
      return found;
    },
    remember: (digest, entry) => cache.remember(digest, entry),
    size: () => cache.size(),
  };
}
