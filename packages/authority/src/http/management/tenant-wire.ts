/** Tenants as the management API spells them. */
import { limits, parseTenantId, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import { grantTypesKnown } from '../../grants/run-grant.ts';
import type { TenantRow } from '../../tenants/change-tenant.ts';
import { readSettings, type TenantSettings } from '../../tenants/settings.ts';
import { keyPolicy, keyPolicyOf, renderKeyPolicy } from './key-policy-wire.ts';
import { line, momentOut, renderMoment, scopes } from './wire-schema.ts';

export const tenantName = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);

/** @param text that `tenantName` has let through */
export function tenantOf(text: string): TenantId {
  const parsed = parseTenantId(text);
  if (!parsed.ok) throw new Error(`tenant: ${parsed.refusal.rule}`);
  return parsed.value;
}

const lifeSeconds = z
  .int()
  .min(60)
  .max(90 * 86_400);
const grantTypes = [...grantTypesKnown] as [string, ...string[]];

export const settings = z
  .strictObject({
    registration: z
      .strictObject({
        mode: z.enum(['off', 'token', 'open']),
        scopes,
        audiences: z.array(z.string().max(2048)).max(limits.audiencesMax),
        metadata_documents: z.boolean(),
        require_pkce: z.boolean(),
      })
      .optional()
      .describe('What clients may do that register themselves'),
    sessions: z
      .strictObject({ idle_seconds: lifeSeconds, absolute_seconds: lifeSeconds })
      .optional()
      .describe('How long people stay signed in'),
    branding: z
      .strictObject({
        name: line({ min: 1, max: 100 }),
        color: z.string().regex(/^#[0-9a-fA-F]{6}$/),
        logo_url: z
          .string()
          .max(2048)
          .regex(/^https:\/\/[A-Za-z0-9.:-]+\/[^\s"'<>]*$/)
          .optional(),
      })
      .optional()
      .describe('Of the pages that people see'),
    clients: z
      .strictObject({
        grant_types: z.array(z.enum(grantTypes)).optional(),
        access_token_seconds_max: z.int().min(1).max(limits.accessTokenTtlSecondsMax).optional(),
      })
      .optional()
      .describe('Bounds of all its clients, whatever is registered'),
    keys: keyPolicy.optional().describe('What is demanded of API keys'),
  })
  .meta({ id: 'TenantSettings' });

export function settingsOf(wire: z.output<typeof settings>): TenantSettings {
  const { registration, sessions, branding, clients, keys } = wire;
  return {
    ...(registration && {
      registration: {
        mode: registration.mode,
        scopes: registration.scopes,
        audiences: registration.audiences,
        metadataDocuments: registration.metadata_documents,
        requirePkce: registration.require_pkce,
      },
    }),
    ...(sessions && {
      sessions: {
        idleSeconds: sessions.idle_seconds,
        absoluteSeconds: sessions.absolute_seconds,
      },
    }),
    ...(branding && {
      branding: {
        name: branding.name,
        color: branding.color,
        ...(branding.logo_url && { logoUrl: branding.logo_url }),
      },
    }),
    ...(clients && {
      clients: {
        ...(clients.grant_types && { grantTypes: clients.grant_types }),
        ...(clients.access_token_seconds_max && {
          accessTokenSecondsMax: clients.access_token_seconds_max,
        }),
      },
    }),
    ...(keys && { keys: keyPolicyOf(keys) }),
  };
}

function renderSettings(own: TenantSettings): z.input<typeof settings> {
  const { registration, sessions, branding, clients, keys } = own;
  return {
    ...(registration && {
      registration: {
        mode: registration.mode,
        scopes: registration.scopes,
        audiences: registration.audiences,
        metadata_documents: registration.metadataDocuments,
        require_pkce: registration.requirePkce,
      },
    }),
    ...(sessions && {
      sessions: {
        idle_seconds: sessions.idleSeconds,
        absolute_seconds: sessions.absoluteSeconds,
      },
    }),
    ...(branding && {
      branding: {
        name: branding.name,
        color: branding.color,
        ...(branding.logoUrl && { logo_url: branding.logoUrl }),
      },
    }),
    ...(clients && {
      clients: {
        ...(clients.grantTypes && { grant_types: clients.grantTypes }),
        ...(clients.accessTokenSecondsMax && {
          access_token_seconds_max: clients.accessTokenSecondsMax,
        }),
      },
    }),
    ...(keys && { keys: renderKeyPolicy(keys) }),
  };
}

const shown = {
  tenant: z.string(),
  name: z.string(),
  status: z.enum(['active', 'disabled']),
  issuer: z.string(),
  settings: z.looseObject({}),
  created_at: momentOut,
};

export const tenantShape = z.strictObject(shown).meta({ id: 'Tenant' });

export const newTenantShape = z
  .strictObject({
    ...shown,
    admin_key: z.string().optional().describe('Of its first administrator, in this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewTenant' });

export function renderTenant(
  row: TenantRow,
  issuerOf: (tenant: TenantId) => string,
): Readonly<Record<string, unknown>> {
  const { tenant, name, status, createdAt } = row;
  return {
    ...{ tenant, name, status },
    issuer: issuerOf(tenant as TenantId),
    settings: renderSettings(readSettings(row.settings)),
    created_at: renderMoment(createdAt),
  };
}
