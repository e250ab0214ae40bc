/**
 * The log as a file that anybody can verify with nothing but SHA-256 and RFC 8785: NDJSON, first a
 * line with the head, then a line for each leaf in order. Personal data goes out only where asked
 * for, and then with the salt that shows that it is what the leaf committed to.
 */
import {
  base64urlEncode,
  type Clock,
  type JsonObject,
  limits,
  rfc3339,
  utf8Decode,
} from '@mintmark/core';
import { type ChainHead, emptyHead } from '../store/audit-chain.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { parseLeaf } from './leaf.ts';
import { openPersonal, type PersonalSealer } from './record.ts';
import { readHead } from './sequencer.ts';
import { AuditFileFault, exportFormat } from './verify-export.ts';

/**
 * Writes the log as it stands now, line by line, each with its newline.
 *
 * @param ports.sealer with it, personal data is opened and written out
 * @param options.start the head of an earlier export, to write only what came since
 * @param options.leavesMax writes so many at most, and names the head that the log had then;
 *   `log_size` tells that there is more
 */
export async function* exportAudit(
  ports: {
    readonly store: Pick<Store, 'auditLog' | 'auditHead'>;
    readonly clock: Pick<Clock, 'nowMs'>;
    readonly sealer?: Pick<PersonalSealer, 'open'>;
  },
  options: { readonly start?: ChainHead; readonly leavesMax?: number } = {},
): AsyncGenerator<string, void> {
  const { store, clock, sealer } = ports;
  const { start = emptyHead, leavesMax = Number.MAX_SAFE_INTEGER } = options;
  const newest = (await readHead(store)) ?? emptyHead;
  const end = start.size + leavesMax;
  const head = newest.size <= end ? newest : await headAt(store, end);
  yield `${JSON.stringify({
    format: exportFormat,
    exported_at: rfc3339(clock.nowMs()),
    start: headToWire(start),
    head: headToWire(head),
    log_size: newest.size,
  })}\n`;
  let next = start.size;
  while (next < head.size) {
    const page = await store.auditLog.list({
      where: { index: { is: '>=', value: next } },
      limit: limits.pageItemsMax,
    });
    for (const row of page) {
      if (row.index >= head.size) return;
      yield await renderLine(row, sealer);
      next = row.index + 1;
    }
    if (page.length < limits.pageItemsMax) return;
  }
}

/** The head that the log had when it held `size` leaves. */
export async function headAt(store: Pick<Store, 'auditLog'>, size: number): Promise<ChainHead> {
  if (size === 0) return emptyHead;
  const row = await store.auditLog.get(size - 1);
  if (row === undefined) throw new AuditFileFault('audit_no_such_leaf', `no leaf ${size - 1}`);
  return { size, chain: row.chain };
}

async function renderLine(
  row: Row<'auditLog'>,
  sealer: Pick<PersonalSealer, 'open'> | undefined,
): Promise<string> {
  // A leaf is JSON already. Bytes that are none would break out of their line.
  const leaf = parseLeaf(row.leaf) === undefined ? 'null' : utf8Decode(row.leaf);
  const { tenant, id, personal } = row;
  const opened =
    sealer === undefined || personal === null
      ? undefined
      : await openPersonal(sealer, { tenant, id, personal });
  const beside =
    opened === undefined
      ? ''
      : `,"personal":{"salt":"${base64urlEncode(opened.salt)}","value":${opened.text}}`;
  return `{"index":${row.index},"chain":"${base64urlEncode(row.chain)}","leaf":${leaf}${beside}}\n`;
}

function headToWire(head: ChainHead): JsonObject {
  return { size: head.size, chain: base64urlEncode(head.chain) };
}
