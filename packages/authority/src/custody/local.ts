/**
 * Local custody: the root keys in one sealed file of the data folder, unlocked by a key file or a
 * passphrase and then kept in memory. Neighbours: `sealer.ts` and `peppers.ts` above it, which know
 * only the port. A root key must never be written unwrapped, and never be forgotten while a row
 * still names it.
 */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { dirname } from 'node:path';
import { type Clock, CustodyFault, type Entropy, freshId } from '@mintmark/core';
import { openRecord, sealRecord } from '@mintmark/tokens';
import type { Custody, CustodyDescription, Wrapped } from './custody.ts';
import {
  checkPrivateFolder,
  createPrivateFile,
  type FileStamp,
  readPrivateFile,
  stampPrivateFile,
  updatePrivateFile,
} from './private-file.ts';
import {
  checkValue,
  parseRootFile,
  type RootFile,
  type RootKeyRecord,
  renderRootFile,
  rootFileBytesMax,
  verifySeal,
} from './root-file.ts';
import { deriveKey, type LocalUnlock, prepareUnlock, unlockingKey } from './unlock.ts';

export interface LocalCustodyOptions {
  /** The sealed file, `custody.json` in the data folder. */
  readonly path: string;
  readonly unlock: LocalUnlock;
  readonly entropy: Entropy;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Everything unlocked. Only `close` and a reload replace it. */
interface Opened {
  readonly file: RootFile;
  readonly stamp: FileStamp;
  readonly unlockingKey: Uint8Array;
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly mac: KeyObject;
}

/**
 * Opens the custody file that `initLocalCustody` made.
 *
 * @throws CustodyFault `custody_missing`, `custody_symlink`, `custody_owner`,
 *   `custody_permissions` (the hint says which chmod), `custody_malformed`, `custody_wrong_unlock`,
 *   `custody_wrong_key`, `custody_tampered`, `custody_io`
 */
export async function openLocalCustody(options: LocalCustodyOptions): Promise<Custody> {
  await checkPrivateFolder(options.path);
  const { file, seal, stamp } = await readRootFile(options.path);
  const key = await unlockingKey(options.unlock, file.unlock);
  verifySeal(file, seal, { unlockingKey: key, path: options.path });
  return custodyOf(options, unlockKeys(file, stamp, key));
}

/**
 * Makes the custody file with its first root key, and the key file where it is missing.
 *
 * @throws CustodyFault `custody_exists` where there is one already; it is never replaced
 */
export async function initLocalCustody(options: LocalCustodyOptions): Promise<Custody> {
  await checkPrivateFolder(options.path);
  if ((await stampPrivateFile(options.path)) !== undefined) {
    throw new CustodyFault('custody_exists', `${options.path} exists already`, {
      hint: 'use it as it is, or move it away; what it protects is lost without it',
    });
  }
  const method = await prepareUnlock(options.unlock, options.entropy);
  const key = await unlockingKey(options.unlock, method);
  const first = freshRootKey(options, key);
  const file: RootFile = {
    unlock: method,
    check: checkValue(key),
    current: first.id,
    keys: [first],
    mac: freshRootKey(options, key),
  };
  await createPrivateFile(options.path, renderRootFile(file, key));
  key.fill(0);
  return openLocalCustody(options);
}

/** What an operator should change, as `mintmark doctor` says it. */
export function localCustodyWarnings(
  options: Pick<LocalCustodyOptions, 'path' | 'unlock'>,
): readonly { readonly code: string; readonly hint: string }[] {
  const { path, unlock } = options;
  if (unlock.by === 'key_file' && dirname(unlock.path) === dirname(path)) {
    const danger = `${unlock.path} lies beside what it opens: one stolen backup has both`;
    return [{ code: 'custody_key_beside', hint: `${danger}; keep it elsewhere` }];
  }
  return [];
}

function custodyOf(options: LocalCustodyOptions, first: Opened): Custody {
  let opened: Opened | undefined = first;

  function held(): Opened {
    if (opened !== undefined) return opened;
    throw new CustodyFault('custody_unavailable', 'custody was closed');
  }

  /** Another process may have rotated: what it made current must wrap here too. */
  async function refreshed(): Promise<Opened> {
    const before = held();
    if ((await stampPrivateFile(options.path)) === before.stamp) return before;
    opened = await reload(options.path, before);
    return opened;
  }

  async function change(edit: (file: RootFile, key: Uint8Array) => RootFile): Promise<void> {
    await updatePrivateFile(options.path, async () => {
      // Read again under the lock, or a rotation elsewhere would be overwritten.
      const now = await reload(options.path, held());
      return renderRootFile(edit(now.file, now.unlockingKey), now.unlockingKey);
    });
    opened = await reload(options.path, held());
  }

  return {
    describe: async () => describe((await refreshed()).file),
    async wrap(plaintext, context) {
      const { file, keys } = await refreshed();
      const { entropy } = options;
      const by = file.current;
      // A root key wraps so seldom that its uses need no counting.
      const key = keys.get(by) as KeyObject;
      return { by, wrapped: sealRecord({ key, keyId: by, entropy, context, plaintext }) };
    },
    async unwrap(wrapped, context) {
      const key = held().keys.get(wrapped.by) ?? (await refreshed()).keys.get(wrapped.by);
      return unwrapWith(key, wrapped, context);
    },
    sign: async () => {
      throw new CustodyFault('custody_unsupported', 'local custody holds no signing keys');
    },
    async mac(purpose, input) {
      const key = hkdfSync('sha256', held().mac, new Uint8Array(0), `mac ${purpose}`, 32);
      return createHmac('sha256', new Uint8Array(key)).update(input).digest();
    },
    async rotate() {
      let id = '';
      await change((file, key) => {
        const fresh = freshRootKey(options, key);
        id = fresh.id;
        return { ...file, current: id, keys: [...file.keys, fresh] };
      });
      return id;
    },
    async destroy(keyId) {
      await change((file) => without(file, keyId));
    },
    async close() {
      opened?.unlockingKey.fill(0);
      opened = undefined;
    },
  };
}

async function reload(path: string, before: Opened): Promise<Opened> {
  const { file, seal, stamp } = await readRootFile(path);
  verifySeal(file, seal, { unlockingKey: before.unlockingKey, path });
  return unlockKeys(file, stamp, before.unlockingKey);
}

async function readRootFile(
  path: string,
): Promise<ReturnType<typeof parseRootFile> & { readonly stamp: FileStamp }> {
  const { bytes, stamp } = await readPrivateFile(path, {
    what: 'custody file',
    bytesMax: rootFileBytesMax,
  });
  return { ...parseRootFile(bytes, path), stamp };
}

function unlockKeys(file: RootFile, stamp: FileStamp, key: Uint8Array): Opened {
  const wrapping = deriveKey(key, 'wrap');
  const open = (record: RootKeyRecord): KeyObject => {
    const { id, sealed } = record;
    const bytes = openRecord({ key: createSecretKey(wrapping), context: id, sealed });
    if (!bytes.ok) throw new CustodyFault('custody_tampered', `root key ${id} does not open`);
    const opened = createSecretKey(bytes.value);
    bytes.value.fill(0);
    return opened;
  };
  try {
    const keys = new Map(file.keys.map((record) => [record.id, open(record)]));
    return { file, stamp, unlockingKey: key, keys, mac: open(file.mac) };
  } finally {
    wrapping.fill(0);
  }
}

function freshRootKey(
  { entropy, clock }: Pick<LocalCustodyOptions, 'entropy' | 'clock'>,
  unlocking: Uint8Array,
): RootKeyRecord {
  const wrapping = deriveKey(unlocking, 'wrap');
  const plaintext = entropy.bytes(32);
  const id = `root_${freshId(entropy)}`;
  const key = createSecretKey(wrapping);
  try {
    const sealed = sealRecord({ key, keyId: 'unlock', entropy, context: id, plaintext });
    return { id, createdAt: clock.nowMs(), sealed };
  } finally {
    plaintext.fill(0);
    wrapping.fill(0);
  }
}

function without(file: RootFile, keyId: string): RootFile {
  if (!file.keys.some((key) => key.id === keyId)) {
    throw new CustodyFault('custody_unknown_key', `custody has no key ${keyId}`);
  }
  if (file.current === keyId) {
    throw new CustodyFault('custody_refused', `${keyId} is the current key`, {
      hint: 'rotate first, then rewrap, then destroy',
    });
  }
  return { ...file, keys: file.keys.filter((key) => key.id !== keyId) };
}

function unwrapWith(key: KeyObject | undefined, wrapped: Wrapped, context: string): Uint8Array {
  if (key === undefined) {
    throw new CustodyFault('custody_unknown_key', `custody has no key ${wrapped.by}`, {
      hint: 'the custody file is older than the data, or the key was destroyed',
    });
  }
  const plaintext = openRecord({ key, context, sealed: wrapped.wrapped });
  if (!plaintext.ok) {
    throw new CustodyFault('custody_tampered', `what ${wrapped.by} wrapped does not open`, {
      hint: 'it was changed, or moved here from another record',
    });
  }
  return plaintext.value;
}

function describe(file: RootFile): CustodyDescription {
  return {
    kind: 'local',
    currentKey: file.current,
    keys: file.keys.map(({ id, createdAt }) => ({
      id,
      createdAt,
      algorithm: 'AES-256-GCM',
      protector: file.unlock.by,
    })),
  };
}
