/**
 * Nonces that a server hands out for DPoP proofs (RFC 9449 §8) and knows again without having kept
 * them: a number of the minute and a MAC of it. Whoever holds another key does not know them, so a
 * proof counts only where its nonce was made.
 */
import { createHmac } from 'node:crypto';
import {
  base64urlDecode,
  base64urlEncode,
  concatBytes,
  equalConstantTime,
  limits,
  type UnixSeconds,
} from '@mintmark/core';

export interface DpopNonces {
  /** What to hand out now. */
  current(now: UnixSeconds): string;
  /** Whether it was handed out by a holder of the key, and lately. */
  accepts(nonce: string, now: UnixSeconds): boolean;
}

const macBytes = 16;

/** @param key 32 secret bytes; shared by all nodes that are to know one another's nonces */
export function createDpopNonces(key: Uint8Array): DpopNonces {
  const periodOf = (now: UnixSeconds): number => Math.floor(now / limits.dpopNonceSeconds);
  const nonceOf = (period: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, period);
    const mac = createHmac('sha256', key).update('dpop-nonce').update(bytes).digest();
    return concatBytes(bytes, mac.subarray(0, macBytes));
  };
  return {
    current: (now) => base64urlEncode(nonceOf(periodOf(now))),
    accepts(nonce, now) {
      const bytes = nonce.length > 64 ? undefined : base64urlDecode(nonce);
      if (bytes?.length !== 4 + macBytes) return false;
      const period = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      // The one before, for what is under way; the one after, for a node whose clock is ahead.
      if (Math.abs(period - periodOf(now)) > 1) return false;
      return equalConstantTime(nonceOf(period), bytes);
    },
  };
}
