/** Where limits are counted, as the section `cache` says. */
import { readFileSync } from 'node:fs';
import { readSecretReference } from '@mintmark/authority';
import { ConfigFault, utf8Decode } from '@mintmark/core';
import { type LimitStores, openLimitStores } from '@mintmark/gateway';
import type { Config } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import type { Log } from './log.ts';

/**
 * A cache that is away is no reason not to start: each route says what it does without.
 *
 * @throws CustodyFault `custody_reference`; ConfigFault `file_unreadable`
 */
export async function openLimits(
  ports: CliPorts,
  { cache, log }: { readonly cache: Config['cache']; readonly log: Pick<Log, 'error' | 'info'> },
): Promise<LimitStores> {
  const { url, username, password, ca, deadline_ms: deadlineMs } = cache;
  if (url === undefined) return openLimitStores(ports, { target: undefined });
  const secret =
    password === undefined ? undefined : await readSecretReference(password, ports.environment);
  const target = {
    ...{ url, username, deadlineMs },
    password: secret === undefined ? undefined : utf8Decode(secret)?.trim(),
    ca: ca === undefined ? undefined : readCertificates(ca),
  };
  const onChange = (isUp: boolean, error: unknown): void => {
    if (isUp) log.info('limits are counted in common again');
    else log.error('the cache is away: limits are counted as on_limits_down says', error);
  };
  return openLimitStores(ports, { target, onChange });
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const hint = 'check cache.ca, and that this user may read the file';
    throw new ConfigFault('file_unreadable', `${path} cannot be read`, { cause, hint });
  }
}
