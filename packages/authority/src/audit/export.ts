/**
 * The log as a file that anybody can verify with nothing but SHA-256 and RFC 8785: NDJSON, first a
 * line with the head, then a line for each leaf in order. Personal data goes out only where asked
 * for, and then with the salt that shows that it is what the leaf committed to.
 */
import {
  base64urlDecode,
  base64urlEncode,
  type Clock,
  canonicalJson,
  equalConstantTime,
  Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  parseJson,
  rfc3339,
  utf8Decode,
} from '@mintmark/core';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { type ChainHead, emptyHead } from './chain.ts';
import { commitTo, leafBytes, parseLeaf } from './leaf.ts';
import { openPersonal, type PersonalSealer } from './record.ts';
import { readHead } from './sequencer.ts';
import {
  type ChainProblem,
  type ChainVerdict,
  type ChainVerifier,
  type ChainVerifierOptions,
  createChainVerifier,
} from './verify-chain.ts';

const format = 'mintmark-audit-1';

/** A leaf, its personal data in base64url, and what stands around them. */
const lineBytesMax = 4 * limits.auditLeafBytesMax;

/**
 * Writes the log as it stands now, line by line, each with its newline.
 *
 * @param ports.sealer with it, personal data is opened and written out
 * @param options.start the head of an earlier export, to write only what came since
 * @param options.leavesMax writes so many at most, and names the head that the log had then
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
    format,
    exported_at: rfc3339(clock.nowMs()),
    start: headToWire(start),
    head: headToWire(head),
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

export type ExportProblem =
  | ChainProblem
  | { readonly problem: 'malformed_line'; readonly line: number }
  /** A page does not begin where the one before it ended. */
  | { readonly problem: 'wrong_page'; readonly line: number }
  | { readonly problem: 'wrong_personal'; readonly index: number };

export interface ExportReport {
  readonly ok: boolean;
  readonly head: ChainHead;
  readonly problems: readonly ExportProblem[];
  readonly problemsTotal: number;
}

/**
 * Verifies what `exportAudit` wrote, without store or keys: one export, or several of which each
 * goes on where the one before it ended.
 *
 * @param chunks the file's bytes, in pieces of any size
 * @throws AuditFileFault `audit_not_an_export` where the first line is not that of an export
 */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array>,
  options: Pick<ChainVerifierOptions, 'anchors'> = {},
): Promise<ExportReport> {
  const own: ExportProblem[] = [];
  let ownTotal = 0;
  let header: { readonly start: ChainHead; readonly head: ChainHead } | undefined;
  let chain: ChainVerifier | undefined;
  let line = 0;
  for await (const text of linesOf(chunks)) {
    line += 1;
    if (header === undefined || chain === undefined) {
      header = readHeader(text);
      if (header === undefined) throw notAnExport();
      chain = createChainVerifier({ ...options, start: header.start });
      continue;
    }
    const next = readHeader(text);
    const problem =
      next === undefined
        ? judgeLine(text, line, chain)
        : judgePage({ chain, ended: header.head, start: next.start, line });
    header = next ?? header;
    if (problem === undefined) continue;
    ownTotal += 1;
    if (own.length < limits.auditProblemsMax) own.push(problem);
  }
  if (header === undefined || chain === undefined) throw notAnExport();
  return report({ chain, verdict: chain.finish(header.head), own, ownTotal });
}

/** The file is not what `mintmark audit export` writes. */
export class AuditFileFault extends Fault {}

function report(input: {
  readonly chain: ChainVerifier;
  readonly verdict: ChainVerdict;
  readonly own: readonly ExportProblem[];
  readonly ownTotal: number;
}): ExportReport {
  const { chain, verdict, own, ownTotal } = input;
  const problemsTotal = verdict.problemsTotal + ownTotal;
  const problems = [...verdict.problems, ...own].slice(0, limits.auditProblemsMax);
  return { ok: problemsTotal === 0, head: chain.reached(), problems, problemsTotal };
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

function judgeLine(text: string, line: number, chain: ChainVerifier): ExportProblem | undefined {
  const value = parseObject(text);
  const bytes = bytesOf(value?.['chain']);
  const index = value?.['index'];
  const leaf = value?.['leaf'];
  if (bytes === undefined || !isIndex(index) || !isJsonObject(leaf)) {
    return { problem: 'malformed_line', line };
  }
  const parsed = chain.add({ index, leaf: leafBytes(leaf), chain: bytes });
  const personal = value?.['personal'];
  if (personal === undefined) return undefined;
  const salt = isJsonObject(personal) ? bytesOf(personal['salt']) : undefined;
  const beside = isJsonObject(personal) ? personal['value'] : undefined;
  if (salt === undefined || beside === undefined) return { problem: 'malformed_line', line };
  return commitTo(salt, canonicalJson(beside)) === parsed?.personalCommitment
    ? undefined
    : { problem: 'wrong_personal', index };
}

function judgePage(page: {
  readonly chain: ChainVerifier;
  readonly ended: ChainHead;
  readonly start: ChainHead;
  readonly line: number;
}): ExportProblem | undefined {
  const reached = page.chain.reached();
  const joins = [page.ended, page.start].every(
    (head) => head.size === reached.size && equalConstantTime(head.chain, reached.chain),
  );
  return joins ? undefined : { problem: 'wrong_page', line: page.line };
}

/** @returns undefined where the line is no header */
function readHeader(
  text: string,
): { readonly start: ChainHead; readonly head: ChainHead } | undefined {
  if (!text.includes(format)) return undefined;
  const value = parseObject(text);
  const start = headFromWire(value?.['start']);
  const head = headFromWire(value?.['head']);
  if (value?.['format'] !== format || start === undefined || head === undefined) return undefined;
  return { start, head };
}

function notAnExport(): AuditFileFault {
  return new AuditFileFault('audit_not_an_export', `the file does not begin as ${format}`, {
    hint: 'make it with: mintmark audit export',
  });
}

function headToWire(head: ChainHead): JsonObject {
  return { size: head.size, chain: base64urlEncode(head.chain) };
}

function headFromWire(value: JsonValue | undefined): ChainHead | undefined {
  if (!isJsonObject(value)) return undefined;
  const { size } = value;
  const chain = bytesOf(value['chain']);
  return isIndex(size) && chain !== undefined ? { size, chain } : undefined;
}

function isIndex(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function bytesOf(value: JsonValue | undefined): Uint8Array | undefined {
  return typeof value === 'string' ? base64urlDecode(value) : undefined;
}

function parseObject(text: string): JsonObject | undefined {
  const parsed = parseJson(text, { membersMax: 1024 });
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
}

/** Lines without their newline. One that is too long, or not UTF-8, comes out as an empty line. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): string => {
    const bytes = Buffer.concat(parts);
    const tooLong = length > lineBytesMax;
    parts = [];
    length = 0;
    return (tooLong ? undefined : utf8Decode(bytes)) ?? '';
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      keep(chunk.subarray(from, at));
      yield take();
      from = at + 1;
    }
    keep(chunk.subarray(from));
  }
  if (length > 0) yield take();

  function keep(part: Uint8Array): void {
    if (length <= lineBytesMax) parts.push(part);
    length += part.length;
  }
}
