/** The literal list of the management API's endpoints: what is not here does not exist. */
import type { GatewayKeyPorts } from '../../admin/gateway-keys.ts';
import type { AssertionIssuerPorts } from '../../admin/put-assertion-issuer.ts';
import type { GivePorts } from '../../plans/give-plan.ts';
import type { PlanPorts } from '../../plans/put-plan.ts';
import type { UpstreamCredentialPorts } from '../../upstreams/change-credential.ts';
import { type AccessPorts, accessEndpoints } from './access-endpoints.ts';
import { type AdminKeyPorts, adminKeyEndpoints } from './admin-key-endpoints.ts';
import { apiEndpoints } from './api-endpoints.ts';
import { assertionIssuerEndpoints } from './assertion-issuer-endpoints.ts';
import { type AuditPorts, auditEndpoints } from './audit-endpoints.ts';
import {
  type AuthenticationRequestPorts,
  authenticationRequestEndpoints,
} from './authentication-request-endpoints.ts';
import { type ClientPorts, clientEndpoints } from './client-endpoints.ts';
import { type CustodyEndpointPorts, custodyEndpoints } from './custody-endpoints.ts';
import { type DecisionPorts, decisionEndpoints } from './decision-endpoints.ts';
import { detailTypeEndpoints } from './detail-type-endpoints.ts';
import { docsEndpoints } from './docs-page.ts';
import type { PreparedEndpoint } from './endpoint.ts';
import { type FeedEndpointDeps, feedEndpoints } from './feed-endpoints.ts';
import { gatewayKeyEndpoint } from './gateway-key-endpoint.ts';
import { type InstallationPorts, installationEndpoints } from './installation-endpoints.ts';
import { keyAcceptanceEndpoints } from './key-acceptance-endpoints.ts';
import { keyBulkEndpoints } from './key-bulk-endpoints.ts';
import { type KeyEndpointPorts, keyEndpoints } from './key-endpoints.ts';
import { keyImportEndpoint } from './key-import-endpoint.ts';
import { keyQuarantineEndpoints } from './key-quarantine-endpoints.ts';
import { keyRevealEndpoint } from './key-reveal-endpoint.ts';
import { keySpendEndpoints } from './key-spend-endpoints.ts';
import { keyVerifyEndpoint, type VerifyEndpointPorts } from './key-verify-endpoint.ts';
import { type LeakPorts, leakEndpoints } from './leak-endpoints.ts';
import { type LeastPrivilegePorts, leastPrivilegeEndpoints } from './least-privilege-endpoints.ts';
import { type LimitChangePorts, limitChangeEndpoints } from './limit-change-endpoints.ts';
import { limitEndpoints } from './limit-endpoints.ts';
import { type MetricsPorts, metricsEndpoint } from './metrics-endpoint.ts';
import { type NoticePorts, noticeEndpoints } from './notice-endpoints.ts';
import { type PatEndpointPorts, patEndpoints } from './pat-endpoints.ts';
import { planEndpoints } from './plan-endpoints.ts';
import { policyEndpoints } from './policy-endpoints.ts';
import { revocationEndpoints } from './revocation-endpoints.ts';
import type { RevocationPorts } from './revocation-preview-endpoint.ts';
import { roleEndpoints } from './role-endpoints.ts';
import { type RotationEndpointPorts, rotationEndpoints } from './rotation-endpoints.ts';
import { routeEndpoints } from './route-endpoints.ts';
import { type SigningKeyPorts, signingKeyEndpoints } from './signing-key-endpoints.ts';
import { type TenantPorts, tenantEndpoints } from './tenant-endpoints.ts';
import { type ThreatPorts, threatFeedEndpoints } from './threat-feed-endpoints.ts';
import { type TokenPorts, tokenEndpoints } from './token-endpoints.ts';
import { upstreamCredentialEndpoints } from './upstream-credential-endpoints.ts';
import { type UserPorts, userEndpoints } from './user-endpoints.ts';
import { type UserFactorPorts, userFactorEndpoints } from './user-factor-endpoints.ts';

