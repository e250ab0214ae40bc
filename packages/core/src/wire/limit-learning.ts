/**
 * What gateways tell the authority of their callers' hours, and what they hear from it:
 *
 *   POST /v1/limit-observations                   {observations}    → 204
 *   GET  /v1/feed/limit-profiles?after=&place=   → 200 {newest, profiles, next?}
 *
 * Profiles are numbered and paged as listed addresses are (`threat-feed.ts`). What is in them is
 * the detection engine's business.
 */
import type { TenantId } from '../ids.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import { err, ok, type Result } from '../result.ts';

/** One caller of one limit in one hour at one node. */
export interface LimitObservation {
  readonly tenant: TenantId;
  readonly route: string;
  readonly limit: string;
  /** Whose requests count together: kind and ids, as JSON. */
  readonly caller: string;
  /** Hours since 1970 UTC. */
  readonly hour: number;
  /** The most that was let through in one window. */
  readonly peak: number;
  readonly denied: number;
  /** Let through, and would have been denied (shadow). */
  readonly wouldDeny: number;
}

export interface LimitObservationSink {
  /** @throws NetworkFault or StoreFault: the batch is then counted as lost, never sent twice */
  accept(observations: readonly LimitObservation[]): Promise<void>;
}

export interface LimitProfile {
  readonly route: string;
  readonly limit: string;
  readonly caller: string;
  /** base64url; null: there is none any more, the static quota holds. */
  readonly profile: string | null;
}

export interface LimitProfilePage {
  readonly newest: number;
  readonly profiles: readonly LimitProfile[];
  readonly next?: string;
}

export interface LimitProfileSource {
  /** @throws NetworkFault or StoreFault; what is known goes on */
  read(input: {
    readonly tenant: TenantId;
    readonly after: number;
    readonly cursor?: string | undefined;
  }): Promise<LimitProfilePage>;
}

export type LimitProfileRefusal = { readonly reason: 'malformed_profiles'; readonly what: string };

/** Reads an answer's body. */
export function parseLimitProfiles(
  value: JsonValue,
): Result<LimitProfilePage, LimitProfileRefusal> {
  if (!isJsonObject(value)) return malformed('body');
  const { newest, profiles, next } = value;
  if (!Number.isSafeInteger(newest) || (newest as number) < 0) return malformed('newest');
  if (next !== undefined && typeof next !== 'string') return malformed('next');
  if (!Array.isArray(profiles) || !profiles.every(isProfile)) return malformed('profiles');
  return ok(value as unknown as LimitProfilePage);
}

function malformed(what: string): Result<never, LimitProfileRefusal> {
  return err({ reason: 'malformed_profiles', what });
}

function isProfile(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const { route, limit, caller, profile } = value;
  const texts = [route, limit, caller].every((one) => typeof one === 'string');
  return texts && (profile === null || typeof profile === 'string');
}
