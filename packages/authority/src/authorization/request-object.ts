/**
 * Signed authorization requests by value (RFC 9101): the client's own word, which no page between
 * it and us can change. Only what was signed counts. What must never happen: a JWT that the client
 * made for another purpose, or for another server, taken for a request.
 */
import {
  base64urlDecode,
  type Entropy,
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type JwsAlgorithm,
  limits,
  ok,
  parseJson,
  type Result,
  type TenantId,
  utf8Decode,
} from '@mintmark/core';
import { type DecryptionKey, decryptJwe, looksEncrypted, verifyJws } from '@mintmark/tokens';
import type { ClientKeys } from '../clients/client-keys.ts';
import { acceptedAlgorithms } from '../clients/client-rules.ts';
import type { Parameters } from './authorization-request.ts';
import type { RequestingClient } from './requesting-client.ts';

export type RequestObjectRefusal = { readonly reason: 'invalid_request_object' };

export interface RequestObjectDeps {
  readonly clientKeys: Pick<ClientKeys, 'find'>;
  /** Our own, that clients encrypt to. */
  readonly decryptionKeys: (tenant: TenantId) => Promise<readonly DecryptionKey[]>;
  readonly entropy: Entropy;
}

const refused = err({ reason: 'invalid_request_object' } as const);

/** What a JWT says of itself; all other claims are parameters (§4). */
const ofTheJwt: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti']);

/**
 * @param input.outer the parameters beside the object: their repetitions are still refused
 * @param input.now unix seconds
 * @returns the signed parameters alone (§6.3); refusal: invalid_request_object
 */
export async function readRequestObject(
  deps: RequestObjectDeps,
  input: {
    readonly text: string;
    readonly client: RequestingClient;
    readonly issuer: string;
    readonly outer: Parameters;
    readonly now: number;
  },
): Promise<Result<Parameters, RequestObjectRefusal>> {
  const { client, outer } = input;
  const text = await openedText(deps, client, input.text);
  if (text === undefined) return refused;
  const { requestObjectAlgorithm: only } = client;
  const algorithms = only === undefined ? acceptedAlgorithms(client) : [only];
  const claims = await openRequestObject(deps.clientKeys, { text, client, algorithms });
  if (claims === undefined || !isForUs(claims, input)) return refused;
  const values = parametersIn(claims);
  if (values === undefined) return refused;
  return ok({
    get: (name) => values.get(name)?.[0],
    all: (name) => values.get(name) ?? [],
    duplicates: outer.duplicates,
  });
}

/** @returns what the client signed; undefined where it did not, or meant another kind of JWT */
export async function openRequestObject(
  clientKeys: Pick<ClientKeys, 'find'>,
  input: {
    readonly text: string;
    readonly client: RequestingClient;
    readonly algorithms: readonly JwsAlgorithm[];
  },
): Promise<JsonObject | undefined> {
  const { text, client, algorithms } = input;
  if (text.length > limits.tokenCharsMax) return undefined;
  const keys = await clientKeys.find(client, kidOf(text));
  if (keys === undefined) return undefined;
  const jws = verifyJws(text, keys, { typ: null, algorithms });
  if (!jws.ok || !isRequestType(jws.value.header['typ'])) return undefined;
  const payload = parseJson(utf8Decode(jws.value.payload) ?? '');
  return payload.ok && isJsonObject(payload.value) ? payload.value : undefined;
}

/**
 * What was encrypted is a signed request inside (RFC 9101 §6.1). A client that has said that it
 * encrypts is held to it, and to how.
 */
async function openedText(
  deps: RequestObjectDeps,
  client: RequestingClient,
  text: string,
): Promise<string | undefined> {
  const { requestObjectKeyEncryption: algorithm, requestObjectEncryption: encryption } = client;
  if (!looksEncrypted(text)) return algorithm === undefined ? text : undefined;
  const opened = decryptJwe(deps.entropy, text, {
    keys: await deps.decryptionKeys(client.tenant),
    algorithms: algorithm === undefined ? undefined : [algorithm],
    encryptions: encryption === undefined ? undefined : [encryption],
  });
  if (!opened.ok) return undefined;
  const { cty } = opened.value.header;
  // RFC 7519 §5.2 asks for it; older clients leave it out.
  const isJwt =
    cty === undefined ||
    (typeof cty === 'string' && /^(?:application\/)?(?:oauth-authz-req\+)?jwt$/i.test(cty));
  return isJwt ? utf8Decode(opened.value.plaintext) : undefined;
}

/** Which key it names; nothing that is not verified afterwards. */
function kidOf(text: string): string | undefined {
  const bytes = base64urlDecode(text.split('.', 1)[0]!);
  const header = parseJson((bytes && utf8Decode(bytes)) ?? '');
  const kid = header.ok && isJsonObject(header.value) ? header.value['kid'] : undefined;
  return typeof kid === 'string' ? kid : undefined;
}

/** §10.8: an explicit type; older clients write the plain one, or none. */
function isRequestType(typ: JsonValue | undefined): boolean {
  if (typ === undefined) return true;
  if (typeof typ !== 'string') return false;
  const name = typ.toLowerCase().replace(/^application\//, '');
  return name === 'jwt' || name === 'oauth-authz-req+jwt';
}

/**
 * By the client, for this server, for now. One whose subject is the client could pass for a client
 * assertion, and the other way round (§10.8).
 */
function isForUs(
  claims: JsonObject,
  of: {
    readonly client: RequestingClient;
    readonly issuer: string;
    readonly now: number;
  },
): boolean {
  const { client, issuer, now } = of;
  const { iss, aud, exp, nbf, sub, client_id: named } = claims;
  if (iss !== client.clientId || named !== client.clientId || sub === client.clientId) return false;
  if (!(Array.isArray(aud) ? aud : [aud]).includes(issuer)) return false;
  if (client.securityProfile === 'fapi2' && !isBrief(claims, now)) return false;
  if (exp !== undefined && (typeof exp !== 'number' || exp <= now)) return false;
  return nbf === undefined || (typeof nbf === 'number' && nbf <= now + limits.clockSkewSeconds);
}

/** FAPI 2.0 Message Signing §5.3.1: from an hour ago at the most, and for an hour at the most. */
function isBrief({ exp, nbf }: JsonObject, now: number): boolean {
  if (typeof exp !== 'number' || typeof nbf !== 'number') return false;
  return nbf >= now - limits.requestObjectSecondsMax && exp - nbf <= limits.requestObjectSecondsMax;
}

/**
 * The parameters among the claims, each a list of texts.
 *
 * @returns undefined where a claim is no parameter, or refers to another request
 */
export function parametersIn(
  claims: JsonObject,
): ReadonlyMap<string, readonly string[]> | undefined {
  const values = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(claims)) {
    if (ofTheJwt.has(name)) continue;
    // §4: neither may be inside.
    if (name === 'request' || name === 'request_uri') return undefined;
    const texts = textsOf(name, value);
    if (texts === undefined) return undefined;
    if (texts.some((text) => text !== '')) values.set(name, texts);
  }
  return values;
}

/** §4: numbers and objects stand as JSON, so do details; else only `resource` may be a list. */
function textsOf(name: string, value: JsonValue): readonly string[] | undefined {
  if (name === 'authorization_details') return [JSON.stringify(value)];
  if (typeof value === 'string') return [value];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (isJsonObject(value)) return [JSON.stringify(value)];
  const isList = name === 'resource' && Array.isArray(value);
  return isList && value.every((one) => typeof one === 'string') ? value : undefined;
}
