/**
 * The management side of the composition root: which rooms its endpoints are given, and who may
 * call them. Neighbour: `authority.ts`, which puts it beside the protocol endpoints.
 */
import { createFailureBudget, type HttpRequest, type TenantId } from '@mintmark/core';
import { covers, type Permission } from './admin/permission.ts';
import { spend } from './apikeys/key-budget.ts';
import type { KeyLimiter, PlanLimiter, VerifyKeyPorts } from './apikeys/verify-key.ts';
import { findClient } from './authorization/known-clients.ts';
import { verifiedAuthMethods } from './clients/authenticate.ts';
import { jwksMaxAgeSeconds } from './config.ts';
import { type AuthenticateDeps, authenticate } from './http/management/authenticate.ts';
import { createCursors } from './http/management/cursor.ts';
import { changeBy } from './http/management/emergency-endpoints.ts';
import { createManagementApi, type ManagementApi } from './http/management/management-api.ts';
import {
  type ManagementPorts,
  managementEndpoints,
} from './http/management/management-endpoints.ts';

import type { InspectedToken } from './http/management/token-endpoints.ts';
import type { ProtocolDeps } from './http/protocol-deps.ts';
import { metricsOf } from './metrics.ts';
import { spendPlan } from './plans/spend-plan.ts';
import { policyPortsOf } from './policies/policy-ports.ts';
import { createWithinRights } from './roles/exclusive-scopes.ts';
import type { Rooms } from './rooms.ts';
import type { Rotating } from './rotating.ts';
import { resetPageOf } from './users/reset-mail.ts';

export interface Management extends ManagementApi {
  /** Whether the request carries a credential that may act as an enforcement point. */
  isGateway(request: HttpRequest, tenant: TenantId): Promise<boolean>;
  /** The same for one that may register clients. */
  isRegistrar(request: HttpRequest, tenant: TenantId): Promise<boolean>;
}

/** What management shares with the protocol endpoints. */
type Judging = Pick<ProtocolDeps, 'introspect' | 'failures' | 'authenticator'> & {
  readonly keys: VerifyKeyPorts;
  readonly leaks: ManagementPorts['leaks'];
  readonly rotating: Rotating;
};

/** @throws CustodyFault where the key of page cursors cannot be derived */
export async function openManagement(rooms: Rooms, shared: Judging): Promise<Management> {
  const { ports, store, refusals } = rooms;
  const { clock, entropy, custody, log } = ports;
  const { keys, failures } = shared;
  const accessToken = managementToken(rooms, shared);
  const authentication: AuthenticateDeps = { keys, failures, refusals, clock, accessToken };
  const api = createManagementApi({
    endpoints: managementEndpoints(endpointPorts(rooms, shared)),
    store,
    clock,
    entropy,
    cursors: createCursors(await custody.mac('cursor', new Uint8Array())),
    requestKey: await custody.mac('idempotency', new Uint8Array()),
    authenticate: (request, { tenant }) => authenticate(authentication, request, tenant),
    onFault: (error) => log({ type: 'fault', where: 'management', error }),
  });
  const mayDo = async (request: HttpRequest, tenant: TenantId, permission: Permission) => {
    // Other schemes are those of clients, which are judged elsewhere.
    if (!/^bearer /i.test(request.header('authorization') ?? '')) return false;
    const caller = await authenticate(authentication, request, tenant);
    return caller.ok && covers(caller.value.permissions, permission);
  };
  return {
    ...api,
    isGateway: (request, tenant) => mayDo(request, tenant, 'feed:read'),
    isRegistrar: (request, tenant) => mayDo(request, tenant, 'clients:register'),
  };
}

function endpointPorts(rooms: Rooms, shared: Judging): ManagementPorts {
  const { config, ports, store, peppers, sealer, recorder, keyring, feed, decisions } = rooms;
  const { clock, entropy, custody } = ports;
  const { prefix } = config;
  const { issuerOf } = rooms.issuers;
  const acting = { store, recorder, clock, entropy };
  const defaultAlgorithm = config.signing.algorithms[0] ?? 'ES256';
  return {
    ...{ keys: keyPorts(rooms, shared), routes: acting, assertionIssuers: { ...acting, issuerOf } },
    ...evidencePorts(rooms),
    ...policyPortsOf(rooms),
    ...planPortsOf(rooms, acting),
    detailTypes: { ...acting, detailTypesChanged: rooms.detailTypes.forget },
    verify: {
      keys: { ...shared.keys, limiter: limiterOf(rooms), planLimiter: planLimiterOf(rooms) },
      // Whose address is told in a body must not be locked out of anything else.
      ...{ failures: createFailureBudget(clock), clock, decisions },
    },
    clients: {
      ...acting,
      peppers,
      prefix,
      defaultAlgorithm,
      authMethods: verifiedAuthMethods({ clientCertificates: config.clientCertificates === true }),
      encryptedRequests: config.signing.encryptedRequests,
      managementAudience: (tenant) => managementAudience(issuerOf(tenant)),
      changed: shared.authenticator.forget,
      prepareKey: keyring.signer,
    },
    users: userPorts(rooms),
    authenticationRequests: {
      ...acting,
      feedHead: feed.head,
      withinRights: createWithinRights({ store, clock }),
      findClient: (tenant, clientId) => findClient(store, tenant, clientId),
    },
    notices: { store },
    ...{ tokens: { inspect: inspector(shared) }, leaks: shared.leaks },
    pats: { ...keyPorts(rooms, shared), ...acting, users: rooms.users },
    roles: acting,
    revocations: {
      ...{ ...acting, sealer, feed, timers: ports.timers },
      clientChanged: shared.authenticator.forget,
      endSigningKey: ({ requester, reason, ...ending }) =>
        keyring.emergency({ ...ending, tenant: requester.tenant, ...changeBy(requester, reason) }),
    },
    leastPrivilege: { ...acting, clientChanged: shared.authenticator.forget },
    signingKeys: { ...signingKeyPorts(rooms), defaultAlgorithm },
    rotations: { ...acting, ...shared.rotating, keyring, signing: config.signing },
    custody: {
      ...acting,
      custody,
      sealer,
      peppers,
      upkeep: rooms.custodyUpkeep,
    },
    audit: { store, sealer, clock, timers: ports.timers },
    installation: { store, issuerOf },
    tenants: { ...acting, peppers, prefix, issuerOf },
    feed: {
      feed,
      signer: (tenant) => keyring.signer(tenant, defaultAlgorithm),
      timers: ports.timers,
      decisions,
    },
    ...{ gatewayKeys: acting, upstreamCredentials: { ...acting, sealer } },
    operations: { metrics: () => metricsOf(rooms) },
    about: { version: '1', server: config.issuer, serverOf: issuerOf },
  };
}

