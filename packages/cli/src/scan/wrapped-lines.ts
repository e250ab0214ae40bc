/**
 * Base64 that is broken into lines, as mail, PEM files and Kubernetes manifests have it: lines that
 * hold nothing else are joined and searched as one. Where such a run begins is seen at one line's
 * end, so that other text costs a look at each of its lines and no more.
 */
import { createTokenScan, type FoundToken, type TokenScan } from '@mintmark/tokens';
import type { OtherScan, PlacedToken } from './wide-text.ts';

/** A run begins with a line at least so long: lists of words are none. */
const firstLineCharsMin = 40;
/** What is longer is not broken into lines. */
const lineCharsMax = 4_096;
/** Joined before they are searched; tokens across two searches are found too. */
const joinedBytes = 64 * 1024;
/** More lines than the longest token takes. */
const linesKept = 512;

const base64Bytes = Uint8Array.from({ length: 256 }, (_, code) =>
  /[0-9A-Za-z+/_=-]/.test(String.fromCharCode(code)) ? 1 : 0,
);
const [lineFeed, carriageReturn, space, tab] = [0x0a, 0x0d, 0x20, 0x09];

interface Line {
  /** Of its first character, in the run and in what is scanned. */
  readonly joined: number;
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

interface Run {
  readonly scan: TokenScan;
  readonly buffer: Uint8Array;
  used: number;
  /** Characters so far, searched or not. */
  joined: number;
  lines: Line[];
}

export function createWrappedScan(prefixes?: readonly string[]): OtherScan {
  let run: Run | undefined;
  let seen = 0;
  let lineNumber = 1;
  /** The part of a line that the piece before ended with; undefined: it is too long for one. */
  let begun: Uint8Array | undefined = new Uint8Array(0);

  function takeLine(line: Uint8Array, offset: number, found: PlacedToken[]): void {
    const { start, end } = trimmed(line);
    const length = end - start;
    const isPart = length > 0 && length <= lineCharsMax && isBase64(line, start, end);
    if (isPart && (run !== undefined || length >= firstLineCharsMin)) {
      run ??= freshRun(prefixes);
      if (run.used + length > run.buffer.length) search(run, found);
      const column = start + 1;
      run.lines.push({ joined: run.joined, offset: offset + start, line: lineNumber, column });
      run.buffer.set(line.subarray(start, end), run.used);
      run.used += length;
      run.joined += length;
      return;
    }
    if (run !== undefined) search(run, found);
    run = undefined;
  }

  return {
    push(piece) {
      const found: PlacedToken[] = [];
      let from = 0;
      for (;;) {
        const end = piece.indexOf(lineFeed, from);
        if (end < 0) break;
        if (begun === undefined) takeLine(noLine, seen, found);
        else if (begun.length > 0) {
          const offset = seen - begun.length;
          takeLine(Buffer.concat([begun, piece.subarray(from, end)]), offset, found);
        } else if (run !== undefined || mayBegin(piece, from, end)) {
          takeLine(piece.subarray(from, end), seen + from, found);
        }
        begun = noLine;
        from = end + 1;
        lineNumber++;
      }
      const rest = piece.subarray(from);
      const isOpen = begun !== undefined && begun.length + rest.length <= lineCharsMax;
      begun = isOpen ? Buffer.concat([begun!, rest]) : undefined;
      seen += piece.length;
      return found;
    },
    end() {
      const found: PlacedToken[] = [];
      // The last line need not have an end.
      if (begun !== undefined) takeLine(begun, seen - begun.length, found);
      takeLine(noLine, seen, found);
      return found;
    },
  };
}

const noLine = new Uint8Array(0);

/** The usual line ends with something else, or has it near. */
function mayBegin(piece: Uint8Array, from: number, end: number): boolean {
  if (end - from < firstLineCharsMin) return false;
  const last = piece[end - 1] === carriageReturn ? end - 2 : end - 1;
  return base64Bytes[piece[last]!] === 1 && base64Bytes[piece[last - 20]!] === 1;
}

function trimmed(line: Uint8Array): { readonly start: number; readonly end: number } {
  let [start, end] = [0, line.length];
  while (end > start && isBlank(line[end - 1]!)) end--;
  while (start < end && isBlank(line[start]!)) start++;
  return { start, end };
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab || byte === carriageReturn;
}

function isBase64(line: Uint8Array, start: number, end: number): boolean {
  for (let at = end - 1; at >= start; at--) if (base64Bytes[line[at]!] !== 1) return false;
  return true;
}

function freshRun(prefixes: readonly string[] | undefined): Run {
  const buffer = new Uint8Array(joinedBytes);
  return { scan: createTokenScan(prefixes), buffer, used: 0, joined: 0, lines: [] };
}

/** Looks into what was joined since the last time. */
function search(run: Run, found: PlacedToken[]): void {
  for (const token of run.scan.push(run.buffer.subarray(0, run.used))) {
    found.push(placed(run, token));
  }
  run.used = 0;
  run.lines = run.lines.slice(-linesKept);
}

/** From places in the run to places in what is scanned. */
function placed({ lines }: Run, token: FoundToken): PlacedToken {
  const lineOf = (joined: number): Line =>
    lines.findLast((one) => one.joined <= joined) ?? lines[0]!;
  const first = lineOf(token.start);
  const last = lineOf(token.end - 1);
  return {
    ...token,
    start: first.offset + token.start - first.joined,
    end: last.offset + token.end - last.joined,
    line: first.line,
    column: first.column + token.start - first.joined,
  };
}
