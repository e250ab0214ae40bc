/** `POST /v1/tokens/inspect`: what an operator may know of any token, with the reason of a no. */
import { ok, rfc3339, type TenantId, type UnixMs } from '@mintmark/core';
import { z } from 'zod';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { momentOut } from './wire-schema.ts';

export interface InspectedToken {
  readonly active: true;
  readonly kind: string;
  readonly id: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly expiresAt: number | undefined;
}

export interface TokenPorts {
  readonly inspect: (input: {
    readonly tenant: TenantId;
    readonly token: string;
  }) => Promise<InspectedToken | { readonly active: false; readonly reason: string }>;
}

const inspected = z
  .strictObject({
    active: z.boolean(),
    reason: z.string().optional().describe('Why it is not active'),
    kind: z.string().optional(),
    id: z.string().optional(),
    subject: z.string().optional(),
    client_id: z.string().optional(),
    scopes: z.array(z.string()).optional(),
    audience: z.array(z.string()).optional(),
    expires_at: momentOut.optional(),
  })
  .meta({ id: 'InspectedToken' });

export function tokenEndpoints(ports: TokenPorts): readonly PreparedEndpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/v1/tokens/inspect',
      operation: 'inspectToken',
      group: 'tokens',
      summary: 'Says what a token is, and whether and why it is not good',
      permission: 'tokens:inspect',
      body: z.strictObject({ token: z.string().min(1).max(16_384) }).meta({ id: 'InspectToken' }),
      answers: { 200: { description: 'What it is.', schema: inspected } },
      async handle({ tenant, body }) {
        const found = await ports.inspect({ tenant, token: body.token });
        if (!found.active) return ok({ status: 200, body: { ...found } });
        const { clientId, expiresAt, ...rest } = found;
        const expires_at = expiresAt && rfc3339((expiresAt * 1000) as UnixMs);
        return ok({ status: 200, body: { ...rest, client_id: clientId, expires_at } });
      },
    }),
  ];
}
