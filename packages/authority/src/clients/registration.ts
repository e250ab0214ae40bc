/**
 * Clients that register themselves (RFC 7591) and manage their own registration (RFC 7592), as far
 * as the operator lets them. Whoever registers is a stranger: what it may ask for is cut to what
 * the operator allows, and a person always has to agree. What must never happen: a registration
 * that gives its client a right which no administrator decided about.
 */
import {
  type ClientId,
  equalConstantTime,
  err,
  freshId,
  type JwsAlgorithm,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { buildSecretToken, hashSecret, parseSecretToken } from '@mintmark/tokens';
import type { Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { type ApprovalRule, nothingIsMuch, redescribed, splitWanted } from './approval.ts';
import { type Abilities, type RuleFault, ruleFaults } from './check-rules.ts';
import { type Client, clientOf } from './client.ts';
import {
  allowedResponseTypes,
  type ClientRules,
  type GrantType,
  type ResponseType,
  responseTypes,
} from './client-rules.ts';
import { freshRules, type GivenRules } from './fresh-rules.ts';
import {
  createClient,
  deleteClient,
  type RegistryDeps,
  type RegistryRefusal,
  registrationSecretId,
  updateClient,
} from './registry.ts';
import { isSectorOf, type SectorDeps } from './sector.ts';
import { sectorUris } from './sector-uris.ts';

/** What the operator allows those who register themselves. */
export interface RegistrationPolicy {
  /** `token`: whoever shows a credential with the permission `clients:register`. */
  readonly mode: 'off' | 'token' | 'open';
  /** Scopes and resources that such a client may ask for. */
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  /** Whether a URL may be a client's id, its metadata standing there. */
  readonly metadataDocuments: boolean;
  /** Such clients go when they were not used for so long; default: they stay. */
  readonly unusedSeconds?: number;
  /** What waits for an administrator; default: nothing. */
  readonly approval?: ApprovalRule;
  /** False: a confidential client that registers itself need not use PKCE. */
  readonly requirePkce: boolean;
}

/** As an installation begins: clients are registered by administrators. */
export const registrationOff: RegistrationPolicy = {
  mode: 'off',
  scopes: [],
  audiences: [],
  metadataDocuments: false,
  requirePkce: true,
};

export interface RegistrationDeps extends RegistryDeps, SectorDeps {
  readonly policyOf: (tenant: TenantId) => RegistrationPolicy;
  readonly abilities: Abilities;
  readonly algorithm: JwsAlgorithm;
}

export type RegistrationRefusal =
  | { readonly reason: 'faulty_rules'; readonly faults: readonly RuleFault[] }
  | { readonly reason: 'sector_mismatch' }
  /** The client changed meanwhile; it may look again. */
  | { readonly reason: 'overtaken' };

export interface Registered {
  readonly client: Client;
  readonly secret: string | undefined;
  /** Manages this registration; shown once (RFC 7592 §3). */
  readonly registrationToken: string;
}

/** Registers a client by what it says of itself. */
export async function registerClient(
  deps: RegistrationDeps,
  context: Requester,
  given: GivenRules,
): Promise<Result<Registered, RegistrationRefusal>> {
  const clientId = freshId(deps.entropy) as ClientId;
  const judged = await judge(deps, { tenant: context.tenant, clientId, given });
  if (!judged.ok) return judged;
  const token = newRegistrationToken(deps, context.tenant, clientId);
  const made = await createClient(deps, context, {
    clientId,
    rules: judged.value,
    alongside: () => [token.step],
  });
  if (!made.ok) return overtaken(made.refusal);
  const { client, secret } = made.value;
  return ok({ client, secret, registrationToken: token.text });
}

export interface ProveRegistrationDeps {
  readonly store: Pick<RegistryDeps['store'], 'clients' | 'clientSecrets'>;
  readonly peppers: Pick<RegistryDeps['peppers'], 'find'>;
  readonly clock: Pick<RegistryDeps['clock'], 'nowMs'>;
  readonly prefix: string;
}

/**
 * The client that a registration token is for.
 *
 * @returns undefined for every other text, and where the client is gone
 */
export async function findRegistration(
  deps: ProveRegistrationDeps,
  tenant: TenantId,
  input: { readonly clientId: ClientId; readonly token: string },
): Promise<Client | undefined> {
  const found = await proveRegistration(deps, tenant, input);
  return found?.ended === false && found.client.status === 'active' ? found.client : undefined;
}

/** The same of whatever was made, one that is held back or over among them. */
export async function proveRegistration(
  deps: ProveRegistrationDeps,
  tenant: TenantId,
  input: { readonly clientId: ClientId; readonly token: string },
): Promise<{ readonly client: Client; readonly ended: boolean } | undefined> {
  const { clientId, token } = input;
  const parsed = parseSecretToken(token, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'cr') return undefined;
  const kept = await deps.store.clientSecrets.get(tenant, clientId, registrationSecretId);
  const pepper = kept === undefined ? undefined : await deps.peppers.find(kept.pepperVersion);
  if (kept === undefined || pepper === undefined) return undefined;
  const id = hashedId(clientId);
  const hash = hashSecret({ pepper, tenant, id, secret: parsed.value.secret });
  if (!equalConstantTime(hash, kept.hash)) return undefined;
  const row = await deps.store.clients.get(tenant, clientId);
  if (row === undefined) return undefined;
  const { expiresAt } = kept;
  const ended = expiresAt !== null && expiresAt <= deps.clock.nowMs();
  return { client: clientOf(row), ended };
}

/** Replaces what a client says of itself, as a whole (RFC 7592 §2.2). */
export async function replaceRegistration(
  deps: RegistrationDeps,
  context: Requester,
  input: { readonly client: Client; readonly given: GivenRules },
): Promise<Result<Client, RegistrationRefusal>> {
  const { client, given } = input;
  // A secret is made at registration alone: a client that changes its kind registers anew.
  const judged = await judge(deps, {
    tenant: context.tenant,
    clientId: client.clientId,
    given: { ...given, authMethod: client.authMethod },
  });
  if (!judged.ok) return judged;
  const edited = await updateClient(deps, context, {
    clientId: client.clientId,
    version: client.version,
    // What administrators have decided since stays as they decided it, of the same client.
    rules: redescribed(
      {
        ...judged.value,
        owner: client.owner,
        audiences: client.audiences,
        metadata: client.metadata,
      },
      client,
    ),
    status: client.status,
  });
  return edited.ok ? edited : overtaken(edited.refusal);
}

/** Ends a registration: the client, its secrets and its tokens (RFC 7592 §2.3). */
export async function endRegistration(
  deps: RegistrationDeps,
  context: Requester,
  { clientId, version }: Client,
): Promise<Result<undefined, RegistrationRefusal>> {
  const gone = await deleteClient(deps, context, { clientId, version });
  return gone.ok ? gone : overtaken(gone.refusal);
}

async function judge(
  deps: RegistrationDeps,
  input: { readonly tenant: TenantId; readonly clientId: ClientId; readonly given: GivenRules },
): Promise<Result<ClientRules, RegistrationRefusal>> {
  const { tenant, clientId, given } = input;
  const policy = deps.policyOf(tenant);
  const isVouchedFor = policy.mode === 'token';
  const rules = strangersRules({ ...deps, clientId, policy, isVouchedFor }, given);
  const faults = [
    ...(isVouchedFor ? [] : machineFaults(given)),
    ...ruleFaults(rules, deps.abilities),
  ];
  if (faults.length > 0) return err({ reason: 'faulty_rules', faults });
  const { sectorIdentifierUri: sector } = rules;
  const uris = sectorUris(rules);
  const isOwn = sector === undefined || (await isSectorOf(deps, { sector, uris }));
  return isOwn ? ok(rules) : err({ reason: 'sector_mismatch' });
}

/** By these a client gets tokens of its own, and no person is asked. */
const machineGrants: readonly GrantType[] = [
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
];

/** Grants by which a client needs no person to come to it. */
const decidedGrants: readonly GrantType[] = [...machineGrants, 'urn:openid:params:grant-type:ciba'];

/** Without the grants that a stranger cannot have, such a client would be good for nothing. */
function machineFaults({ grantTypes: asked }: GivenRules): readonly RuleFault[] {
  if (!Array.isArray(asked)) return [];
  const machine = asked.find((one) => decidedGrants.includes(one));
  const isMore = asked.some((one) => !decidedGrants.includes(one) && one !== 'refresh_token');
  if (machine === undefined || isMore) return [];
  const message = `${machine} needs a registration credential; ask an administrator`;
  return [{ member: 'grantTypes', message }];
}

/**
 * What a stranger gets of what it asked for. RFC 7591 §2 lets the server replace values, and the
 * answer shows what became of them.
 */
export function strangersRules(
  deps: Pick<RegistrationDeps, 'abilities' | 'algorithm'> & {
    readonly clientId: ClientId;
    readonly policy: RegistrationPolicy;
    /** Whether it was registered by a credential that may do so. */
    readonly isVouchedFor: boolean;
  },
  given: GivenRules,
): ClientRules {
  const { clientId, policy, abilities, algorithm, isVouchedFor } = deps;
  const asked = grantsAsked(given);
  const asksFront = frontTypes(given).length > 0;
  const mayHave = (grant: GrantType): boolean =>
    abilities.grantTypes.includes(grant) &&
    // Many a library names it out of habit and never uses it.
    (grant !== 'implicit' || asksFront) &&
    // A machine that nobody decided about acts for nobody, and calls nobody up.
    (isVouchedFor || !decidedGrants.includes(grant));
  const wished = asked.filter(mayHave);
  const scopes = strangersScopes(policy, { grantTypes: wished, asked: given.scopes });
  const wanted = splitWanted(policy.approval ?? nothingIsMuch, { scopes, grantTypes: wished });
  const { grantTypes } = wanted;
  return freshRules(
    {
      ...given,
      ...wanted,
      source: 'registration',
      responseTypes: allowedResponseTypes(['code', ...frontTypes(given)], grantTypes),
      audiences: policy.audiences,
      resources: [],
      authorizationDetailsTypes: [],
      consent: 'required',
      requirePkce: policy.requirePkce || !mayGoWithoutPkce(given, grantTypes),
      assertionAudience: 'issuer_or_endpoint',
    },
    { clientId, owner: 'registration', algorithm },
  );
}

/** OpenID Connect Dynamic Client Registration §2: the default is what its response types need. */
function grantsAsked(given: GivenRules): readonly GrantType[] {
  if (Array.isArray(given.grantTypes)) return given.grantTypes;
  const isFrontAlone = frontTypes(given).length > 0 && !asksFor(given, 'code');
  return isFrontAlone ? ['implicit'] : ['authorization_code'];
}

/** Those by which tokens leave the authorization endpoint: never but for who asks by name. */
function frontTypes(given: GivenRules): readonly ResponseType[] {
  return responseTypes.filter((type) => type !== 'code' && asksFor(given, type));
}

function asksFor({ responseTypes: asked }: GivenRules, type: ResponseType): boolean {
  return Array.isArray(asked) && asked.includes(type);
}

/** OAuth 2.1 §7.5.1: a client that proves who it is may guard its codes by a nonce instead. */
function mayGoWithoutPkce({ authMethod }: GivenRules, grantTypes: readonly GrantType[]): boolean {
  return authMethod !== 'none' && grantTypes.includes('authorization_code');
}

/**
 * A person agrees to each scope each time. What an agent names when it registers is what it needs
 * first, and no bound: it could never ask for more when a resource demands more (RFC 6750 §3.1). A
 * machine, which nobody asks, is held to what it named.
 */
function strangersScopes(
  policy: RegistrationPolicy,
  { grantTypes, asked }: { readonly grantTypes: readonly GrantType[]; readonly asked: unknown },
): readonly string[] {
  const isMachine = grantTypes.some((grant) => machineGrants.includes(grant));
  if (!isMachine || !Array.isArray(asked)) return policy.scopes;
  return policy.scopes.filter((scope) => asked.includes(scope));
}

function newRegistrationToken(
  deps: RegistryDeps,
  tenant: TenantId,
  clientId: ClientId,
): { readonly text: string; readonly step: Step } {
  const { prefix, entropy, peppers, clock } = deps;
  const { text, secret } = buildSecretToken({
    ...{ prefix, kind: 'cr', entropy },
    // So that one that was found somewhere leads to its client.
    id: clientId,
  });
  const pepper = peppers.current();
  return {
    text,
    step: {
      do: 'insert',
      table: 'clientSecrets',
      row: {
        ...{ tenant, clientId, id: registrationSecretId },
        hash: hashSecret({ pepper: pepper.key, tenant, id: hashedId(clientId), secret }),
        pepperVersion: pepper.version,
        createdAt: clock.nowMs(),
        expiresAt: null,
        hold: null,
      },
      refused: 'client_exists',
    },
  };
}

/** Kept apart from the client's own secrets by more than its place. */
function hashedId(clientId: ClientId): string {
  return `registration ${clientId}`;
}

function overtaken(refusal: RegistryRefusal): Result<never, RegistrationRefusal> {
  if (refusal.reason === 'version_conflict' || refusal.reason === 'client_exists') {
    return err({ reason: 'overtaken' });
  }
  throw new Error(`registration: unexpected ${refusal.reason}`);
}
