/**
 * Authentication context classes, weakest first. `pwd`: a password. `mfa`: a second factor with it.
 * `phr`: phishing-resistant (OpenID Enhanced Authentication Profile).
 */
const acrValues = ['pwd', 'mfa', 'phr'] as const;

/** Those that somebody can sign in with. */
export const reachableAcrValues: readonly AcrValue[] = ['pwd', 'mfa', 'phr'];

export type AcrValue = (typeof acrValues)[number];

export function isAcrValue(value: unknown): value is AcrValue {
  return acrValues.some((acr) => acr === value);
}

/** Whether the one is at least as strong as the other. */
export function acrReaches(acr: AcrValue, wanted: AcrValue): boolean {
  return acrValues.indexOf(acr) >= acrValues.indexOf(wanted);
}
