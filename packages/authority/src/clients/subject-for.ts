/** How a client knows a person (OpenID Connect Core §8). */
import { createHmac } from 'node:crypto';
import type { SubjectId } from '@mintmark/core';
import type { Client } from './client.ts';
import { type SectorMember, sectorUris } from './sector-uris.ts';

type Sectored = Pick<
  Client,
  'tenant' | 'clientId' | 'subjectType' | 'sectorIdentifierUri' | SectorMember
>;

/**
 * `sub` in what the client gets: the person's own id, or one that only this sector has (§8.1), so
 * that two clients cannot tell that they mean the same person. A keyed hash: the same for ever, and
 * nobody without the key finds the person by it.
 *
 * @param key 32 bytes that never change; of custody, not of the database
 */
export function subjectFor(key: Uint8Array, client: Sectored, subject: SubjectId): string {
  if (client.subjectType === 'public') return subject;
  const parts = [client.tenant, sectorOf(client), subject];
  return createHmac('sha256', key).update(parts.join('\0')).digest('base64url');
}

/** Registration has seen to it that there is one host where no document says which. */
function sectorOf(client: Sectored): string {
  const { clientId, sectorIdentifierUri } = client;
  const [uri] = sectorIdentifierUri === undefined ? sectorUris(client) : [sectorIdentifierUri];
  return uri !== undefined && URL.canParse(uri) ? new URL(uri).host : clientId;
}
