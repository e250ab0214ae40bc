/**
 * Verifies an exported log by itself, without store or keys: what `mintmark audit verify FILE`
 * does, and what an outsider can do with a few lines in any language.
 */
import {
  base64urlDecode,
  canonicalJson,
  equalConstantTime,
  Fault,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  parseJson,
  utf8Decode,
} from '@mintmark/core';
import type { ChainHead } from '../store/audit-chain.ts';
import { commitTo, leafBytes, saltBytes } from './leaf.ts';
import {
  type ChainProblem,
  type ChainVerifier,
  type ChainVerifierOptions,
  createChainVerifier,
} from './verify-chain.ts';

/** What the first line of an export calls itself. */
export const exportFormat = 'mintmark-audit-1';

/** A leaf, its personal data in base64url, and what stands around them. */
const lineBytesMax = 4 * limits.auditLeafBytesMax;

export type ExportProblem =
  | ChainProblem
  | { readonly problem: 'malformed_line'; readonly line: number }
  /** A page does not begin where the one before it ended. */
  | { readonly problem: 'wrong_page'; readonly line: number }
  /** The file begins behind leaves of which nothing is known: no anchor names that head. */
  | { readonly problem: 'unknown_start'; readonly index: number; readonly count: number }
  | { readonly problem: 'wrong_personal'; readonly index: number };

export interface ExportReport {
  readonly ok: boolean;
  readonly head: ChainHead;
  readonly problems: readonly ExportProblem[];
  readonly problemsTotal: number;
}

/** Takes an export line by line. */
export interface ExportVerifier {
  /** @throws AuditFileFault `audit_not_an_export` where the first line is not that of an export */
  line(text: string): void;
  /** @throws AuditFileFault where there was no line at all */
  finish(): ExportReport;
}

export interface ExportVerifierOptions extends Pick<ChainVerifierOptions, 'anchors'> {
  /**
   * Demands the whole log, from its beginning or an anchor to the end that the file itself names:
   * so that cutting off whole pages is found. Left out for a page by itself.
   */
  readonly whole?: true;
}

export function createExportVerifier(options: ExportVerifierOptions = {}): ExportVerifier {
  const own: ExportProblem[] = [];
  let ownTotal = 0;
  let log: { readonly head: ChainHead; readonly chain: ChainVerifier } | undefined;
  let line = 0;
  /** Leaves that the log held when the newest page was written. */
  let logSize = 0;

  const add = (problem: ExportProblem): void => {
    ownTotal += 1;
    if (own.length < limits.auditProblemsMax) own.push(problem);
  };
  return {
    line(text) {
      line += 1;
      if (log === undefined) {
        const first = readHeader(text);
        if (first === undefined) throw notAnExport();
        const { start, head } = first;
        log = { head, chain: createChainVerifier({ ...options, start }) };
        logSize = first.logSize;
        if (options.whole === true && !isKnown(start, options.anchors)) {
          add({ problem: 'unknown_start', index: 0, count: start.size });
        }
        return;
      }
      const { chain, head } = log;
      const page = readHeader(text);
      const problem =
        page === undefined
          ? judgeLine(text, line, chain)
          : judgePage({ chain, ended: head, start: page.start, line });
      log = { chain, head: page?.head ?? head };
      logSize = Math.max(logSize, page?.logSize ?? 0);
      if (problem !== undefined) add(problem);
    },
    finish() {
      if (log === undefined) throw notAnExport();
      const { size } = log.chain.reached();
      const isCut = options.whole === true && size < logSize && size === log.head.size;
      if (isCut) add({ problem: 'truncated', index: size, count: logSize - size });
      const verdict = log.chain.finish(log.head);
      const problemsTotal = verdict.problemsTotal + ownTotal;
      const problems = [...verdict.problems, ...own].slice(0, limits.auditProblemsMax);
      return { ok: problemsTotal === 0, head: log.chain.reached(), problems, problemsTotal };
    },
  };
}

/**
 * Verifies what `exportAudit` wrote: one export, or several of which each goes on where the one
 * before it ended.
 *
 * @param chunks the file's bytes, in pieces of any size
 * @throws AuditFileFault `audit_not_an_export` where the first line is not that of an export
 */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array>,
  options: ExportVerifierOptions = {},
): Promise<ExportReport> {
  const verifier = createExportVerifier(options);
  for await (const text of linesOf(chunks)) verifier.line(text);
  return verifier.finish();
}

/** The file is not what `mintmark audit export` writes. */
export class AuditFileFault extends Fault {}

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
  if (salt?.length !== saltBytes || beside === undefined)
    return { problem: 'malformed_line', line };
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

/** The beginning of the log, or a head that was noted earlier. */
function isKnown(start: ChainHead, anchors: readonly ChainHead[] = []): boolean {
  if (start.size === 0) return true;
  return anchors.some(
    ({ size, chain }) => size === start.size && equalConstantTime(chain, start.chain),
  );
}

interface Header {
  readonly start: ChainHead;
  readonly head: ChainHead;
  readonly logSize: number;
}

/** @returns undefined where the line is no header */
function readHeader(text: string): Header | undefined {
  if (!text.includes(exportFormat)) return undefined;
  const value = parseObject(text);
  const start = headFromWire(value?.['start']);
  const head = headFromWire(value?.['head']);
  if (value?.['format'] !== exportFormat || start === undefined || head === undefined) {
    return undefined;
  }
  // Files of before it was written hold no more than their head.
  const logSize = value?.['log_size'] ?? head.size;
  return isIndex(logSize) ? { start, head, logSize } : undefined;
}

function notAnExport(): AuditFileFault {
  return new AuditFileFault('audit_not_an_export', `the file does not begin as ${exportFormat}`, {
    hint: 'make it with: mintmark audit export',
  });
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
