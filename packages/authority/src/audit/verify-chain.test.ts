import { defaultTenant, type UnixMs, utf8 } from '@mintmark/core';
import { describe, expect, it } from 'vitest';
import { emptyHead, leafHash, nextChain } from '../store/audit-chain.ts';
import { renderLeaf } from './leaf.ts';
import { type ChainEntry, verifyChain } from './verify-chain.ts';

function leafOf(id: string): Uint8Array {
  return utf8(
    renderLeaf(
      id,
      {
        tenant: defaultTenant,
        action: 'key.create',
        at: 1_700_000_000_000 as UnixMs,
        actor: { kind: 'system', id: 'test' },
        object: { kind: 'key', id },
        result: 'done',
      },
      undefined,
    ),
  );
}

function chained(leaves: readonly Uint8Array[]): ChainEntry[] {
  let chain = emptyHead.chain;
  return leaves.map((leaf, index) => {
    chain = nextChain(chain, leaf);
    return { index, leaf, chain };
  });
}

const entries = chained(['a', 'b', 'c', 'd', 'e'].map(leafOf));
const head = { size: 5, chain: entries[4]!.chain };
const problemsOf = (log: readonly ChainEntry[], of = head) => verifyChain(log, of).problems;

describe('the chain', () => {
  it('hashes a leaf as RFC 6962 §2.1 says', () => {
    // The hash of the empty leaf, from the test data of the certificate transparency project.
    expect(Buffer.from(leafHash(new Uint8Array(0))).toString('hex')).toBe(
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    );
  });

  it('finds nothing wrong with an untouched log, an empty one included', () => {
    expect(problemsOf(entries)).toEqual([]);
    expect(problemsOf([], emptyHead)).toEqual([]);
  });

  it('finds an edited leaf, once', () => {
    const edited = entries.with(2, { ...entries[2]!, leaf: leafOf('x') });
    expect(problemsOf(edited)).toEqual([{ problem: 'wrong_chain', index: 2 }]);
  });

  it('finds an edited leaf whose chain was computed again up to the end', () => {
    const edited = chained(['a', 'b', 'x', 'd', 'e'].map(leafOf));
    expect(problemsOf(edited)).toEqual([{ problem: 'wrong_head', index: 5 }]);
  });

  it('finds a log that was rewritten whole, head included, by an earlier head', () => {
    const rewritten = chained(['a', 'b', 'x', 'd', 'e'].map(leafOf));
    const newHead = { size: 5, chain: rewritten[4]!.chain };
    expect(problemsOf(rewritten, newHead)).toEqual([]);
    const anchors = [
      { size: 2, chain: entries[1]!.chain },
      { size: 4, chain: entries[3]!.chain },
    ];
    expect(verifyChain(rewritten, newHead, { anchors }).problems).toEqual([
      { problem: 'wrong_anchor', index: 4 },
    ]);
    expect(verifyChain(entries, head, { anchors }).problems).toEqual([]);
    const longer = { size: 9, chain: head.chain };
    expect(verifyChain(entries, head, { anchors: [longer] }).problems).toEqual([
      { problem: 'wrong_anchor', index: 9 },
    ]);
  });

  it('finds deleted leaves, at the beginning too', () => {
    expect(problemsOf([entries[0]!, entries[3]!, entries[4]!])).toEqual([
      { problem: 'missing', index: 1, count: 2 },
    ]);
    expect(problemsOf(entries.slice(1))).toEqual([{ problem: 'missing', index: 0, count: 1 }]);
  });

  it('finds leaves that were numbered anew to hide a deletion', () => {
    const renumbered = entries.toSpliced(2, 1).map((entry, index) => ({ ...entry, index }));
    expect(problemsOf(renumbered)).toEqual([
      { problem: 'wrong_chain', index: 2 },
      { problem: 'truncated', index: 4, count: 1 },
    ]);
  });

  it('finds leaves in another order, by place and by content', () => {
    const moved = [entries[0]!, entries[2]!, entries[1]!, entries[3]!, entries[4]!];
    expect(problemsOf(moved)).toEqual([
      { problem: 'missing', index: 1, count: 1 },
      { problem: 'out_of_order', index: 1 },
    ]);
    const swapped = entries
      .with(1, { ...entries[1]!, leaf: entries[2]!.leaf })
      .with(2, { ...entries[2]!, leaf: entries[1]!.leaf });
    expect(problemsOf(swapped)).toEqual([
      { problem: 'wrong_chain', index: 1 },
      { problem: 'wrong_chain', index: 2 },
    ]);
  });

  it('finds a log that was cut off, and leaves behind its head', () => {
    expect(problemsOf(entries.slice(0, 3))).toEqual([{ problem: 'truncated', index: 3, count: 2 }]);
    expect(problemsOf([])).toEqual([{ problem: 'truncated', index: 0, count: 5 }]);
    const shorter = { size: 4, chain: entries[3]!.chain };
    expect(problemsOf(entries, shorter)).toEqual([{ problem: 'beyond_head', index: 4, count: 1 }]);
  });

  it('finds a record that was entered twice, well chained', () => {
    const doubled = chained(['a', 'b', 'a'].map(leafOf));
    expect(problemsOf(doubled, { size: 3, chain: doubled[2]!.chain })).toEqual([
      { problem: 'duplicate_id', index: 2, id: 'a' },
    ]);
    expect(problemsOf([entries[0]!, entries[0]!], { size: 1, chain: entries[0]!.chain })).toEqual([
      { problem: 'out_of_order', index: 0 },
    ]);
  });

  it('finds a leaf that is none, though well chained', () => {
    const broken = chained([leafOf('a'), utf8('{}')]);
    expect(problemsOf(broken, { size: 2, chain: broken[1]!.chain })).toEqual([
      { problem: 'malformed_leaf', index: 1 },
    ]);
  });

  it('begins behind a head that was verified before', () => {
    const start = { size: 2, chain: entries[1]!.chain };
    expect(verifyChain(entries.slice(2), head, { start }).problems).toEqual([]);
    expect(verifyChain(entries.slice(2), head, { start: { ...start, size: 3 } }).problems).toEqual([
      { problem: 'out_of_order', index: 2 },
      { problem: 'wrong_chain', index: 3 },
    ]);
  });

  it('lists a bounded number of problems and counts all', () => {
    const broken = Array.from({ length: 1500 }, (_, index) => {
      return { index, leaf: leafOf(`${index}`), chain: new Uint8Array(32) };
    });
    const verdict = verifyChain(broken, { size: 1500, chain: new Uint8Array(32) });
    expect(verdict.problems).toHaveLength(1000);
    expect(verdict.problemsTotal).toBe(1500);
  });
});
