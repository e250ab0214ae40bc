/** How a person was authenticated, in the words of RFC 8176, and how much that is worth. */

/**
 * Authentication method references (RFC 8176 §2): a password, a one-time code, a key that stays in
 * its device, a key that its provider may copy, a person who was there, and two factors together.
 */
export type AuthenticationMethod = 'pwd' | 'otp' | 'hwk' | 'swk' | 'user' | 'mfa';

/** Weakest first; `phr` is phishing-resistant (OpenID Enhanced Authentication Profile §2). */
export type AuthenticationContext = 'pwd' | 'mfa' | 'phr';

/** The methods of a sign-in that had a second step: two different factors are also `mfa`. */
export function joinMethods(
  first: readonly AuthenticationMethod[],
  second: readonly AuthenticationMethod[],
): readonly AuthenticationMethod[] {
  const all = new Set([...first, ...second]);
  if (first.includes('pwd') && second.some((method) => method !== 'pwd')) all.add('mfa');
  return [...all];
}

/** The `acr` that these methods reach. */
export function acrOf(amr: readonly AuthenticationMethod[]): AuthenticationContext {
  if (amr.includes('hwk') || amr.includes('swk')) return 'phr';
  return amr.includes('mfa') ? 'mfa' : 'pwd';
}
