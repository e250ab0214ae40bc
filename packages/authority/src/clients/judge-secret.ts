/**
 * Is this one of the client's secrets? Compared as keyed hashes in constant time, and in the same
 * time where there is no such client.
 */
import { hash } from 'node:crypto';
import {
  type ClientId,
  type Clock,
  type Entropy,
  equalConstantTime,
  type TenantId,
} from '@mintmark/core';
import { hashSecret } from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Row } from '../store/tables.ts';
import { isImported } from './imported-secret.ts';

/** The secrets of one client as they were read, and what was proven of them since. */
export interface KeptSecrets {
  readonly rows: readonly Row<'clientSecrets'>[];
  /**
   * SHA-256 of the secret that was proven last, and until when it holds (unix milliseconds). It
   * spares a busy client the HMAC, and lives no longer than the entry.
   */
  proven: { readonly digest: Uint8Array; readonly until: number; readonly id: string } | undefined;
}

/** Which of its secrets was presented: a live one, one that a newer follows, an ended one, none. */
export type SecretVerdict =
  | { readonly kind: 'live' | 'overlap'; readonly id: string }
  | { readonly kind: 'ended'; readonly id: string }
  | { readonly kind: 'wrong' };

interface SecretInput {
  readonly tenant: TenantId;
  readonly kept: KeptSecrets | undefined;
  readonly presented: { readonly clientId: ClientId; readonly secret: string };
}

export type SecretJudge = (input: SecretInput) => SecretVerdict;

interface JudgeDeps {
  readonly peppers: Peppers;
  readonly clock: Clock;
}

export function createSecretJudge(deps: JudgeDeps & { readonly entropy: Entropy }): SecretJudge {
  const decoy = deps.entropy.bytes(32);
  return (input) => {
    const { kept, presented } = input;
    const now = deps.clock.nowMs();
    const digest = hash('sha256', presented.secret, 'buffer');
    const proven = kept?.proven;
    if (proven !== undefined && now < proven.until && equalConstantTime(proven.digest, digest)) {
      return liveVerdict(proven);
    }
    const found = presentedSecret(deps, { ...input, decoy });
    if (kept === undefined || found === undefined) return { kind: 'wrong' };
    const { id, expiresAt } = found;
    if (expiresAt !== null && expiresAt <= now) return { kind: 'ended', id };
    kept.proven = { digest, until: expiresAt ?? Number.POSITIVE_INFINITY, id };
    return liveVerdict(kept.proven);
  };
}

function liveVerdict({ id, until }: NonNullable<KeptSecrets['proven']>): SecretVerdict {
  return { kind: until === Number.POSITIVE_INFINITY ? 'live' : 'overlap', id };
}

/** The row whose secret was presented. One that has ended is told apart: somebody still has it. */
function presentedSecret(
  deps: JudgeDeps,
  input: SecretInput & { readonly decoy: Uint8Array },
): Row<'clientSecrets'> | undefined {
  const { tenant, kept, presented, decoy } = input;
  const rows = (kept?.rows ?? []).filter((row) => !isImported(row));
  // An unknown client costs the same comparison, so that the answer's time tells nothing.
  const candidates: readonly (Row<'clientSecrets'> | undefined)[] =
    rows.length > 0 ? rows : [undefined];
  let found: Row<'clientSecrets'> | undefined;
  for (const row of candidates) {
    const current = deps.peppers.current().key;
    const pepper = row === undefined ? current : deps.peppers.get(row.pepperVersion);
    const presentedHash = hashSecret({
      pepper: pepper ?? current,
      tenant,
      id: presented.clientId,
      secret: presented.secret,
    });
    if (equalConstantTime(presentedHash, row?.hash ?? decoy)) found = row;
  }
  return found;
}
