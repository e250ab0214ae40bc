/** OAuth clients on the wire: RFC 7591 metadata, and Mintmark's own members beside it. */
import { limits } from '@mintmark/core';
import { z } from 'zod';
import type { Client, ClientRules } from '../../clients/client.ts';
import { signingAlgorithm } from './signing-key-endpoints.ts';
import { line, momentOut, renderMoment } from './wire-schema.ts';

/** VSCHAR without space (RFC 6749 appendix A.1). */
const visible = (bounds: string) => z.string().regex(new RegExp(`^[\\x21-\\x7e]{${bounds}}$`));

export const clientId = visible(`1,${limits.clientIdCharsMax}`);

/** Scope values with one space between them (RFC 6749 §3.3). */
const scopeText = z
  .string()
  .max(4096)
  .regex(/^(?:[\x21\x23-\x5b\x5d-\x7e]{1,128}(?: [\x21\x23-\x5b\x5d-\x7e]{1,128}){0,99})?$/);

const resource = visible('1,512');

const rules = {
  client_name: line({ min: 1, max: 200 }).optional(),
  owner: line({ min: 1, max: 255 }).optional(),
  grant_types: z
    .array(z.enum(['client_credentials']))
    .max(8)
    .optional(),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post']).optional(),
  scope: scopeText.optional().describe('What it may ask for, and gets where it asks for nothing'),
  audiences: z
    .array(resource)
    .max(100)
    .optional()
    .describe('Resources it may ask tokens for; the first is the default'),
  resources: z
    .array(resource)
    .max(100)
    .optional()
    .describe('Resources it serves: it may introspect tokens that are meant for them'),
  access_token_format: z.enum(['jwt', 'opaque']).optional(),
  access_token_ttl_seconds: z.int().min(1).max(limits.accessTokenTtlSecondsMax).optional(),
  access_token_signing_alg: signingAlgorithm.optional(),
  metadata: z.record(z.string().min(1).max(64), line({ min: 0, max: 512 })).optional(),
};

export const newClientBody = z
  .strictObject({
    ...rules,
    client_id: clientId.optional().describe('Chosen by the caller; a fresh one if not given'),
    client_secret: visible('16,255').optional().describe('Chosen by the caller, or fresh'),
  })
  .meta({ id: 'CreateClient' });

export const editClientBody = z
  .strictObject({ ...rules, status: z.enum(['active', 'disabled']).optional() })
  .meta({ id: 'EditClient' });

const shown = {
  client_id: z.string(),
  client_name: z.string(),
  owner: z.string(),
  status: z.enum(['active', 'disabled']),
  grant_types: z.array(z.string()),
  token_endpoint_auth_method: z.string(),
  scope: z.string(),
  audiences: z.array(z.string()),
  resources: z.array(z.string()),
  access_token_format: z.enum(['jwt', 'opaque']),
  access_token_ttl_seconds: z.int(),
  access_token_signing_alg: z.string(),
  metadata: z.record(z.string(), z.string()),
  created_at: momentOut,
  updated_at: momentOut,
};

export const client = z.strictObject(shown).meta({ id: 'Client' });

export const newClient = z
  .strictObject({
    ...shown,
    client_secret: z.string().optional().describe('In this answer only'),
    secret_already_shown: z.literal(true).optional(),
  })
  .meta({ id: 'NewClient' });

export const rotatedSecret = z
  .strictObject({
    client_id: z.string(),
    client_secret: z.string().optional().describe('In this answer only'),
    secret_already_shown: z.literal(true).optional(),
    previous_expires_at: momentOut.describe('When the secrets before it stop working'),
  })
  .meta({ id: 'RotatedSecret' });

export type RulesBody = Omit<z.output<typeof editClientBody>, 'status'>;

/** The rules as they are after the body: members left out stay as they were. */
export function rulesOf(body: RulesBody, before: ClientRules): ClientRules {
  const { scope } = body;
  return {
    name: body.client_name ?? before.name,
    owner: body.owner ?? before.owner,
    grantTypes: unique(body.grant_types) ?? before.grantTypes,
    authMethod: body.token_endpoint_auth_method ?? before.authMethod,
    scopes: scope === undefined ? before.scopes : [...new Set(scope.split(' '))].filter(Boolean),
    audiences: unique(body.audiences) ?? before.audiences,
    resources: unique(body.resources) ?? before.resources,
    accessTokenFormat: body.access_token_format ?? before.accessTokenFormat,
    accessTokenTtlSeconds: body.access_token_ttl_seconds ?? before.accessTokenTtlSeconds,
    accessTokenAlgorithm: body.access_token_signing_alg ?? before.accessTokenAlgorithm,
    metadata: body.metadata ?? before.metadata,
  };
}

function unique<T>(values: readonly T[] | undefined): readonly T[] | undefined {
  return values && [...new Set(values)];
}

export function renderClient(one: Client): Readonly<Record<string, unknown>> {
  return {
    client_id: one.clientId,
    client_name: one.name,
    owner: one.owner,
    status: one.status,
    grant_types: one.grantTypes,
    token_endpoint_auth_method: one.authMethod,
    scope: one.scopes.join(' '),
    audiences: one.audiences,
    resources: one.resources,
    access_token_format: one.accessTokenFormat,
    access_token_ttl_seconds: one.accessTokenTtlSeconds,
    access_token_signing_alg: one.accessTokenAlgorithm,
    metadata: one.metadata,
    created_at: renderMoment(one.createdAt),
    updated_at: renderMoment(one.updatedAt),
  };
}
