/** Messages between the store's main side and its writer's thread. */
import type { StoreFault } from '@mintmark/core';
import type { TableName } from '../tables.ts';
import type { Definition, PackedAct } from './pack-act.ts';

export interface WriterStart {
  readonly database: string;
  /** One word for each place of the queue, see `slotState`. */
  readonly slots: Int32Array;
}

/**
 * Who owns an act that was posted: both sides change the word by compare-and-swap, so that an act
 * is either taken by the writer, and then runs, or withdrawn by its caller, and then never does.
 */
export const slotState = { waiting: 0, taken: 1, withdrawn: 2 } as const;

export type ToWriter =
  | {
      readonly type: 'acts';
      readonly definitions: readonly Definition[];
      /** Number of the first; the others follow without a gap. */
      readonly first: number;
      readonly acts: readonly PackedAct[];
    }
  | {
      readonly type: 'task';
      readonly task: number;
      readonly run: WriterTask;
    };

/** What the writer does between batches. */
export type WriterTask =
  | { readonly name: 'check' }
  | { readonly name: 'addPartition'; readonly table: TableName; readonly partition: number }
  /** Takes the lowest partition below out of sight; `result` says whether there was one. */
  | { readonly name: 'retirePartition'; readonly table: TableName; readonly below: number }
  /** Removes some rows of what was retired; `result` says whether anything is left. */
  | { readonly name: 'sweep' }
  | { readonly name: 'close' };

export interface WriterFault {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** A fault loses its class on the way between threads. */
export function faultMessage({ code, message, hint }: StoreFault): WriterFault {
  return { code, message, hint };
}

export type FromWriter =
  | { readonly type: 'ready' }
  | { readonly type: 'fault'; readonly fault: WriterFault }
  | {
      readonly type: 'results';
      /** `[outcome, position]` of each act, in order; see `actResult`. Position 0 is none. */
      readonly results: readonly number[];
      /** By place of the act in `results`. */
      readonly faults: readonly (readonly [number, WriterFault])[];
      readonly partitions: readonly PartitionChange[];
    }
  | {
      readonly type: 'task';
      readonly task: number;
      readonly result: boolean;
      readonly fault: WriterFault | undefined;
      readonly partitions: readonly PartitionChange[];
    };

export interface PartitionChange {
  readonly table: TableName;
  readonly partition: number;
  readonly exists: boolean;
}

/** A result above 0 is the number of a refusal among the act's codes. */
export const actResult = { done: 0, withdrawn: -1, fault: -2 } as const;
