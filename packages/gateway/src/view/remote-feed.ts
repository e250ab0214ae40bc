/**
 * The status feed over HTTP. Each delta is held to its signature; what is kept of them for the next
 * start is on disk before the view gets it.
 */
import {
  base64urlEncode,
  type Clock,
  type Entropy,
  type FeedDelta,
  type FeedKeyPage,
  type FeedSnapshot,
  type FeedSource,
  feedHttp,
  isFeedProof,
  type JsonObject,
  type JsonValue,
  limits,
  NetworkFault,
  parseFeedDelta,
  parseFeedKeys,
  parseFeedSnapshot,
  parseJson,
  utf8Decode,
} from '@mintmark/core';
import { createKeySet, importVerificationKey, jwsAlgorithms, verifyJws } from '@mintmark/tokens';
import { type AskParts, jsonOf, malformed, refused, send } from './ask-authority.ts';
import type { FeedKeeper } from './kept-feed.ts';
import { readKept } from './kept-view.ts';

export interface RemoteFeedParts extends AskParts {
  readonly entropy: Entropy;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Undefined: nothing is kept, and a start needs the authority. */
  readonly keeper?: FeedKeeper | undefined;
}

/**
 * The feed, held to its signature: each delta must carry a proof, made for this very question by a
 * signing key that the node trusted before. The first keys come with the snapshot.
 */
export function createRemoteFeed(parts: RemoteFeedParts): FeedSource {
  // Kept here and not taken from the view: the source vouches for what it hands over.
  const trusted = new Map<string, JsonValue>();

  function learn(entries: FeedDelta['entries']): void {
    for (const entry of entries) {
      if (entry.type !== 'signing_key') continue;
      if (entry.status === 'retired') trusted.delete(entry.kid);
      else trusted.set(entry.kid, { ...(entry.jwk as JsonObject), kid: entry.kid });
    }
  }

  const { keeper, clock } = parts;
  const keep = keeping(parts);

  return {
    async kept() {
      const found = await keeper?.load();
      const kept = found && readKept(found);
      if (kept === undefined) return undefined;
      trusted.clear();
      learn(kept.snapshot.entries);
      for (const { entries } of kept.later) learn(entries);
      return kept;
    },
    async snapshot() {
      const askedAtMs = clock.nowMs();
      const { body, value } = await askSnapshot(parts);
      trusted.clear();
      learn(value.entries);
      await keeper?.begin(body);
      await keeper?.proven(value.head, askedAtMs);
      return value;
    },
    async keys({ epoch, after }) {
      const page = await askKeys(parts, { epoch, after });
      if (page === 'resync') return page;
      await keeper?.add('keys', page.body);
      return page.value;
    },
    async delta({ epoch, after, node }) {
      const askedAtMs = clock.nowMs();
      const nonce = base64urlEncode(parts.entropy.bytes(16));
      const query = new URLSearchParams({ epoch, after: String(after), node, nonce });
      const path = `${feedHttp.deltaPath}?${query}`;
      const response = await send(parts, path, { bytesMax: limits.feedDeltaBytesMax });
      if (response.status === feedHttp.resyncStatus) return 'resync';
      if (response.status !== 200) throw refused('feed', response);
      const { text, value } = jsonOf(response, 'feed');
      const delta = parseFeedDelta(value);
      if (!delta.ok) throw malformed(delta.refusal.what);
      const { tenant, epoch: answered, head } = delta.value;
      const proof = { tenant, epoch: answered, head, body: text, node, nonce };
      const payload = signedPayload(response.header(feedHttp.signatureHeader), trusted);
      if (payload === undefined || !isFeedProof(payload, proof)) {
        throw new NetworkFault('feed_unsigned', 'the feed carried no proof for this answer', {
          hint: 'something between gateway and authority changes or repeats answers',
        });
      }
      learn(delta.value.entries);
      await keep(delta.value, response.body, askedAtMs);
      return delta.value;
    },
  };
}

/** Puts on disk what a delta tells, and when the authority vouched for it. */
function keeping(
  parts: RemoteFeedParts,
): (delta: FeedDelta, body: Uint8Array, askedAtMs: number) => Promise<void> {
  const { keeper } = parts;
  let isRenewing = false;

  /** Says anew, in less, what was kept. A fault leaves the old file as it is, for another try. */
  async function renewKept(keeper: FeedKeeper): Promise<void> {
    isRenewing = true;
    try {
      keeper.renew();
      const { body, value } = await askSnapshot(parts);
      await keeper.begin(body);
      for (let after = value.nextKeys; after !== undefined; ) {
        const page = await askKeys(parts, { epoch: value.epoch, after });
        if (page === 'resync') break;
        await keeper.add('keys', page.body);
        after = page.value.nextKeys;
      }
    } catch {
      // The feed itself tells of faults; it is asked again with the next delta.
    } finally {
      isRenewing = false;
    }
  }

  return async (delta, body, askedAtMs) => {
    if (keeper === undefined) return;
    if (delta.entries.length > 0) await keeper.add('delta', body);
    const position = delta.after + delta.entries.length;
    // More is to come: it does not vouch for what it has not told yet.
    if (position === delta.head) await keeper.proven(position, askedAtMs);
    if (keeper.isLong && !isRenewing) void renewKept(keeper);
  };
}

interface Asked<T> {
  readonly value: T;
  /** As it was sent. */
  readonly body: Uint8Array;
}

async function askSnapshot(parts: AskParts): Promise<Asked<FeedSnapshot>> {
  const response = await send(parts, feedHttp.snapshotPath, {
    bytesMax: limits.feedSnapshotBytesMax,
    timeoutMs: limits.feedSnapshotTimeoutMs,
  });
  if (response.status !== 200) throw refused('feed snapshot', response);
  const snapshot = parseFeedSnapshot(jsonOf(response, 'feed snapshot').value);
  if (!snapshot.ok) throw malformed(snapshot.refusal.what);
  return { value: snapshot.value, body: response.body };
}

async function askKeys(
  parts: AskParts,
  from: { readonly epoch: string; readonly after: string },
): Promise<Asked<FeedKeyPage> | 'resync'> {
  const path = `${feedHttp.keysPath}?${new URLSearchParams(from)}`;
  const response = await send(parts, path, { bytesMax: limits.feedDeltaBytesMax });
  if (response.status === feedHttp.resyncStatus) return 'resync';
  if (response.status !== 200) throw refused('feed keys', response);
  const page = parseFeedKeys(jsonOf(response, 'feed keys').value);
  if (!page.ok) throw malformed(page.refusal.what);
  return { value: page.value, body: response.body };
}

function signedPayload(
  signature: string | undefined,
  trusted: ReadonlyMap<string, JsonValue>,
): JsonValue | undefined {
  const algorithms = jwsAlgorithms.filter((algorithm) => algorithm !== 'HS256');
  const keys = [...trusted.values()].flatMap((jwk) => {
    const key = importVerificationKey(jwk, { algorithms });
    return key.ok ? [key.value] : [];
  });
  const keySet = createKeySet({ keys, epoch: 'feed' });
  if (signature === undefined || !keySet.ok) return undefined;
  const verified = verifyJws(signature, keySet.value, { typ: feedHttp.signatureType, algorithms });
  const text = verified.ok ? utf8Decode(verified.value.payload) : undefined;
  const payload = text === undefined ? undefined : parseJson(text);
  return payload?.ok ? payload.value : undefined;
}
