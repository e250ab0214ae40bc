/**
 * A secret brought to a Secret of a Kubernetes cluster, by server-side apply: one PATCH that makes
 * the Secret or changes the one member that is ours, however often it is sent. The token is read
 * for each delivery, since Kubernetes renews those of service accounts.
 */
import type { GuardedClient } from '@mintmark/net';
import type { DeliveryTarget, Place } from './delivery.ts';
import { sendSecret } from './send-secret.ts';

export interface KubernetesTargetSettings {
  readonly tenants: readonly string[];
  /** https URL of the API server, without final slash. */
  readonly server: string;
  readonly namespace: string;
  /** @throws CustodyFault */
  readonly token: () => Promise<string>;
  /** Made with reach `operator`, and the cluster's authority. */
  readonly client: Pick<GuardedClient, 'send'>;
}

/** RFC 1123 subdomain, as names of Secrets are. */
const namePattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const nameCharsMax = 253;
const memberPattern = /^[-._a-zA-Z0-9]{1,253}$/;
/** Under which the API server remembers that the member is ours. */
const fieldManager = 'mintmark';

export function kubernetesTarget(settings: KubernetesTargetSettings): DeliveryTarget {
  const { tenants, server, namespace, token, client } = settings;
  return {
    tenants,
    judge,
    async deliver({ secret }, { at = '', key = 'secret' }) {
      const query = new URLSearchParams({ fieldManager, force: 'true' });
      const data = { [key]: Buffer.from(secret, 'utf8').toString('base64') };
      return sendSecret(client, {
        url: `${server}/api/v1/namespaces/${namespace}/secrets/${at}?${query}`,
        method: 'PATCH',
        headers: {
          authorization: `Bearer ${await token()}`,
          accept: 'application/json',
          // JSON is YAML, and this type is the one that asks for server-side apply.
          'content-type': 'application/apply-patch+yaml',
        },
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: at, namespace },
          data,
        }),
      });
    },
  };
}

function judge({ at, key }: Place): string | undefined {
  if (at === undefined) return 'at is the name of the Secret';
  if (at.length > nameCharsMax || !namePattern.test(at)) return 'at is no name of a Secret';
  if (key === undefined || memberPattern.test(key)) return undefined;
  return 'key is no name within a Secret';
}
