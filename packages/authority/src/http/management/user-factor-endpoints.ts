/** `/v1/users/{id}/…`: second factors and resets, as administrators set them up and take away. */
import { err, ok, type SubjectId, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import type { FactorKind, Factors } from '../../users/factors.ts';
import type { Resets } from '../../users/resets.ts';
import type { Users } from '../../users/users.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';
import { factors, recoveryCodes, resetToken, totpSecret } from './user-wire.ts';
import { renderMoment } from './wire-schema.ts';

export interface UserFactorPorts {
  readonly users: Pick<Users, 'get'>;
  readonly factors: Factors;
  readonly resets: Pick<Resets, 'issue'>;
  /** Shown by authenticator apps beside the name. */
  readonly issuerName: (tenant: TenantId) => string;
  /** Where a reset's token is turned into a new password. */
  readonly resetPage: (tenant: TenantId) => string;
}

const group = 'users';
const params = z.strictObject({ id: z.string().min(1).max(64) });

export function userFactorEndpoints(ports: UserFactorPorts): readonly PreparedEndpoint[] {
  return [
    showFactors(ports),
    beginTotp(ports),
    confirmTotp(ports),
    makeRecoveryCodes(ports),
    removeFactor(ports, 'totp'),
    removeFactor(ports, 'recovery_codes'),
    removeFactor(ports, 'passkeys'),
    issueReset(ports),
  ];
}

function showFactors(ports: UserFactorPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/users/{id}/factors',
    operation: 'showUserFactors',
    group,
    summary: 'What the user has beside the password',
    permission: 'users:read',
    params,
    answers: { 200: { description: 'Which, and how many.', schema: factors } },
    async handle({ tenant, params }) {
      const one = await ports.users.get(tenant, params.id as SubjectId);
      if (one === undefined) return err({ code: 'not_found' });
      const { totp, recoveryCodesLeft, passkeys } = await ports.factors.of(tenant, one.id);
      const body = { totp, recovery_codes_left: recoveryCodesLeft, passkeys };
      return ok({ status: 200, body });
    },
  });
}

function beginTotp(ports: UserFactorPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users/{id}/factors/totp',
    operation: 'beginUserTotp',
    group,
    summary: 'Makes the secret of an authenticator app; it counts once a code has confirmed it',
    permission: 'users:write',
    params,
    answers: { 201: { description: 'The secret, this once.', schema: totpSecret } },
    problems: ['wrong_state'],
    async handle({ requester, params }) {
      const userId = params.id as SubjectId;
      const begun = await ports.factors.beginTotp({
        requester,
        userId,
        issuer: ports.issuerName(requester.tenant),
      });
      if (begun.ok) return ok({ status: 201, body: {}, secret: { ...begun.value } });
      const isThere = begun.refusal.reason === 'factor_exists';
      return err(isThere ? { code: 'wrong_state', detail: 'there is an app' } : gone);
    },
  });
}

function confirmTotp(ports: UserFactorPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users/{id}/factors/totp/confirm',
    operation: 'confirmUserTotp',
    group,
    summary: 'Proves that the app has the secret, by its first code; from now on it is asked for',
    permission: 'users:write',
    params,
    body: z.strictObject({ code: z.string().min(6).max(12) }).meta({ id: 'ConfirmTotp' }),
    answers: { 204: { description: 'Signing in needs a code from now on.' } },
    problems: ['wrong_state'],
    async handle({ requester, params, body }) {
      const userId = params.id as SubjectId;
      const proof = await ports.factors.confirmTotp({ requester, userId, code: body.code });
      if (proof.ok) return ok({ status: 204 });
      const { refusal } = proof;
      if (refusal.reason !== 'invalid_code') return err({ code: 'unavailable' });
      if (refusal.why === 'no_factor') {
        return err({ code: 'wrong_state', detail: 'no app waits for its first code' });
      }
      const errors = [{ pointer: '/code', message: 'is not the code of this moment' }];
      return err({ code: 'invalid_body', errors });
    },
  });
}

function makeRecoveryCodes(ports: UserFactorPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users/{id}/factors/recovery_codes',
    operation: 'makeUserRecoveryCodes',
    group,
    summary: 'Makes recovery codes in place of those before',
    permission: 'users:write',
    params,
    answers: { 201: { description: 'The codes, this once.', schema: recoveryCodes } },
    async handle({ requester, params }) {
      const made = await ports.factors.makeRecoveryCodes({
        requester,
        userId: params.id as SubjectId,
      });
      return made.ok ? ok({ status: 201, body: { codes: made.value } }) : err(gone);
    },
  });
}

const removals: Readonly<Record<FactorKind, { operation: string; summary: string }>> = {
  totp: { operation: 'removeUserTotp', summary: 'Takes the authenticator app away' },
  recovery_codes: {
    operation: 'removeUserRecoveryCodes',
    summary: 'Takes all recovery codes away',
  },
  passkeys: { operation: 'removeUserPasskeys', summary: 'Takes all passkeys away' },
};

function removeFactor(ports: UserFactorPorts, kind: FactorKind): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: `/v1/users/{id}/factors/${kind}`,
    ...removals[kind],
    group,
    permission: 'users:write',
    params,
    answers: { 204: { description: 'Gone.' } },
    async handle({ requester, params }) {
      const userId = params.id as SubjectId;
      const removed = await ports.factors.remove({ requester, userId, kind });
      return removed.ok ? ok({ status: 204 }) : err(gone);
    },
  });
}

function issueReset(ports: UserFactorPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/users/{id}/password/reset',
    operation: 'resetUserPassword',
    group,
    summary: 'Makes a link with which the user sets a new password, in place of any before',
    description: 'It works once, and is shown in this answer only.',
    permission: 'users:write',
    params,
    answers: { 201: { description: 'The link and its token, this once.', schema: resetToken } },
    async handle({ requester, params }) {
      const made = await ports.resets.issue({ requester, userId: params.id as SubjectId });
      if (!made.ok) return err(gone);
      const { token, expiresAtSeconds } = made.value;
      const url = `${ports.resetPage(requester.tenant)}?token=${token}`;
      const secret = { token, url };
      const expires_at = renderMoment(expiresAtSeconds * 1000);
      return ok({ status: 201, body: { expires_at }, secret });
    },
  });
}

const gone: Problem = { code: 'not_found' };
