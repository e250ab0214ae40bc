/**
 * Whom a client means (OpenID CIBA Core §7.1, §7.2): by the name that people sign in with, by a
 * token that the client signed, or by an ID token of ours. A hint proves nothing but what its
 * client believes; the person is asked all the same.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
} from '@mintmark/core';
import type { KeySet } from '@mintmark/tokens';
import { publicKeyAlgorithms } from '../clients/client-rules.ts';
import type { Store } from '../store/store.ts';
import type { Users } from '../users/users.ts';
import type { BackchannelObjectDeps } from './backchannel-object.ts';
import type { Hint } from './backchannel-request.ts';
import { readIdTokenHint } from './id-token-hint.ts';
import { openRequestObject } from './request-object.ts';
import type { RequestingClient } from './requesting-client.ts';

export interface HintDeps extends BackchannelObjectDeps {
  readonly store: Pick<Store, 'sessions'>;
  readonly users: Pick<Users, 'get' | 'findByUsername'>;
  readonly verificationKeys: (tenant: RequestingClient['tenant']) => Promise<KeySet>;
  readonly issuerOf: (tenant: RequestingClient['tenant']) => string;
  /** The subject that a client knows a person by. */
  readonly subjectSeenBy: (client: RequestingClient, subject: string) => string;
}

export type HintRefusal =
  | { readonly reason: 'unknown_user' }
  | { readonly reason: 'login_hint_token_expired' }
  | { readonly reason: 'malformed_parameter'; readonly name: string };

/**
 * @returns an active person; refusals: unknown_user (disabled ones too), login_hint_token_expired,
 *   malformed_parameter
 * @throws StoreFault, CustodyFault
 */
export async function findHinted(
  deps: HintDeps,
  client: RequestingClient,
  { by, text }: Hint,
): Promise<Result<SubjectId, HintRefusal>> {
  switch (by) {
    case 'login_hint':
      return named(deps, client, text);
    case 'login_hint_token':
      return byOwnToken(deps, client, text);
    case 'id_token_hint':
      return byIdToken(deps, client, text);
  }
}

const unknown = err({ reason: 'unknown_user' } as const);

async function named(
  { users }: HintDeps,
  { tenant }: RequestingClient,
  username: string,
): Promise<Result<SubjectId, HintRefusal>> {
  const user = await users.findByUsername(tenant, username);
  return user?.status === 'active' ? ok(user.id) : unknown;
}

async function known(
  deps: HintDeps,
  client: RequestingClient,
  subject: string | undefined,
): Promise<Result<SubjectId, HintRefusal>> {
  if (subject === undefined) return unknown;
  const user = await deps.users.get(client.tenant, subject as SubjectId);
  return user?.status === 'active' ? ok(user.id) : unknown;
}

/**
 * A JWT by the client itself, with `iss`, `aud`, `exp` and `sub_id` (RFC 9493), so that what names
 * the person can be made by one part of the client and sent by another.
 */
async function byOwnToken(
  deps: HintDeps,
  client: RequestingClient,
  text: string,
): Promise<Result<SubjectId, HintRefusal>> {
  const refused = err({ reason: 'malformed_parameter', name: 'login_hint_token' } as const);
  const algorithms = publicKeyAlgorithms;
  const claims = await openRequestObject(deps.clientKeys, { text, client, algorithms });
  if (claims === undefined) return refused;
  const { iss, aud, exp, sub_id: subjectId } = claims;
  const issuer = deps.issuerOf(client.tenant);
  const isForUs = (Array.isArray(aud) ? aud : [aud]).includes(issuer);
  if (iss !== client.clientId || !isForUs || typeof exp !== 'number' || !isJsonObject(subjectId)) {
    return refused;
  }
  if (exp <= nowSeconds(deps.clock)) return err({ reason: 'login_hint_token_expired' });
  return identified(deps, client, subjectId);
}

/** RFC 9493 §3.2: the formats that can name a person here. */
async function identified(
  deps: HintDeps,
  client: RequestingClient,
  { format, email, id, iss, sub }: JsonObject,
): Promise<Result<SubjectId, HintRefusal>> {
  const name = format === 'email' ? email : format === 'opaque' ? id : undefined;
  if (typeof name === 'string') return named(deps, client, name);
  // A pairwise subject is a hash: whose it is cannot be told from it.
  const isOurs = format === 'iss_sub' && iss === deps.issuerOf(client.tenant);
  if (isOurs && typeof sub === 'string' && client.subjectType === 'public') {
    return known(deps, client, sub);
  }
  return err({ reason: 'malformed_parameter', name: 'login_hint_token' });
}

/** It may have expired (§7.1 asks for no more than that it is ours and this client's). */
async function byIdToken(
  deps: HintDeps,
  client: RequestingClient,
  text: string,
): Promise<Result<SubjectId, HintRefusal>> {
  const { tenant, clientId } = client;
  const keys = await deps.verificationKeys(tenant);
  const hint = readIdTokenHint(text, { issuer: deps.issuerOf(tenant), keys });
  if (hint === undefined || !hint.audience.includes(clientId)) {
    return err({ reason: 'malformed_parameter', name: 'id_token_hint' });
  }
  if (client.subjectType === 'public') return known(deps, client, hint.subject);
  // Only the session of the token leads from a pairwise subject to its person, while it is kept.
  const { session } = hint;
  const row = session === undefined ? undefined : await deps.store.sessions.get(tenant, session);
  const isSame = row !== undefined && deps.subjectSeenBy(client, row.subject) === hint.subject;
  return known(deps, client, isSame ? row.subject : undefined);
}
