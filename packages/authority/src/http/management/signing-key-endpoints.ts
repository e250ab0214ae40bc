/** `/v1/signing-keys`: rotated by schedule, by hand, or in an emergency. */
import { err, type JwsAlgorithm, ok } from '@mintmark/core';
import { z } from 'zod';
import { type ReportKeyPorts, reportSigningKey } from '../../admin/report-signing-key.ts';
import { readReason } from '../../audit/reason.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { Row } from '../../store/tables.ts';
import { cutPage } from './cut-page.ts';
import { changeBy, type EmergencyPorts, emergencyEndpoints } from './emergency-endpoints.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { line, momentOut, pageOf, renderMoment, renderMomentOrNull } from './wire-schema.ts';

export type SigningKeyPorts = EmergencyPorts &
  ReportKeyPorts & {
    readonly keyring: Pick<Keyring, 'rotate' | 'emergency'>;
    /** What is rotated where the request names none. */
    readonly defaultAlgorithm: JwsAlgorithm;
  };

const group = 'signing keys';

/** HS256 is not among them: its key is a resource server's own. */
const signingAlgorithm = z.enum([
  'RS256',
  'PS256',
  'ES256',
  'EdDSA',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
  // The key that requests are encrypted to.
  'ECDH-ES',
]);

const signingKey = z
  .strictObject({
    kid: z.string(),
    algorithm: z.string(),
    status: z.enum(['published', 'active', 'retiring', 'retired', 'compromised']),
    public_jwk: z.looseObject({ kty: z.string() }),
    created_at: momentOut,
    activate_at: momentOut,
    retire_at: momentOut.nullable(),
  })
  .meta({ id: 'SigningKey' });

const reason = line({ min: 1, max: 500 });

export function signingKeyEndpoints(ports: SigningKeyPorts): readonly PreparedEndpoint[] {
  return [
    ...[list(ports), show(ports), rotate(ports), report(ports)],
    ...emergencyEndpoints(ports),
  ];
}

function renderSigningKey(row: Row<'signingKeys'>): Readonly<Record<string, unknown>> {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    status: row.status,
    public_jwk: row.publicJwk,
    created_at: renderMoment(row.createdAt),
    activate_at: renderMoment(row.activateAt),
    retire_at: renderMomentOrNull(row.retireAt),
  };
}

function list({ store }: SigningKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/signing-keys',
    operation: 'listSigningKeys',
    group,
    summary: 'Lists signing keys, those that ended too',
    permission: 'signing_keys:read',
    paged: true,
    answers: { 200: { description: 'A page of signing keys.', schema: pageOf(signingKey) } },
    async handle({ tenant, page }) {
      const rows = await store.signingKeys.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.kid]);
      return ok({ status: 200, body: { items: shown.map(renderSigningKey) }, next });
    },
  });
}

function show({ store }: SigningKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/signing-keys/{kid}',
    operation: 'showSigningKey',
    group,
    summary: 'Shows a signing key, its public half only',
    permission: 'signing_keys:read',
    params: z.strictObject({ kid: z.string().min(1).max(128) }),
    answers: { 200: { description: 'The signing key.', schema: signingKey } },
    async handle({ tenant, params }) {
      const row = await store.signingKeys.get(tenant, params.kid);
      if (row === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderSigningKey(row), version: row.version });
    },
  });
}

function rotate({ keyring, defaultAlgorithm }: SigningKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/signing-keys/rotate',
    operation: 'rotateSigningKey',
    group,
    summary: 'Publishes the next key now; it signs once verifiers had time to learn of it',
    description: 'Where a next key is published already, that is the answer: repeating is safe.',
    permission: 'signing_keys:write',
    body: z
      .strictObject({ algorithm: signingAlgorithm.optional(), reason: reason.optional() })
      .meta({ id: 'RotateSigningKey' }),
    bodyOptional: true,
    answers: {
      200: {
        description: 'The next key.',
        schema: z.strictObject({ kid: z.string(), activate_at: momentOut }),
      },
    },
    async handle({ tenant, requester, body }) {
      const { algorithm = defaultAlgorithm } = body;
      const why = readReason(body.reason ?? 'requested');
      const next = await keyring.rotate({ tenant, algorithm, ...changeBy(requester, why) });
      const { kid, activateAt } = next;
      return ok({ status: 200, body: { kid, activate_at: renderMoment(activateAt) } });
    },
  });
}

function report(ports: SigningKeyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/signing-keys/{kid}/report',
    operation: 'reportSigningKey',
    group,
    summary: 'Reports that a key may be known to others; rotation rules that name `leak` begin',
    description: 'It goes on being trusted. Where you are sure, end it by `emergency`.',
    permission: 'signing_keys:write',
    params: z.strictObject({ kid: z.string().min(1).max(128) }),
    body: z.strictObject({ reason }).meta({ id: 'ReportSigningKey' }),
    answers: { 202: { description: 'It is on record.' } },
    problems: ['wrong_state'],
    async handle({ requester, params: { kid }, body }) {
      const why = readReason(body.reason);
      const reported = await reportSigningKey(ports, { requester, kid, reason: why });
      if (reported.ok) return ok({ status: 202 });
      if (reported.refusal.reason === 'not_found') return err({ code: 'not_found' });
      return err({ code: 'wrong_state', detail: 'the key is trusted no more' });
    },
  });
}
