/**
 * The second step of a sign-in: the password was right, and the person has an authenticator app.
 * What was proven until then is carried by the form, sealed with a key of the authority to this
 * sign-in, this browser and a few minutes: no session exists before the second step.
 */
import { createHmac } from 'node:crypto';
import {
  type Clock,
  equalConstantTime,
  err,
  limits,
  nowSeconds,
  ok,
  type Result,
  type SubjectId,
  type TenantId,
  utf8,
} from '@mintmark/core';
import type { Peppers } from '../custody/peppers.ts';
import { joinMethods } from '../users/authentication.ts';
import type { AuthenticatedPerson, CodeRefusal, People, SecondFactors } from './people.ts';
import type { SignIn, SignInRefusal } from './sign-ins.ts';
import type { Visitor } from './visitor.ts';

export interface SecondStepDeps {
  readonly users: Pick<People, 'get'>;
  readonly factors: SecondFactors;
  readonly peppers: Pick<Peppers, 'current' | 'find'>;
  readonly clock: Clock;
}

interface Where {
  readonly tenant: TenantId;
  readonly visitor: Visitor;
  readonly signIn: SignIn;
}

/** What the form of the second step carries for a person whose password was right. */
export function halfwayToken(
  deps: Pick<SecondStepDeps, 'peppers' | 'clock'>,
  where: Where,
  user: { readonly id: SubjectId; readonly version: number },
): string {
  const pepper = deps.peppers.current();
  const expires = nowSeconds(deps.clock) + limits.secondStepSeconds;
  const said = [user.id, user.version, expires, pepper.version].join('.');
  return `${said}.${macOf(pepper.key, where, said)}`;
}

/**
 * Judges the code of a person who is halfway in.
 *
 * @param input.code of the app, or one of the recovery codes
 * @returns refusals: sign_in_over (forged, late, of another sign-in, or the user was changed
 *   meanwhile), and those of the code
 */
export async function takeSecondStep(
  deps: SecondStepDeps,
  input: Where & { readonly halfway: string; readonly code: string },
): Promise<Result<AuthenticatedPerson, CodeRefusal | SignInRefusal>> {
  const { tenant, visitor, code } = input;
  const user = await findHalfway(deps, input);
  if (user === undefined) return err({ reason: 'sign_in_over' });
  const { address, userAgent } = visitor;
  const actor = { kind: 'user', id: user.id } as const;
  const attempt = { requester: { tenant, actor, address, userAgent }, userId: user.id, code };
  const isOfApp = /^[\d\s]{6,12}$/.test(code);
  const proof = isOfApp
    ? await deps.factors.verifyTotp(attempt)
    : await deps.factors.useRecoveryCode(attempt);
  return proof.ok ? ok({ ...user, amr: joinMethods(['pwd'], proof.value.amr) }) : proof;
}

async function findHalfway(deps: SecondStepDeps, input: Where & { readonly halfway: string }) {
  const parts = /^(([0-9A-Za-z]{17})\.(\d{1,15})\.(\d{1,12})\.([\w-]{1,64}))\.([\w-]{43})$/.exec(
    input.halfway,
  );
  if (parts === null) return undefined;
  const [, said = '', id = '', version = '', expires = '', pepperVersion = '', mac = ''] = parts;
  const pepper = await deps.peppers.find(pepperVersion);
  if (pepper === undefined) return undefined;
  if (!equalConstantTime(utf8(macOf(pepper, input, said)), utf8(mac))) return undefined;
  if (Number(expires) <= nowSeconds(deps.clock)) return undefined;
  const user = await deps.users.get(input.tenant, id as SubjectId);
  return user?.status === 'active' && user.version === Number(version) ? user : undefined;
}

function macOf(key: Uint8Array, { tenant, visitor, signIn }: Where, said: string): string {
  const bound = ['second step', tenant, signIn.id, visitor.browser, said].join('\0');
  return createHmac('sha256', key).update(bound).digest('base64url');
}
