/**
 * Gives the records that acts left behind their place in the log: an index without holes and a
 * value of the chain. It runs behind the acts, so that no act waits for another's hash.
 *
 * Crash argument: one act advances the head, adds the leaves and removes them from the waiting, so
 * a crash leaves all or nothing of it, and the next tick starts from what is there. Of several
 * sequencers the one that finds the head as it read it wins; the others change nothing. The head is
 * read before the waiting records: read after them, it could already count records that another
 * sequencer had just moved, and they would be entered twice.
 */
import { type Clock, limits } from '@mintmark/core';
import type { Act, AuditRecord } from '../store/act.ts';
import { type ChainHead, emptyHead, nextChain } from '../store/audit-chain.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

/** Primary key of the one row of `auditHead`. */
const headId = 'log';

export interface SequencerView {
  /** Leaves in the log when it last looked. */
  readonly size: number;
  /** Age in milliseconds of the oldest record that was waiting when it last looked. */
  readonly lagMs: number;
  /** Records that this sequencer entered since it started. */
  readonly sequenced: number;
  /** Batches that another sequencer entered first. */
  readonly overtaken: number;
}

export interface Sequencer {
  /**
   * Enters what is waiting, at most `limits.auditBatchMax`. A call during another shares its run.
   *
   * @returns how many records were entered
   * @throws StoreFault; whatever was entered stays entered
   */
  tick(): Promise<number>;
  view(): SequencerView;
}

type SequencerStore = Pick<Store, 'auditPending' | 'auditHead' | 'acts'>;

export function createSequencer(ports: {
  readonly store: SequencerStore;
  readonly clock: Pick<Clock, 'nowMs'>;
}): Sequencer {
  const { store, clock } = ports;
  let view: SequencerView = { size: 0, lagMs: 0, sequenced: 0, overtaken: 0 };
  let running: Promise<number> | undefined;

  async function run(): Promise<number> {
    let entered = 0;
    while (entered < limits.auditBatchMax) {
      const head = await readHead(store);
      const listed = await store.auditPending.list({ limit: limits.auditActRowsMax });
      // Ids order by the second; a reader expects cause before effect.
      const waiting = [...listed].sort((a, b) => a.at - b.at);
      const lagMs = Math.max(0, clock.nowMs() - (waiting[0]?.at ?? clock.nowMs()));
      view = { ...view, size: head?.size ?? 0, lagMs };
      if (waiting.length === 0) break;
      const { act, next } = sequencingAct(head, waiting);
      const { outcome } = await store.acts.run(act);
      if (outcome !== 'done') {
        view = { ...view, overtaken: view.overtaken + 1 };
        break;
      }
      entered += waiting.length;
      view = { ...view, size: next.size, sequenced: view.sequenced + waiting.length };
    }
    return entered;
  }

  return {
    tick() {
      running ??= run().finally(() => {
        running = undefined;
      });
      return running;
    },
    view: () => view,
  };
}

/** @returns undefined before the first record was entered */
export async function readHead(store: Pick<Store, 'auditHead'>): Promise<ChainHead | undefined> {
  const row = await store.auditHead.get(headId);
  return row === undefined ? undefined : { size: row.size, chain: row.chain };
}

function sequencingAct(
  head: ChainHead | undefined,
  waiting: readonly AuditRecord[],
): { readonly act: Act; readonly next: ChainHead } {
  let { size, chain } = head ?? emptyHead;
  const rows: Row<'auditLog'>[] = [];
  for (const record of waiting) {
    chain = nextChain(chain, record.leaf);
    rows.push({ ...record, index: size, chain });
    size += 1;
  }
  const advance: Act['steps'][number] =
    head === undefined
      ? {
          do: 'insert',
          table: 'auditHead',
          row: { id: headId, size, chain },
          refused: 'overtaken',
        }
      : {
          do: 'update',
          table: 'auditHead',
          where: { id: headId, size: head.size },
          set: { size, chain },
          refused: 'overtaken',
        };
  const act: Act = {
    steps: [
      advance,
      { do: 'insertMany', table: 'auditLog', rows },
      { do: 'deleteMany', table: 'auditPending', keys: waiting.map((record) => [record.id]) },
    ],
    audit: null,
  };
  return { act, next: { size, chain } };
}
