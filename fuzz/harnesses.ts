/** Every parser that meets a stranger's bytes, in the order of the packages. */
import type { Harness } from './harness.ts';
import { authorizationRequestHarness } from './harnesses/authorization-request.ts';
import { compilePatternHarness } from './harnesses/compile-pattern.ts';
import { decryptJweHarness } from './harnesses/decrypt-jwe.ts';
import { findTokensHarness } from './harnesses/find-tokens.ts';
import { importVerificationKeyHarness } from './harnesses/import-verification-key.ts';
import { maskJsonHarness } from './harnesses/mask-json.ts';
import { normalisePathHarness } from './harnesses/normalise-path.ts';
import { openRecordHarness } from './harnesses/open-record.ts';
import { parseAddressHarness } from './harnesses/parse-address.ts';
import { parseCredentialHarness } from './harnesses/parse-credential.ts';
import { parseCustodyFileHarness } from './harnesses/parse-custody-file.ts';
import { parseFeedHarness } from './harnesses/parse-feed.ts';
import { parseJsonHarness } from './harnesses/parse-json.ts';
import { parsePoliciesHarness } from './harnesses/parse-policies.ts';
import { parsePolicyEntitiesHarness } from './harnesses/parse-policy-entities.ts';
import { parsePolicySchemaHarness } from './harnesses/parse-policy-schema.ts';
import { parseRouteHarness } from './harnesses/parse-route.ts';
import { parseSecretTokenHarness } from './harnesses/parse-secret-token.ts';
import { parseSubKeyHarness } from './harnesses/parse-sub-key.ts';
import { readCheckRequestHarness } from './harnesses/read-check-request.ts';
import { readRateLimitRequestHarness } from './harnesses/read-rate-limit-request.ts';
import { readSpopFrameHarness } from './harnesses/read-spop-frame.ts';
import { readThreatListHarness } from './harnesses/read-threat-list.ts';
import { scanPlaceHarness } from './harnesses/scan-place.ts';
import { verifyAccessTokenHarness } from './harnesses/verify-access-token.ts';
import { verifyAuditExportHarness } from './harnesses/verify-audit-export.ts';
import { verifyClientAssertionHarness } from './harnesses/verify-client-assertion.ts';
import { verifyDpopProofHarness } from './harnesses/verify-dpop-proof.ts';
import { verifyJwsHarness } from './harnesses/verify-jws.ts';
import { vetHeadHarness } from './harnesses/vet-head.ts';

export const harnesses: readonly Harness[] = [
  parseJsonHarness,
  parseAddressHarness,
  compilePatternHarness,
  maskJsonHarness,
  parseRouteHarness,
  parseFeedHarness,
  parseSecretTokenHarness,
  findTokensHarness,
  scanPlaceHarness,
  parseSubKeyHarness,
  parseCredentialHarness,
  importVerificationKeyHarness,
  verifyJwsHarness,
  decryptJweHarness,
  verifyAccessTokenHarness,
  verifyClientAssertionHarness,
  verifyDpopProofHarness,
  openRecordHarness,
  parsePoliciesHarness,
  parsePolicySchemaHarness,
  parsePolicyEntitiesHarness,
  verifyAuditExportHarness,
  parseCustodyFileHarness,
  vetHeadHarness,
  normalisePathHarness,
  readCheckRequestHarness,
  readRateLimitRequestHarness,
  readSpopFrameHarness,
  readThreatListHarness,
  authorizationRequestHarness,
];
