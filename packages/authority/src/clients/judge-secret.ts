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

/** The secrets of one client as they were read, and what was proven of them since. */
export interface KeptSecrets {
  readonly rows: readonly Row<'clientSecrets'>[];
  /**
   * SHA-256 of the secret that was proven last, and until when it holds (unix milliseconds). It
   * spares a busy client the HMAC, and lives no longer than the entry.
   */
  proven: { readonly digest: Uint8Array; readonly until: number } | undefined;
}

interface SecretInput {
  readonly tenant: TenantId;
  readonly kept: KeptSecrets | undefined;
  readonly presented: { readonly clientId: ClientId; readonly secret: string };
}

export type SecretJudge = (input: SecretInput) => boolean;

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
    const isProven =
      proven !== undefined && now < proven.until && equalConstantTime(proven.digest, digest);
    const until = isProven ? proven.until : provenUntil(deps, { ...input, decoy, now });
    if (kept === undefined || until === undefined) return false;
    kept.proven = { digest, until };
    return true;
  };
}

/** Until when the presented secret is one of the client's; undefined where it is none of them. */
function provenUntil(
  deps: JudgeDeps,
  input: SecretInput & { readonly decoy: Uint8Array; readonly now: number },
): number | undefined {
  const { tenant, kept, presented, decoy, now } = input;
  const live = (kept?.rows ?? []).filter((s) => s.expiresAt === null || s.expiresAt > now);
  // An unknown client costs the same comparison, so that the answer's time tells nothing.
  const candidates =
    live.length > 0 ? live : [{ hash: decoy, pepperVersion: undefined, expiresAt: null }];
  let until: number | undefined;
  for (const { hash: stored, pepperVersion, expiresAt } of candidates) {
    const current = deps.peppers.current().key;
    const pepper = pepperVersion === undefined ? current : deps.peppers.get(pepperVersion);
    const presentedHash = hashSecret({
      pepper: pepper ?? current,
      tenant,
      id: presented.clientId,
      secret: presented.secret,
    });
    if (equalConstantTime(presentedHash, stored)) until = expiresAt ?? Number.POSITIVE_INFINITY;
  }
  return until;
}
