/**
 * How leaves hang together: each value of the chain commits to every leaf before it. Leaf hashes
 * are already those of the transparency log to come.
 */
import { hash } from 'node:crypto';

export interface ChainHead {
  /** Leaves sequenced so far. */
  readonly size: number;
  readonly chain: Uint8Array;
}

/** The head of a log without leaves. */
export const emptyHead: ChainHead = { size: 0, chain: new Uint8Array(32) };

/** SHA-256(0x00 ‖ leaf) (RFC 6962 §2.1): the prefix keeps leaves and inner nodes apart. */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(leaf.length + 1);
  input[0] = 0;
  input.set(leaf, 1);
  return hash('sha256', input, 'buffer');
}

/** SHA-256(previous chain ‖ leaf hash). */
export function nextChain(previous: Uint8Array, leaf: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([previous, leafHash(leaf)]), 'buffer');
}
