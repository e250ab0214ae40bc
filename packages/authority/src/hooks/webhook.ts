/** A claims hook behind a URL: one signed POST for each token, through the guarded client. */
import {
  base64urlEncode,
  type Clock,
  type Entropy,
  err,
  limits,
  NetworkFault,
  nowSeconds,
  ok,
  type Result,
  utf8Decode,
} from '@mintmark/core';
import type { GuardedClient, OutboundResponse } from '@mintmark/net';
import type { HookFailure, HookSource } from './claims-hook.ts';
import { contentDigest, signMessage } from './message-signature.ts';

export interface WebhookParts {
  /** https, or http on loopback. */
  readonly url: string;
  /** At least 32 bytes. */
  readonly secret: Uint8Array;
  /** Made with reach `operator`: the hook is the operator's own. */
  readonly client: Pick<GuardedClient, 'send'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function webhookSource(parts: WebhookParts): HookSource {
  const { client, url } = parts;
  return async (question, timeoutMs) => {
    const body = JSON.stringify(question);
    try {
      const answer = await client.send({
        ...{ url, method: 'POST', body, timeoutMs },
        headers: signedHeaders(parts, body),
        bytesMax: limits.hookAnswerBytesMax,
      });
      if (answer.ok) return readAnswer(answer.value);
      return err(answer.refusal.reason === 'body_too_large' ? 'too_large' : 'unreachable');
    } catch (fault) {
      if (!(fault instanceof NetworkFault)) throw fault;
      return err(fault.code === 'outbound_timeout' ? 'timeout' : 'unreachable');
    }
  };
}

function signedHeaders(
  { url, secret, clock, entropy }: WebhookParts,
  body: string,
): Readonly<Record<string, string>> {
  const type = 'application/json';
  const digest = contentDigest(body);
  const signed = signMessage({
    components: [
      ['@method', 'POST'],
      ['@target-uri', new URL(url).href],
      ['content-type', type],
      ['content-digest', digest],
    ],
    created: nowSeconds(clock),
    keyId: 'mintmark',
    nonce: base64urlEncode(entropy.bytes(16)),
    secret,
  });
  return { 'content-type': type, accept: type, 'content-digest': digest, ...signed };
}

function readAnswer({ status, body, header }: OutboundResponse): Result<string, HookFailure> {
  // Nothing to say is an answer too.
  if (status === 204) return ok('{}');
  if (status >= 500) return err('server_error');
  if (status !== 200) return err('wrong_status');
  const isJson = /^application\/json *(?:;|$)/i.test(header('content-type') ?? '');
  const text = isJson ? utf8Decode(body) : undefined;
  return text === undefined ? err('malformed') : ok(text);
}
