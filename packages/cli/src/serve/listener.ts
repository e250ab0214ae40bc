/** What authority and gateway have in common where they listen. */
import type { ListenerEvent, TlsOptions } from '@mintmark/net';
import type { Log } from './log.ts';

/** The certificate that a section names; undefined for plain HTTP. */
export function tlsOf(section: {
  readonly tls_cert?: string | undefined;
  readonly tls_key?: string | undefined;
}): TlsOptions | undefined {
  const { tls_cert, tls_key } = section;
  if (tls_cert === undefined || tls_key === undefined) return undefined;
  return { certFile: tls_cert, keyFile: tls_key };
}

export function logListener(log: Log, event: ListenerEvent): void {
  const { type, ...facts } = event;
  if ('error' in facts) log.error(type, facts.error);
  else if (type === 'refused') log.debug(type, facts as Record<string, string>);
  else log.info(type);
}
