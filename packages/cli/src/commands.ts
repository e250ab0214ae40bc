/** Every command, in the order in which help shows them. */
import type { Command } from './command.ts';
import { adminKeyCommands } from './commands/admin-key.ts';
import { apiCommands } from './commands/api.ts';
import { applyCommands } from './commands/apply.ts';
import { assertionIssuerCommands } from './commands/assertion-issuer.ts';
import { auditCommands } from './commands/audit.ts';
import { backupCommands } from './commands/backup.ts';
import { clientCommands } from './commands/client.ts';
import { custodyCommands } from './commands/custody.ts';
import { detailTypeCommands } from './commands/detail-type.ts';
import { doctorCommands } from './commands/doctor.ts';
import { emergencyCommands } from './commands/emergency.ts';
import { importCommands } from './commands/import.ts';
import { keyCommands } from './commands/key.ts';
import { leakCommands } from './commands/leak.ts';
import { leastPrivilegeCommands } from './commands/least-privilege.ts';
import { limitChangeCommands } from './commands/limit-change.ts';
import { limitCommands } from './commands/limits.ts';
import { noticeCommands } from './commands/notice.ts';
import { patCommands } from './commands/pat.ts';
import { planCommands } from './commands/plan.ts';
import { policyCommands } from './commands/policy.ts';
import { proxyCommands } from './commands/proxy.ts';
import { revokeCommands } from './commands/revoke.ts';
import { roleCommands } from './commands/role.ts';
import { rotationCommands } from './commands/rotation.ts';
import { routeCommands } from './commands/route.ts';
import { scanCommands } from './commands/scan.ts';
import { serveCommands } from './commands/serve.ts';
import { signingKeyCommands } from './commands/signing-key.ts';
import { tenantCommands } from './commands/tenant.ts';
import { threatFeedCommands } from './commands/threat-feed.ts';
import { tokenCommands } from './commands/token.ts';
import { upstreamCredentialCommands } from './commands/upstream-credential.ts';
import { userCommands } from './commands/user.ts';

export const commands: readonly Command[] = [
  ...serveCommands,
  ...doctorCommands,
  ...backupCommands,
  ...applyCommands,
  ...importCommands,
  ...keyCommands,
  ...clientCommands,
  ...userCommands,
  ...roleCommands,
  ...patCommands,
  ...tokenCommands,
  ...revokeCommands,
  ...emergencyCommands,
  ...leastPrivilegeCommands,
  ...detailTypeCommands,
  ...routeCommands,
  ...proxyCommands,
  ...apiCommands,
  ...policyCommands,
  ...assertionIssuerCommands,
  ...threatFeedCommands,
  ...upstreamCredentialCommands,
  ...planCommands,
  ...limitCommands,
  ...limitChangeCommands,
  ...rotationCommands,
  ...signingKeyCommands,
  ...custodyCommands,
  ...adminKeyCommands,
  ...tenantCommands,
  ...noticeCommands,
  ...auditCommands,
  ...scanCommands,
  ...leakCommands,
];
