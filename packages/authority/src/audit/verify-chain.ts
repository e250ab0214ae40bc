/**
 * Judges a log from its leaves and its head alone, without store or keys. It finds a leaf that was
 * edited, deleted, moved, doubled or cut off, and a head that does not belong to the leaves. A log
 * that was rewritten whole, head included, is found by an anchor: a head that was noted earlier.
 */
import { equalConstantTime, limits } from '@mintmark/core';
import { type ChainHead, emptyHead, nextChain } from '../store/audit-chain.ts';
import { type AuditLeaf, parseLeaf } from './leaf.ts';

export interface ChainEntry {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly chain: Uint8Array;
}

export type ChainProblem =
  /** Leaves from `index` on are not there, up to the next one that is. */
  | { readonly problem: 'missing'; readonly index: number; readonly count: number }
  /** A leaf stands behind one with the same or a higher index. */
  | { readonly problem: 'out_of_order'; readonly index: number }
  /** The leaf, or one before it, is not the one that was entered. */
  | { readonly problem: 'wrong_chain'; readonly index: number }
  | { readonly problem: 'malformed_leaf'; readonly index: number }
  | { readonly problem: 'duplicate_id'; readonly index: number; readonly id: string }
  /** The head counts more leaves than there are. */
  | { readonly problem: 'truncated'; readonly index: number; readonly count: number }
  /** There are leaves that the head does not count. */
  | { readonly problem: 'beyond_head'; readonly index: number; readonly count: number }
  /** As many leaves as the head counts, but not the ones that it commits to. */
  | { readonly problem: 'wrong_head'; readonly index: number }
  /** The log is not a continuation of the one whose head was noted earlier. */
  | { readonly problem: 'wrong_anchor'; readonly index: number };

export interface ChainVerifier {
  /** Takes the next entry. @returns its leaf where it is well-formed */
  add(entry: ChainEntry): AuditLeaf | undefined;
  /** Where the entries have led so far. */
  reached(): ChainHead;
  finish(head: ChainHead): ChainVerdict;
}

export interface ChainVerdict {
  /** The first `limits.auditProblemsMax` that were found. */
  readonly problems: readonly ChainProblem[];
  readonly problemsTotal: number;
}

export interface ChainVerifierOptions {
  /** The head behind which the entries begin; default the empty log. */
  readonly start?: ChainHead;
  /** Heads noted earlier. */
  readonly anchors?: readonly ChainHead[];
}

export function createChainVerifier(options: ChainVerifierOptions = {}): ChainVerifier {
  const { start = emptyHead, anchors = [] } = options;
  let { size, chain } = start;
  const problems: ChainProblem[] = [];
  let problemsTotal = 0;
  const seen = createIdWindow(limits.auditDuplicateWindow);

  const add = (problem: ChainProblem): void => {
    problemsTotal += 1;
    if (problems.length < limits.auditProblemsMax) problems.push(problem);
  };
  const judgeAnchors = (): void => {
    for (const anchor of anchors) {
      if (anchor.size !== size || equalConstantTime(anchor.chain, chain)) continue;
      add({ problem: 'wrong_anchor', index: size });
    }
  };
  judgeAnchors();

  return {
    add(entry) {
      const { index } = entry;
      if (index < size) {
        add({ problem: 'out_of_order', index });
        return parseLeaf(entry.leaf);
      }
      if (index > size) add({ problem: 'missing', index: size, count: index - size });
      else if (!equalConstantTime(nextChain(chain, entry.leaf), entry.chain)) {
        add({ problem: 'wrong_chain', index });
      }
      // Goes on from what is stored, so that one change is told once and not at every later leaf.
      chain = entry.chain;
      size = index + 1;
      judgeAnchors();
      const leaf = parseLeaf(entry.leaf);
      if (leaf === undefined) add({ problem: 'malformed_leaf', index });
      else if (!seen.add(leaf.id)) add({ problem: 'duplicate_id', index, id: leaf.id });
      return leaf;
    },
    reached: () => ({ size, chain }),
    finish(head) {
      if (size < head.size) add({ problem: 'truncated', index: size, count: head.size - size });
      else if (size > head.size) {
        add({ problem: 'beyond_head', index: head.size, count: size - head.size });
      } else if (!equalConstantTime(chain, head.chain)) {
        add({ problem: 'wrong_head', index: size });
      }
      for (const anchor of anchors) {
        if (anchor.size > size) add({ problem: 'wrong_anchor', index: anchor.size });
      }
      return { problems, problemsTotal };
    },
  };
}

/** Judges a whole log at once. @returns what is wrong with it, if anything */
export function verifyChain(
  entries: Iterable<ChainEntry>,
  head: ChainHead,
  options: ChainVerifierOptions = {},
): ChainVerdict {
  const verifier = createChainVerifier(options);
  for (const entry of entries) verifier.add(entry);
  return verifier.finish(head);
}

/** Remembers the newest ids, so that a log of any length is judged in bounded memory. */
function createIdWindow(idsMax: number): { add(id: string): boolean } {
  const ids = new Set<string>();
  return {
    add(id) {
      if (ids.has(id)) return false;
      ids.add(id);
      if (ids.size > idsMax) ids.delete(ids.values().next().value as string);
      return true;
    },
  };
}
