/**
 * The API keys of a view, a million of them in a few hundred megabytes: what is equal in many keys
 * is kept once, hashes and public keys lie in slabs, and a key is unpacked when it is judged. What
 * must never happen: a key that was revoked found active again, whatever order things arrive in.
 */
import {
  base64urlDecode,
  base64urlEncode,
  createRangeSet,
  type FeedPosition,
  type KeyId,
  type KeyStatus,
  type KeyTargets,
  type KeyView,
  limits,
  type RangeSet,
  RecentMap,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import type { Identity } from '../verify/identity.ts';

/** An API key as this node judges it. */
export interface HeldKey {
  readonly view: KeyView;
  /** SHA-256 of the secret; undefined: only the authority can check it. */
  readonly verifier: Uint8Array | undefined;
  /** Verifies sub-keys; undefined: only the authority can check them. */
  readonly derivationKey: Uint8Array | undefined;
  /** `none` where the key's list cannot be read: it then fits nobody. */
  readonly addresses: RangeSet | 'any' | 'none';
  /** What can be revoked of it, beside itself. */
  readonly targets: KeyTargets;
  /** Who its holder is, where the view can tell. */
  readonly identity: Identity;
}

/** What each key has for itself; everything else of a view is alike in many keys. */
type OwnMember =
  | 'id'
  | 'status'
  | 'owner'
  | 'createdAt'
  | 'notBefore'
  | 'expiresAt'
  | 'successor'
  | 'verifier'
  | 'derivationKey';

/** What many keys have alike, whatever members a later version adds. */
interface Terms {
  readonly shared: Omit<KeyView, OwnMember>;
  readonly addresses: HeldKey['addresses'];
}

/** Numbers and references alone, and all of them in one order, so that V8 keeps one shape. */
interface Packed {
  readonly status: KeyStatus;
  readonly owner: string;
  readonly terms: Terms;
  readonly position: FeedPosition;
  /** 0: as if made before every revocation. */
  readonly createdAt: number;
  /** 0: none. */
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly successor: string | undefined;
  readonly verifierSlot: number;
  readonly derivationSlot: number;
}

const hashBytes = 32;
const slabSlots = 32_768;
/** Distinct terms and owners looked for again; beyond them what is equal is kept twice. */
const internedMax = 20_000;
/** Keys kept unpacked, those that were used last: about 1 KB each. */
const unpackedMax = 20_000;

export class KeyTable {
  readonly #keys = new ShardedMap<Packed>();
  readonly #hashes = new HashSlabs();
  readonly #terms = new Map<string, Terms>();
  readonly #owners = new Map<string, string>();
  readonly #unpacked = new RecentMap<string, HeldKey>(unpackedMax);
  #expiring: Iterator<[string, Packed]> | undefined;

  get size(): number {
    return this.#keys.size;
  }

  has(id: string): boolean {
    return this.#keys.has(id);
  }

  get(id: string): HeldKey | undefined {
    const known = this.#unpacked.peek(id);
    if (known !== undefined) {
      this.#unpacked.touch(id);
      return known;
    }
    const packed = this.#keys.get(id);
    if (packed === undefined) return undefined;
    const held = this.#unpack(id, packed);
    this.#unpacked.set(id, held);
    return held;
  }

  /** @returns false where there is no room: the key is then judged by the authority */
  put(view: KeyView, position: FeedPosition): boolean {
    const { id, status, owner, successor, verifier, derivationKey, ...rest } = view;
    const { createdAt = 0, notBefore = 0, expiresAt = 0, ...shared } = rest;
    const known = this.#keys.get(id);
    if (known === undefined && this.#keys.size >= limits.viewKeysMax) return false;
    if (known !== undefined) this.#free(known);
    this.#unpacked.delete(id);
    this.#keys.set(id, {
      // Nothing makes a revoked key good again.
      status: known?.status === 'revoked' ? 'revoked' : status,
      owner: interned(this.#owners, owner, () => owner),
      terms: interned(this.#terms, JSON.stringify(shared), () => {
        return { shared, addresses: addressesOf(shared.allowedAddresses) };
      }),
      position,
      createdAt,
      notBefore,
      expiresAt,
      successor,
      verifierSlot: this.#hashes.put(verifier),
      derivationSlot: this.#hashes.put(derivationKey),
    });
    return true;
  }

  revoke(id: string): void {
    const known = this.#keys.get(id);
    if (known === undefined) return;
    this.#keys.set(id, { ...known, status: 'revoked' });
    this.#unpacked.delete(id);
  }

  /** Lets go of keys that ended before this second; looks at a part of them, in turns. */
  expire(before: UnixSeconds): void {
    this.#expiring ??= this.#keys.entries();
    for (let looked = 0; looked < limits.expiringKeysAtOnce; looked++) {
      const next = this.#expiring.next();
      if (next.done === true) {
        this.#expiring = undefined;
        return;
      }
      const [id, packed] = next.value;
      if (packed.expiresAt === 0 || packed.expiresAt >= before) continue;
      this.#keys.delete(id);
      this.#unpacked.delete(id);
      this.#free(packed);
    }
  }

  #free({ verifierSlot, derivationSlot }: Packed): void {
    this.#hashes.free(verifierSlot);
    this.#hashes.free(derivationSlot);
  }

  #unpack(id: string, packed: Packed): HeldKey {
    const { addresses, shared } = packed.terms;
    const verifier = this.#hashes.get(packed.verifierSlot);
    const derivationKey = this.#hashes.get(packed.derivationSlot);
    const { status, owner, position } = packed;
    const createdAt = packed.createdAt === 0 ? undefined : (packed.createdAt as UnixMs);
    const expiresAt = packed.expiresAt === 0 ? undefined : (packed.expiresAt as UnixSeconds);
    const view: KeyView = {
      ...{ id: id as KeyId, status, owner, ...shared },
      ...(verifier === undefined ? {} : { verifier: base64urlEncode(verifier) }),
      ...(derivationKey === undefined ? {} : { derivationKey: base64urlEncode(derivationKey) }),
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(packed.notBefore === 0 ? {} : { notBefore: packed.notBefore as UnixSeconds }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(packed.successor === undefined ? {} : { successor: packed.successor as KeyId }),
    };
    const targets = { owner, tenant: shared.tenant, createdAt, position };
    return { view, verifier, derivationKey, addresses, targets, identity: identityOf(view) };
  }
}

