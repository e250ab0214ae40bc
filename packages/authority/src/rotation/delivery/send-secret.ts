/** One request with a secret in it, and what its answer means for the delivery. */
import { err, limits, NetworkFault, ok, type Result } from '@mintmark/core';
import type { GuardedClient, OutboundRequest } from '@mintmark/net';
import type { DeliveryFailure } from './delivery.ts';

/** What targets answer is not read, but for its status. */
const answerBytesMax = 64 * 1024;

/** @param client made with reach `operator` */
export async function sendSecret(
  client: Pick<GuardedClient, 'send'>,
  request: Omit<OutboundRequest, 'bytesMax' | 'timeoutMs'>,
): Promise<Result<undefined, DeliveryFailure>> {
  // The client takes plain HTTP on loopback; a secret goes by TLS, wherever to.
  if (!request.url.startsWith('https://')) {
    return err({ reason: 'refused', detail: 'https_required' });
  }
  try {
    const timeoutMs = limits.deliveryTimeoutMs;
    const answer = await client.send({ ...request, bytesMax: answerBytesMax, timeoutMs });
    if (!answer.ok) return err({ reason: 'unreachable', detail: answer.refusal.reason });
    const { status } = answer.value;
    if (status >= 200 && status < 300) return ok(undefined);
    return err({ reason: 'refused', detail: `status ${status}` });
  } catch (fault) {
    if (!(fault instanceof NetworkFault)) throw fault;
    const reason = fault.code === 'outbound_timeout' ? 'timeout' : 'unreachable';
    return err({ reason, detail: fault.code });
  }
}
