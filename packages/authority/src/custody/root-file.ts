/**
 * The sealed root file as a value: which keys it holds, wrapped, and the seal over all of it, so
 * that no key can be dropped, swapped or made current by somebody who can write but not unlock.
 */
import { createHmac } from 'node:crypto';
import {
  base64urlDecode,
  base64urlEncode,
  CustodyFault,
  equalConstantTime,
  utf8Decode,
} from '@mintmark/core';
import { z } from 'zod';
import { argon2Bounds, deriveKey, type UnlockMethod } from './unlock.ts';

export interface RootKeyRecord {
  readonly id: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** A sealed record under the file's wrapping key. */
  readonly sealed: Uint8Array;
}

export interface RootFile {
  readonly unlock: UnlockMethod;
  /** Tells a wrong key from a damaged file. */
  readonly check: Uint8Array;
  readonly current: string;
  readonly keys: readonly RootKeyRecord[];
  /** The key of MACs; it outlives rotations, because what was MACed before must compare after. */
  readonly mac: RootKeyRecord;
}

/** Far above any file: 1,000 root keys. */
export const rootFileBytesMax = 256 * 1024;

const format = 'mintmark-custody-1';

const bytesText = z.string().transform((text, context) => {
  const bytes = base64urlDecode(text);
  if (bytes !== undefined) return bytes;
  context.addIssue('not base64url');
  return z.NEVER;
});

const record = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  created_at: z.int().nonnegative(),
  sealed: bytesText,
});

const schema = z.strictObject({
  format: z.literal(format),
  unlock: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('key_file') }),
    z.strictObject({
      by: z.literal('passphrase'),
      kdf: z.literal('argon2id'),
      memory_kib: z.int().min(argon2Bounds.memoryKibMin).max(argon2Bounds.memoryKibMax),
      passes: z.int().min(argon2Bounds.passesMin).max(argon2Bounds.passesMax),
      lanes: z.int().min(1).max(argon2Bounds.lanesMax),
      salt: bytesText,
    }),
  ]),
  check: bytesText,
  current: z.string(),
  keys: z.array(record).min(1).max(1000),
  mac: record,
  seal: bytesText,
});

/** @throws CustodyFault `custody_malformed`; whether it is authentic, `verifySeal` says */
export function parseRootFile(
  bytes: Uint8Array,
  path: string,
): { readonly file: RootFile; readonly seal: Uint8Array } {
  const parsed = schema.safeParse(parseJson(bytes));
  if (!parsed.success) {
    throw new CustodyFault('custody_malformed', `custody file ${path} is cut off or damaged`, {
      hint: 'restore it from its backup; do not make a new one, it could not open the old data',
    });
  }
  const { data } = parsed;
  const unlock: UnlockMethod =
    data.unlock.by === 'key_file'
      ? { by: 'key_file' }
      : {
          by: 'passphrase',
          memoryKib: data.unlock.memory_kib,
          passes: data.unlock.passes,
          lanes: data.unlock.lanes,
          salt: data.unlock.salt,
        };
  const file = {
    unlock,
    check: data.check,
    current: data.current,
    keys: data.keys.map(toRecord),
    mac: toRecord(data.mac),
  };
  return { file, seal: data.seal };
}

export function renderRootFile(file: RootFile, unlockingKey: Uint8Array): Uint8Array {
  const body = toWire(file);
  const seal = base64urlEncode(sealOf(file, unlockingKey));
  return Buffer.from(`${JSON.stringify({ ...body, seal }, null, 2)}\n`, 'utf8');
}

export function checkValue(unlockingKey: Uint8Array): Uint8Array {
  return deriveKey(unlockingKey, 'check', 16);
}

/** @throws CustodyFault `custody_wrong_key`, `custody_tampered` */
export function verifySeal(
  file: RootFile,
  seal: Uint8Array,
  context: { readonly unlockingKey: Uint8Array; readonly path: string },
): void {
  const { unlockingKey, path } = context;
  if (!equalConstantTime(file.check, checkValue(unlockingKey))) {
    const what = file.unlock.by === 'passphrase' ? 'passphrase' : 'key file';
    throw new CustodyFault('custody_wrong_key', `the ${what} does not open ${path}`, {
      hint: `give the ${what} that this custody file was made with`,
    });
  }
  const known = file.keys.some((key) => key.id === file.current);
  if (!equalConstantTime(seal, sealOf(file, unlockingKey)) || !known) {
    throw new CustodyFault('custody_tampered', `custody file ${path} was changed from outside`, {
      hint: 'restore it from its backup, and find out who could write to it',
    });
  }
}

function sealOf(file: RootFile, unlockingKey: Uint8Array): Uint8Array {
  const key = deriveKey(unlockingKey, 'seal');
  try {
    // `toWire` builds its members in one fixed order, so the same file gives the same text.
    return createHmac('sha256', key)
      .update(JSON.stringify(toWire(file)))
      .digest();
  } finally {
    key.fill(0);
  }
}

function toWire(file: RootFile): Record<string, unknown> {
  const { unlock } = file;
  return {
    format,
    unlock:
      unlock.by === 'key_file'
        ? { by: unlock.by }
        : {
            by: unlock.by,
            kdf: 'argon2id',
            memory_kib: unlock.memoryKib,
            passes: unlock.passes,
            lanes: unlock.lanes,
            salt: base64urlEncode(unlock.salt),
          },
    check: base64urlEncode(file.check),
    current: file.current,
    keys: file.keys.map(fromRecord),
    mac: fromRecord(file.mac),
  };
}

function toRecord(wire: z.infer<typeof record>): RootKeyRecord {
  return { id: wire.id, createdAt: wire.created_at, sealed: wire.sealed };
}

function fromRecord(key: RootKeyRecord): Record<string, unknown> {
  return { id: key.id, created_at: key.createdAt, sealed: base64urlEncode(key.sealed) };
}

function parseJson(bytes: Uint8Array): unknown {
  const text = utf8Decode(bytes);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
