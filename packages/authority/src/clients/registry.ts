/**
 * The client registry: who may ask for tokens. Every change is one act with its audit record; a
 * secret leaves in the answer of the call that made it and never again. A client that is disabled
 * or deleted loses its tokens in the same act.
 */

import {
  type AuditAction,
  type AuditEvent,
  type ClientId,
  type Clock,
  type Entropy,
  err,
  freshId,
  type JwsAlgorithm,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import { buildSecretToken, hashSecret } from '@mintmark/tokens';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Peppers } from '../custody/peppers.ts';
import { dropHolder } from '../plans/drop-holder.ts';
import { revocationStep, type Undo } from '../revocation/revocation-step.ts';
import type { Alongside, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { PasswordHashRefusal } from '../users/imported-password.ts';
import { type Client, type ClientStatus, clientOf } from './client.ts';
import { type ClientRules, signingAlgorithmsOf, usesSecret } from './client-rules.ts';
import { importedColumns } from './imported-secret.ts';
import { originSteps } from './origins.ts';
import { resourceSteps } from './protected-resources.ts';

export interface RegistryDeps {
  readonly store: Pick<Store, 'clients' | 'clientSecrets' | 'acts'>;
  readonly recorder: Recorder;
  readonly peppers: Peppers;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Prefix of this installation's credentials, `mm` unless configured. */
  readonly prefix: string;
  /** Told of a client after each change of it, or of its secrets, has been committed. */
  readonly changed: (tenant: TenantId, clientId: ClientId) => void;
  /** Makes a key of the algorithm, where there is none, and publishes it. */
  readonly prepareKey: (tenant: TenantId, algorithm: JwsAlgorithm) => Promise<unknown>;
}

export type RegistryRefusal =
  | { readonly reason: 'client_exists' }
  | { readonly reason: 'client_not_found' }
  | { readonly reason: 'version_conflict' }
  | { readonly reason: 'secret_too_short'; readonly charsMin: number }
  | { readonly reason: 'secret_not_used' }
  | PasswordHashRefusal
  | { readonly reason: 'refused_by_step'; readonly step: string };

/** Stands among the client's secrets, and is none: it manages the registration (RFC 7592). */
export const registrationSecretId = 'registration';

/** A secret that an operator chose must not be one that can be tried out at the token endpoint. */
const chosenSecretCharsMin = 16;

/**
 * Registers a client, with one secret where its method uses one.
 *
 * @param input.clientId chosen by the operator, or absent for a fresh one
 * @param input.secret chosen by the operator (≥ 16 characters), or absent for a fresh one
 * @returns the client, and its secret in clear, this once; undefined where it has none
 */
export async function createClient(
  deps: RegistryDeps,
  context: Requester,
  input: {
    readonly clientId?: ClientId | undefined;
    readonly secret?: string | undefined;
    /** In place of a secret: its hash in another system, whose text nobody here knows. */
    readonly secretHash?: string | undefined;
    readonly rules: ClientRules;
    readonly alongside?: Alongside<Client>;
  },
): Promise<
  Result<{ readonly client: Client; readonly secret: string | undefined }, RegistryRefusal>
> {
  const { secretHash } = input;
  if ((input.secret ?? secretHash) !== undefined && !usesSecret(input.rules)) {
    return err({ reason: 'secret_not_used' });
  }
  if (input.secret !== undefined && input.secret.length < chosenSecretCharsMin) {
    return err({ reason: 'secret_too_short', charsMin: chosenSecretCharsMin });
  }
  const foreign = secretHash === undefined ? undefined : importedColumns(secretHash);
  if (foreign?.ok === false) return err(foreign.refusal);
  const now = deps.clock.nowMs();
  const clientId = input.clientId ?? (freshId(deps.entropy) as ClientId);
  const row: Row<'clients'> = {
    tenant: context.tenant,
    clientId,
    status: 'active',
    metadata: { ...input.rules },
    createdAt: now,
    updatedAt: now,
    version: 1,
  };
  const secret = usesSecret(input.rules)
    ? newSecret(deps, { tenant: context.tenant, clientId, chosen: input.secret })
    : undefined;
  await prepareKeys(deps, context.tenant, input.rules);
  const { outcome } = await deps.store.acts.run({
    steps: [
      { do: 'insert', table: 'clients', row, refused: 'client_exists' },
      ...(secret === undefined ? [] : [addSecret({ ...secret.row, ...foreign?.value })]),
      ...originSteps(undefined, clientOf(row)),
      ...resourceSteps(undefined, clientOf(row)),
      ...firstUse(row, input.rules),
      ...(input.alongside?.(clientOf(row)) ?? []),
    ],
    audit: await record(deps, context, {
      action: 'client.create',
      clientId,
      ...(waits(input.rules) && { detail: waiting(input.rules) }),
    }),
  });
  if (outcome !== 'done') return err(refusalOf(outcome));
  return ok({ client: clientOf(row), secret: foreign === undefined ? secret?.text : undefined });
}

/** Whoever fetched the key set since the registration can verify the first signature. */
async function prepareKeys(
  { prepareKey }: Pick<RegistryDeps, 'prepareKey'>,
  tenant: TenantId,
  rules: ClientRules,
): Promise<void> {
  for (const algorithm of signingAlgorithmsOf(rules)) await prepareKey(tenant, algorithm);
}

/** Whether an administrator is asked for something. */
function waits({ pendingScopes, pendingGrantTypes }: ClientRules): boolean {
  return pendingScopes.length + pendingGrantTypes.length > 0;
}

function waiting({ pendingScopes, pendingGrantTypes }: ClientRules) {
  return { pending_scopes: pendingScopes, pending_grant_types: pendingGrantTypes };
}

/** Of one that nobody vouches for: it is taken away where it stays unused. */
function firstUse(
  { tenant, clientId, createdAt }: Row<'clients'>,
  { source }: ClientRules,
): Step[] {
  if (source === 'administrator') return [];
  return [{ do: 'put', table: 'clientUses', row: { tenant, clientId, usedAt: createdAt } }];
}

function addSecret(row: Row<'clientSecrets'>): Step {
  return { do: 'insert', table: 'clientSecrets', row, refused: 'client_exists' };
}

/**
 * Replaces a client's rules or status. Disabling it revokes its tokens.
 *
 * @param input.version the version that the caller saw (If-Match)
 */
export async function updateClient(
  deps: RegistryDeps,
  context: Requester,
  input: {
    readonly clientId: ClientId;
    readonly version: number;
    readonly rules: ClientRules;
    readonly status: ClientStatus;
    /** What is recorded of it, where it is more than an edit. */
    readonly recorded?: {
      readonly action: 'client.approve';
      readonly detail: NonNullable<AuditEvent['detail']>;
    };
  },
): Promise<Result<Client, RegistryRefusal>> {
  const known = await deps.store.clients.get(context.tenant, input.clientId);
  if (known === undefined) return err({ reason: 'client_not_found' });
  const set = {
    status: input.status,
    metadata: { ...input.rules },
    updatedAt: deps.clock.nowMs(),
    version: input.version + 1,
  };
  const edited = clientOf({ ...known, ...set });
  await prepareKeys(deps, context.tenant, input.rules);
  const ends = input.status === 'disabled' && known.status !== 'disabled';
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'clients',
        where: { tenant: context.tenant, clientId: input.clientId, version: input.version },
        set,
        refused: 'version_conflict',
      },
      // Of another version than was edited, the rows are judged with it: the act is refused above.
      ...originSteps(clientOf(known), edited),
      ...resourceSteps(clientOf(known), edited),
      ...(ends
        ? [
            endOfTokens(deps, context, {
              clientId: input.clientId,
              why: 'disabled',
              undo: { enables: 'client', version: set.version },
            }),
          ]
        : []),
    ],
    audit: await record(deps, context, {
      clientId: input.clientId,
      ...(input.recorded ?? {
        action: 'client.update',
        detail: {
          status: input.status,
          version: set.version,
          ...(waits(input.rules) && waiting(input.rules)),
        },
      }),
    }),
  });
  if (outcome !== 'done') return err(refusalOf(outcome));
  deps.changed(context.tenant, input.clientId);
  return ok(edited);
}

