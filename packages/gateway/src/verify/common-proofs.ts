/**
 * DPoP proofs that any gateway has accepted, at the store in common (RFC 9449 §11.1): a copy that
 * was stolen on its way counts at no other node. Beside it each node remembers its own, so that a
 * store that is away opens no more than the window in which a proof may be used at all.
 */
import { hash } from 'node:crypto';
import { limits } from '@mintmark/core';
import { type ScriptRunner, scriptOf } from '../limits/script-runner.ts';

export interface CommonProofs {
  /**
   * Remembers a verified proof.
   *
   * @returns false where some node has accepted it before
   * @throws NetworkFault where that is not known
   */
  first(proof: string): Promise<boolean>;
}

/** Until it would be refused for its age everywhere. */
const keptSeconds = limits.dpopProofAgeSecondsMax + limits.clockSkewSeconds + 1;

const script = scriptOf(
  "if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return {'1'} end return {'0'}",
);

export function createCommonProofs(runner: ScriptRunner): CommonProofs {
  return {
    async first(proof) {
      // Without the signature, of which whoever has one can make another (ECDSA).
      const signed = proof.slice(0, proof.lastIndexOf('.'));
      const key = `mintmark:proof:${hash('sha256', signed, 'base64url')}`;
      const [answer] = await runner.run(script, [key], [keptSeconds]);
      return answer === '1';
    },
  };
}
