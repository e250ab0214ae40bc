import type { Position } from './position.ts';

/**
 * Why a text is no policy set: `syntax` as Cedar's grammar has it, `unsupported` for what is Cedar
 * but not ours (templates), `duplicate_id`, and our own bounds: `too_large`, `too_deep`.
 */
export type PolicyErrorReason =
  | 'syntax'
  | 'unsupported'
  | 'duplicate_id'
  | 'too_large'
  | 'too_deep';

export interface PolicyError {
  readonly reason: PolicyErrorReason;
  /** One sentence for the author of the policy. */
  readonly message: string;
  readonly position: Position;
}

/** Unwinds a parser; caught where one policy ends and never seen outside this package. */
export class Problem extends Error {
  readonly reason: PolicyErrorReason;
  readonly offset: number;

  constructor(reason: PolicyErrorReason, message: string, offset: number) {
    super(message);
    this.reason = reason;
    this.offset = offset;
  }
}
