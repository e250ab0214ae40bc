/**
 * The authority over HTTP: feed, introspection and the place for decisions, for gateways that run
 * apart from it. The server is named by the operator; it is reached by TLS, or on loopback.
 */
import {
  type DecisionEvent,
  type DecisionSink,
  type FeedSource,
  feedHttp,
  type IntrospectionAnswer,
  type Introspector,
  internalToken,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type LimitObservationSink,
  type LimitProfileSource,
  type NodeKeyRegistry,
  type PolicyReport,
  type PolicyReportSink,
  parseConfirmation,
  type SpendAnswer,
  type ThreatSource,
  type UnixSeconds,
} from '@mintmark/core';
import { type AskParts, jsonOf, malformed, post } from './ask-authority.ts';
import { createRemoteFeed, type RemoteFeedParts } from './remote-feed.ts';
import { createRemoteObservations, createRemoteProfiles } from './remote-limits.ts';
import { createRemoteThreats } from './remote-threats.ts';

export interface RemoteAuthority {
  readonly feed: FeedSource;
  readonly introspector: Introspector;
  readonly decisions: DecisionSink;
  readonly policyReports: PolicyReportSink;
  readonly nodeKeys: NodeKeyRegistry;
  readonly threats: ThreatSource;
  readonly limitProfiles: LimitProfileSource;
  readonly limitObservations: LimitObservationSink;
}

/** @throws NetworkFault from each of its calls: `authority_refused`, `feed_malformed`,
 *   `feed_unsigned`, and what the client throws */
export function createRemoteAuthority(parts: RemoteFeedParts): RemoteAuthority {
  return {
    feed: createRemoteFeed(parts),
    threats: createRemoteThreats(parts),
    limitProfiles: createRemoteProfiles(parts),
    limitObservations: createRemoteObservations(parts),
    introspector: {
      introspect: (input) => introspect(parts, input),
      spend: (input) => spend(parts, input),
    },
    decisions: {
      async accept(events) {
        await post(parts, feedHttp.decisionsPath, decisionsBody(events));
      },
      async record(event) {
        const body = JSON.stringify({ event });
        await post(parts, feedHttp.auditedDecisionsPath, { type: 'application/json', body });
      },
    },
    policyReports: {
      async accept(reports) {
        await post(parts, feedHttp.policyReportsPath, reportsBody(reports));
      },
    },
    nodeKeys: {
      async publish({ node, jwk }) {
        const body = JSON.stringify({ node, jwk });
        await post(parts, internalToken.publishPath, { type: 'application/json', body });
      },
    },
  };
}

/** RFC 7662, with our own `mm_` members. */
async function introspect(
  parts: AskParts,
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
  parts: AskParts,
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
