/**
 * Signed authentication requests by the back channel (OpenID CIBA Core §7.1.1), as FAPI-CIBA §5.2.2
 * bounds them: by this client, for this server, for an hour at most, once.
 */
import { type Clock, type JsonObject, type JsonValue, limits } from '@mintmark/core';
import type { ClientKeys } from '../clients/client-keys.ts';
import { acceptedAlgorithms } from '../clients/client-rules.ts';
import { openRequestObject, parametersIn } from './request-object.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface BackchannelObjectDeps {
  readonly clientKeys: Pick<ClientKeys, 'find'>;
  readonly clock: Clock;
}

export interface BackchannelObject {
  readonly jti: string;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

interface ObjectContext {
  readonly client: RequestingClient;
  readonly issuer: string;
  /** Unix seconds. */
  readonly now: number;
}

/** @returns undefined for everything that is not such a request */
export async function readBackchannelObject(
  { clientKeys }: Pick<BackchannelObjectDeps, 'clientKeys'>,
  input: ObjectContext & { readonly text: string },
): Promise<BackchannelObject | undefined> {
  const { text, client } = input;
  const { backchannelRequestAlgorithm: only } = client;
  const algorithms = only === undefined ? acceptedAlgorithms(client) : [only];
  const claims = await openRequestObject(clientKeys, { text, client, algorithms });
  if (claims === undefined || !isFromTo(claims, input)) return undefined;
  const expiresAt = endIfNow(claims, input.now);
  const { jti } = claims;
  const isId = typeof jti === 'string' && jti !== '' && jti.length <= limits.claimCharsMax;
  const values = parametersIn(claims);
  if (expiresAt === undefined || !isId || values === undefined) return undefined;
  return { jti, expiresAt, values };
}

/** One whose subject is the client could pass for its assertion (RFC 9101 §10.8). */
function isFromTo(
  { iss, aud, sub, client_id: named }: JsonObject,
  { client, issuer }: ObjectContext,
): boolean {
  if (iss !== client.clientId || sub === client.clientId) return false;
  if (named !== undefined && named !== client.clientId) return false;
  return (Array.isArray(aud) ? aud : [aud]).includes(issuer);
}

/**
 * §7.1.1: all three are demanded. What has not ended, and lives for an hour at most, began within
 * the last hour, as FAPI-CIBA has it.
 *
 * @returns when it ends; undefined where it is not of now
 */
function endIfNow({ exp, nbf, iat }: JsonObject, now: number): number | undefined {
  if (!isDate(exp) || !isDate(nbf) || !isDate(iat)) return undefined;
  const soon = now + limits.clockSkewSeconds;
  const longest = limits.signedBackchannelRequestSecondsMax;
  if (exp <= now || nbf > soon || iat > soon) return undefined;
  return exp - nbf > longest ? undefined : Math.ceil(exp);
}

function isDate(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
