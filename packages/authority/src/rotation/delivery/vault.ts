/**
 * A secret brought to the key-value store, version 2, of Vault or OpenBao: one POST, which makes a
 * new version of what is at the path. Sent twice it makes two versions of one content.
 */
import type { GuardedClient } from '@mintmark/net';
import type { DeliveryTarget, Place } from './delivery.ts';
import { sendSecret } from './send-secret.ts';

export interface VaultTargetSettings {
  readonly tenants: readonly string[];
  /** https URL, without final slash. */
  readonly url: string;
  /** Where the store is mounted, such as `secret`. */
  readonly mount: string;
  /** Before every path, with its slash; empty for none. */
  readonly prefix: string;
  /** Of Vault's own namespaces; undefined for the root one. */
  readonly namespace: string | undefined;
  /** @throws CustodyFault */
  readonly token: () => Promise<string>;
  /** Made with reach `operator`. */
  readonly client: Pick<GuardedClient, 'send'>;
}

const pathPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const pathCharsMax = 255;
const memberPattern = /^[A-Za-z0-9._-]{1,64}$/;

export function vaultTarget(settings: VaultTargetSettings): DeliveryTarget {
  const { tenants, url, mount, prefix, namespace, token, client } = settings;
  return {
    tenants,
    judge,
    async deliver({ secret }, { at = '', key = 'secret' }) {
      return sendSecret(client, {
        url: `${url}/v1/${mount}/data/${prefix}${at}`,
        method: 'POST',
        headers: {
          'x-vault-token': await token(),
          // A server may demand it, so that no forged request of a browser is taken.
          'x-vault-request': 'true',
          ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
          'content-type': 'application/json',
        },
        body: JSON.stringify({ data: { [key]: secret } }),
      });
    },
  };
}

function judge({ at, key }: Place): string | undefined {
  if (at === undefined) return 'at is the path of the secret';
  if (at.length > pathCharsMax || !pathPattern.test(at)) return 'at is no path of a secret';
  if (key === undefined || memberPattern.test(key)) return undefined;
  return 'key is no name of a member';
}
