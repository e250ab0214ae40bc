/** Tables of leaked credentials, and of what a tenant does about them. */
import { integer, integerOrNull, json, table, text } from './table.ts';

/** Where a leaked credential was seen, and who says so. */
export interface LeakSighting {
  /** `github`, `report`, or the admin key or client that reported it. */
  readonly by: string;
  readonly url: string | null;
  readonly source: string | null;
  readonly at: number;
}

/** What was done about a leak, or would have been. */
export interface LeakStep {
  readonly step: string;
  readonly outcome: string;
  readonly at: number;
}

export const leakTables = {
  /** One row a leaked credential, however often it is reported. The token itself is nowhere. */
  leaks: table({
    columns: {
      tenant: text,
      id: text,
      kind: text as typeof text & { rowType?: LeakKind },
      /** Its public id: of the key, the token, the family; or client and id of a secret. */
      credential: text,
      owner: text,
      name: text,
      status: text as typeof text & { rowType?: LeakStatus },
      /** The first of them, each once. */
      sightings: json<readonly LeakSighting[]>(),
      steps: json<readonly LeakStep[]>(),
      createdAt: integer,
      updatedAt: integer,
      /** When something has to be done next; null: nothing. */
      dueAt: integerOrNull,
      version: integer,
    },
    key: ['tenant', 'id'],
    unique: [['tenant', 'kind', 'credential']],
    indexes: [['tenant', 'createdAt', 'id'], ['dueAt']],
  }),

  /** What a tenant wants done, where it is not the default. */
  leakPolicies: table({
    columns: {
      tenant: text,
      policy: json<Record<string, unknown>>(),
      updatedAt: integer,
      version: integer,
    },
    key: ['tenant'],
  }),
};

export type LeakKind =
  | 'key'
  | 'sub_key'
  | 'admin_key'
  | 'client_secret'
  | 'registration_token'
  | 'access_token'
  | 'refresh_token';

/**
 * `open`: nothing was done yet. `held`: refused, and can be let go. `revoked`: ended for good.
 * `observed`: nothing is done by policy. `kept`: it could not be ended. `released`: let go by hand.
 * `ended`: it was worth nothing any more when it was reported.
 */
export type LeakStatus = 'open' | 'held' | 'revoked' | 'observed' | 'kept' | 'released' | 'ended';
