/**
 * What may be used once, on all nodes: a row whose insertion refuses the second use, in the very
 * act that the first use leads to. Rows lie in partitions of an hour, by the end of what they
 * remember, so that a second use looks where the first one wrote.
 */
import { hash } from 'node:crypto';
import type { TenantId, UnixSeconds } from '@mintmark/core';
import type { Step } from '../store/act.ts';

export interface SingleUse {
  readonly tenant: TenantId;
  readonly kind: 'assertion' | 'grant' | 'dpop' | 'request';
  /** Whose id it is: ids of two clients, or of two keys, are not compared. */
  readonly of: string;
  readonly id: string;
  /** From then on it is refused for its age; what stands in the row may be forgotten. */
  readonly endsAt: UnixSeconds;
}

/** The outcome of an act whose step refused it. */
const refused = {
  assertion: 'assertion_used',
  grant: 'grant_used',
  dpop: 'proof_used',
  request: 'request_used',
} as const;

const partitionSeconds = 3600;

/** Refuses the act with `assertion_used` or `proof_used` where it was used before. */
export function singleUseStep({ tenant, kind, of, id, endsAt }: SingleUse): Step {
  return {
    do: 'insert',
    table: 'singleUses',
    row: {
      partition: Math.floor(endsAt / partitionSeconds),
      tenant,
      kind,
      // A digest: both parts are the sender's own words, of any length.
      id: hash('sha256', JSON.stringify([of, id]), 'base64url'),
    },
    refused: refused[kind],
  };
}

/** Partitions below this hold nothing that could still be accepted. */
export function endedPartition(now: UnixSeconds): number {
  return Math.floor(now / partitionSeconds) - 1;
}
