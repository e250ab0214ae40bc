/**
 * The audit log at the end of each transaction: its records get their indexes and their place in
 * the chain together with the changes that they tell of. The head is read anew each time, because
 * acts may move it too (records that an earlier version left waiting are entered by one).
 */

import { emptyHead, nextChain } from '../audit-chain.ts';
import { columnOf, shapeOf } from '../cells.ts';
import type { PackedStep } from './pack-act.ts';
import type { Prepared, WriteDatabase } from './write-connection.ts';

const pending = shapeOf('auditPending');
/** Behind statement, refusal and partition stand the cells. */
const cellsAt = 3;
const placeOf = (name: string): number => cellsAt + columnOf(pending, name).at;
const places = {
  id: placeOf('id'),
  tenant: placeOf('tenant'),
  leaf: placeOf('leaf'),
  object: placeOf('object'),
  related: placeOf('related'),
  personal: placeOf('personal'),
  at: placeOf('at'),
} as const;

export class RecordLog {
  readonly #head: Prepared;
  readonly #putHead: Prepared;
  readonly #insert: Prepared;

  constructor(db: WriteDatabase) {
    this.#head = db.prepare("SELECT size, chain FROM audit_head WHERE id = 'log'");
    this.#putHead = db.prepare(
      "INSERT INTO audit_head (id, size, chain) VALUES ('log', ?1, ?2)" +
        ' ON CONFLICT (id) DO UPDATE SET size = ?1, chain = ?2',
    );
    this.#insert = db.prepare(
      'INSERT INTO audit_log ("index", id, tenant, leaf, object, related, personal, at, chain)' +
        ' VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
  }

  /** Enters packed records, in order. Called inside the transaction, last before its commit. */
  append(records: readonly PackedStep[]): void {
    if (records.length === 0) return;
    const head = this.#head.get() as { size: number; chain: Uint8Array } | undefined;
    let { size, chain } = head ?? emptyHead;
    for (const record of records) {
      const leaf = bytesOf(record[places.leaf]);
      const personal = record[places.personal];
      chain = nextChain(chain, leaf);
      this.#insert.run(
        size,
        record[places.id]!,
        record[places.tenant]!,
        leaf,
        record[places.object]!,
        record[places.related] ?? null,
        personal === null ? null : bytesOf(personal),
        record[places.at]!,
        chain,
      );
      size += 1;
    }
    this.#putHead.run(size, chain);
  }
}

function bytesOf(cell: PackedStep[number] | undefined): Uint8Array {
  return Buffer.from(String(cell), 'latin1');
}