/** What is known of callers and addresses, beyond what they prove. */
function evidencePorts(rooms: Rooms): Pick<ManagementPorts, 'threats' | 'limitChanges'> {
  const { store, sealer, recorder, threatSource: source } = rooms;
  const { limitLearner: observations, limitProfiles: profiles } = rooms;
  const acting = { store, recorder, clock: rooms.ports.clock };
  return {
    threats: { ...acting, sealer, source },
    limitChanges: { ...acting, observations, profiles },
  };
}

/** Spends what a use costs; a key without counters costs nothing to ask. */
function limiterOf({ store, storeNowMs }: Rooms): KeyLimiter {
  return { spend: (row, cost) => spend({ store, storeNowMs }, row, cost) };
}

function planPortsOf(
  { plans, limits }: Rooms,
  acting: Omit<ManagementPorts['plans'], 'plans' | 'limits'>,
): Pick<ManagementPorts, 'plans'> {
  return { plans: { ...acting, plans, limits } };
}

/** Spends what a use costs of the plan that holds for the key. */
function planLimiterOf({ store, plans, limits, ports: { clock } }: Rooms): PlanLimiter {
  return { spend: (row, use) => spendPlan({ store, plans, limits, clock }, row, use) };
}

/** What API keys are made, changed and listed with. */
function keyPorts(rooms: Rooms, shared: Judging): ManagementPorts['keys'] {
  const { config, ports, store, peppers, sealer, recorder, tenants } = rooms;
  const { clock, entropy, timers } = ports;
  return {
    ...{ store, recorder, clock, entropy, peppers, sealer, timers },
    prefix: config.prefix,
    ended: shared.keys.ended,
    keyPolicy: (tenant) => tenants.policy(tenant).keys,
    storeNowMs: rooms.storeNowMs,
    knowsCountries: ports.countryOf !== undefined,
  };
}

function signingKeyPorts({ config, ports, store, recorder, keyring, feed }: Rooms) {
  const { clock, timers } = ports;
  const shared = { store, recorder, keyring, feed, clock, timers };
  return { ...shared, jwksMaxAgeSeconds: jwksMaxAgeSeconds(config) };
}

function userPorts(rooms: Rooms): ManagementPorts['users'] {
  const { store, sealer, recorder, users, factors, resets, passwordHashes } = rooms;
  const { clock, entropy } = rooms.ports;
  return {
    ...{ store, sealer, recorder, clock, entropy, users, factors, resets, passwordHashes },
    issuerName: (tenant) => rooms.tenants.policy(tenant).branding.name,
    resetPage: (tenant) => resetPageOf(rooms.issuers.issuerOf(tenant)),
  };
}

/** What an access token must name to be taken by this API. */
function managementAudience(issuer: string): string {
  return `${issuer}/v1`;
}

/** Access tokens whose audience is this API, with its permissions as their scopes. */
function managementToken({ config, issuers }: Rooms, { introspect }: Judging) {
  const ours = `${config.prefix}_at_`;
  return async (tenant: TenantId, token: string) => {
    const audience = managementAudience(issuers.issuerOf(tenant));
    // Nothing else of ours is an access token, and nothing without dots is a JWT.
    if (!token.startsWith(ours) && token.split('.').length !== 3) {
      return { active: false, reason: 'malformed' } as const;
    }
    const caller = { kind: 'operator' } as const;
    const found = await introspect({ tenant, token, caller, address: undefined });
    if (!found.active) return found;
    if ('kind' in found || !found.audience.includes(audience)) {
      return { active: false, reason: 'wrong_audience' } as const;
    }
    // This API takes bearers only, and so shown a bound token is worth nothing.
    if (found.binding !== undefined) return { active: false, reason: 'bound' } as const;
    return { active: true, clientId: found.clientId, scopes: found.scopes } as const;
  };
}

function inspector({ introspect }: Judging): ManagementPorts['tokens']['inspect'] {
  return async ({ tenant, token }) => {
    const caller = { kind: 'operator' } as const;
    const found = await introspect({ tenant, token, caller, address: undefined });
    if (!found.active) return found;
    if ('kind' in found) {
      const { kind, id, owner, scopes, expiresAtSeconds } = found;
      const key: InspectedToken = {
        active: true,
        kind,
        id,
        subject: owner,
        clientId: undefined,
        scopes,
        audience: [],
        expiresAt: expiresAtSeconds,
      };
      return key;
    }
    const { format, tokenId, subject, clientId, scopes, audience, expiresAt } = found;
    return {
      active: true,
      kind: format,
      id: tokenId,
      subject,
      clientId,
      scopes,
      audience,
      expiresAt,
    };
  };
}
