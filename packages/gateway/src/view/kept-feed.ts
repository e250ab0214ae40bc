/**
 * What the status feed said, kept on disk for a gateway that starts while its authority cannot be
 * reached: the snapshot, its pages of keys, each delta, in the order in which they came, and when
 * the authority last vouched for them. Each is on disk before the view gets it, so that no
 * revocation which this node has heard of is forgotten by a restart. Sealed: it holds verifiers of
 * keys. What must never happen: an old copy that passes for a new one. So the time of the last
 * proof is sealed with it, and an older copy is an older proof.
 *
 * Two files a tenant. `‹name›.feed`: 16 bytes that name this run of records, then records, each a
 * length (4 bytes, big-endian) and a sealed record whose context names run and place: none can be
 * left out, moved or brought in from another file. `‹name›.proof`: the run, then the sealed time.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  concatBytes,
  type Entropy,
  hexEncode,
  isJsonObject,
  limits,
  parseJson,
  utf8,
  utf8Decode,
} from '@mintmark/core';
import { deriveKey, openRecord, sealRecord } from '@mintmark/tokens';

/** What a record holds: bodies as the authority sent them. */
export type KeptPart = 'snapshot' | 'keys' | 'delta';

export interface KeptRecord {
  readonly part: KeptPart;
  readonly body: Uint8Array;
}

/** All that was kept, in order. */
export interface Kept {
  readonly records: readonly KeptRecord[];
  /** Up to where it must reach: less was cut off. */
  readonly position: number;
  /** Unix milliseconds at which the question was asked that last proved it complete. */
  readonly provenAtMs: number;
}

export type KeptEvent =
  /** Starts without it, as if there were none. */
  | { readonly type: 'kept_feed_unusable'; readonly reason: string }
  /** Goes on without it: a restart will find nothing that is up to date. */
  | { readonly type: 'kept_feed_failed'; readonly error: unknown };

export interface KeepParts {
  readonly folder: string;
  /** Of the two files; letters, digits, dots, dashes. */
  readonly name: string;
  /** What the files are sealed with comes from it: the gateway's own credential. */
  readonly credential: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly entropy: Entropy;
  readonly log: (event: KeptEvent) => void;
}

const runBytes = 16;
const partBytes: Readonly<Record<KeptPart, number>> = { snapshot: 1, keys: 2, delta: 3 };
const partNames = ['snapshot', 'keys', 'delta'] as const;

