/**
 * The authority over HTTP: feed, introspection and the place for decisions, for gateways that run
 * apart from it. The server is named by the operator; it is reached by TLS, or on loopback.
 */
import {
  base64urlEncode,
  type DecisionEvent,
  type DecisionSink,
  type Entropy,
  type FeedDelta,
  type FeedSource,
  feedHttp,
  type IntrospectionAnswer,
  type Introspector,
  isFeedProof,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  NetworkFault,
  type PolicyReport,
  type PolicyReportSink,
  parseConfirmation,
  parseFeedDelta,
  parseFeedKeys,
  parseFeedSnapshot,
  parseJson,
  type SpendAnswer,
  type UnixSeconds,
  utf8Decode,
} from '@mintmark/core';
import type { GuardedClient, OutboundResponse } from '@mintmark/net';
import { createKeySet, importVerificationKey, jwsAlgorithms, verifyJws } from '@mintmark/tokens';

export interface RemoteAuthority {
  readonly feed: FeedSource;
  readonly introspector: Introspector;
  readonly decisions: DecisionSink;
  readonly policyReports: PolicyReportSink;
}

export interface RemoteParts {
  /** Base URL of the authority, without a final slash. */
  readonly server: string;
  /** A management credential that may read the feed, introspect and deliver decisions. */
  readonly credential: string;
  /** Made with reach `operator`. */
  readonly client: GuardedClient;
  readonly entropy: Entropy;
}

/** @throws NetworkFault from each of its calls: `authority_refused`, `feed_malformed`,
 *   `feed_unsigned`, and what the client throws */
export function createRemoteAuthority(parts: RemoteParts): RemoteAuthority {
  return {
    feed: createRemoteFeed(parts),
    introspector: {
      introspect: (input) => introspect(parts, input),
      spend: (input) => spend(parts, input),
    },
    decisions: {
      async accept(events) {
        await post(parts, feedHttp.decisionsPath, decisionsBody(events));
      },
    },
    policyReports: {
      async accept(reports) {
        await post(parts, feedHttp.policyReportsPath, reportsBody(reports));
      },
    },
  };
}

/**
 * The feed, held to its signature: each delta must carry a proof, made for this very question by a
 * signing key that the node trusted before. The first keys come with the snapshot.
 */
function createRemoteFeed(parts: RemoteParts): FeedSource {
  // Kept here and not taken from the view: the source vouches for what it hands over.
  const trusted = new Map<string, JsonValue>();

  function learn(entries: FeedDelta['entries']): void {
    for (const entry of entries) {
      if (entry.type !== 'signing_key') continue;
      if (entry.status === 'retired') trusted.delete(entry.kid);
      else trusted.set(entry.kid, { ...(entry.jwk as JsonObject), kid: entry.kid });
    }
  }

  return {
    async snapshot() {
      const response = await send(parts, feedHttp.snapshotPath, {
        bytesMax: limits.feedSnapshotBytesMax,
        timeoutMs: limits.feedSnapshotTimeoutMs,
      });
      if (response.status !== 200) throw refused('feed snapshot', response);
      const snapshot = parseFeedSnapshot(jsonOf(response, 'feed snapshot').value);
      if (!snapshot.ok) throw malformed(snapshot.refusal.what);
      trusted.clear();
      learn(snapshot.value.entries);
      return snapshot.value;
    },
    async keys({ epoch, after }) {
      const path = `${feedHttp.keysPath}?${new URLSearchParams({ epoch, after })}`;
      const response = await send(parts, path, { bytesMax: limits.feedDeltaBytesMax });
      if (response.status === feedHttp.resyncStatus) return 'resync';
      if (response.status !== 200) throw refused('feed keys', response);
      const page = parseFeedKeys(jsonOf(response, 'feed keys').value);
      if (!page.ok) throw malformed(page.refusal.what);
      return page.value;
    },
    async delta({ epoch, after, node }) {
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
      return delta.value;
    },
  };
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

/** RFC 7662, with our own `mm_` members. */
async function introspect(
  parts: RemoteParts,
  input: { readonly credential: string; readonly address: string },
): Promise<IntrospectionAnswer> {
  const { credential, address } = input;
  const form = new URLSearchParams({
    token: credential,
    address,
    judges: 'sub_key_use',
  }).toString();
  const response = await post(parts, feedHttp.introspectionPath, {
    type: 'application/x-www-form-urlencoded',
    body: form,
  });
  const { value } = jsonOf(response, 'introspection');
  if (!isJsonObject(value)) throw malformed('introspection');
  return parseIntrospection(value, credential.includes('.') ? 'jwt' : 'opaque');
}

async function spend(
  parts: RemoteParts,
  { keyId, cost }: { readonly keyId: string; readonly cost: number },
): Promise<SpendAnswer> {
  const body = JSON.stringify({ cost });
  const content = { type: 'application/json', body };
  const { value } = jsonOf(await post(parts, feedHttp.spendPath(keyId), content), 'spending');
  if (!isJsonObject(value)) throw malformed('spending');
  const { spent, code, retry_after_seconds: retryAfterSeconds } = value;
  if (spent === true) return { spent };
  const known = spendRefusals.find((one) => one === code);
  const isSound = retryAfterSeconds === undefined || Number.isSafeInteger(retryAfterSeconds);
  if (spent !== false || known === undefined || !isSound) throw malformed('spending');
  return { spent, code: known, retryAfterSeconds: retryAfterSeconds as number | undefined };
}

const spendRefusals = ['uses_spent', 'credits_spent', 'not_active'] as const;

/** @param format what the credential is where the answer does not call it an API key */
function parseIntrospection(answer: JsonObject, format: 'jwt' | 'opaque'): IntrospectionAnswer {
  if (answer['active'] !== true) return { active: false };
  const { jti, sub, aud, scope, iat = 0, exp, client_id: clientId } = answer;
  const {
    mm_pos: position,
    mm_family: family,
    mm_kid: signingKey,
    mm_kind: kind,
    mm_metered: metered,
    cnf,
    acr,
    auth_time: authTime,
  } = answer;
  const { roles, groups, amr } = answer;
  const binding = isJsonObject(cnf) ? parseConfirmation(cnf) : undefined;
  const audience = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud];
  const sound =
    typeof jti === 'string' &&
    typeof sub === 'string' &&
    (scope === undefined || typeof scope === 'string') &&
    Number.isSafeInteger(iat) &&
    (exp === undefined || Number.isSafeInteger(exp)) &&
    (position === undefined || Number.isSafeInteger(position)) &&
    (clientId === undefined || typeof clientId === 'string') &&
    (family === undefined || typeof family === 'string') &&
    (signingKey === undefined || typeof signingKey === 'string') &&
    (acr === undefined || typeof acr === 'string') &&
    (authTime === undefined || Number.isSafeInteger(authTime)) &&
    // Bound by a means that this version does not know: it must not pass for a bearer's.
    (cnf === undefined || binding !== undefined) &&
    audience.every((one) => typeof one === 'string');
  if (!sound) throw malformed('introspection');
  return {
    active: true,
    kind: kind === 'api_key' ? 'api_key' : format,
    id: jti,
    subject: sub,
    clientId,
    scopes: scope === undefined || scope === '' ? [] : scope.split(' '),
    audience,
    // Where it is not said: from before every moment.
    issuedAt: iat as UnixSeconds,
    expiresAt: exp as UnixSeconds | undefined,
    position: position as number | undefined,
    family,
    signingKey,
    binding,
    acr,
    authTime: authTime as UnixSeconds | undefined,
    ...(metered === true ? { metered } : {}),
    ...textLists({ roles, groups, amr }),
  };
}

