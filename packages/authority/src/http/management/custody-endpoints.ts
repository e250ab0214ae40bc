/** `/v1/custody`: the keys that protect everything at rest, and their rotation while serving. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { type RotateCustodyPorts, rotateCustody } from '../../admin/rotate-custody.ts';
import { type CustodyState, showCustody } from '../../admin/show-custody.ts';
import { readReason } from '../../audit/reason.ts';
import type { Custody } from '../../custody/custody.ts';
import { type DestroyRefusal, destroyRootKey } from '../../custody/root-key.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { line, momentOut, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export interface CustodyEndpointPorts extends RotateCustodyPorts {
  readonly custody: Pick<Custody, 'describe' | 'rotate' | 'destroy'>;
}

const group = 'custody';

const state = z
  .strictObject({
    kind: z.string().describe('What keeps the root key'),
    root_keys: z.array(
      z.strictObject({
        id: z.string(),
        created_at: momentOut,
        algorithm: z.string(),
        protector: z.string(),
        current: z.boolean().describe('Whether it wraps from now on'),
        wraps: z.int().describe('Data keys and peppers that it still wraps'),
      }),
    ),
    data_keys: z
      .array(
        z.strictObject({
          id: z.string(),
          created_at: momentOut,
          status: z
            .enum(['active', 'retired', 'archived'])
            .describe('archived: only personal data of the audit trail is sealed under it'),
          uses: z.int().describe('Encryptions reserved so far'),
        }),
      )
      .describe('Of the tenant, newest first, the latest ones'),
    peppers: z.array(
      z.strictObject({
        version: z.string(),
        created_at: momentOut,
        status: z
          .enum(['active', 'retired'])
          .describe('retired: stored hashes are still checked with it'),
      }),
    ),
    under_way: z
      .strictObject({
        rewrap: z.int().describe('Data keys and peppers to be wrapped by the current root key'),
        reseal: z.int().describe('Retired data keys whose records are to be sealed again'),
        reseal_from: momentOut.nullable().describe('Not before: the key before may be in use'),
      })
      .describe('What rotations have left to do; it happens by itself'),
  })
  .meta({ id: 'Custody' });

export function custodyEndpoints(ports: CustodyEndpointPorts): readonly PreparedEndpoint[] {
  return [show(ports), rotate(ports), destroy(ports)];
}

function renderState(shown: CustodyState): Readonly<Record<string, unknown>> {
  return {
    kind: shown.kind,
    root_keys: shown.rootKeys.map(({ createdAt, isCurrent, ...key }) => {
      return { ...key, created_at: renderMoment(createdAt), current: isCurrent };
    }),
    data_keys: shown.dataKeys.map(({ id, createdAt, status, uses }) => {
      return { id, created_at: renderMoment(createdAt), status, uses };
    }),
    peppers: shown.peppers.map(({ id, createdAt, status }) => {
      return { version: id, created_at: renderMoment(createdAt), status };
    }),
    under_way: {
      rewrap: shown.underWay.rewrap,
      reseal: shown.underWay.reseal,
      reseal_from: renderMomentOrNull(shown.underWay.resealFrom ?? null),
    },
  };
}

function show(ports: CustodyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/custody',
    operation: 'showCustody',
    operatorOnly: true,
    group,
    summary: 'Shows root keys, data keys and peppers, and what is left of a rotation',
    permission: 'custody:read',
    answers: { 200: { description: 'The state of custody; no key itself.', schema: state } },
    async handle({ tenant }) {
      return ok({ status: 200, body: renderState(await showCustody(ports, tenant)) });
    },
  });
}

function rotate(ports: CustodyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/custody/rotate',
    operation: 'rotateCustody',
    operatorOnly: true,
    group,
    summary: 'Makes a new root key, data key or pepper current, while serving',
    description:
      'Everything that was protected before goes on working. The rest happens by itself: keys ' +
      'are wrapped again, records sealed again, and a pepper goes when nothing names it.',
    permission: 'custody:write',
    body: z
      .strictObject({
        what: z.enum(['root', 'data', 'pepper']).describe('data: of the tenant'),
        reason: line({ min: 1, max: 500 }).optional(),
      })
      .meta({ id: 'RotateCustody' }),
    answers: {
      202: {
        description: 'The new one is current.',
        schema: z.strictObject({
          what: z.string(),
          current: z.string().describe('Id of the new key, version of the new pepper'),
        }),
      },
    },
    problems: ['wrong_state', 'conflict'],
    async handle({ requester, body }) {
      const { what } = body;
      const reason = readReason(body.reason ?? 'requested');
      const rotated = await rotateCustody(ports, { requester, what, reason });
      if (rotated.ok) {
        return ok({ status: 202, body: { what, current: rotated.value } });
      }
      switch (rotated.refusal.reason) {
        case 'too_many_keys': {
          const detail = `more than ${limits.replacedKeysMax} older ones are not done with`;
          return err({ code: 'wrong_state', detail });
        }
        case 'overtaken':
          return err({ code: 'conflict', detail: 'another process rotated the same' });
      }
    },
  });
}

function destroy(ports: CustodyEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/custody/keys/{id}',
    operation: 'destroyRootKey',
    operatorOnly: true,
    group,
    summary: 'Destroys an older root key that wraps nothing any more',
    description: 'A backup of the database from before its replacement opens no more without it.',
    permission: 'custody:write',
    params: z.strictObject({ id: z.string().min(1).max(256) }),
    answers: { 204: { description: 'It is gone for ever.' } },
    problems: ['wrong_state'],
    async handle({ requester, params }) {
      const destroyed = await destroyRootKey(ports, { requester, keyId: params.id });
      if (destroyed.ok) return ok({ status: 204 });
      const { refusal } = destroyed;
      if (refusal.reason === 'key_not_found') return err({ code: 'not_found' });
      return err({ code: 'wrong_state', detail: detailOf(refusal) });
    },
  });
}

function detailOf(refusal: Exclude<DestroyRefusal, { reason: 'key_not_found' }>): string {
  switch (refusal.reason) {
    case 'key_current':
      return 'it is the current root key: rotate first';
    case 'key_replaced_lately':
      return `a process may still use it until ${renderMoment(refusal.until)}`;
    case 'key_named':
      return `it still wraps ${refusal.wraps} keys, which are wrapped again within minutes`;
  }
}
