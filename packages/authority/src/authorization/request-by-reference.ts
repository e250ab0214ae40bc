/**
 * Signed requests by reference (RFC 9101 §5.2): the browser brings a URL, and the request object
 * is fetched from there. What must never happen: a fetch from anywhere that the client has not
 * registered, one for each request that somebody makes up, or an object that is kept for longer
 * than its server allows.
 */
import { type Clock, limits, NetworkFault, utf8Decode } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';

export interface RequestsByReference {
  /**
   * @param uri `request_uri` as it came; its fragment says which version of what stands there is
   *   meant, as a rule by a SHA-256 (OpenID Connect Core §6.2). It is compared and not computed:
   *   the object is signed, so a hash beside it proves nothing more
   * @returns the request object; undefined where the client registered no such URI, or nothing that
   *   could be one stands there
   */
  find(
    client: { readonly requestUris: readonly string[] },
    uri: string,
  ): Promise<string | undefined>;
}

/** RFC 9101 §10.3, and what was written before it. */
const mediaTypes = ['application/oauth-authz-req+jwt', 'application/jwt', 'application/jose'];

interface Fetched {
  /** Of the link for which it was fetched. */
  readonly fragment: string | undefined;
  readonly text: string | undefined;
  /** Of the monotonic clock; not to be used from then on. */
  readonly endsAtMs: number;
}

export function createRequestsByReference(deps: {
  readonly outbound: Pick<GuardedClient, 'send'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}): RequestsByReference {
  const kept = new Map<string, Fetched>();
  const underWay = new Map<string, Promise<Fetched>>();

  async function load(url: string, fragment: string | undefined): Promise<Fetched> {
    const fetched = { fragment, ...(await fetchObject(deps, url)) };
    kept.delete(url);
    const oldest = kept.keys().next();
    if (kept.size >= limits.requestObjectsKeptMax && oldest.done !== true) {
      kept.delete(oldest.value);
    }
    kept.set(url, fetched);
    return fetched;
  }

  /** Callers at the same time share one fetch; more than a few URLs at once are refused. */
  function loadOnce(uri: string, own: ReadonlySet<string>): Promise<Fetched | undefined> {
    const known = underWay.get(uri);
    if (known !== undefined) return known;
    const ofClient = [...underWay.keys()].filter((one) => own.has(split(one)[0]!)).length;
    const isBusy =
      underWay.size >= limits.requestObjectsUnderWayMax ||
      ofClient >= limits.requestObjectsUnderWayPerClient;
    if (isBusy) return Promise.resolve(undefined);
    const [url = '', fragment] = split(uri);
    const loading = load(url, fragment).finally(() => underWay.delete(uri));
    underWay.set(uri, loading);
    return loading;
  }

  return {
    async find({ requestUris }, uri) {
      const [url = '', fragment] = split(uri);
      // A new fragment says that something new stands there, not that it is another place.
      const own = new Set(requestUris.map((one) => split(one)[0]!));
      if (!own.has(url) || !url.startsWith('http')) return undefined;
      const entry = kept.get(url);
      const isFresh = entry !== undefined && deps.clock.monotonicMs() < entry.endsAtMs;
      // What is kept is used again only for a link that says which version it means.
      const isMeant = fragment !== undefined && fragment === entry?.fragment;
      if (isFresh && (entry.text === undefined || isMeant)) return entry.text;
      return (await loadOnce(uri, own))?.text;
    },
  };
}

function split(uri: string): readonly string[] {
  const at = uri.indexOf('#');
  return at < 0 ? [uri] : [uri.slice(0, at), uri.slice(at + 1)];
}

async function fetchObject(
  deps: Parameters<typeof createRequestsByReference>[0],
  url: string,
): Promise<Omit<Fetched, 'fragment'>> {
  const from = deps.clock.monotonicMs();
  const headers = { accept: mediaTypes.join(', ') };
  const failed = { text: undefined, endsAtMs: from + limits.requestObjectRetryMs };
  try {
    const answer = await deps.outbound.send({ url, headers, bytesMax: limits.tokenCharsMax });
    if (!answer.ok || answer.value.status !== 200) return failed;
    const { header, body } = answer.value;
    const [type = ''] = (header('content-type') ?? '').toLowerCase().split(/\s*;/);
    const text = mediaTypes.includes(type) ? utf8Decode(body) : undefined;
    if (text === undefined) return failed;
    return { text, endsAtMs: from + 1000 * freshSeconds(header('cache-control')) };
  } catch (fault) {
    if (fault instanceof NetworkFault) return failed;
    throw fault;
  }
}

/** RFC 9111 §5.2.2: as long as the server says, and no longer than we like; unsaid, not at all. */
function freshSeconds(cacheControl: string | undefined): number {
  const directives = (cacheControl ?? '').toLowerCase().split(/\s*,\s*/);
  if (directives.some((one) => one === 'no-store' || one === 'no-cache')) return 0;
  const age = directives.map((one) => /^max-age=([0-9]{1,9})$/.exec(one)?.[1]).find(Boolean);
  return Math.min(Number(age ?? 0), limits.requestObjectFreshSecondsMax);
}
