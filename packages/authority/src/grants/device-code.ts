/**
 * The device authorization grant (RFC 8628 §3.4): a device asks, again and again, whether somebody
 * has approved it. A code is spent by the act that issues; a second use revokes all that the first
 * gave: either the answer was lost, and nobody misses it, or two hold the code. Another client
 * changes nothing.
 */
import { err, limits, nowSeconds, ok } from '@mintmark/core';
import type { DeviceApproval, DeviceGrant } from '../issuance/device-code.ts';
import { findDeviceCode } from '../issuance/device-code.ts';
import type { Step } from '../store/act.ts';
import { basisOf } from './basis.ts';
import { familyRevoked } from './family.ts';
import type { Effect, Grant, GrantDeps, Judged } from './grant.ts';
import { subjectRequired } from './subject.ts';
import { targetsOf } from './targets.ts';

export const deviceCode: Grant = {
  type: 'urn:ietf:params:oauth:grant-type:device_code',
  // RFC 8628 §3.4 has no such parameter here: what was approved is what there is.
  takesScope: false,
  async judge(deps, request, client) {
    const { tenant } = request;
    const text = request.parameter('device_code');
    if (text === undefined) return err({ reason: 'missing_parameter', name: 'device_code' });
    const grant = await findDeviceCode(deps, tenant, text);
    if (grant === undefined || grant.clientId !== client.clientId) {
      return err({ reason: 'grant_unknown' });
    }
    const { approval } = grant;
    if (grant.status === 'denied') return err({ reason: 'access_denied' });
    if (grant.status === 'consumed' && approval !== null) return usedAgain(deps, grant, approval);
    if (nowSeconds(deps.clock) >= grant.expiresAt) return err({ reason: 'expired_token' });
    if (approval === null) return stillPending(deps, grant);
    const { dpopJkt } = grant.request;
    if (dpopJkt !== null && dpopJkt !== request.dpopJkt) return err({ reason: 'key_mismatch' });
    const { subject, terms } = approval;
    const basis = await basisOf(deps, agreedIn(grant, approval));
    if (basis === undefined) return err({ reason: 'grant_revoked' });
    const person = { tenant, subject };
    return ok({
      subject,
      // What the client may no longer ask for, it no longer gets.
      scopes: terms.scopes.filter((scope) => client.scopes.includes(scope)),
      audience: targetsOf(client, deps.issuerOf(tenant), terms.audience),
      basis,
      steps: [consumed(grant), subjectRequired(person)],
      terms,
    });
  },
};

/**
 * RFC 8628 §3.5: a device that asks before its time has to wait longer, from then on. What it was
 * told stands in the store, so that no other node forgets it. Without `refused`: of many questions
 * at one moment one is counted, and all are answered.
 */
function stillPending(deps: GrantDeps, grant: DeviceGrant): Judged {
  const { tenant, id, intervalSeconds, polledAt } = grant;
  const now = deps.clock.nowMs();
  const dueAt =
    polledAt === null ? now : polledAt + intervalSeconds * 1000 - limits.devicePollLeewayMs;
  const where = { tenant, id, status: 'pending', intervalSeconds, polledAt } as const;
  const asked = (set: { readonly polledAt: number; readonly intervalSeconds?: number }) => ({
    effect: { steps: [{ do: 'update', table: 'deviceGrants', where, set } as const] },
  });
  if (now >= dueAt)
    return { ...err({ reason: 'authorization_pending' }), ...asked({ polledAt: now }) };
  const slower = intervalSeconds + limits.devicePollStepSeconds;
  // It will not live to ask again in time: nothing is left to be written down.
  if (slower > limits.deviceCodeSeconds) return err({ reason: 'slow_down' });
  return {
    ...err({ reason: 'slow_down' }),
    ...asked({ polledAt: now, intervalSeconds: slower }),
  };
}

async function usedAgain(
  deps: GrantDeps,
  grant: DeviceGrant,
  approval: DeviceApproval,
): Promise<Judged> {
  // Once is enough: a code sent again and again must not fill the feed.
  const lives = (await basisOf(deps, agreedIn(grant, approval))) !== undefined;
  return {
    ...err({ reason: 'grant_reused' }),
    ...(lives && { effect: reused(deps, grant, approval) }),
  };
}

function reused(deps: GrantDeps, grant: DeviceGrant, { family }: DeviceApproval): Effect {
  const { tenant, id, clientId } = grant;
  const reason = 'its device code was used twice';
  return {
    steps: [familyRevoked(deps, { tenant, clientId, family, reason })],
    object: { kind: 'code', id },
    related: { kind: 'family', id: family },
  };
}

function agreedIn({ tenant, id, clientId }: DeviceGrant, approval: DeviceApproval) {
  const { subject, family, position, approvedAt: issuedAt } = approval;
  return { tenant, id, clientId, subject, family, position, issuedAt };
}

function consumed({ tenant, id }: DeviceGrant): Step {
  return {
    do: 'update',
    table: 'deviceGrants',
    where: { tenant, id, status: 'approved' },
    set: { status: 'consumed' },
    refused: 'overtaken',
  };
}
