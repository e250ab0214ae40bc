/**
 * Custody of tests and simulations: the contract in its plainest form. Its keys end with the
 * process, and with them everything that they wrapped.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { type Clock, CustodyFault, type Entropy } from '@mintmark/core';
import { openRecord, sealRecord } from '@mintmark/tokens';
import type { Custody } from './custody.ts';

export function openMemoryCustody(ports: {
  readonly entropy: Entropy;
  readonly clock: Pick<Clock, 'nowMs'>;
}): Custody {
  const { entropy, clock } = ports;
  const keys = new Map<string, { readonly key: KeyObject; readonly createdAt: number }>();
  const macKey = entropy.bytes(32);
  let count = 0;
  let current = addKey();

  function addKey(): string {
    count += 1;
    const id = `memory-${count}`;
    keys.set(id, { key: createSecretKey(entropy.bytes(32)), createdAt: clock.nowMs() });
    return id;
  }

  return {
    async describe() {
      const described = [...keys].map(([id, { createdAt }]) => {
        return { id, createdAt, algorithm: 'AES-256-GCM', protector: 'none' };
      });
      return { kind: 'local', currentKey: current, keys: described };
    },
    async wrap(plaintext, context) {
      const { key } = keys.get(current)!;
      return {
        by: current,
        wrapped: sealRecord({ key, keyId: current, entropy, context, plaintext }),
      };
    },
    async unwrap({ by, wrapped }, context) {
      const key = keys.get(by)?.key;
      if (key === undefined) throw new CustodyFault('custody_unknown_key', `no key ${by}`);
      const opened = openRecord({ key, context, sealed: wrapped });
      if (!opened.ok)
        throw new CustodyFault('custody_tampered', `what ${by} wrapped does not open`);
      return opened.value;
    },
    async sign() {
      throw new CustodyFault('custody_unsupported', 'custody in memory holds no signing keys');
    },
    async mac(purpose, input) {
      const key = createHmac('sha256', macKey).update(purpose).digest();
      return createHmac('sha256', key).update(input).digest();
    },
    async rotate() {
      current = addKey();
      return current;
    },
    async destroy(keyId) {
      if (keyId === current) throw new CustodyFault('custody_refused', `${keyId} is current`);
      if (!keys.delete(keyId)) throw new CustodyFault('custody_unknown_key', `no key ${keyId}`);
    },
    async close() {
      keys.clear();
    },
  };
}
