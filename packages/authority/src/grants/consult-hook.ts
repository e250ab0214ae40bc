/**
 * Asks the operator's hook about the tokens that are about to be made, for every grant alike, after
 * everything else was judged. It is asked anew for each refresh and each repeated judgement.
 */
import { err, type JsonObject, ok, type Result, type TenantId } from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import type { HookFailure } from '../hooks/claims-hook.ts';
import type { AccessTokenFormat } from '../issuance/issue.ts';
import type { User } from '../users/user.ts';
import type { GrantDeps, Judgement, TokenRefusal } from './grant.ts';
import { claimScopes, personClaims } from './person-claims.ts';

/** What is to be issued unless the hook says otherwise. */
export interface Due {
  readonly grant: string;
  readonly client: Client;
  readonly judgement: Judgement;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly format: AccessTokenFormat;
  readonly ttlSeconds: number;
  readonly requestId?: string | undefined;
}

export interface Additions {
  readonly scopes: readonly string[];
  readonly accessToken: JsonObject;
  readonly idToken: JsonObject;
  /** For the record; undefined where there is no hook. */
  readonly hook: 'answered' | HookFailure | undefined;
}

/**
 * @returns what the hook adds and leaves; refusals: hook_refused, hook_failed (only where the
 *   operator has not said that tokens go without)
 * @throws StoreFault
 */
export async function consultHook(
  deps: Pick<GrantDeps, 'hook' | 'users' | 'issuerOf'>,
  due: Due,
): Promise<Result<Additions, TokenRefusal>> {
  const { hook } = deps;
  const nothing = { scopes: due.scopes, accessToken: {}, idToken: {} };
  if (hook === undefined) return ok({ ...nothing, hook: undefined });
  const { client, judgement } = due;
  const isMachine = (judgement.subject as string) === client.clientId;
  const user = isMachine ? undefined : await deps.users.get(client.tenant, judgement.subject);
  // The act would refuse it; the hook is not to hear of somebody who is disabled or gone.
  if (!isMachine && user?.status !== 'active') return err({ reason: 'subject_ended' });
  const answer = await hook.consult(
    questionOf(deps.issuerOf(client.tenant), due, user),
    due.scopes,
  );
  if (!answer.ok) {
    if (hook.onFailure === 'refuse') return err({ reason: 'hook_failed', why: answer.refusal });
    return ok({ ...nothing, hook: answer.refusal });
  }
  const { scopes = due.scopes, accessToken, idToken, refused } = answer.value;
  if (refused !== undefined) return err({ reason: 'hook_refused', why: refused });
  return ok({ scopes, accessToken, idToken, hook: 'answered' });
}

/** All that is known of the person: the program may know what its operator does. */
const whole = { scopes: claimScopes, names: [] };

/** The shape is documented in docs/claims-hook.md and grows by members alone. */
function questionOf(issuer: string, due: Due, user: User | undefined): JsonObject {
  const { grant, client, judgement, requestId } = due;
  const { terms, signIn = terms, actor, basis } = judgement;
  return {
    issuer,
    tenant: client.tenant satisfies TenantId,
    grant,
    client: { client_id: client.clientId },
    subject: judgement.subject,
    ...(user === undefined
      ? {}
      : { user: { username: user.username, claims: personClaims(user.claims, whole) } }),
    scopes: due.scopes,
    audience: due.audience,
    access_token: { format: due.format, expires_in: due.ttlSeconds },
    id_token: terms !== undefined && due.scopes.includes('openid'),
    ...(signIn === undefined ? {} : { auth_time: signIn.authTimeSeconds }),
    ...(signIn?.acr ? { acr: signIn.acr } : {}),
    ...(terms === undefined ? {} : { amr: terms.amr }),
    ...(terms?.sessionId ? { sid: terms.sessionId } : {}),
    ...(basis?.family === undefined ? {} : { family: basis.family }),
    ...(actor === undefined ? {} : { act: actor }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
}
