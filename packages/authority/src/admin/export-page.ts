/** One page of the audit log: an export that can be verified by itself and joined to the next. */

import { exportAudit, headAt } from '../audit/export.ts';
import { readHead } from '../audit/sequencer.ts';
import { type ChainHead, emptyHead } from '../store/audit-chain.ts';

type ExportPorts = Parameters<typeof exportAudit>[0];

export interface ExportPage {
  /** NDJSON: the heads that it stands between, then the leaves. */
  readonly text: string;
  /** Leaves of the log up to the end of this page: `after` of the next one. */
  readonly size: number;
  readonly more: boolean;
}

/**
 * @param input.after leaves that the reader has already
 * @returns undefined where the log has not so many
 */
export async function exportPage(
  ports: ExportPorts,
  input: { readonly after: number; readonly limit: number },
): Promise<ExportPage | undefined> {
  const { after, limit } = input;
  const head: ChainHead = (await readHead(ports.store)) ?? emptyHead;
  if (after > head.size) return undefined;
  const start = await headAt(ports.store, after);
  let text = '';
  let lines = 0;
  for await (const line of exportAudit(ports, { start, leavesMax: limit })) {
    text += line;
    lines++;
  }
  // The first line is the header.
  const size = after + lines - 1;
  return { text, size, more: size < head.size };
}
