/** Every parser that meets a stranger's bytes, in the order of the packages. */
import type { Harness } from './harness.ts';
import { importVerificationKeyHarness } from './harnesses/import-verification-key.ts';
import { openRecordHarness } from './harnesses/open-record.ts';
import { parseCredentialHarness } from './harnesses/parse-credential.ts';
import { parseCustodyFileHarness } from './harnesses/parse-custody-file.ts';
import { parseJsonHarness } from './harnesses/parse-json.ts';
import { parseSecretTokenHarness } from './harnesses/parse-secret-token.ts';
import { verifyAccessTokenHarness } from './harnesses/verify-access-token.ts';
import { verifyAuditExportHarness } from './harnesses/verify-audit-export.ts';
import { verifyJwsHarness } from './harnesses/verify-jws.ts';

export const harnesses: readonly Harness[] = [
  parseJsonHarness,
  parseSecretTokenHarness,
  parseCredentialHarness,
  importVerificationKeyHarness,
  verifyJwsHarness,
  verifyAccessTokenHarness,
  openRecordHarness,
  verifyAuditExportHarness,
  parseCustodyFileHarness,
];
