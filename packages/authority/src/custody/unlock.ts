/**
 * What opens the sealed root file: a key file, or a passphrase stretched with argon2id. Both give
 * 32 bytes from which the file's own keys are derived.
 */
import { hkdfSync } from 'node:crypto';
import { CustodyFault, type Entropy } from '@mintmark/core';
import { hashRaw } from '@node-rs/argon2';
import { createPrivateFile, readPrivateFile } from './private-file.ts';

export type LocalUnlock =
  | { readonly by: 'key_file'; readonly path: string }
  | {
      readonly by: 'passphrase';
      /** Called once for each opening; the bytes are overwritten after use. */
      readonly passphrase: () => Promise<Uint8Array>;
    };

/** How the file says that it is unlocked. Nothing in it is secret. */
export type UnlockMethod =
  | { readonly by: 'key_file' }
  | {
      readonly by: 'passphrase';
      readonly memoryKib: number;
      readonly passes: number;
      readonly lanes: number;
      readonly salt: Uint8Array;
    };

/**
 * Bounds on what a file may ask for: never weaker than RFC 9106 §4's second recommended option
 * (64 MiB, 3 passes), never so heavy that an edited file stops the machine.
 */
export const argon2Bounds = {
  memoryKibMin: 64 * 1024,
  memoryKibMax: 1024 * 1024,
  passesMin: 3,
  passesMax: 32,
  lanesMax: 16,
} as const;

const keyFileBytes = 32;
const passphraseBytesMin = 12;
const passphraseBytesMax = 1024;

/** The method for a new file; a missing key file is created, of mode 0600. */
export async function prepareUnlock(unlock: LocalUnlock, entropy: Entropy): Promise<UnlockMethod> {
  if (unlock.by === 'key_file') {
    await createKeyFile(unlock.path, entropy);
    return { by: 'key_file' };
  }
  return {
    by: 'passphrase',
    memoryKib: argon2Bounds.memoryKibMin,
    passes: argon2Bounds.passesMin,
    lanes: 1,
    salt: entropy.bytes(16),
  };
}

/**
 * @returns 32 bytes, the caller's to overwrite
 * @throws CustodyFault `custody_wrong_unlock` where the file is unlocked in the other way,
 *   `custody_malformed`, `custody_weak_passphrase`, and those of reading a private file
 */
export async function unlockingKey(unlock: LocalUnlock, method: UnlockMethod): Promise<Uint8Array> {
  if (unlock.by !== method.by) {
    throw new CustodyFault(
      'custody_wrong_unlock',
      `the custody file is unlocked by ${method.by}, not by ${unlock.by}`,
      { hint: 'set custody.unlock in the configuration to what the file was made with' },
    );
  }
  if (unlock.by === 'key_file') return readKeyFile(unlock.path);
  return stretch(await unlock.passphrase(), method as UnlockMethod & { by: 'passphrase' });
}

/** An independent key of `length` bytes for one use of the unlocking key (HKDF, RFC 5869). */
export function deriveKey(key: Uint8Array, purpose: string, length = 32): Uint8Array {
  return new Uint8Array(
    hkdfSync('sha256', key, new Uint8Array(0), `mintmark custody 1 ${purpose}`, length),
  );
}

/**
 * Reads a secret by reference, so that it never stands in a configuration or a process list.
 *
 * @param reference `file:PATH` (a private file; one final newline is dropped) or `env:NAME`
 * @throws CustodyFault `custody_reference`, and those of reading a private file
 */
export async function readSecretReference(
  reference: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Uint8Array> {
  if (reference.startsWith('file:')) {
    const path = reference.slice('file:'.length);
    const { bytes } = await readPrivateFile(path, {
      what: 'secret file',
      bytesMax: passphraseBytesMax + 2,
      mounted: true,
    });
    return withoutFinalNewline(bytes);
  }
  const name = reference.startsWith('env:') ? reference.slice('env:'.length) : undefined;
  const value = name === undefined ? undefined : environment[name];
  if (value === undefined || value === '') {
    const problem = name === undefined ? 'is neither file: nor env:' : 'names an unset variable';
    throw new CustodyFault('custody_reference', `the secret's reference ${problem}`, {
      hint: 'write file:/path/to/secret (mode 600) or env:NAME',
    });
  }
  return Buffer.from(value, 'utf8');
}

async function createKeyFile(path: string, entropy: Entropy): Promise<void> {
  const key = entropy.bytes(keyFileBytes);
  try {
    await createPrivateFile(path, key);
  } catch (fault) {
    // An operator may bring the key file; it is checked when it is read.
    if (!(fault instanceof CustodyFault && fault.code === 'custody_exists')) throw fault;
  } finally {
    key.fill(0);
  }
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  const { bytes } = await readPrivateFile(path, {
    what: 'key file',
    bytesMax: keyFileBytes,
    mounted: true,
  });
  if (bytes.length !== keyFileBytes) {
    throw new CustodyFault('custody_malformed', `key file ${path} has ${bytes.length} bytes`, {
      hint: `it must be the ${keyFileBytes} random bytes that the custody file was made with`,
    });
  }
  return bytes;
}

async function stretch(
  passphrase: Uint8Array,
  method: UnlockMethod & { by: 'passphrase' },
): Promise<Uint8Array> {
  try {
    if (passphrase.length < passphraseBytesMin || passphrase.length > passphraseBytesMax) {
      throw new CustodyFault(
        'custody_weak_passphrase',
        `the passphrase must have ${passphraseBytesMin}–${passphraseBytesMax} bytes`,
        { hint: 'use five random words or more' },
      );
    }
    return await hashRaw(passphrase, {
      algorithm: 2, // argon2id; the package's const enum cannot be named under isolatedModules
      memoryCost: method.memoryKib,
      timeCost: method.passes,
      parallelism: method.lanes,
      outputLen: 32,
      salt: method.salt,
    });
  } finally {
    passphrase.fill(0);
  }
}

function withoutFinalNewline(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  if (end > 0 && bytes[end - 1] === 0x0a) end -= 1;
  if (end > 0 && bytes[end - 1] === 0x0d) end -= 1;
  return bytes.subarray(0, end);
}
