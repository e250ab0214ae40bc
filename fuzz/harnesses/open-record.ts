import { createSecretKey } from 'node:crypto';
import { seededEntropy, utf8 } from '@mintmark/core';
import { openRecord, sealedKeyId, sealRecord } from '@mintmark/tokens';
import { type Harness, invariant } from '../harness.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const context = 'tenant/default/keys/1';
const entropy = seededEntropy(1);

const records = ['', 'secret', 'x'.repeat(100)].map((text) =>
  sealRecord({ key, keyId: 'dek-1', entropy, context, plaintext: utf8(text) }),
);
const good = new Set(records.map((record) => Buffer.from(record).toString('hex')));

export const openRecordHarness: Harness = {
  name: 'open-record',
  seeds: [...records, Uint8Array.of(1, 1, 65), Uint8Array.of(1, 255)],
  dictionary: ['\x01', '\x01\x01A', '\x02', '\x00', 'dek-1', 'dek-2'],
  run(sealed) {
    const keyId = sealedKeyId(sealed);
    invariant(keyId === undefined || keyId.length > 0, 'an empty key id');
    const result = openRecord({ key, context, sealed });
    if (!result.ok) return `${result.refusal.reason} ${keyId === undefined ? 'no' : 'a'} key id`;
    invariant(good.has(Buffer.from(sealed).toString('hex')), 'opened what nobody sealed');
    invariant(keyId === 'dek-1', 'opened under another key id');
    return 'opened';
  },
};
