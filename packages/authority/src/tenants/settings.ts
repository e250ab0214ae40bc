/**
 * What a tenant has of its own in place of the configuration's. Kept as JSON in its row; parsed
 * once, when the row is read.
 */
import { limits, StoreFault, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import { type KeyPolicy, noKeyPolicy } from '../apikeys/key-policy.ts';
import type { RegistrationPolicy } from '../clients/registration.ts';

const lifeSeconds = z
  .int()
  .min(60)
  .max(90 * 86_400);

const tenantSettings = z.strictObject({
  /** What clients may do that register themselves. */
  registration: z
    .strictObject({
      mode: z.enum(['off', 'token', 'open']),
      scopes: z.array(z.string()),
      audiences: z.array(z.string()),
      metadataDocuments: z.boolean(),
      requirePkce: z.boolean(),
    })
    .optional(),
  /** How long people stay signed in. */
  sessions: z.strictObject({ idleSeconds: lifeSeconds, absoluteSeconds: lifeSeconds }).optional(),
  /** Of the pages that people see. */
  branding: z
    .strictObject({ name: z.string(), color: z.string(), logoUrl: z.string().optional() })
    .optional(),
  /** Bounds of all its clients, whatever is registered. */
  clients: z
    .strictObject({
      grantTypes: z.array(z.string()).optional(),
      accessTokenSecondsMax: z.int().min(1).max(limits.accessTokenTtlSecondsMax).optional(),
    })
    .optional(),
  /** What is demanded of API keys: see `apikeys/key-policy.ts`. */
  keys: z
    .strictObject({
      ownerRequired: z.boolean().default(false),
      purposeRequired: z.boolean().default(false),
      expiryRequired: z.boolean().default(false),
      lifeSecondsMax: z.int().min(1).optional(),
      allowedScopes: z.array(z.string()).optional(),
      allowedEnvironments: z.array(z.string()).optional(),
      recoverableAllowed: z.boolean().default(false),
      unusedDays: z.int().min(1).optional(),
      unusedGraceDays: z.int().min(1).optional(),
      mendBy: z
        .int()
        .transform((ms) => ms as UnixMs)
        .optional(),
    })
    .optional(),
});

export type TenantSettings = z.output<typeof tenantSettings>;

/** What holds for a tenant: its own settings, and the configuration's where it has none. */
export interface TenantPolicy {
  readonly registration: RegistrationPolicy;
  readonly sessions: {
    readonly idleSeconds: number;
    readonly absoluteSeconds: number;
    /** Unix milliseconds; null: none was ended with its tenant. */
    readonly endedBefore: number | null;
  };
  readonly branding: {
    readonly name: string;
    readonly color: string;
    readonly logoUrl?: string | undefined;
  };
  /** Grants that its clients may use; undefined: all that there are. */
  readonly grantTypes: ReadonlySet<string> | undefined;
  readonly accessTokenSecondsMax: number;
  readonly keys: KeyPolicy;
}

/** What the configuration says of every tenant. */
export interface PolicyDefaults {
  readonly registration: RegistrationPolicy;
  readonly sessions: Pick<TenantPolicy['sessions'], 'idleSeconds' | 'absoluteSeconds'>;
  readonly branding: TenantPolicy['branding'];
}

export function policyOf(
  defaults: PolicyDefaults,
  tenant: { readonly settings: TenantSettings; readonly sessionsEndedBefore: number | null },
): TenantPolicy {
  const { registration, sessions, branding, clients, keys } = tenant.settings;
  return {
    // What waits for an administrator, and what goes unused, is the configuration's to say.
    registration: registration
      ? { ...defaults.registration, ...registration }
      : defaults.registration,
    sessions: { ...(sessions ?? defaults.sessions), endedBefore: tenant.sessionsEndedBefore },
    branding: branding ?? defaults.branding,
    grantTypes: clients?.grantTypes && new Set(clients.grantTypes),
    accessTokenSecondsMax: clients?.accessTokenSecondsMax ?? limits.accessTokenTtlSecondsMax,
    keys: keys ?? noKeyPolicy,
  };
}

/** @throws StoreFault where the row was written by a newer program */
export function readSettings(text: string | null): TenantSettings {
  if (text === null) return {};
  const parsed = tenantSettings.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new StoreFault('store_newer', 'the settings of a tenant cannot be read', {
    hint: 'they were written by a newer version of this program',
  });
}
