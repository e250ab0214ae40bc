/**
 * Who calls the management API: an admin key, or an access token whose audience it is. One
 * function for every endpoint. What must never happen: a look-up for an address that has spent its
 * budget, or an answer that tells an unknown credential from a disabled or an expired one.
 */
import {
  type Clock,
  err,
  type FailureBudget,
  type HttpRequest,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { digestToken, parseSecretToken } from '@mintmark/tokens';
import type { Caller } from '../../admin/caller.ts';
import type { RefusalTally } from '../../admin/refusal-tally.ts';
import { type VerifyKeyPorts, verifyKey } from '../../apikeys/verify-key.ts';
import type { Problem } from './problem.ts';

export interface AuthenticateDeps {
  readonly keys: VerifyKeyPorts;
  /**
   * Judges an access token for this API.
   *
   * @returns who holds it; or why it is not good here, for the record
   */
  readonly accessToken: (
    tenant: TenantId,
    token: string,
  ) => Promise<
    | { readonly active: true; readonly clientId: string; readonly scopes: readonly string[] }
    | { readonly active: false; readonly reason: string }
  >;
  readonly failures: FailureBudget;
  readonly refusals: Pick<RefusalTally, 'note'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** @returns the caller; problems: unauthenticated, too_many_failures */
export async function authenticate(
  deps: AuthenticateDeps,
  request: HttpRequest,
  tenant: TenantId,
): Promise<Result<Caller, Problem>> {
  const header = request.header('authorization');
  // No credentials, no error code (RFC 6750 §3).
  if (header === undefined) return unauthenticated('Bearer realm="mintmark"');
  const address = request.remoteAddress;
  const who = nameOf(deps.keys.prefix, header);
  const waitSeconds = deps.failures.retryAfterSeconds(address, who);
  if (waitSeconds > 0) {
    return err({ code: 'too_many_failures', headers: { 'retry-after': `${waitSeconds}` } });
  }
  const caller = await callerOf(deps, { header, tenant, address });
  if (typeof caller !== 'string') {
    if (who !== undefined) deps.failures.proven(address, who);
    return ok(caller);
  }
  deps.failures.failed(address, who);
  deps.refusals.note({ tenant, surface: 'management', reason: caller, address });
  return unauthenticated('Bearer realm="mintmark", error="invalid_token"');
}

/** An admin key by its id, another token by its digest; undefined for what is neither. */
function nameOf(prefix: string, header: string): string | undefined {
  const token = readBearer(header);
  if (token === undefined) return undefined;
  const parsed = parseSecretToken(token, prefix);
  return parsed.ok ? `key ${parsed.value.id}` : `token ${digestToken(token)}`;
}

function readBearer(header: string): string | undefined {
  return /^bearer +([\x21-\x7e]+)$/i.exec(header)?.[1];
}

/** The caller, or the reason for the record. */
async function callerOf(
  deps: AuthenticateDeps,
  input: { readonly header: string; readonly tenant: TenantId; readonly address: string },
): Promise<Caller | string> {
  const { header, tenant, address } = input;
  const token = readBearer(header);
  if (token === undefined) return 'malformed';
  if (!token.startsWith(`${deps.keys.prefix}_admin_`)) {
    const found = await deps.accessToken(tenant, token);
    if (!found.active) return found.reason;
    const actor = { kind: 'client', id: found.clientId } as const;
    return { tenant, actor, permissions: found.scopes };
  }
  const now = deps.clock.nowMs();
  const verdict = await verifyKey(deps.keys, {
    tenant,
    text: token,
    kinds: ['admin'],
    now,
    address,
  });
  if (!verdict.active) return verdict.code;
  const { row } = verdict;
  const { id, scopes: permissions, expiresAt, allowedAddresses } = row;
  const bounds = { expiresAt, allowedAddresses };
  return { tenant, actor: { kind: 'admin_key', id }, permissions, bounds };
}

function unauthenticated(challenge: string): Result<never, Problem> {
  return err({ code: 'unauthenticated', headers: { 'www-authenticate': challenge } });
}
