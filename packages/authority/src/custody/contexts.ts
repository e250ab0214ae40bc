/**
 * What sealed records are bound to. Whoever seals and whoever seals again must say the same, so the
 * words stand here once.
 */
export const sealContext = {
  /** `signingKeys.sealedPrivate` */
  signingKey: (kid: string): string => `signing-key:${kid}`,
  /** `keys.sealedVerifier` */
  keyVerifier: (id: string): string => `key-verifier:${id}`,
  /** `keys.sealedSecret` */
  keyText: (id: string): string => `key-text:${id}`,
  /** `users.sealedClaims` */
  userClaims: (id: string): string => `user-claims:${id}`,
  /** `userTotp.sealedSecret` */
  totpSecret: (userId: string): string => `totp-secret:${userId}`,
  /** `backchannelRequests.sealedPing` */
  ping: (requestId: string): string => `ping:${requestId}`,
  /** `revocations.sealedNote` */
  revocationNote: (id: string): string => `revocation-note:${id}`,
  /** `threatFeeds.sealedSecret` */
  threatFeedSecret: (name: string): string => `threat-feed-secret:${name}`,
  /** `upstreamCredentials.sealedSecret` */
  upstreamCredential: (name: string): string => `upstream-credential:${name}`,
  /** `rotationRuns.sealedSecret` */
  rotatedSecret: (runId: string): string => `rotated-secret:${runId}`,
} as const;
