/** `/v1/keys/{id}/quarantine` and `/release`: hold a key back on suspicion, and let it go again. */
import { err, ok } from '@mintmark/core';
import { z } from 'zod';
import type { KeyPorts } from '../../apikeys/key-change.ts';
import {
  type QuarantineKeyRefusal,
  quarantineKey,
  type ReleaseKeyRefusal,
  releaseKey,
} from '../../apikeys/quarantine-key.ts';
import { readReason } from '../../audit/reason.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { assignNeeded, mayNameOwner } from './key-endpoints.ts';
import { key, keyId, renderKey } from './key-wire.ts';
import type { Problem } from './problem.ts';
import { line } from './wire-schema.ts';

type Ports = Pick<KeyPorts, 'store' | 'recorder' | 'clock'>;

const because = { reason: line({ min: 1, max: 500 }) };

export function keyQuarantineEndpoints(ports: Ports): readonly PreparedEndpoint[] {
  return [quarantine(ports), release(ports)];
}

function quarantine(ports: Ports): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/{id}/quarantine',
    operation: 'quarantineKey',
    group: 'keys',
    summary: 'Holds a key back on suspicion, and keeps every attempt with it as evidence',
    description:
      'Callers get the same 401 as for a disabled key, everywhere within a second. Keys of every ' +
      'owner may be held back.',
    permission: 'keys:write',
    params: keyId,
    body: z.strictObject(because).meta({ id: 'QuarantineKey' }),
    answers: { 200: { description: 'The key as it is now.', schema: key } },
    problems: ['wrong_state', 'conflict'],
    async handle({ requester, params, body, now }) {
      const held = await quarantineKey(ports, {
        requester,
        id: params.id,
        reason: readReason(body.reason),
      });
      if (!held.ok) return err(quarantineProblem(held.refusal));
      return ok({ status: 200, body: renderKey(held.value, now), version: held.value.version });
    },
  });
}

function quarantineProblem(refusal: QuarantineKeyRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'revoked':
      return { code: 'wrong_state', detail: 'the key is revoked' };
    case 'already_quarantined':
      return { code: 'wrong_state', detail: 'the key is quarantined already' };
  }
}

function release(ports: Ports): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/keys/{id}/release',
    operation: 'releaseKey',
    group: 'keys',
    summary: 'Ends a quarantine: the key is again what it was before, active or disabled',
    description: 'The key of another owner than oneself needs the permission `keys:assign`.',
    permission: 'keys:write',
    params: keyId,
    body: z.strictObject(because).meta({ id: 'ReleaseKey' }),
    answers: { 200: { description: 'The key as it is now.', schema: key } },
    problems: ['wrong_state', 'conflict'],
    async handle({ caller, requester, params, body, now }) {
      const released = await releaseKey(ports, {
        requester,
        id: params.id,
        reason: readReason(body.reason),
        mayNameOwner: (owner) => mayNameOwner(caller, owner),
      });
      if (!released.ok) return err(releaseProblem(released.refusal));
      const { version } = released.value;
      return ok({ status: 200, body: renderKey(released.value, now), version });
    },
  });
}

function releaseProblem(refusal: ReleaseKeyRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
    case 'conflict':
      return { code: refusal.reason };
    case 'owner_not_allowed':
      return assignNeeded;
    case 'not_quarantined':
      return { code: 'wrong_state', detail: `the key is ${refusal.status}` };
  }
}
