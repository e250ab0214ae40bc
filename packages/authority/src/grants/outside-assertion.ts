/**
 * An assertion of an outside issuer as the grant (RFC 7523 §2.1): a cluster or a build service
 * vouches for a workload, a partner for a person. It counts as far as the operator's rules for that
 * issuer go, through the clients that they name, and nobody comes into being by it.
 */
import {
  err,
  type JsonValue,
  limits,
  nowSeconds,
  ok,
  type SubjectId,
  type TenantId,
} from '@mintmark/core';
import {
  assertionIssuer,
  assertionKeyId,
  type VerifiedIssuedAssertion,
  verifyIssuedAssertion,
} from '@mintmark/tokens';
import type { Client } from '../clients/client.ts';
import { singleUseStep } from '../clients/single-use.ts';
import {
  type AssertionIssuer,
  type AssertionRule,
  assertionIssuerSchema,
  ruleFor,
} from '../federation/assertion-issuer.ts';
import type { Step } from '../store/act.ts';
import type { GrantDeps, Judged, Targets, TokenRequest } from './grant.ts';
import { subjectRequired } from './subject.ts';
import { targetsOf } from './targets.ts';

/** @param assertion whose `iss` is not the client itself */
export async function judgeOutsideAssertion(
  deps: GrantDeps,
  { tenant }: TokenRequest,
  { client, assertion: text }: { readonly client: Client; readonly assertion: string },
): Promise<Judged> {
  const trusted = await findIssuer(deps, tenant, assertionIssuer(text));
  const assertion = trusted && (await verified(deps, { tenant, text, ...trusted }));
  if (trusted === undefined || assertion === undefined) return err({ reason: 'grant_unknown' });
  const rule = ruleFor(trusted.issuer, { ...assertion, clientId: client.clientId });
  if (rule === undefined) return err({ reason: 'may_not_assert' });
  const spent = spentOnce(tenant, trusted.issuer, assertion);
  // Which of two is the same one could not be told.
  if (spent === undefined) return err({ reason: 'grant_unknown' });
  const subject = await subjectOf(deps, { client, rule, assertion });
  if (subject === undefined) return err({ reason: 'subject_ended' });
  const person = { tenant, subject };
  const isOwn = (subject as string) === client.clientId;
  return ok({
    subject,
    scopes: client.scopes.filter((scope) => rule.scopes?.includes(scope) ?? true),
    audience: withinRule(targetsOf(client, deps.issuerOf(tenant)), rule),
    // RFC 7521 §4.1: what it gives does not outlive it.
    endsAt: assertion.expiresAt,
    steps: [...spent, trusted.still, ...(isOwn ? [] : [subjectRequired(person)])],
    vouchedBy: trusted.name,
  });
}

interface Trusted {
  readonly name: string;
  readonly issuer: AssertionIssuer;
  /** It is still trusted as it was read. */
  readonly still: Step;
}

async function findIssuer(
  { store }: Pick<GrantDeps, 'store'>,
  tenant: TenantId,
  iss: string | undefined,
): Promise<Trusted | undefined> {
  if (iss === undefined) return undefined;
  const where = { tenant, issuer: iss };
  const [row] = await store.assertionIssuers.list({ where, limit: 1 });
  if (row === undefined) return undefined;
  const { name, version } = row;
  const still: Step = {
    do: 'require',
    table: 'assertionIssuers',
    where: { tenant, name, version },
    refused: 'overtaken',
  };
  return { name, issuer: assertionIssuerSchema.parse(row.definition), still };
}

async function verified(
  deps: GrantDeps,
  { tenant, text, issuer }: Trusted & { readonly tenant: TenantId; readonly text: string },
): Promise<VerifiedIssuedAssertion | undefined> {
  const { jwks, jwks_uri: jwksUri, algorithms } = issuer;
  const ofIssuer = { jwks: jwks as JsonValue | undefined, jwksUri };
  const keys = await deps.clientKeys.find(ofIssuer, assertionKeyId(text));
  if (keys === undefined) return undefined;
  const found = verifyIssuedAssertion(text, {
    ...{ issuer: issuer.issuer, keys, algorithms, now: nowSeconds(deps.clock) },
    audiences: issuer.audiences ?? [deps.issuerOf(tenant)],
    lifetimeSecondsMax: issuer.lifetime_seconds_max ?? limits.assertionTtlSecondsMax,
  });
  return found.ok ? found.value : undefined;
}

/** Undefined where it must count once and has nothing to tell it by. */
function spentOnce(
  tenant: TenantId,
  { issuer, single_use: isSingle = true }: AssertionIssuer,
  { jti, expiresAt: endsAt }: VerifiedIssuedAssertion,
): readonly Step[] | undefined {
  if (!isSingle) return [];
  if (jti === undefined) return undefined;
  // Two names, so that no client's own id can be that of an issuer.
  return [singleUseStep({ tenant, kind: 'grant', of: `issuer ${issuer}`, id: jti, endsAt })];
}

/** Whose token it gives; undefined where nobody here has the name. */
async function subjectOf(
  { users }: Pick<GrantDeps, 'users'>,
  {
    client,
    rule,
    assertion,
  }: {
    readonly client: Client;
    readonly rule: AssertionRule;
    readonly assertion: VerifiedIssuedAssertion;
  },
): Promise<SubjectId | undefined> {
  const { speaks_for: speaksFor = 'client', claim = 'sub' } = rule;
  if (speaksFor === 'client') return client.clientId as string as SubjectId;
  const named = Object.hasOwn(assertion.claims, claim) ? assertion.claims[claim] : undefined;
  // A token of a machine is known by a subject that is its client: nobody else may be called so.
  if (typeof named !== 'string' || named === client.clientId) return undefined;
  if (speaksFor === 'user_id') return named as SubjectId;
  return (await users.findByUsername(client.tenant, named))?.id;
}

function withinRule({ allowed, byDefault }: Targets, { audiences }: AssertionRule): Targets {
  if (audiences === undefined) return { allowed, byDefault };
  const within = allowed.filter((one) => audiences.includes(one));
  const fits = byDefault.every((one) => audiences.includes(one));
  return { allowed: within, byDefault: fits ? byDefault : within.slice(0, 1) };
}
