/** Whom a key makes its holder: of a personal access token by what its user may at the moment. */
import { judgePat, type PatNow, type RightsIndex } from '@mintmark/core';
import type { Identity } from '../verify/identity.ts';
import type { HeldKey } from './key-table.ts';

export interface Holder {
  readonly identity: Identity;
  /** Undefined for other keys. */
  readonly now?: PatNow;
}

/** Derived from a token and what its user may: good while neither has changed. */
interface Derived extends Holder {
  readonly rights: RightsIndex;
  readonly generation: number;
}

const derived = new WeakMap<HeldKey, Derived>();

export function holderOf(held: HeldKey, rights: RightsIndex | undefined): Holder {
  const terms = held.view.pat;
  if (terms === undefined) return held;
  if (rights === undefined) return { identity: { ...held.identity, scopes: [] } };
  const known = derived.get(held);
  if (known?.rights === rights && known.generation === rights.generation) return known;
  const { scopes, createdAt, expiresAt, owner } = held.view;
  const now = judgePat(
    { scopes, terms, createdAt, expiresAt },
    { rights: rights.rightsOf(owner), policy: rights.policy },
  );
  const identity = { ...held.identity, scopes: now.scopes, expiresAt: now.expiresAt };
  const made = { identity, now, rights, generation: rights.generation };
  derived.set(held, made);
  return made;
}