const shardCount = 256;

/**
 * A map in parts: one of a million entries that outgrows its table copies all of it in one turn, a
 * tenth of a second in which nobody is answered.
 */
class ShardedMap<V> {
  readonly #shards = Array.from({ length: shardCount }, () => new Map<string, V>());
  size = 0;

  get(key: string): V | undefined {
    return this.#shardOf(key).get(key);
  }

  has(key: string): boolean {
    return this.#shardOf(key).has(key);
  }

  set(key: string, value: V): void {
    const shard = this.#shardOf(key);
    const before = shard.size;
    shard.set(key, value);
    this.size += shard.size - before;
  }

  delete(key: string): void {
    if (this.#shardOf(key).delete(key)) this.size--;
  }

  *entries(): Generator<[string, V], undefined> {
    for (const shard of this.#shards) yield* shard;
    return undefined;
  }

  /** By its end, for ids may begin alike. */
  #shardOf(key: string): Map<string, V> {
    const { length } = key;
    const [last, before] = [key.charCodeAt(length - 1), key.charCodeAt(length - 2)];
    return this.#shards[(last * 31 + before) & (shardCount - 1)]!;
  }
}

/** Values of 32 bytes, in slabs of a megabyte: an array for each would cost three times as much. */
class HashSlabs {
  readonly #slabs: Buffer[] = [];
  readonly #freed: number[] = [];
  #used = 0;

  /** @returns its place; -1 for none, and for what is no value of 32 bytes */
  put(text: string | undefined): number {
    const bytes = text === undefined ? undefined : base64urlDecode(text);
    if (bytes?.length !== hashBytes) return -1;
    const slot = this.#freed.pop() ?? this.#used++;
    this.#slabs[Math.floor(slot / slabSlots)] ??= Buffer.alloc(slabSlots * hashBytes);
    this.#at(slot).set(bytes);
    return slot;
  }

  /** A copy: the place may be another key's by the time it is compared. */
  get(slot: number): Uint8Array | undefined {
    return slot < 0 ? undefined : Uint8Array.from(this.#at(slot));
  }

  free(slot: number): void {
    if (slot >= 0) this.#freed.push(slot);
  }

  #at(slot: number): Buffer {
    const start = (slot % slabSlots) * hashBytes;
    return this.#slabs[Math.floor(slot / slabSlots)]!.subarray(start, start + hashBytes);
  }
}

function interned<V>(known: Map<string, V>, name: string, make: () => V): V {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = make();
  if (known.size < internedMax) known.set(name, made);
  return made;
}

function addressesOf(blocks: readonly string[] | undefined): HeldKey['addresses'] {
  if (blocks === undefined) return 'any';
  const set = createRangeSet(blocks);
  return set.ok ? set.value : 'none';
}

function identityOf(view: KeyView): Identity {
  return {
    ...{ kind: 'api_key', credentialId: view.id, subject: view.owner, clientId: view.clientId },
    scopes: view.scopes,
    audience: view.pat?.audience ?? undefined,
    expiresAt: view.expiresAt,
    binding: undefined,
    metered: view.metered,
    environment: view.environment,
    plan: view.plan,
    asked: undefined,
    targets: undefined,
  };
}
