/** Who hears of credentials beside their owners, as the configuration names them. */
import { type AlertSettings, alertWebhook } from '@mintmark/authority';
import { ConfigFault } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { readSigningSecret } from './signing-secret.ts';

/**
 * @param client made with reach `operator`
 * @throws ConfigFault `alerts_invalid`; CustodyFault `custody_reference`
 */
export async function openAlerts(
  ports: Pick<CliPorts, 'environment' | 'clock' | 'entropy'>,
  config: Config['alerts'],
  client: Pick<GuardedClient, 'send'>,
): Promise<AlertSettings> {
  const { contact, webhook: url, webhook_secret: reference } = config;
  if (url === undefined) return { contact };
  if (reference === undefined) throw invalid('a webhook needs a secret that signs its requests');
  const secret = await readSigningSecret(ports, { reference, invalid });
  return { contact, webhook: alertWebhook({ ...ports, url, secret, client }) };
}

function invalid(text: string, hint = 'see docs/notices.md'): ConfigFault {
  return new ConfigFault('alerts_invalid', `alerts: ${text}`, { hint });
}
