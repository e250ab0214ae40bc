/**
 * RP-Initiated Logout 1.0: a client sends the person here to sign out, and wants them back. Judged
 * like an authorization request: nobody is sent anywhere that the client did not register, and
 * nobody is signed out unasked by whoever can make a browser follow a link.
 */
import { err, ok, parseClientId, type Result, type TenantId } from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import type { Parameters } from './authorization-request.ts';
import type { Seat } from './flow.ts';
import { type IdTokenHint, readIdTokenHint } from './id-token-hint.ts';
import type { JudgeDeps } from './judge-request.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface LogoutDeps extends Pick<JudgeDeps, 'verificationKeys' | 'issuerOf'> {
  readonly findClient: (tenant: TenantId, clientId: string) => Promise<Client | undefined>;
  readonly subjectSeenBy: (client: RequestingClient, subject: string) => string;
}

export interface LogoutRequest {
  readonly client: Client | undefined;
  readonly hint: IdTokenHint | undefined;
  /** Where the person goes afterwards, with `state`. */
  readonly returnTo: { readonly uri: string; readonly state: string | undefined } | undefined;
  readonly uiLocales: readonly string[];
}

/** Told to the person (§4): none of them leads anywhere else. */
export type LogoutRefusal =
  | { readonly reason: 'malformed_logout' }
  | { readonly reason: 'unknown_client' }
  | { readonly reason: 'return_not_registered' };

/** @throws StoreFault */
export async function judgeLogout(
  deps: LogoutDeps,
  tenant: TenantId,
  parameters: Parameters,
): Promise<Result<LogoutRequest, LogoutRefusal>> {
  if (parameters.duplicates.length > 0) return err({ reason: 'malformed_logout' });
  const text = parameters.get('id_token_hint');
  const of = { issuer: deps.issuerOf(tenant) };
  const hint =
    text === undefined
      ? undefined
      : readIdTokenHint(text, { ...of, keys: await deps.verificationKeys(tenant) });
  if (text !== undefined && hint === undefined) return err({ reason: 'malformed_logout' });
  const named = parameters.get('client_id') ?? hint?.audience[0];
  // §2: both must speak of the same client.
  if (hint !== undefined && named !== undefined && !hint.audience.includes(named)) {
    return err({ reason: 'malformed_logout' });
  }
  const client = await findNamed(deps, tenant, named);
  if (named !== undefined && client === undefined) return err({ reason: 'unknown_client' });
  const uri = parameters.get('post_logout_redirect_uri');
  // §3: an exact match with what the client registered.
  if (uri !== undefined && client?.postLogoutRedirectUris.includes(uri) !== true) {
    return err({ reason: 'return_not_registered' });
  }
  const returnTo = uri === undefined ? undefined : { uri, state: parameters.get('state') };
  const uiLocales = (parameters.get('ui_locales') ?? '').split(' ').slice(0, 10);
  return ok({ client, hint, returnTo, uiLocales });
}

async function findNamed(
  deps: LogoutDeps,
  tenant: TenantId,
  clientId: string | undefined,
): Promise<Client | undefined> {
  const parsed = parseClientId(clientId ?? '');
  const client = parsed.ok ? await deps.findClient(tenant, parsed.value) : undefined;
  return client?.status === 'active' ? client : undefined;
}

/**
 * Whether the person need not be asked: the client showed an ID token of this very session, which
 * no stranger has (§2).
 */
export function isProvenLogout(deps: LogoutDeps, request: LogoutRequest, seat: Seat): boolean {
  const { client, hint } = request;
  if (client === undefined || hint === undefined) return false;
  const { session } = seat;
  if (hint.subject !== deps.subjectSeenBy(client, session.subject)) return false;
  return hint.session === undefined || hint.session === session.id;
}

/** @returns the registered URI with `state`; its own query stays */
export function returnLocation({ uri, state }: NonNullable<LogoutRequest['returnTo']>): string {
  if (state === undefined) return uri;
  const joint = !uri.includes('?') ? '?' : /[?&]$/.test(uri) ? '' : '&';
  return `${uri}${joint}state=${encodeURIComponent(state)}`;
}
