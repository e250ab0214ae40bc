/** What a person leaves of what an application asks for (RFC 6749 §3.3: a part may be granted). */
import type { RequestingClient } from './requesting-client.ts';

type Requiring = Pick<RequestingClient, 'requiredScopes'>;

/** Whether the person can only say yes or no to all where this is asked for. */
export function isRequiredScope({ requiredScopes }: Requiring, scope: string): boolean {
  // Without it there is no sign-in, which is what the application came for.
  return scope === 'openid' || requiredScopes.includes(scope);
}

/** @param ticked those that the person left standing; undefined where no choice was shown */
export function keptScopes(
  client: Requiring,
  asked: readonly string[],
  ticked: readonly string[] | undefined,
): readonly string[] {
  if (ticked === undefined) return asked;
  return asked.filter((scope) => isRequiredScope(client, scope) || ticked.includes(scope));
}
