/**
 * The refresh token grant (RFC 6749 §6, RFC 9700 §4.14.2). A presented token is the current one of
 * its family; or the one before, whose answer was lost, and then the same successor is given again;
 * or an older one, which two parties must have held, and then the family ends. Nothing is widened.
 */
import {
  err,
  holderId,
  limits,
  nowSeconds,
  ok,
  type RevocationTarget,
  type UnixSeconds,
} from '@mintmark/core';
import type { Client } from '../clients/client.ts';
import { isHeldFast } from '../clients/fresh-rules.ts';
import { findRefreshToken, type PresentedRefresh } from '../issuance/presented-refresh.ts';
import { endOfFamily, type RefreshDue } from '../issuance/refresh-token.ts';
import { revokedSince } from '../revocation/revoked-since.ts';
import { basisOf } from './basis.ts';
import { familyRevoked } from './family.ts';
import type { Effect, Grant, GrantDeps, TokenRequest } from './grant.ts';
import { subjectRequired } from './subject.ts';
import { targetsOf } from './targets.ts';

export const refreshToken: Grant = {
  type: 'refresh_token',
  takesScope: true,
  async judge(deps, request, client) {
    const { tenant } = request;
    const text = request.parameter('refresh_token');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'refresh_token' });
    const presented = await findRefreshToken(deps, tenant, text);
    if (presented === undefined || presented.clientId !== client.clientId) {
      return err({ reason: 'grant_unknown' });
    }
    const { subject, terms } = presented;
    if (terms.dpopJkt !== null && terms.dpopJkt !== request.dpopJkt) {
      return err({ reason: 'key_mismatch' });
    }
    if (nowSeconds(deps.clock) >= presented.expiresAt) return err({ reason: 'grant_expired' });
    const basis = presented.ended ? undefined : await basisOf(deps, presented);
    if (basis === undefined || (await wasRevokedLongAgo(deps, presented))) {
      return err({ reason: 'grant_revoked' });
    }
    if (presented.is === undefined) {
      return { ...err({ reason: 'grant_reused' }), effect: reused(deps, presented) };
    }
    const refresh = dueFor(deps, presented, { request, client });
    if (refresh === undefined) return err({ reason: 'repeated_otherwise' });
    return ok({
      subject,
      // What the client may no longer ask for, it no longer gets.
      scopes: terms.scopes.filter((scope) => client.scopes.includes(scope)),
      audience: targetsOf(client, deps.issuerOf(tenant), terms.audience),
      basis,
      steps: [subjectRequired(presented)],
      terms,
      refresh,
    });
  },
};

/**
 * What the feed may have forgotten since the family was used last: that the consent or the session
 * it came from has ended, which leaves no row of it, and revocations. A revocation of all before a
 * moment counts here for every family that is older than itself: the record has no moment.
 */
async function wasRevokedLongAgo(deps: GrantDeps, presented: PresentedRefresh): Promise<boolean> {
  const { tenant, clientId, subject, family, position, usedAt } = presented;
  const feedKeepsMs = limits.accessTokenTtlSecondsMax * 1000;
  if (deps.clock.nowMs() - usedAt < feedKeepsMs) return false;
  const granted = await deps.store.grantedFamilies.get(tenant, subject, clientId, family);
  if (granted === undefined) return true;
  const targets: readonly RevocationTarget[] = [
    { kind: 'family', id: family },
    { kind: 'client', id: clientId },
    { kind: 'holder', id: holderId(clientId, subject) },
    { kind: 'user', id: subject },
    { kind: 'tenant', id: tenant },
  ];
  return revokedSince(deps.store, tenant, { position, targets });
}

/** Undefined where a predecessor comes back otherwise than it came first. */
function dueFor(
  deps: GrantDeps,
  presented: PresentedRefresh,
  { request, client }: { readonly request: TokenRequest; readonly client: Client },
): RefreshDue | undefined {
  const idleSeconds = client.refreshTokenIdleSeconds;
  const details = request.parameter('authorization_details');
  const scopes = request.scopes?.toSorted().join(' ') ?? '';
  const asked = details === undefined ? scopes : `${scopes}\n${details}`;
  const binding = request.dpopJkt ?? null;
  if (presented.is !== 'current' && presented.is !== undefined) {
    const { successor } = presented.is;
    const same = presented.is.asked === asked && presented.is.binding === binding;
    return same ? { do: 'repeat', presented, successor } : undefined;
  }
  if (!client.rotateRefreshTokens) return { do: 'keep', presented, idleSeconds };
  const graceEnds = graceEnd(deps, presented, client);
  return { do: 'rotate', presented, idleSeconds, graceEnds, asked, binding };
}

/**
 * Where a stolen token is useless without the client's own key, an answer that was lost harms more
 * than a predecessor that lives on: it works until its successor is used (FAPI 2.0 §5.3.2.1).
 */
function graceEnd(deps: GrantDeps, presented: PresentedRefresh, client: Client): UnixSeconds {
  if (isHeldFast(client)) return presented.expiresAt;
  return (nowSeconds(deps.clock) + limits.refreshGraceSeconds) as UnixSeconds;
}

/** RFC 9700 §4.14.2: one of another generation was held by two, and one of them is a thief. */
function reused(deps: GrantDeps, presented: PresentedRefresh): Effect {
  const reason = 'a refresh token of it was used again';
  return {
    steps: [endOfFamily(presented), familyRevoked(deps, { ...presented, reason })],
    object: { kind: 'family', id: presented.family },
  };
}
