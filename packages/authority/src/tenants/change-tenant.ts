/**
 * Tenants as their operator changes them: made, named, set up, disabled, enabled, deleted. Whoever
 * administers a tenant changes what is in it and never it itself. What must never happen: a name
 * that comes to mean a second tenant, or a credential of a disabled one that is still good.
 */
import {
  type AuditActor,
  defaultTenant,
  err,
  freshId,
  limits,
  ok,
  type Result,
  type TenantId,
  type UnixMs,
} from '@mintmark/core';
import { eventBy, type Requester } from '../audit/requester.ts';
import { endSessionsOfTenant } from '../revocation/end-sessions.ts';
import { revocationStep } from '../revocation/revocation-step.ts';
import type { Alongside, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { administratorKey, type InstallationDeps } from './installation.ts';
import type { TenantSettings } from './settings.ts';

export type TenantRow = Row<'tenants'>;

export interface ChangeTenantDeps extends InstallationDeps {
  readonly store: Pick<Store, 'tenants' | 'acts'>;
}

export type TenantRefusal =
  | { readonly reason: 'tenant_exists' }
  | { readonly reason: 'tenant_not_found' }
  | { readonly reason: 'version_mismatch' }
  /** The first tenant is the installation's own: it is neither disabled nor deleted. */
  | { readonly reason: 'first_tenant' }
  | { readonly reason: 'tenant_not_disabled' }
  | { readonly reason: 'tenant_not_active' }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/** A row, and the administrator's key that was made for it, in clear, this once. */
export interface MadeAdministrator {
  readonly row: TenantRow;
  readonly adminKey: string;
}

/**
 * Makes a tenant, and the key of its first administrator. Nothing else of it is made before it is
 * asked for: not its signing keys either.
 */
export async function createTenant(
  deps: ChangeTenantDeps,
  input: {
    readonly requester: Requester;
    readonly tenant: TenantId;
    readonly name: string;
    readonly settings: TenantSettings;
    readonly alongside?: Alongside<TenantRow>;
  },
): Promise<Result<MadeAdministrator, TenantRefusal>> {
  const { requester, tenant, name, settings } = input;
  const now = deps.clock.nowMs();
  const row: TenantRow = {
    tenant,
    name,
    status: 'active',
    createdAt: now,
    version: 1,
    settings: settingsText(settings),
    sessionsEndedBefore: null,
  };
  const admin = administratorKey(deps, { name: 'first administrator', now, tenant });
  const { outcome } = await deps.store.acts.run({
    steps: [
      { do: 'insert', table: 'tenants', row, refused: 'tenant_exists' },
      { do: 'insert', table: 'keys', row: admin.row, refused: 'tenant_exists' },
      ...(input.alongside?.(row) ?? []),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'tenant.create',
        at: now,
        object: { kind: 'tenant', id: tenant },
        related: { kind: 'admin_key', id: admin.row.id },
      }),
    ),
  });
  if (outcome === 'done') return ok({ row, adminKey: admin.text });
  return outcome === 'tenant_exists' ? err({ reason: 'tenant_exists' }) : byStep(outcome);
}

/** Another administrator's key of a tenant: its operator's way in, where it lost its own. */
export async function createTenantAdministrator(
  deps: ChangeTenantDeps,
  input: {
    readonly requester: Requester;
    readonly tenant: TenantId;
    readonly name: string;
    readonly alongside?: Alongside<Row<'keys'>>;
  },
): Promise<Result<{ readonly id: string; readonly adminKey: string }, TenantRefusal>> {
  const { requester, tenant, name } = input;
  const now = deps.clock.nowMs();
  const { row, text } = administratorKey(deps, { name, now, tenant });
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'require',
        table: 'tenants',
        where: { tenant, status: 'active' },
        refused: 'tenant_not_active',
      },
      { do: 'insert', table: 'keys', row, refused: 'id_taken' },
      ...(input.alongside?.(row) ?? []),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'admin_key.create',
        at: now,
        object: { kind: 'admin_key', id: row.id },
        related: { kind: 'tenant', id: tenant },
        detail: { permissions: row.scopes },
      }),
    ),
  });
  if (outcome === 'done') return ok({ id: row.id, adminKey: text });
  return outcome === 'tenant_not_active' ? err({ reason: 'tenant_not_active' }) : byStep(outcome);
}

/**
 * Changes a tenant. Disabling it ends its sessions and tokens in the same act, and from its commit
 * on nothing of it is good; its API keys are good again when it is enabled, and what was minted
 * before is not.
 *
 * @param input.isSeen whether the caller has seen this version
 */
