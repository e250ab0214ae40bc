/**
 * What the load asked for and what it was answered, kept outside of the process that is killed: the
 * measure of what must be there afterwards.
 */
export interface Thing {
  readonly kind: 'token' | 'key';
  /** Public id: `jti`, or the key's id. */
  readonly id: string;
  /** The credential itself. */
  readonly text: string;
  /** `unsure`: a revocation was sent and not answered, so it may hold or not. */
  state: 'live' | 'unsure' | 'revoked';
}

export type Action = 'token.issue' | 'key.create' | 'revocation.create';

/** An act by its audit record's action and what it was done to. */
export type ActName = `${Action} ${'token' | 'key'}:${string}`;

export interface Ledger {
  readonly things: Map<string, Thing>;
  /** Acts of this cycle that were answered with success. */
  readonly recent: Set<ActName>;
  /** Things whose revocation was asked for in this cycle, answered or not. */
  readonly asked: Set<Thing>;
  /** Things that this cycle made or tried to end. */
  readonly touched: Set<Thing>;
  /** Requests of this cycle that got no answer, where the answer would have told the id. */
  readonly unanswered: Record<'token.issue' | 'key.create', number>;
  acknowledged: number;
}

export function emptyLedger(): Ledger {
  return {
    things: new Map(),
    recent: new Set(),
    asked: new Set(),
    touched: new Set(),
    unanswered: { 'token.issue': 0, 'key.create': 0 },
    acknowledged: 0,
  };
}

/** Forgets what belonged to the last cycle alone. */
export function beginCycle(ledger: Ledger): void {
  ledger.acknowledged += ledger.recent.size;
  ledger.recent.clear();
  ledger.asked.clear();
  ledger.touched.clear();
  ledger.unanswered['token.issue'] = 0;
  ledger.unanswered['key.create'] = 0;
}

export function nameOf(action: Action, { kind, id }: Pick<Thing, 'kind' | 'id'>): ActName {
  return `${action} ${kind}:${id}`;
}
