/** A schema before its names are resolved: both of its spellings are read into this. */

export type RawType =
  | { readonly kind: 'set'; readonly element: RawType }
  | { readonly kind: 'record'; readonly attributes: readonly RawAttribute[] }
  /** A name; `of` says what it may stand for. */
  | { readonly kind: 'name'; readonly name: string; readonly of: NameOf; readonly at: number };

export type NameOf = 'entity' | 'common' | 'extension' | 'primitive' | 'anything';

export interface RawAttribute {
  readonly name: string;
  readonly type: RawType;
  readonly required: boolean;
}

export interface RawEntityType {
  readonly memberOf: readonly string[];
  readonly shape: RawType | null;
  readonly tags: RawType | null;
  readonly choices: readonly string[] | null;
  readonly at: number;
}

export interface RawAction {
  /** `type` is null for an action of the same namespace. */
  readonly memberOf: readonly { readonly type: string | null; readonly id: string }[];
  readonly principalTypes: readonly string[];
  readonly resourceTypes: readonly string[];
  readonly context: RawType | null;
  readonly at: number;
}

export interface RawNamespace {
  /** Empty for declarations outside any namespace. */
  readonly name: string;
  readonly commonTypes: Map<string, RawType>;
  readonly entityTypes: Map<string, RawEntityType>;
  readonly actions: Map<string, RawAction>;
}

export function emptyNamespace(name: string): RawNamespace {
  return { name, commonTypes: new Map(), entityTypes: new Map(), actions: new Map() };
}
