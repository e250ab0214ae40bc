/**
 * Policies that are asked before a token is issued. Every grant alike asks them in its shared
 * phases, about each resource that the token would be for: all must let it be. What must never
 * happen: a token that a policy could not be asked about.
 */
import { strict as assert } from 'node:assert';
import { type CountryOf, nowSeconds, type TenantId, type TokenBinding } from '@mintmark/core';
import {
  type AccessRequest,
  actionOf,
  EntityUid,
  isUsedFor,
  type JudgedPolicy,
  judgePolicies,
  momentContext,
  type PrincipalFacts,
  present,
  principalOf,
} from '@mintmark/policy';
import { type RightsStore, rightsOf } from '../roles/rights.ts';
import { type KeepPorts, keepDecision } from './keep-decision.ts';
import type { PolicyReader } from './policy-reader.ts';

export interface IssuancePorts extends KeepPorts {
  readonly policies: Pick<PolicyReader, 'of'>;
  readonly rights: RightsStore;
  readonly countryOf: CountryOf | undefined;
}

/** A token that is about to be made. */
export interface Issuance {
  readonly tenant: TenantId;
  readonly clientId: string;
  /** The client itself where it acts for nobody else (RFC 9068 §2.2). */
  readonly subject: string;
  readonly grant: string;
  /** How the client authenticates. */
  readonly clientAuthentication: string;
  readonly scopes: readonly string[];
  /** At least one. */
  readonly audience: readonly string[];
  readonly format: string;
  readonly ttlSeconds: number;
  readonly binding: TokenBinding | undefined;
  readonly acr: string | null | undefined;
  readonly amr: readonly string[] | undefined;
  readonly authTimeSeconds: number | undefined;
  /** Who acts for the subject (RFC 8693 §4.1). */
  readonly actor: string | undefined;
  /** Name of the outside issuer whose word it rests on. */
  readonly assertionIssuer: string | undefined;
  readonly address: string;
}

/** With the name of the decision: that which denies, or the first where one was made. */
export type IssuanceVerdict =
  | { readonly verdict: 'deny'; readonly decision: string }
  | { readonly verdict: 'allow'; readonly decision: string | undefined };

export type IssuanceJudge = (issuance: Issuance) => Promise<IssuanceVerdict>;

/** @returns a judge that throws StoreFault where the policies cannot be known */
export function createIssuanceJudge(ports: IssuancePorts): IssuanceJudge {
  return async (issuance) => {
    const policies = await ports.policies.of(issuance.tenant);
    // Most have none: nobody's rights are read for nothing.
    if (!policies.some((policy) => isUsedFor(policy, 'token'))) return notAsked;
    return judge(ports, issuance, policies);
  };
}

const notAsked: IssuanceVerdict = { verdict: 'allow', decision: undefined };

async function judge(
  ports: IssuancePorts,
  issuance: Issuance,
  policies: readonly JudgedPolicy[],
): Promise<IssuanceVerdict> {
  // About none it could not be asked at all.
  assert(issuance.audience.length > 0);
  const principal = await principalFacts(ports.rights, issuance);
  let denied: string | undefined;
  let first: string | undefined;
  for (const audience of issuance.audience) {
    const build = () => requestOf(ports, { issuance, principal, audience });
    const judged = judgePolicies(policies, { use: 'token' }, build);
    if (judged === undefined) continue;
    const { verdict } = judged;
    const reason = verdict === 'deny' ? 'policy_denied' : 'ok';
    const { tenant } = issuance;
    const decision = await keepDecision(ports, { ...judged, tenant, surface: 'token', reason });
    first ??= decision;
    if (verdict === 'deny') denied ??= decision;
  }
  if (denied !== undefined) return { verdict: 'deny', decision: denied };
  return { verdict: 'allow', decision: first };
}

async function principalFacts(
  rights: RightsStore,
  { tenant, clientId: client, subject, scopes }: Issuance,
): Promise<PrincipalFacts> {
  if (subject === client) return { kind: 'client', id: client, tenant, scopes, client };
  const { roles, groups } = await rightsOf(rights, tenant, subject);
  return { kind: 'user', id: subject, tenant, scopes, client, roles: [...roles], groups };
}

/** Its members stand in `policy/src/access/schema-text.ts` too, as a schema. */
function requestOf(
  { clock, countryOf }: Pick<IssuancePorts, 'clock' | 'countryOf'>,
  of: {
    readonly issuance: Issuance;
    readonly principal: PrincipalFacts;
    readonly audience: string;
  },
): AccessRequest {
  const { issuance, audience } = of;
  const { address, binding } = issuance;
  const principal = principalOf(of.principal);
  const action = actionOf('issue');
  const resource = { uid: new EntityUid('Audience', audience) };
  const context = {
    ...momentContext({ now: nowSeconds(clock), address, country: countryOf?.(address) }),
    ...present({
      grant: issuance.grant,
      client_authentication: issuance.clientAuthentication,
      scopes: issuance.scopes,
      audience: issuance.audience,
      format: issuance.format,
      lifetime: issuance.ttlSeconds,
      bound: binding !== undefined,
      binding: binding && (binding.by === 'jkt' ? 'dpop' : 'mtls'),
      acr: issuance.acr ?? undefined,
      amr: issuance.amr,
      auth_time: issuance.authTimeSeconds,
      actor: issuance.actor,
      assertion_issuer: issuance.assertionIssuer,
    }),
  };
  return {
    ...{ principal: principal.uid, action: action.uid, resource: resource.uid, context },
    entities: [principal, action, resource],
  };
}
