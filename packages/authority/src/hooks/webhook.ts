/** A claims hook behind a URL: one signed POST for each token, through the guarded client. */
import { err, limits, NetworkFault, ok, type Result, utf8Decode } from '@mintmark/core';
import type { GuardedClient, OutboundResponse } from '@mintmark/net';
import type { HookFailure, HookSource } from './claims-hook.ts';
import { type SigningParts, signedHeaders } from './signed-post.ts';

export interface WebhookParts extends SigningParts {
  /** Made with reach `operator`: the hook is the operator's own. */
  readonly client: Pick<GuardedClient, 'send'>;
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

function readAnswer({ status, body, header }: OutboundResponse): Result<string, HookFailure> {
  // Nothing to say is an answer too.
  if (status === 204) return ok('{}');
  if (status >= 500) return err('server_error');
  if (status !== 200) return err('wrong_status');
  const isJson = /^application\/json *(?:;|$)/i.test(header('content-type') ?? '');
  const text = isJson ? utf8Decode(body) : undefined;
  return text === undefined ? err('malformed') : ok(text);
}
