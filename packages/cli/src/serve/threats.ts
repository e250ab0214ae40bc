/** The section `threats` as the authority is given it. */
import type { ThreatSettings } from '@mintmark/authority';
import { type AddressRange, ConfigFault, parseCidr } from '@mintmark/core';
import type { GuardedClient } from '@mintmark/net';
import type { Config } from '../config/schema.ts';

/**
 * The proxies before either product are protected too: whoever could list them would shut out
 * everybody behind them.
 *
 * @throws ConfigFault `threats_invalid`
 */
export function openThreats(
  { threats, authority, gateway }: Pick<Config, 'threats' | 'authority' | 'gateway'>,
  client: Pick<GuardedClient, 'send'>,
): ThreatSettings {
  const proxies = [...authority.trusted_proxies, ...gateway.trusted_proxies];
  return {
    client,
    privateOrigins: threats.private_origins.map((url) => new URL(url).origin),
    protectedRanges: [...threats.protected, ...proxies].map(rangeOf),
  };
}

function rangeOf(text: string): AddressRange {
  const range = parseCidr(text);
  if (range.ok) return range.value;
  throw new ConfigFault('threats_invalid', `threats.protected: ${text}: ${range.refusal.rule}`, {
    hint: 'write addresses or blocks such as 198.51.100.0/24',
  });
}
