/**
 * The status feed over HTTP, as authority and gateways both spell it: paths, query, bodies, and the
 * proof that a delta is the authority's own.
 *
 *   GET /v1/feed/snapshot                          → 200 snapshot
 *   GET /v1/feed/keys?epoch=&after=                → 200 more keys of it; 410: begin again
 *   GET /v1/feed?epoch=&after=&node=&nonce=        → 200 delta, signed; 410: take a snapshot
 *
 * All take `Authorization: Bearer ‹gateway key›`. Snapshot and keys are trusted because the
 * connection is (TLS, or loopback), and bring the signing keys. Each delta after it carries a
 * compact JWS in `Mintmark-Feed-Signature` over {tenant, epoch, head, SHA-256 of the body, node,
 * nonce}, made with a signing key of the tenant: an intermediary that ends TLS can delay a
 * heartbeat, which ends the lease, but cannot renew it with an old one, because the nonce is fresh.
 */
import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { err, ok, type Result } from '../result.ts';
import { planHolderKinds } from './plan.ts';
import type {
  FeedDelta,
  FeedEntry,
  FeedKeyPage,
  FeedPosition,
  FeedSnapshot,
} from './status-feed.ts';

export const feedHttp = {
  snapshotPath: '/v1/feed/snapshot',
  keysPath: '/v1/feed/keys',
  deltaPath: '/v1/feed',
  decisionsPath: '/v1/decisions',
  policyReportsPath: '/v1/policy-reports',
  /** One decision, into the audit trail. */
  auditedDecisionsPath: '/v1/audited-decisions',
  threatsPath: '/v1/feed/threats',
  limitProfilesPath: '/v1/feed/limit-profiles',
  limitObservationsPath: '/v1/limit-observations',
  introspectionPath: '/oauth2/introspect',
  /** Of one key: what a use of it costs is taken here. */
  spendPath: (keyId: string): string => `/v1/keys/${encodeURIComponent(keyId)}/spend`,
  /** Lower case; holds the compact JWS. */
  signatureHeader: 'mintmark-feed-signature',
  /** `typ` of that JWS (RFC 8725 §3.11). */
  signatureType: 'mm-feed+jwt',
  /** Status that means: take a snapshot. */
  resyncStatus: 410,
} as const;

/** What the signature of a delta covers. */
export interface FeedProof {
  readonly tenant: string;
  readonly epoch: string;
  readonly head: FeedPosition;
  /** The body exactly as sent. */
  readonly body: string;
  readonly node: string;
  /** As the request gave it. */
  readonly nonce: string;
}

/** The payload that is signed for a proof. */
export function feedProofPayload(proof: FeedProof): JsonObject {
  const { tenant, epoch, head, body, node, nonce } = proof;
  const digest = createHash('sha256').update(body, 'utf8').digest('base64url');
  return { tenant, epoch, head, body_sha256: digest, node, nonce };
}

/** Whether a verified payload is the proof of exactly this answer to exactly this question. */
export function isFeedProof(payload: JsonValue, proof: FeedProof): boolean {
  if (!isJsonObject(payload)) return false;
  const expected = feedProofPayload(proof);
  return Object.keys(expected).every((name) => payload[name] === expected[name]);
}

export type FeedHttpRefusal = { readonly reason: 'malformed_feed'; readonly what: string };

/** Reads a snapshot's body. Entries of a type that this version does not know are refused. */
export function parseFeedSnapshot(value: JsonValue): Result<FeedSnapshot, FeedHttpRefusal> {
  const head = readHeartbeat(value);
  if (!head.ok) return head;
  const issuer = head.value['issuer'];
  if (typeof issuer !== 'string') return malformed('issuer');
  if (!isAbsentOrText(head.value['nextKeys'])) return malformed('nextKeys');
  return ok({ ...head.value, issuer } as unknown as FeedSnapshot);
}

