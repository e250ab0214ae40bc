/** The table of what clients ask people by the back channel (CIBA): see `tables.ts`. */
import {
  bytes,
  bytesOrNull,
  integer,
  integerOrNull,
  json,
  table,
  text,
  textOrNull,
} from './table.ts';

export const backchannelTables = {
  /**
   * Authentication requests. A redeemed one stays until it would have expired, so that a second
   * redemption is told from a request that never was.
   */
  backchannelRequests: table({
    columns: {
      tenant: text,
      /** The look-up id in `auth_req_id`; by it people and their devices name the request too. */
      id: text,
      /** Of the secret in `auth_req_id`, which the client alone has. */
      hash: bytes,
      pepperVersion: text,
      clientId: text,
      /** Who is asked. */
      subject: text,
      status: text as typeof text & { rowType?: 'pending' | 'approved' | 'denied' | 'redeemed' },
      /** What was asked, as `issuance/authentication-request.ts` has it. */
      asked: json<Record<string, unknown>>(),
      /** What was agreed to, as `issuance/terms.ts` has it; null until it was. */
      terms: json<Record<string, unknown> | null>(),
      /** Of all that it gives, decided with the approval: so a withdrawal knows what to end. */
      family: textOrNull,
      /** Feed position when it was approved: revocations above it end the request. */
      position: integer,
      /** How often the client may ask, and not before when (unix milliseconds). */
      pollSeconds: integer,
      nextPollAt: integer,
      /** `auth_req_id` and the client's bearer token, for the ping; null where none is due. */
      sealedPing: bytesOrNull,
      /** Tries to ping so far, and when the next one is due; null while there is no answer. */
      attempts: integer,
      nextAttemptAt: integerOrNull,
      createdAt: integer,
      expiresAtSeconds: integer,
    },
    key: ['tenant', 'id'],
    indexes: [
      ['tenant', 'subject', 'createdAt', 'id'],
      ['tenant', 'createdAt', 'id'],
      ['nextAttemptAt'],
      ['expiresAtSeconds'],
    ],
  }),
} as const;
