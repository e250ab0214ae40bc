/** `/v1/signing-keys/{kid}/emergency`: what the end of a stolen key breaks, and its end. */
import { err, letOthersRun, ok, type Timers } from '@mintmark/core';
import { z } from 'zod';
import {
  type EmergencyDeps,
  type EmergencyPreview,
  endSigningKey,
  previewEmergency,
} from '../../admin/signing-key-emergency.ts';
import { type Reason, readReason } from '../../audit/reason.ts';
import type { Requester } from '../../audit/requester.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { previewMembers, reason, renderPreview } from './revocation-wire.ts';

export type EmergencyPorts = Omit<EmergencyDeps, 'pause'> & {
  readonly timers: Pick<Timers, 'after'>;
};

const group = 'signing keys';

const params = z.strictObject({ kid: z.string().min(1).max(128) });

export function emergencyEndpoints(ports: EmergencyPorts): readonly PreparedEndpoint[] {
  const deps = { ...ports, pause: () => letOthersRun(ports.timers) };
  return [look(deps), emergency(deps)];
}

/** The requester in the keyring's terms. */
export function changeBy(requester: Requester, why: Reason) {
  const { actor, address, userAgent, requestId } = requester;
  return {
    actor,
    reason: why.code,
    requestId,
    personal: {
      ...(why.note === undefined ? {} : { note: why.note }),
      ...(address === undefined ? {} : { address }),
      ...(userAgent === undefined ? {} : { userAgent }),
    },
  };
}

const { preview: _token, undo: _undo, examples: _examples, ...broken } = previewMembers;

const looked = z
  .strictObject({
    kid: z.string(),
    status: z.string(),
    algorithm: z.string(),
    signs: z.boolean().describe('Whether it signs now: another key takes its place at once'),
    caches: z.strictObject({
      jwks_max_age_seconds: z.int(),
      status_list_ttl_seconds: z.int(),
      feed_lease_seconds: z.int(),
    }),
    ...broken,
  })
  .meta({ id: 'SigningKeyEmergency' });

function look(deps: EmergencyDeps): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/signing-keys/{kid}/emergency',
    operation: 'previewSigningKeyEnd',
    group,
    summary: 'Says what distrusting a key would break, and changes nothing',
    permission: 'signing_keys:write',
    params,
    answers: { 200: { description: 'What would break.', schema: looked } },
    async handle({ tenant, params: { kid }, now }) {
      const seen = await previewEmergency(deps, { tenant, kid, now });
      if (seen === undefined) return err({ code: 'not_found' });
      const { status, algorithm, signs, caches } = seen;
      return ok({
        status: 200,
        body: {
          ...{ kid, status, algorithm, signs },
          caches: {
            jwks_max_age_seconds: caches.jwksMaxAgeSeconds,
            status_list_ttl_seconds: caches.statusListTtlSeconds,
            feed_lease_seconds: caches.feedLeaseSeconds,
          },
          ...brokenBy(seen),
        },
      });
    },
  });
}

function brokenBy(seen: EmergencyPreview): Readonly<Record<string, unknown>> {
  const { preview, undo, examples, breaks, ...rest } = renderPreview(seen.found, {
    ...{ token: '', kind: 'signing_key', keepsFamilies: true },
  });
  const { jwksMaxAgeSeconds, statusListTtlSeconds, feedLeaseSeconds } = seen.caches;
  return {
    ...rest,
    breaks: [
      ...(breaks as readonly string[]),
      `ID tokens, logout tokens and signed answers of this key no longer verify`,
      `connected gateways refuse within a second, others within ${feedLeaseSeconds} s; ` +
        `heartbeats of the feed are signed by the next key at once`,
      `whoever keeps the key set trusts the key for up to ${jwksMaxAgeSeconds} s more: ` +
        `have them fetch it anew; they learn of the new key when they first meet it`,
      `status lists of this key are good for up to ${statusListTtlSeconds} s more`,
      seen.signs ? 'a new key signs at once' : 'it does not sign now: no other key is made',
    ],
  };
}

function emergency(deps: EmergencyDeps): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/signing-keys/{kid}/emergency',
    operation: 'endSigningKey',
    group,
    summary: 'Distrusts a key at once, with every token that it signed',
    description:
      'Where it was the key that signs, a new one takes its place in the same act. Refresh ' +
      'tokens go on; owners of the clients concerned are told.',
    permission: 'signing_keys:write',
    params,
    body: z.strictObject({ reason }).meta({ id: 'EndSigningKey' }),
    answers: {
      200: {
        description: 'It is distrusted.',
        schema: z.strictObject({
          revocation: z.string().describe('Followed at /v1/revocations/{id}'),
          replacement: z.string().nullable(),
          complete: previewMembers.complete,
          counts: previewMembers.counts,
          clients: previewMembers.clients,
          owners_told: z.int(),
        }),
      },
    },
    problems: ['wrong_state'],
    async handle({ requester, params: { kid }, body }) {
      const by = changeBy(requester, readReason(body.reason));
      const ended = await endSigningKey(deps, { requester, kid, by });
      if (ended.ok) {
        const { revocation, replacement = null, found, ownersTold } = ended.value;
        const shown = renderPreview(found, { token: '', kind: 'signing_key', keepsFamilies: true });
        const { complete, counts, clients } = shown;
        const told = { complete, counts, clients, owners_told: ownersTold };
        return ok({ status: 200, body: { revocation, replacement, ...told } });
      }
      switch (ended.refusal.reason) {
        case 'key_not_found':
          return err({ code: 'not_found' });
        case 'key_not_trusted':
        case 'refused_by_step':
          return err({ code: 'wrong_state', detail: 'the key is not trusted any more' });
      }
    },
  });
}