export interface ManagementPorts {
  /** What keys, admin keys, imports and routes are made with. */
  readonly keys: KeyEndpointPorts &
    Parameters<typeof keyBulkEndpoints>[0] &
    Parameters<typeof keyImportEndpoint>[0] &
    AdminKeyPorts;
  readonly routes: Parameters<typeof routeEndpoints>[0];
  readonly policies: Parameters<typeof policyEndpoints>[0] & Parameters<typeof apiEndpoints>[0];
  readonly decisions: DecisionPorts;
  readonly access: AccessPorts;
  readonly assertionIssuers: AssertionIssuerPorts;
  readonly threats: ThreatPorts;
  readonly upstreamCredentials: UpstreamCredentialPorts;
  readonly plans: PlanPorts & GivePorts;
  readonly limitChanges: LimitChangePorts;
  readonly verify: VerifyEndpointPorts;
  readonly clients: ClientPorts;
  readonly detailTypes: Parameters<typeof detailTypeEndpoints>[0];
  readonly users: UserPorts & UserFactorPorts;
  readonly authenticationRequests: AuthenticationRequestPorts;
  readonly notices: NoticePorts;
  readonly pats: PatEndpointPorts;
  readonly roles: Parameters<typeof roleEndpoints>[0];
  readonly tokens: TokenPorts;
  readonly revocations: RevocationPorts;
  readonly leaks: LeakPorts;
  readonly leastPrivilege: LeastPrivilegePorts;
  readonly signingKeys: SigningKeyPorts;
  readonly rotations: RotationEndpointPorts;
  readonly custody: CustodyEndpointPorts;
  readonly audit: AuditPorts;
  readonly installation: InstallationPorts;
  readonly tenants: TenantPorts;
  readonly feed: FeedEndpointDeps;
  readonly gatewayKeys: GatewayKeyPorts;
  readonly operations: MetricsPorts;
  readonly about: Pick<Parameters<typeof docsEndpoints>[0], 'version' | 'server' | 'serverOf'>;
}

export function managementEndpoints(ports: ManagementPorts): readonly PreparedEndpoint[] {
  const endpoints = [
    ...keyEndpoints(ports.keys),
    ...keyAcceptanceEndpoints(ports.keys),
    ...keyBulkEndpoints(ports.keys),
    ...keyQuarantineEndpoints(ports.keys),
    ...keySpendEndpoints(ports.keys),
    keyRevealEndpoint(ports.keys),
    keyVerifyEndpoint(ports.verify),
    keyImportEndpoint(ports.keys),
    ...adminKeyEndpoints(ports.keys),
    ...clientEndpoints(ports.clients),
    ...detailTypeEndpoints(ports.detailTypes),
    ...userEndpoints(ports.users),
    ...userFactorEndpoints(ports.users),
    ...authenticationRequestEndpoints(ports.authenticationRequests),
    ...noticeEndpoints(ports.notices),
    ...patEndpoints(ports.pats),
    ...roleEndpoints(ports.roles),
    ...tokenEndpoints(ports.tokens),
    ...revocationEndpoints(ports.revocations),
    ...leakEndpoints(ports.leaks),
    ...leastPrivilegeEndpoints(ports.leastPrivilege),
    ...signingKeyEndpoints(ports.signingKeys),
    ...rotationEndpoints(ports.rotations),
    ...custodyEndpoints(ports.custody),
    ...routeEndpoints(ports.routes),
    ...policyEndpoints(ports.policies),
    ...apiEndpoints(ports.policies),
    ...decisionEndpoints(ports.decisions),
    ...accessEndpoints(ports.access),
    ...assertionIssuerEndpoints(ports.assertionIssuers),
    ...threatFeedEndpoints(ports.threats),
    ...upstreamCredentialEndpoints(ports.upstreamCredentials),
    ...planEndpoints(ports.plans),
    ...limitEndpoints(ports.plans),
    ...limitChangeEndpoints(ports.limitChanges),
    ...auditEndpoints(ports.audit),
    ...installationEndpoints(ports.installation),
    ...tenantEndpoints(ports.tenants),
    ...feedEndpoints(ports.feed),
    gatewayKeyEndpoint(ports.gatewayKeys),
    metricsEndpoint(ports.operations),
  ];
  return [...endpoints, ...docsEndpoints({ endpoints, ...ports.about })];
}