/** Reads a page of keys. */
export function parseFeedKeys(value: JsonValue): Result<FeedKeyPage, FeedHttpRefusal> {
  if (!isJsonObject(value)) return malformed('body');
  const { tenant, epoch, entries, nextKeys } = value;
  if (typeof tenant !== 'string') return malformed('tenant');
  if (typeof epoch !== 'string') return malformed('epoch');
  if (!isAbsentOrText(nextKeys)) return malformed('nextKeys');
  if (!Array.isArray(entries)) return malformed('entries');
  const wrong = entries.findIndex((entry) => !isEntry(entry) || entry.type !== 'key');
  return wrong === -1 ? ok(value as unknown as FeedKeyPage) : malformed(`entries/${wrong}`);
}

/** Reads a delta's body. */
export function parseFeedDelta(value: JsonValue): Result<FeedDelta, FeedHttpRefusal> {
  const head = readHeartbeat(value);
  if (!head.ok) return head;
  if (!isPosition(head.value['after'])) return malformed('after');
  return ok(head.value as unknown as FeedDelta);
}

function readHeartbeat(value: JsonValue): Result<JsonObject, FeedHttpRefusal> {
  if (!isJsonObject(value)) return malformed('body');
  const { tenant, epoch, head, entries } = value;
  if (typeof tenant !== 'string') return malformed('tenant');
  if (typeof epoch !== 'string') return malformed('epoch');
  if (!isPosition(head)) return malformed('head');
  if (!Array.isArray(entries)) return malformed('entries');
  const wrong = entries.findIndex((entry) => !isEntry(entry));
  return wrong === -1 ? ok(value) : malformed(`entries/${wrong}`);
}

