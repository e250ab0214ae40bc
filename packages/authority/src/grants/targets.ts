/** Which resources a token may name (RFC 8707): what was agreed to, or else what the client may. */
import type { Client } from '../clients/client.ts';
import type { Targets } from './grant.ts';

/**
 * @param agreed resources that a person agreed to; none: those of the client, by default the first,
 *   and where it has none the issuer itself
 */
export function targetsOf(
  client: Pick<Client, 'audiences'>,
  issuer: string,
  agreed: readonly string[] = [],
): Targets {
  if (agreed.length > 0) return { allowed: agreed, byDefault: agreed };
  return { allowed: client.audiences, byDefault: [client.audiences[0] ?? issuer] };
}
