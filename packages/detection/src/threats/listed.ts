/** What readers of lists hand over, whatever the list was written in. */
import type { Result, UnixSeconds } from '@mintmark/core';
import { type Network, type NetworkRefusal, parseNetwork } from './network.ts';

export interface ListedNetwork {
  readonly network: Network;
  /** Why it is listed, in the words of the source. One line, bounded. */
  readonly reason: string;
  /** Undefined: as long as the feed says of what names no end. */
  readonly until: UnixSeconds | undefined;
}

/** What could not be read, or says nothing about addresses. */
export interface PassedOver {
  readonly count: number;
  /** The first few of them. */
  readonly examples: readonly NetworkRefusal[];
}

export interface ListRead {
  readonly added: readonly ListedNetwork[];
  readonly removed: readonly Network[];
  readonly passedOver: PassedOver;
}

export type ListRefusal = { readonly reason: 'malformed_list'; readonly message: string };
export type ListResult = Result<ListRead, ListRefusal>;

const examplesMax = 5;
const reasonCharsMax = 120;

/** Gathers one list. */
export function createListing() {
  const added: ListedNetwork[] = [];
  const removed: Network[] = [];
  const examples: NetworkRefusal[] = [];
  let passed = 0;
  const passOver = (refusal: NetworkRefusal): void => {
    passed++;
    if (examples.length < examplesMax) examples.push(refusal);
  };
  return {
    add(text: string, of: { readonly reason: string; readonly until: UnixSeconds | undefined }) {
      const network = parseNetwork(text);
      if (network.ok) added.push({ network: network.value, ...of, reason: reasonOf(of.reason) });
      else passOver(network.refusal);
    },
    remove(text: string) {
      const network = parseNetwork(text);
      if (network.ok) removed.push(network.value);
      else passOver(network.refusal);
    },
    passOver,
    read(): ListRead {
      return { added, removed, passedOver: { count: passed, examples } };
    },
  };
}

/** Log lines and terminals show it: nothing that steers them. */
function reasonOf(text: string): string {
  const line = text.slice(0, reasonCharsMax).replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, ' ');
  return line.toWellFormed().trim();
}
