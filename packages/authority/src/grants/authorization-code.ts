/**
 * The authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9700 §2.1). A code is spent by
 * the act that issues, or by a wrong guess of the client that it belongs to; a second use revokes
 * all that the first gave. Another client, or one that failed to authenticate, changes nothing.
 */
import { hash } from 'node:crypto';
import { equalConstantTime, err, nowSeconds, ok, utf8 } from '@mintmark/core';
import { findCode, type PresentedCode } from '../issuance/authorization-code.ts';
import type { Step } from '../store/act.ts';
import { basisOf } from './basis.ts';
import { familyRevoked } from './family.ts';
import type { Effect, Grant, GrantDeps, GrantRefusal, TokenRequest } from './grant.ts';
import { subjectRequired } from './subject.ts';
import { targetsOf } from './targets.ts';

export const authorizationCode: Grant = {
  type: 'authorization_code',
  // RFC 6749 §4.1.3 has no such parameter here: what was agreed to is what there is.
  takesScope: false,
  async judge(deps, request, client) {
    const { tenant } = request;
    const text = request.parameter('code');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'code' });
    const code = await findCode(deps, tenant, text);
    if (code === undefined || code.clientId !== client.clientId) {
      return err({ reason: 'grant_unknown' });
    }
    if (code.consumed) {
      // Once is enough: a code sent again and again must not fill the feed.
      const lives = (await basisOf(deps, code)) !== undefined;
      return { ...err({ reason: 'grant_reused' }), ...(lives && { effect: reused(deps, code) }) };
    }
    if (nowSeconds(deps.clock) >= code.expiresAt) return err({ reason: 'grant_expired' });
    if (code.dpopJkt !== null && code.dpopJkt !== request.dpopJkt) {
      return err({ reason: 'key_mismatch' });
    }
    const wrong = wrongGuess(request, code);
    if (wrong !== undefined) return { ...err(wrong), effect: spent(deps, code) };
    const basis = await basisOf(deps, code);
    if (basis === undefined) return err({ reason: 'grant_revoked' });
    return ok({
      subject: code.subject,
      scopes: code.scopes,
      audience: targetsOf(client, deps.issuerOf(tenant), code.audience),
      basis,
      steps: [consumed(deps, code), subjectRequired(code)],
      terms: code,
      nonce: code.nonce,
    });
  },
};

/** What only the one who began the flow knows: where it was to end, and the verifier. */
function wrongGuess(request: TokenRequest, code: PresentedCode): GrantRefusal | undefined {
  const redirectUri = request.parameter('redirect_uri');
  const must = code.redirectUriGiven || redirectUri !== undefined;
  if (must && redirectUri !== code.redirectUri) return { reason: 'redirect_mismatch' };
  const verifier = request.parameter('code_verifier');
  return verifierFits(verifier, code.codeChallenge) ? undefined : { reason: 'verifier_mismatch' };
}

/** RFC 7636 §4.1 */
const verifierPattern = /^[A-Za-z0-9._~-]{43,128}$/;

/**
 * RFC 9700 §2.1.1: a verifier without a challenge is refused like the reverse, or whoever strips
 * the challenge from an authorization request would switch the protection off.
 */
function verifierFits(verifier: string | undefined, challenge: string | null): boolean {
  if (verifier === undefined || challenge === null)
    return verifier === undefined && challenge === null;
  if (!verifierPattern.test(verifier)) return false;
  return equalConstantTime(utf8(hash('sha256', verifier, 'base64url')), utf8(challenge));
}

function spent(deps: GrantDeps, code: PresentedCode): Effect {
  return {
    steps: [consumed(deps, code)],
    object: { kind: 'code', id: code.id },
    related: { kind: 'family', id: code.family },
  };
}

/** RFC 6749 §4.1.2. The steps hold however often the code comes back. */
function reused(deps: GrantDeps, code: PresentedCode): Effect {
  const reason = 'its authorization code was used twice';
  return { ...spent(deps, code), steps: [familyRevoked(deps, { ...code, reason })] };
}

function consumed(deps: GrantDeps, { partition, tenant, id }: PresentedCode): Step {
  return {
    do: 'update',
    table: 'authorizationCodes',
    where: { partition, tenant, id, consumedAt: null },
    set: { consumedAt: deps.clock.nowMs() },
    refused: 'overtaken',
  };
}
