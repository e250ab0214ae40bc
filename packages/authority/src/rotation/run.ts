/**
 * One rotation of one credential, as its row holds it: `delivering` until the secret is everywhere,
 * `confirming` until the successor was used, `ending` until the predecessor's time is over, and
 * then `done`. `unconfirmed`: the time was over and nobody had used the successor. `abandoned`: the
 * successor ended before it was delivered.
 */
import type { Row } from '../store/tables.ts';
import type { RotationKind, Terms } from './rule.ts';

export type RunStatus =
  | 'delivering'
  | 'confirming'
  | 'ending'
  | 'done'
  | 'unconfirmed'
  | 'abandoned';

export interface Progress {
  readonly kind: RotationKind;
  /** The key that was rotated, or the client. */
  readonly target: string;
  /** Ids of the two: keys, or secrets of the client. */
  readonly predecessor: string;
  readonly successor: string;
  readonly owner: string;
  readonly cause: string;
  readonly terms: Terms;
  /** The predecessor's end, unix milliseconds like all moments here. */
  readonly endsAt: number;
  /** The end that it had of its own, which no extension passes. */
  readonly endsAtMax: number | null;
  /** When the first use is missed; null once there is nothing left to extend. */
  readonly confirmBy: number | null;
  readonly extensions: number;
  /** Names of the places where it is already. */
  readonly delivered: readonly string[];
  readonly attempts: number;
  /** Not before: the next try, or the end of another process's lease. */
  readonly attemptAt: number;
  readonly failure: string | null;
  readonly deliveredAt: number | null;
  readonly confirmedAt: number | null;
  /** Uses of the predecessor in the overlap, once it is over. */
  readonly overlapUses: number | null;
  /** Of the programs that share it, those that have not used the successor yet. */
  readonly programsWaiting?: readonly string[];
}

export interface Run {
  readonly row: Row<'rotationRuns'>;
  readonly status: RunStatus;
  readonly progress: Progress;
}

/** The row of an open run is not let go of, whatever its age. */
export const keptWhileOpen = Number.MAX_SAFE_INTEGER;

export function runOf(row: Row<'rotationRuns'>): Run {
  return {
    row,
    status: row.status as RunStatus,
    // Written by this folder alone.
    progress: row.progress as unknown as Progress,
  };
}

export function isOpen(status: RunStatus): boolean {
  return status === 'delivering' || status === 'confirming' || status === 'ending';
}

/** The next moment at which there may be something to do. */
export function dueOf(
  status: RunStatus,
  { attemptAt, confirmBy, endsAt }: Progress,
  poll: { readonly at: number },
): number {
  switch (status) {
    case 'delivering':
      // Its secret is nowhere else: it is tried past every end.
      return confirmBy === null ? attemptAt : Math.min(attemptAt, confirmBy);
    case 'confirming':
      return Math.min(poll.at, confirmBy ?? endsAt);
    case 'ending':
      return endsAt;
    case 'done':
    case 'unconfirmed':
    case 'abandoned':
      return Number.MAX_SAFE_INTEGER;
  }
}