export type DeleteDeps = Pick<RegistryDeps, 'store' | 'recorder' | 'clock' | 'entropy' | 'changed'>;

/** Deletes a client, its secrets and, in the same act, the life of its tokens. */
export async function deleteClient(
  deps: DeleteDeps,
  context: Requester,
  input: {
    readonly clientId: ClientId;
    readonly version: number;
    /** Only if it was not used since this moment, unix milliseconds. */
    readonly unusedSince?: number;
  },
): Promise<Result<undefined, RegistryRefusal>> {
  const where = { tenant: context.tenant, clientId: input.clientId };
  const { unusedSince } = input;
  const known = await deps.store.clients.get(where.tenant, where.clientId);
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'delete',
        table: 'clients',
        where: { ...where, version: input.version },
        refused: 'version_conflict',
      },
      { do: 'delete', table: 'clientSecrets', where },
      unusedSince === undefined
        ? { do: 'delete', table: 'clientUses', where }
        : {
            do: 'delete',
            table: 'clientUses',
            where: { ...where, usedAt: unusedSince },
            refused: 'version_conflict',
          },
      ...originSteps(known && clientOf(known), undefined),
      ...resourceSteps(known && clientOf(known), undefined),
      ...dropHolder(where.tenant, { kind: 'client', id: where.clientId }, deps.clock.nowMs()),
      endOfTokens(deps, context, { clientId: input.clientId, why: 'deleted' }),
    ],
    audit: await record(deps, context, {
      action: 'client.delete',
      clientId: input.clientId,
      ...(unusedSince !== undefined && { detail: { unused_since: unusedSince } }),
    }),
  });
  if (outcome !== 'done') return err(refusalOf(outcome));
  deps.changed(context.tenant, input.clientId);
  return ok(undefined);
}

