/**
 * An act is a value: the conditions, the writes and the audit record for each outcome of one
 * change. A store runs it whole, or not at all; no transaction is ever open across an await. Acts
 * are built by the domain folders (`issuance`, `revocation`, `apikeys` …) and know nothing of SQL.
 */
import type { FeedEntry, FeedPosition, TenantId } from '@mintmark/core';
import type { Row, TableName } from './tables.ts';

type Value = string | number | null;

/** A column equals the value, or compares with it. Null equals null. */
export type Condition =
  | Value
  | { readonly is: '>' | '>=' | '<' | '<=' | '!='; readonly value: Value };

export type Match<T extends TableName> = { readonly [C in keyof Row<T>]?: Condition };

/** New column values; `{ add }` changes an integer in place. */
export type Assignment<T extends TableName> = {
  readonly [C in keyof Row<T>]?: Row<T>[C] | { readonly add: number };
};

/** A feed entry before the act's transaction has given it its position. */
export type FeedDraft = FeedEntry extends infer E
  ? E extends { readonly position: FeedPosition }
    ? Omit<E, 'position'>
    : never
  : never;

/**
 * One step. `refused` is the outcome of the whole act when the step's condition does not hold;
 * every write of the act is undone then. Steps run in order and see the effects of those before.
 */
export type Step = { readonly [T in TableName]: TableStep<T> }[TableName] | FeedStep;

export type TableStep<T extends TableName> =
  /** Adds a row; refused where a primary or unique key is taken. */
  | { readonly do: 'insert'; readonly table: T; readonly row: Row<T>; readonly refused: string }
  /** Adds many rows at once, keys unknown to be free: a taken key is a StoreFault. */
  | { readonly do: 'insertMany'; readonly table: T; readonly rows: readonly Row<T>[] }
  /** Adds the row or replaces the one with its primary key. */
  | { readonly do: 'put'; readonly table: T; readonly row: Row<T> }
  /**
   * Adds the row; where its primary key exists already, makes these changes to that row instead.
   */
  | {
      readonly do: 'merge';
      readonly table: T;
      readonly row: Row<T>;
      readonly set: Assignment<T>;
    }
  /** Changes all matching rows; refused where none matched, if `refused` is given. */
  | {
      readonly do: 'update';
      readonly table: T;
      readonly where: Match<T>;
      readonly set: Assignment<T>;
      readonly refused?: string;
    }
  | {
      readonly do: 'delete';
      readonly table: T;
      readonly where: Match<T>;
      readonly refused?: string;
    }
  /** Deletes rows by primary key (values in the key's order). */
  | { readonly do: 'deleteMany'; readonly table: T; readonly keys: readonly (readonly Value[])[] }
  /** At least one row matches, and none of the matching ones can change before the act is done. */
  | {
      readonly do: 'require';
      readonly table: T;
      readonly where: Match<T>;
      readonly refused: string;
    }
  /** No row matches, in the state that the act commits on. In the feed of one tenant only. */
  | {
      readonly do: 'absent';
      readonly table: T;
      readonly where: Match<T>;
      readonly refused: string;
    };

/**
 * Appends to the tenant's feed. The positions come from `UPDATE feed_head … RETURNING` inside the
 * transaction, so that commit order is position order: a reader never skips a late one. With
 * `revocation`, the row in `revocations` gets the position of the first entry.
 */
export interface FeedStep {
  readonly do: 'feed';
  readonly tenant: TenantId;
  readonly entries: readonly FeedDraft[];
  readonly at: number;
  readonly revocation?: RevocationDraft;
}

type RevocationRow = Row<'revocations'>;
type Fixed = 'tenant' | 'id' | 'targetKind' | 'targetId' | 'reason' | 'actor' | 'at';

/** A row of `revocations` before it has its position; columns left out are null. */
export type RevocationDraft = Pick<RevocationRow, Fixed> &
  Partial<Omit<RevocationRow, Fixed | 'position'>>;

/** Steps that commit with what a use case makes, such as the memory of its Idempotency-Key. */
export type Alongside<Made> = (made: Made) => readonly Step[];

/**
 * The audit record of one outcome, already a leaf in its final form. A store keeps it in
 * `auditPending` for the sequencer, or, where one writer does all (SQLite), enters it in the log in
 * the same transaction.
 */
export type AuditRecord = Row<'auditPending'>;

export interface Act {
  readonly steps: readonly Step[];
  /** Recorded when every step held. Null only for housekeeping that changes nothing a user owns. */
  readonly audit: AuditRecord | null;
  /**
   * What to do instead when a step was refused, by its `refused` code: a record alone, or other
   * writes too (a reused code revokes its family), in the same transaction. A step refused here
   * ends the act with its own code, and nothing of it holds.
   */
  readonly otherwise?: Readonly<
    Record<string, { readonly steps: readonly Step[]; readonly audit: AuditRecord | null }>
  >;
}

/**
 * `done`, or the `refused` code of the step that did not hold. `position` is the last feed position
 * that the act (or its `otherwise`) was given.
 */
export interface ActOutcome {
  readonly outcome: 'done' | (string & {});
  readonly position: FeedPosition | undefined;
}
