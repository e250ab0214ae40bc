/**
 * What clients that nobody vouches for get only when an administrator has approved it. The rules of
 * a client that registered itself, or that a document describes, are made anew of each word of it;
 * what was decided about it lies beside that, and is not its own to change.
 */
import { isDeepStrictEqual } from 'node:util';
import { allowedResponseTypes, type ClientRules, type GrantType } from './client-rules.ts';

/** What is much: these wait for an administrator, all else is had at once. */
export interface ApprovalRule {
  readonly scopes: readonly string[];
  readonly grantTypes: readonly string[];
}

export const nothingIsMuch: ApprovalRule = { scopes: [], grantTypes: [] };

type Wanted = Pick<ClientRules, 'scopes' | 'grantTypes'>;
type Split = Wanted & Pick<ClientRules, 'pendingScopes' | 'pendingGrantTypes'>;

/** Divides what a stranger asks for into what it gets and what waits. */
export function splitWanted(rule: ApprovalRule, { scopes, grantTypes }: Wanted): Split {
  const isMuch = (scope: string): boolean => rule.scopes.includes(scope);
  const isMuchOfAGrant = (grant: string): boolean => rule.grantTypes.includes(grant);
  return {
    scopes: scopes.filter((scope) => !isMuch(scope)),
    pendingScopes: scopes.filter(isMuch),
    grantTypes: grantTypes.filter((grant) => !isMuchOfAGrant(grant)),
    pendingGrantTypes: grantTypes.filter(isMuchOfAGrant),
  };
}

/** What waits, or a part of it, is granted. */
export function approve(
  rules: ClientRules,
  what: { readonly scopes: readonly string[]; readonly grantTypes: readonly string[] },
): ClientRules {
  const scopes = rules.pendingScopes.filter((scope) => what.scopes.includes(scope));
  const grants = rules.pendingGrantTypes.filter((grant) => what.grantTypes.includes(grant));
  return withDecisions(
    { ...rules },
    {
      approvedScopes: joined(rules.approvedScopes, scopes),
      approvedGrantTypes: joined(rules.approvedGrantTypes, grants),
    },
  );
}

/** What an administrator gives by naming it is approved with that. */
export function decidedScopes(rules: ClientRules): ClientRules {
  const { approvedGrantTypes } = rules;
  return withDecisions(rules, {
    approvedScopes: joined(rules.approvedScopes, rules.scopes),
    approvedGrantTypes,
  });
}

/** Where its answers go and what proves it: by these an administrator knew whom he approved. */
const identity = [
  'redirectUris',
  'jwks',
  'jwksUri',
  'tlsClientAuthSubjectDn',
  'tlsClientAuthSanDns',
  'tlsClientAuthSanUri',
  'tlsClientAuthSanIp',
  'tlsClientAuthSanEmail',
] as const satisfies readonly (keyof ClientRules)[];

/**
 * What a client says anew of itself, with what was decided about it. Where it turns into another
 * one, nothing of that holds: an approval is not to be had by whoever may edit a registration.
 */
export function redescribed(said: ClientRules, before: ClientRules): ClientRules {
  const isSame = identity.every((member) => isDeepStrictEqual(said[member], before[member]));
  return isSame ? withDecisions(said, before) : said;
}

/** The same decisions over other rules. */
function withDecisions(
  rules: ClientRules,
  {
    approvedScopes,
    approvedGrantTypes,
  }: Pick<ClientRules, 'approvedScopes' | 'approvedGrantTypes'>,
): ClientRules {
  const isGranted = (grant: GrantType): boolean => approvedGrantTypes.includes(grant);
  const grantTypes = joined(rules.grantTypes, rules.pendingGrantTypes.filter(isGranted));
  return {
    ...rules,
    ...{ approvedScopes, approvedGrantTypes, grantTypes },
    scopes: joined(rules.scopes, approvedScopes),
    pendingScopes: rules.pendingScopes.filter((scope) => !approvedScopes.includes(scope)),
    pendingGrantTypes: rules.pendingGrantTypes.filter((grant) => !isGranted(grant)),
    responseTypes: allowedResponseTypes(joined(['code'], rules.responseTypes), grantTypes),
  };
}

function joined<T>(some: readonly T[], more: readonly T[]): readonly T[] {
  return [...new Set([...some, ...more])];
}