export interface RotateSecretInput {
  readonly clientId: ClientId;
  /** The version that the caller judged, where he judged one. */
  readonly version?: number;
  /** 0 ends those before at once. */
  readonly overlapSeconds: number;
  /** Facts for the record, beside those of every rotation. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** A rotation that was judged and made, and holds once its act has committed. */
export interface PlannedSecret {
  /** Exists here and nowhere else. */
  readonly secret: string;
  readonly secretId: string;
  readonly previousExpiresAt: number;
  readonly client: Client;
  /** They refuse with `version_conflict` where somebody else changed the client. */
  readonly steps: readonly Step[];
  readonly audit: Row<'auditPending'>;
}

/** Makes a new secret; those before it go on working until `overlapSeconds` have passed. */
export async function rotateClientSecret(
  deps: RegistryDeps,
  context: Requester,
  input: RotateSecretInput & {
    readonly alongside?: Alongside<{ readonly previousExpiresAt: number }>;
  },
): Promise<
  Result<{ readonly secret: string; readonly previousExpiresAt: number }, RegistryRefusal>
> {
  const planned = await planSecretRotation(deps, context, input);
  if (!planned.ok) return planned;
  const { secret, previousExpiresAt, steps, audit } = planned.value;
  const more = input.alongside?.({ previousExpiresAt }) ?? [];
  const { outcome } = await deps.store.acts.run({ steps: [...steps, ...more], audit });
  if (outcome !== 'done') return err(refusalOf(outcome));
  deps.changed(context.tenant, input.clientId);
  return ok({ secret, previousExpiresAt });
}

/** Judges a rotation and makes the secret; nothing is stored, and `changed` not told. */
export async function planSecretRotation(
  deps: Omit<RegistryDeps, 'changed' | 'prepareKey'>,
  context: Requester,
  input: RotateSecretInput,
): Promise<Result<PlannedSecret, RegistryRefusal>> {
  const { tenant } = context;
  const { clientId } = input;
  const known = await deps.store.clients.get(tenant, clientId);
  if (known === undefined) return err({ reason: 'client_not_found' });
  const client = clientOf(known);
  if (!usesSecret(client)) return err({ reason: 'secret_not_used' });
  const { version = known.version } = input;
  const now = deps.clock.nowMs();
  const previousExpiresAt = now + input.overlapSeconds * 1000;
  const { text: secret, row } = newSecret(deps, { tenant, clientId, chosen: undefined });
  const id = { is: '!=', value: registrationSecretId } as const;
  const secrets = {
    do: 'update',
    table: 'clientSecrets',
    set: { expiresAt: previousExpiresAt },
  } as const;
  const steps: readonly Step[] = [
    // The new version makes every cached view of the client stale, and serialises rotations.
    {
      do: 'update',
      table: 'clients',
      where: { tenant, clientId, version },
      set: { version: version + 1, updatedAt: now },
      refused: 'version_conflict',
    },
    {
      do: 'delete',
      table: 'clientSecrets',
      where: { tenant, clientId, expiresAt: { is: '<=', value: now } },
    },
    { ...secrets, where: { tenant, clientId, id, expiresAt: null } },
    // A second rotation inside an overlap never lengthens the first one's.
    {
      ...secrets,
      where: { tenant, clientId, id, expiresAt: { is: '>', value: previousExpiresAt } },
    },
    { do: 'insert', table: 'clientSecrets', row, refused: 'version_conflict' },
  ];
  const audit = await record(deps, context, {
    action: 'client.secret_rotate',
    clientId,
    detail: { overlap_seconds: input.overlapSeconds, ...input.detail },
  });
  return ok({ secret, secretId: row.id, previousExpiresAt, client, steps, audit });
}

function endOfTokens(
  deps: DeleteDeps,
  context: Requester,
  input: { readonly clientId: ClientId; readonly why: string; readonly undo?: Undo },
): Step {
  return revocationStep({
    tenant: context.tenant,
    id: freshId(deps.entropy),
    target: { kind: 'client', id: input.clientId },
    reason: `client ${input.why}`,
    undo: input.undo,
    actor: `${context.actor.kind}:${context.actor.id}`,
    at: deps.clock.nowMs(),
  });
}

function newSecret(
  deps: Pick<RegistryDeps, 'prefix' | 'entropy' | 'peppers' | 'clock'>,
  input: {
    readonly tenant: TenantId;
    readonly clientId: ClientId;
    readonly chosen: string | undefined;
  },
): { readonly text: string; readonly row: Row<'clientSecrets'> } {
  const { prefix, entropy, peppers, clock } = deps;
  const { tenant, clientId } = input;
  const id = freshId(entropy);
  const secret = input.chosen ?? buildSecretToken({ prefix, kind: 'cs', id, entropy }).text;
  const pepper = peppers.current();
  const row: Row<'clientSecrets'> = {
    tenant,
    clientId,
    id,
    hash: hashSecret({ pepper: pepper.key, tenant, id: clientId, secret }),
    pepperVersion: pepper.version,
    createdAt: clock.nowMs(),
    expiresAt: null,
    hold: null,
  };
  return { text: secret, row };
}

function record(
  deps: Pick<RegistryDeps, 'recorder' | 'clock'>,
  context: Requester,
  what: {
    readonly action: AuditAction;
    readonly clientId: ClientId;
    readonly detail?: NonNullable<AuditEvent['detail']>;
  },
): Promise<Row<'auditPending'>> {
  const { clientId, ...rest } = what;
  const object = { kind: 'client', id: clientId } as const;
  return deps.recorder.record(eventBy(context, { at: deps.clock.nowMs(), object, ...rest }));
}

function refusalOf(outcome: string): RegistryRefusal {
  switch (outcome) {
    case 'client_exists':
    case 'client_not_found':
    case 'version_conflict':
      return { reason: outcome };
    default:
      // One of the caller's own steps refused; the caller knows its code.
      return { reason: 'refused_by_step', step: outcome };
  }
}