export async function updateTenant(
  deps: ChangeTenantDeps,
  input: {
    readonly requester: Requester;
    readonly tenant: TenantId;
    readonly isSeen: (version: number) => boolean;
    readonly name?: string | undefined;
    readonly status?: 'active' | 'disabled' | undefined;
    readonly settings?: TenantSettings | undefined;
  },
): Promise<Result<TenantRow, TenantRefusal>> {
  const { requester, tenant, status } = input;
  const row = await deps.store.tenants.get(tenant);
  if (row === undefined || row.status === 'deleted') return err({ reason: 'tenant_not_found' });
  if (!input.isSeen(row.version)) return err({ reason: 'version_mismatch' });
  if (tenant === defaultTenant && status === 'disabled') return err({ reason: 'first_tenant' });
  const now = deps.clock.nowMs();
  const set = {
    ...(input.name === undefined ? {} : { name: input.name }),
    ...(input.settings === undefined ? {} : { settings: settingsText(input.settings) }),
    ...(status === undefined ? {} : { status }),
    version: row.version + 1,
  };
  const turned = status !== undefined && status !== row.status ? status : undefined;
  const changed = Object.keys(set).filter((name) => name !== 'version');
  const steps: readonly Step[] = [
    {
      do: 'update',
      table: 'tenants',
      where: { tenant, version: row.version },
      set,
      refused: 'version_mismatch',
    },
    ...(turned === undefined
      ? []
      : endOfTokens(deps, { tenant, at: now, status: turned, actor: requester.actor })),
  ];
  const { outcome } = await deps.store.acts.run({
    steps,
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'tenant.update',
        at: now,
        object: { kind: 'tenant', id: tenant },
        detail: { changed, ...(status && { status }) },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  const ended = turned === undefined ? {} : { sessionsEndedBefore: now };
  return ok({ ...row, ...set, ...ended });
}

/** Also when it is enabled again: for what a process minted that had not heard of the end. */
function endOfTokens(
  deps: Pick<ChangeTenantDeps, 'entropy'>,
  input: {
    readonly tenant: TenantId;
    readonly at: UnixMs;
    readonly status: 'active' | 'disabled';
    readonly actor: AuditActor;
  },
): readonly Step[] {
  const { tenant, at, status, actor } = input;
  return [
    ...endSessionsOfTenant({ tenant, at }),
    revocationStep({
      tenant,
      id: freshId(deps.entropy),
      target: { kind: 'tenant', id: tenant },
      reason: status === 'disabled' ? 'the tenant was disabled' : 'the tenant was enabled again',
      // Who it was stands in the operator's own trail.
      actor: actor.kind,
      at,
      keepsKeys: true,
      entries: [{ type: 'tenant', status }],
    }),
  ];
}

/**
 * Deletes a disabled tenant for good. Its name stays taken: an issuer never means a second tenant.
 * Its rows go by themselves afterwards: see `remove-tenants.ts`.
 */
export async function deleteTenant(
  deps: ChangeTenantDeps,
  input: {
    readonly requester: Requester;
    readonly tenant: TenantId;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, TenantRefusal>> {
  const { requester, tenant } = input;
  const row = await deps.store.tenants.get(tenant);
  if (row === undefined || row.status === 'deleted') return err({ reason: 'tenant_not_found' });
  if (!input.isSeen(row.version)) return err({ reason: 'version_mismatch' });
  if (tenant === defaultTenant) return err({ reason: 'first_tenant' });
  if (row.status !== 'disabled') return err({ reason: 'tenant_not_disabled' });
  const { outcome } = await deps.store.acts.run({
    steps: [
      {
        do: 'update',
        table: 'tenants',
        where: { tenant, version: row.version },
        set: { status: 'deleted', name: tenant, settings: null, version: { add: 1 } },
        refused: 'version_mismatch',
      },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'tenant.delete',
        at: deps.clock.nowMs(),
        object: { kind: 'tenant', id: tenant },
      }),
    ),
  });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}

/** @returns the rows, and where the next page goes on */
export async function listTenants(
  store: Pick<Store, 'tenants'>,
  page: { readonly limit: number; readonly after: readonly (string | number)[] | undefined },
): Promise<{ readonly rows: readonly TenantRow[]; readonly next: readonly string[] | undefined }> {
  const found = await store.tenants.list({
    where: { status: { is: '!=', value: 'deleted' } },
    ...(page.after === undefined ? {} : { after: page.after }),
    limit: Math.min(page.limit, limits.pageItemsMax) + 1,
  });
  const rows = found.slice(0, page.limit);
  const last = found.length > page.limit ? rows.at(-1) : undefined;
  return { rows, next: last && [last.tenant] };
}

function settingsText(settings: TenantSettings): string | null {
  return Object.keys(settings).length === 0 ? null : JSON.stringify(settings);
}

function byStep(step: string): Result<never, TenantRefusal> {
  return err({ reason: 'refused_by_step', step });
}
