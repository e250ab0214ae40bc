/**
 * Authentication context classes, weakest first. `pwd`: a password. `mfa`: a second factor with it.
 * `phr`: phishing-resistant (OpenID Enhanced Authentication Profile). The authority grants by this
 * order and gateways demand by it: were theirs another, whoever is sent to sign in again would come
 * back with what is refused again.
 */
export const acrValues = ['pwd', 'mfa', 'phr'] as const;

export type AcrValue = (typeof acrValues)[number];

export function isAcrValue(value: unknown): value is AcrValue {
  return acrValues.some((acr) => acr === value);
}

/** Whether the one is at least as strong as the other. */
export function acrReaches(acr: AcrValue, wanted: AcrValue): boolean {
  return acrValues.indexOf(acr) >= acrValues.indexOf(wanted);
}