function isPosition(value: JsonValue | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const targetKinds = 'token family client user holder signing_key key sub_key tenant'.split(' ');
const keyStatuses = ['active', 'disabled', 'quarantined', 'revoked'];

/** The members that judgement rests on have their types; what else stands there is carried on. */
function isEntry(value: JsonValue): boolean {
  if (!isJsonObject(value) || !isPosition(value['position'])) return false;
  switch (value['type'] as FeedEntry['type']) {
    case 'revocation':
      return (
        isTarget(value['target']) &&
        isPosition(value['expiresAt']) &&
        isAbsentOrPosition(value['before']) &&
        isAbsentOrPosition(value['keysBefore'])
      );
    case 'key':
      return isKeyView(value['key']);
    case 'signing_key':
      return (
        typeof value['kid'] === 'string' &&
        isJsonObject(value['jwk']) &&
        (value['status'] === 'trusted' || value['status'] === 'retired')
      );
    case 'route':
      return (
        typeof value['name'] === 'string' &&
        (value['route'] === null || isJsonObject(value['route']))
      );
    case 'policy':
      return typeof value['name'] === 'string' && isPolicyView(value['policy']);
    case 'api':
      return typeof value['name'] === 'string' && isApiView(value['api']);
    case 'tenant':
      return value['status'] === 'active' || value['status'] === 'disabled';
    case 'import_prefix':
      return typeof value['prefix'] === 'string';
    case 'role':
      return typeof value['name'] === 'string' && isTextsOrNull(value['scopes']);
    case 'group':
      return typeof value['name'] === 'string' && isTextsOrNull(value['roles']);
    case 'member':
      return (
        typeof value['subject'] === 'string' && isTexts(value['roles']) && isTexts(value['groups'])
      );
    case 'plan':
      return (
        typeof value['name'] === 'string' && (value['plan'] === null || isJsonObject(value['plan']))
      );
    case 'upstream_credential':
      return typeof value['name'] === 'string' && isCredentialField(value['credential']);
    case 'plan_holder':
      return isPlanHolder(value);
    case 'pat_policy':
      return isPatPolicy(value['policy']);
    default:
      return false;
  }
}

function isCredentialField(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  return isJsonObject(value) && isText(value['header']) && isText(value['value']);
}

function isPlanHolder({ kind, id, plan, raised }: JsonObject): boolean {
  return (
    planHolderKinds.some((one) => one === kind) &&
    typeof id === 'string' &&
    (plan === null || typeof plan === 'string') &&
    Array.isArray(raised) &&
    raised.every(isRaised)
  );
}

function isRaised(value: JsonValue): boolean {
  return (
    isJsonObject(value) &&
    typeof value['limit'] === 'string' &&
    isPosition(value['quota']) &&
    isAbsentOrPosition(value['until'])
  );
}

function isPatPolicy(value: JsonValue | undefined): boolean {
  return (
    isJsonObject(value) &&
    isPosition(value['maxLifeSeconds']) &&
    isTextsOrNull(value['allowedScopes']) &&
    typeof value['requiresApproval'] === 'boolean' &&
    isTextsOrNull(value['makers'])
  );
}

function isPatTerms(value: JsonValue | undefined): boolean {
  return (
    value === undefined ||
    (isJsonObject(value) &&
      typeof value['approved'] === 'boolean' &&
      isTextsOrNull(value['audience']))
  );
}

function isTextsOrNull(value: JsonValue | undefined): boolean {
  return value === null || isTexts(value);
}

function isTarget(value: JsonValue | undefined): boolean {
  return (
    isJsonObject(value) &&
    targetKinds.includes(value['kind'] as string) &&
    typeof value['id'] === 'string'
  );
}

function isKeyView(value: JsonValue | undefined): boolean {
  if (!isJsonObject(value)) return false;
  return (
    typeof value['id'] === 'string' &&
    typeof value['tenant'] === 'string' &&
    typeof value['owner'] === 'string' &&
    keyStatuses.includes(value['status'] as string) &&
    isTexts(value['scopes']) &&
    isPatTerms(value['pat']) &&
    (value['verifier'] === undefined || typeof value['verifier'] === 'string') &&
    (value['derivationKey'] === undefined || typeof value['derivationKey'] === 'string') &&
    (value['clientId'] === undefined || typeof value['clientId'] === 'string') &&
    isAbsentOrTexts(value['allowedAddresses']) &&
    isAbsentOrTexts(value['allowedCountries']) &&
    isAbsentOrTexts(value['deniedCountries']) &&
    (value['metered'] === undefined || value['metered'] === true) &&
    isAbsentOrPosition(value['createdAt']) &&
    isAbsentOrPosition(value['notBefore']) &&
    isAbsentOrPosition(value['expiresAt'])
  );
}

function isPolicyView(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (!isJsonObject(value)) return false;
  return [value['enforced'], value['shadow']].every(
    (version) => version === undefined || isPolicyVersion(version),
  );
}

function isPolicyVersion(value: JsonValue): boolean {
  return (
    isJsonObject(value) &&
    isPosition(value['version']) &&
    isTexts(value['uses']) &&
    (value['routes'] === undefined || isTexts(value['routes'])) &&
    (value['resourceTypes'] === undefined || isTexts(value['resourceTypes'])) &&
    typeof value['cedar'] === 'string' &&
    Array.isArray(value['entities']) &&
    value['entities'].every((entity) => isJsonObject(entity))
  );
}

function isApiView(value: JsonValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  return (
    isJsonObject(value) &&
    typeof value['basePath'] === 'string' &&
    (value['unlisted'] === 'refuse' || value['unlisted'] === 'by_method') &&
    Array.isArray(value['operations']) &&
    value['operations'].every(
      (one) =>
        isJsonObject(one) && ['operation', 'method', 'path'].every((name) => isText(one[name])),
    )
  );
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === 'string';
}

function isAbsentOrPosition(value: JsonValue | undefined): boolean {
  return value === undefined || isPosition(value);
}

function isAbsentOrText(value: JsonValue | undefined): boolean {
  return value === undefined || typeof value === 'string';
}

function isAbsentOrTexts(value: JsonValue | undefined): boolean {
  return value === undefined || isTexts(value);
}

function isTexts(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function malformed(what: string): Result<never, FeedHttpRefusal> {
  return err({ reason: 'malformed_feed', what });
}
