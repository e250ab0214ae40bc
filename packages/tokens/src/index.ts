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
} from './api-key.ts';
