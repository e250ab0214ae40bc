export {
  type AccessTokenExpectation,
  type AccessTokenRefusal,
  accessTokenHeader,
  accessTokenSigningInput,
  accessTokenType,
  type VerifiedAccessToken,
  verifyAccessToken,
} from './access-token.ts';
export { jwsAlgorithms, type MlDsaAlgorithm, parseJwsAlgorithm } from './algorithms.ts';
export {
  buildSecretToken,
  freshTokenId,
  hashSecret,
  isTokenPrefix,
  parseSecretToken,
  partitionOfTokenId,
  type SecretToken,
  type SecretTokenKind,
  type SecretTokenRefusal,
  secretVerifier,
  tokenIdsFrom,
} from './api-key.ts';
export { type AccessTokenClaims, type ClaimsRefusal, furtherClaims } from './claims.ts';
export {
  assertionKeyId,
  assertionSubject,
  type ClientAssertionExpectation,
  type ClientAssertionRefusal,
  type VerifiedClientAssertion,
  type VerifiedGrantAssertion,
  verifyClientAssertion,
  verifyGrantAssertion,
} from './client-assertion.ts';
export { type JweEncryption, jweEncryptions } from './content-encryption.ts';
export {
  type Credential,
  type CredentialForms,
  type CredentialHeaders,
  type CredentialRefusal,
  parseCredential,
} from './credential.ts';
export { deriveKey } from './derive-key.ts';
export {
  createProofKeys,
  type DpopExpectation,
  type DpopRefusal,
  dpopAlgorithms,
  type ProofKeys,
  type VerifiedDpopProof,
  verifyDpopProof,
} from './dpop.ts';
export { createDpopNonces, type DpopNonces } from './dpop-nonce.ts';
export {
  type EncryptedTokenNames,
  encryptAccessToken,
  readEncryptedTokenNames,
} from './encrypted-access-token.ts';
export {
  type DecryptionKey,
  type EncryptionKey,
  encryptionKeysIn,
  type GeneratedEncryptionKey,
  generateEncryptionKey,
  importEncryptionKey,
  type JweAlgorithm,
  jweAlgorithms,
} from './encryption-key.ts';
export { createTokenScan, type FoundToken, type TokenScan } from './find-tokens.ts';
export { type IdTokenClaims, idTokenSigningInput } from './id-token.ts';
export {
  assertionIssuer,
  type IssuedAssertionExpectation,
  type VerifiedIssuedAssertion,
  verifyIssuedAssertion,
} from './issued-assertion.ts';
export {
  type DecryptedJwe,
  decryptJwe,
  encryptJwe,
  encryptJwt,
  type JweExpectation,
  type JweRecipient,
  type JweRefusal,
  looksEncrypted,
} from './jwe.ts';
export {
  importVerificationKey,
  type JwkRefusal,
  jwkThumbprint,
  type KeyMaterial,
  parseKeyMaterial,
  type VerificationKey,
} from './jwk.ts';
export {
  assembleJws,
  type JwsExpectation,
  type JwsRefusal,
  jwsSigningInput,
  type VerifiedJws,
  verifyJws,
} from './jws.ts';
export {
  createKeySet,
  type JwksRefusal,
  type KeySet,
  type KeySetRefusal,
  parseKeySet,
} from './key-set.ts';
export {
  openRecord,
  type SealedRecordRefusal,
  sealedKeyId,
  sealRecord,
} from './sealed-record.ts';
export { openSuccessor, type Rotation, sealSuccessor } from './sealed-successor.ts';
export {
  type AsymmetricAlgorithm,
  type GeneratedKey,
  generateSigningKey,
  type LocalSigner,
  localSigner,
} from './signing-key.ts';
export {
  packStatuses,
  readStatusList,
  type StatusBits,
  type StatusList,
  type StatusListRefusal,
  statusListSigningInput,
  tokenStatus,
} from './status-list.ts';
export {
  type DeriveRefusal,
  deriveSubKey,
  isSubKeyText,
  parseSubKey,
  provenSubKey,
  type SubKey,
  type SubKeyParseRefusal,
  type SubKeyRefusal,
  subKeyTargetId,
  type VerifiedSubKey,
  verifySubKey,
} from './sub-key.ts';
export { derivationKeyOf } from './sub-key-crypto.ts';
export { parseSubKeyLink, type SubKeyLink, type SubKeyRestrictions } from './sub-key-link.ts';
export { createSubKeyMemory, type SubKeyMemory } from './sub-key-memory.ts';
export {
  isBoundToUse,
  judgeSubKeyNow,
  judgeSubKeyUse,
  narrowScopes,
  type SubKeyDenial,
  type SubKeyRestricted,
  type SubKeyUse,
  subKeyEnd,
  subKeyName,
} from './sub-key-rights.ts';
export { createVerifiedCache, digestToken, type VerifiedCache } from './verified-cache.ts';
