/** The operator's program that hears what owners are told: one signed POST for each message. */
import { limits, NetworkFault } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { AlertWebhook } from '../alerts/deliver-notices.ts';
import { type SigningParts, signedHeaders } from './signed-post.ts';

export interface AlertWebhookParts extends SigningParts {
  /** Made with reach `operator`. */
  readonly client: Pick<GuardedClient, 'send'>;
}

/** Any answer but 2xx is one that did not take it: it is sent again later. */
export function alertWebhook(parts: AlertWebhookParts): AlertWebhook {
  const { client, url } = parts;
  return {
    async send(body) {
      try {
        const answer = await client.send({
          ...{ url, method: 'POST', body },
          headers: signedHeaders(parts, body),
          bytesMax: limits.hookAnswerBytesMax,
        });
        return answer.ok && answer.value.status >= 200 && answer.value.status < 300;
      } catch (fault) {
        if (fault instanceof NetworkFault) return false;
        throw fault;
      }
    },
  };
}
