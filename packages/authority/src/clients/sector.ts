/** Sector identifiers (OpenID Connect Core §8.1): URIs that one document vouches for. */
import { type JsonValue, limits, NetworkFault, parseJson, utf8Decode } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';

export interface SectorDeps {
  readonly outbound: Pick<GuardedClient, 'send'>;
}

/** Whether the document names all of the URIs (Dynamic Registration §5, CIBA §4). */
export async function isSectorOf(
  { outbound }: SectorDeps,
  input: { readonly sector: string; readonly uris: readonly string[] },
): Promise<boolean> {
  const document = await fetchJson(outbound, input.sector, limits.sectorBytesMax);
  return Array.isArray(document) && input.uris.every((uri) => document.includes(uri));
}

/** @returns the JSON value that stands at a URL which a client chose; undefined where none does */
export async function fetchJson(
  outbound: Pick<GuardedClient, 'send'>,
  url: string,
  bytesMax: number,
): Promise<JsonValue | undefined> {
  try {
    const headers = { accept: 'application/json' };
    const answer = await outbound.send({ url, headers, bytesMax });
    if (!answer.ok || answer.value.status !== 200) return undefined;
    const json = parseJson(utf8Decode(answer.value.body) ?? '');
    return json.ok ? json.value : undefined;
  } catch (fault) {
    if (fault instanceof NetworkFault) return undefined;
    throw fault;
  }
}
