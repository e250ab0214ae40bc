/** `/v1/gateway-keys`: where a gateway hands in the public key by which it signs for upstreams. */
import { err, internalToken, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { type GatewayKeyPorts, publishGatewayKey } from '../../admin/gateway-keys.ts';
import { nodeName } from '../../revocation/node-name.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { line } from './wire-schema.ts';

export function gatewayKeyEndpoint(ports: GatewayKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: internalToken.publishPath,
    operation: 'publishGatewayKey',
    group: 'feed',
    summary: 'Publishes the key by which a gateway signs what it tells upstreams',
    description:
      `Published at ${internalToken.keySetPath} for ${limits.gatewayKeySeconds} seconds; ` +
      'asking again prolongs it. Whoever may do this can say to upstreams who calls them.',
    permission: 'gateway_keys:write',
    body: z.strictObject({
      node: line({ min: 1, max: 64 }),
      jwk: z.strictObject({
        kty: z.literal('EC'),
        crv: z.literal('P-256'),
        x: z.string().max(64),
        y: z.string().max(64),
        kid: z.string().max(64),
        alg: z.literal('ES256'),
        use: z.literal('sig'),
      }),
    }),
    answers: { 204: { description: 'Published.' } },
    problems: ['wrong_state'],
    async handle({ tenant, requester, body }) {
      const { actor } = requester;
      const node = nodeName(body.node, actor);
      const published = await publishGatewayKey(ports, { tenant, node, actor, jwk: body.jwk });
      if (published.ok) return ok({ status: 204 });
      switch (published.refusal.reason) {
        case 'bad_key': {
          const message = 'is no ES256 key under its own thumbprint (RFC 7638)';
          return err({ code: 'invalid_body', errors: [{ pointer: '/jwk', message }] });
        }
        case 'key_taken':
          return err({ code: 'wrong_state', detail: 'another node has published this key' });
        case 'too_many':
          return err({ code: 'wrong_state', detail: `at most ${limits.gatewayKeysMax} keys` });
      }
    },
  });
}