/** Those that are lists of text; what else stands there is nothing that policies know. */
function textLists(
  members: Readonly<Record<'roles' | 'groups' | 'amr', JsonValue | undefined>>,
): Partial<Record<'roles' | 'groups' | 'amr', readonly string[]>> {
  const lists = Object.entries(members).filter(
    ([, list]) => Array.isArray(list) && list.every((one) => typeof one === 'string'),
  );
  return Object.fromEntries(lists);
}

function decisionsBody(events: readonly DecisionEvent[]): { type: string; body: string } {
  return { type: 'application/json', body: JSON.stringify({ events }) };
}

function reportsBody(reports: readonly PolicyReport[]): { type: string; body: string } {
  return { type: 'application/json', body: JSON.stringify({ reports }) };
}

async function post(
  parts: RemoteParts,
  path: string,
  content: { readonly type: string; readonly body: string },
): Promise<OutboundResponse> {
  const response = await send(parts, path, {
    method: 'POST',
    bytesMax: limits.protocolBodyBytesMax,
    headers: { 'content-type': content.type },
    body: content.body,
  });
  if (response.status !== 200 && response.status !== 204) throw refused(path, response);
  return response;
}

async function send(
  parts: RemoteParts,
  path: string,
  request: {
    readonly bytesMax: number;
    readonly timeoutMs?: number;
    readonly method?: 'POST';
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
): Promise<OutboundResponse> {
  const result = await parts.client.send({
    timeoutMs: limits.feedRequestTimeoutMs,
    ...request,
    url: parts.server + path,
    headers: { ...request.headers, authorization: `Bearer ${parts.credential}` },
  });
  if (result.ok) return result.value;
  throw new NetworkFault('authority_refused', `the authority's ${path}: ${result.refusal.reason}`, {
    hint: 'check the URL of the authority: https, or http on loopback',
  });
}

function jsonOf(response: OutboundResponse, what: string): { text: string; value: JsonValue } {
  const text = utf8Decode(response.body);
  const parsed = text === undefined ? undefined : parseJson(text);
  if (text === undefined || !parsed?.ok) throw malformed(what);
  return { text, value: parsed.value };
}

function refused(what: string, response: OutboundResponse): NetworkFault {
  return new NetworkFault(
    'authority_refused',
    `${what}: the authority answered ${response.status}`,
    {
      hint: 'check the credential of this gateway, and that it may read the feed',
    },
  );
}

function malformed(what: string): NetworkFault {
  return new NetworkFault('feed_malformed', `the authority's answer cannot be read: ${what}`, {
    hint: 'authority and gateway may be of different versions',
  });
}