export class FeedKeeper {
  readonly #parts: KeepParts;
  readonly #key: KeyObject;
  /** There is a file to go on with; false before the first snapshot, and behind a fault. */
  #isKept = false;
  #run: Uint8Array = new Uint8Array(0);
  #count = 0;
  #bytes = 0;
  #bytesAtFirst = 0;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  /** Deltas that came since a new snapshot was asked for, which may be older than they are. */
  #meanwhile: Uint8Array[] | undefined;
  /** One write at a time, in the order in which they were asked for. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: KeepParts) {
    this.#parts = parts;
    const bytes = deriveKey(parts.credential, utf8('mintmark kept feed 1'));
    this.#key = createSecretKey(bytes);
    bytes.fill(0);
    mkdirSync(parts.folder, { recursive: true, mode: 0o700 });
  }

  /** Much more was added than it began with: a new snapshot would say the same in less. */
  get isLong(): boolean {
    const most = Math.max(limits.keptFeedBytesMin, 2 * this.#bytesAtFirst);
    return this.#isKept && this.#bytes > most;
  }

  /** What an earlier process kept; goes on behind it. @returns undefined where nothing is usable */
  async load(): Promise<Kept | undefined> {
    const file = await readOrNothing(this.#path('feed'));
    const sealed = await readOrNothing(this.#path('proof'));
    if (file === undefined || sealed === undefined) return undefined;
    const kept = this.#read(file, sealed);
    if (typeof kept === 'string') {
      this.#parts.log({ type: 'kept_feed_unusable', reason: kept });
      return undefined;
    }
    const { wholeBytes, ...rest } = kept;
    this.#run = file.subarray(0, runBytes);
    this.#count = kept.records.length;
    this.#bytes = wholeBytes;
    this.#bytesAtFirst = wholeBytes;
    await this.#write(async () => {
      // What a crash left of a record goes, so that the next one stands where it is looked for.
      await truncate(this.#path('feed'), wholeBytes);
      this.#isKept = true;
    });
    return rest;
  }

  /** A new snapshot is about to be asked for, to begin anew with. */
  renew(): void {
    this.#meanwhile = [];
  }

  /** Begins anew with a snapshot; the old file stands until the new one is on disk. */
  begin(body: Uint8Array): Promise<void> {
    return this.#write(async () => {
      this.#isKept = false;
      this.#run = this.#parts.entropy.bytes(runBytes);
      this.#count = 0;
      const snapshot = this.#sealed('snapshot', body);
      const deltas = (this.#meanwhile ?? []).map((delta) => this.#sealed('delta', delta));
      this.#meanwhile = undefined;
      const bytes = concatBytes(this.#run, snapshot, ...deltas);
      await writeWhole(this.#path('feed'), bytes);
      this.#isKept = true;
      this.#bytes = bytes.length;
      this.#bytesAtFirst = bytes.length;
    });
  }

  /** Adds what came; resolves once it is on disk, or was given up. */
  add(part: 'keys' | 'delta', body: Uint8Array): Promise<void> {
    return this.#write(async () => {
      if (!this.#isKept) return;
      if (part === 'delta') this.#meanwhile?.push(body);
      const bytes = this.#sealed(part, body);
      await writeAt(this.#path('feed'), { flags: 'r+', bytes, at: this.#bytes });
      this.#bytes += bytes.length;
      if (part === 'keys') this.#bytesAtFirst += bytes.length;
    });
  }

  /**
   * The authority vouched for everything up to `position`; at most once a second it is written.
   *
   * @param askedAtMs Unix milliseconds at which it was asked
   */
  proven(position: number, askedAtMs: number): Promise<void> {
    if (askedAtMs - this.#provenAtMs < limits.keptProofMs && askedAtMs >= this.#provenAtMs) {
      return Promise.resolve();
    }
    return this.#write(async () => {
      if (!this.#isKept) return;
      this.#provenAtMs = askedAtMs;
      const body = utf8(JSON.stringify({ position, provenAtMs: askedAtMs }));
      const sealed = this.#seal(this.#context('proof'), body);
      await writeWhole(this.#path('proof'), concatBytes(this.#run, sealed));
    });
  }

  /** A disk that fails must not stop the node: it goes on, and keeps nothing any more. */
  #write(act: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(act).catch(async (error: unknown) => {
      this.#parts.log({ type: 'kept_feed_failed', error });
      this.#isKept = false;
      // Without the proof the rest counts for nothing.
      await rm(this.#path('proof'), { force: true }).catch(() => undefined);
    });
    return this.#last;
  }

  /** @returns what is wrong, in a word */
  #read(
    file: Uint8Array,
    sealedProof: Uint8Array,
  ): (Kept & { readonly wholeBytes: number }) | string {
    const run = file.subarray(0, runBytes);
    if (hexEncode(run) !== hexEncode(sealedProof.subarray(0, runBytes))) return 'another run';
    this.#run = run;
    const proof = this.#open(this.#context('proof'), sealedProof.subarray(runBytes));
    const stamp = proof === undefined ? undefined : proofOf(proof);
    if (stamp === undefined) return 'the proof does not open';
    // It may be of any age then: nothing is known about the time between.
    if (stamp.provenAtMs > this.#parts.clock.nowMs()) return 'the clock was set back';
    const records: KeptRecord[] = [];
    let at = runBytes;
    while (at + 4 <= file.length) {
      const length = Buffer.from(file.buffer, file.byteOffset + at, 4).readUInt32BE();
      if (at + 4 + length > file.length) break;
      const context = this.#context(String(records.length));
      const plain = this.#open(context, file.subarray(at + 4, at + 4 + length));
      const part = plain && partNames[plain[0]! - 1];
      if (plain === undefined || part === undefined) return 'a record does not open';
      records.push({ part, body: plain.subarray(1) });
      at += 4 + length;
    }
    if (records[0]?.part !== 'snapshot') return 'no snapshot';
    return { records, ...stamp, wholeBytes: at };
  }

  #sealed(part: KeptPart, body: Uint8Array): Uint8Array {
    const plaintext = concatBytes(Uint8Array.of(partBytes[part]), body);
    const sealed = this.#seal(this.#context(String(this.#count++)), plaintext);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(sealed.length);
    return concatBytes(length, sealed);
  }

  #seal(context: string, plaintext: Uint8Array): Uint8Array {
    const { entropy } = this.#parts;
    return sealRecord({ key: this.#key, keyId: 'gateway', entropy, context, plaintext });
  }

  #open(context: string, sealed: Uint8Array): Uint8Array | undefined {
    const opened = openRecord({ key: this.#key, context, sealed });
    return opened.ok ? opened.value : undefined;
  }

  #context(place: string): string {
    return `kept-feed/${this.#parts.name}/${hexEncode(this.#run)}/${place}`;
  }

  #path(kind: 'feed' | 'proof'): string {
    return join(this.#parts.folder, `${this.#parts.name}.${kind}`);
  }
}

function proofOf(bytes: Uint8Array): Pick<Kept, 'position' | 'provenAtMs'> | undefined {
  const text = utf8Decode(bytes);
  const parsed = text === undefined ? undefined : parseJson(text);
  if (!parsed?.ok || !isJsonObject(parsed.value)) return undefined;
  const { position, provenAtMs } = parsed.value;
  if (typeof position !== 'number' || typeof provenAtMs !== 'number') return undefined;
  return { position, provenAtMs };
}

async function readOrNothing(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch {
    return undefined;
  }
}

/** All of it or what stood before. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await writeAt(`${path}.new`, { flags: 'w', bytes, at: 0 });
  await rename(`${path}.new`, path);
}

async function writeAt(
  path: string,
  { flags, bytes, at }: { readonly flags: string; readonly bytes: Uint8Array; readonly at: number },
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}
