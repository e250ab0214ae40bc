/**
 * The grant of client-initiated backchannel authentication (OpenID CIBA Core §10.1), for clients
 * that poll and for those that were pinged. While the person has not answered, a client learns that
 * and no more, and one that asks too often has to wait longer. Of many redemptions one wins.
 */
import { err, limits, nowSeconds, ok } from '@mintmark/core';
import { type AuthenticationRequest, findAuthReqId } from '../issuance/authentication-request.ts';
import type { Step } from '../store/act.ts';
import { basisOf } from './basis.ts';
import type { Grant, GrantDeps, Judged } from './grant.ts';
import { subjectRequired } from './subject.ts';
import { targetsOf } from './targets.ts';

export const ciba: Grant = {
  type: 'urn:openid:params:grant-type:ciba',
  takesScope: false,
  async judge(deps, request, client) {
    const { tenant } = request;
    const text = request.parameter('auth_req_id');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'auth_req_id' });
    const asked = await findAuthReqId(deps, tenant, text);
    if (asked === undefined || asked.clientId !== client.clientId) {
      return err({ reason: 'grant_unknown' });
    }
    const { status, terms, family } = asked;
    if (status === 'redeemed') return err({ reason: 'grant_used' });
    if (nowSeconds(deps.clock) >= asked.expiresAt) return err({ reason: 'expired_token' });
    if (status === 'denied') return err({ reason: 'access_denied' });
    if (terms === undefined || family === undefined) return pending(deps, asked);
    const basis = await basisOf(deps, { ...asked, family, issuedAt: issuedAt(asked) });
    if (basis === undefined) return err({ reason: 'grant_revoked' });
    return ok({
      subject: asked.subject,
      // What the client may no longer ask for, it no longer gets.
      scopes: terms.scopes.filter((scope) => client.scopes.includes(scope)),
      audience: targetsOf(client, deps.issuerOf(tenant), terms.audience),
      basis,
      steps: [redeemed(asked), subjectRequired(asked)],
      terms,
    });
  },
};

function issuedAt({ createdAt }: AuthenticationRequest) {
  return Math.floor(createdAt / 1000) as AuthenticationRequest['expiresAt'];
}

/** The ping is over with it: whoever redeems knows that there is an answer. */
function redeemed({ tenant, id }: AuthenticationRequest): Step {
  return {
    do: 'update',
    table: 'backchannelRequests',
    where: { tenant, id, status: 'approved' },
    set: { status: 'redeemed', sealedPing: null, nextAttemptAt: null },
    refused: 'overtaken',
  };
}

/**
 * CIBA §11. The pace is kept in the row, so that it holds on all nodes; one who floods us with
 * polls at the longest pause costs no write any more.
 */
function pending(deps: GrantDeps, asked: AuthenticationRequest): Judged {
  const { tenant, id, pollSeconds, nextPollAt } = asked;
  const now = deps.clock.nowMs();
  const isEarly = now < nextPollAt;
  const refusal = err({ reason: isEarly ? 'slow_down' : 'authorization_pending' } as const);
  const seconds = isEarly ? pollSeconds + slowDownSeconds : pollSeconds;
  if (seconds > limits.authenticationRequestPollSecondsMax) return refusal;
  const paced: Step = {
    do: 'update',
    table: 'backchannelRequests',
    where: { tenant, id, status: 'pending', nextPollAt },
    set: { pollSeconds: seconds, nextPollAt: now + seconds * 1000 },
    refused: 'overtaken',
  };
  return { ...refusal, effect: { steps: [paced] } };
}

/** "At least 5 seconds" (§11). */
const slowDownSeconds = 5;
