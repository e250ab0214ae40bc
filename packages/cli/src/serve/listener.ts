/** What authority and gateway have in common where they listen. */
import type { CertificateHeader, ListenerEvent, TlsOptions } from '@mintmark/net';
import type { Log } from './log.ts';

/** The certificate that a section names; undefined for plain HTTP. */
export function tlsOf(section: {
  readonly tls_cert?: string | undefined;
  readonly tls_key?: string | undefined;
  readonly tls_client_ca?: string | undefined;
  readonly tls_client_certificates?: boolean | undefined;
  readonly tls_aes_gcm_only?: boolean | undefined;
  readonly tls_certificates?: readonly { readonly cert: string; readonly key: string }[];
}): TlsOptions | undefined {
  const { tls_cert, tls_key, tls_client_ca, tls_client_certificates = false } = section;
  if (tls_cert === undefined || tls_key === undefined) return undefined;
  return {
    certFile: tls_cert,
    keyFile: tls_key,
    clientCertificates: tls_client_certificates,
    aesGcmOnly: section.tls_aes_gcm_only === true,
    more: (section.tls_certificates ?? []).map(({ cert, key }) => ({
      ...{ certFile: cert, keyFile: key },
    })),
    ...(tls_client_ca === undefined ? {} : { clientCaFile: tls_client_ca }),
  };
}

/** Where a trusted proxy puts the certificate of its client, if it does. */
export function certificateHeaderOf(section: {
  readonly client_certificate_header?: string | undefined;
  readonly client_certificate_verified: boolean;
}): CertificateHeader | undefined {
  const { client_certificate_header: name, client_certificate_verified: verified } = section;
  return name === undefined ? undefined : { name: name.toLowerCase(), verified };
}

export function logListener(log: Log, event: ListenerEvent): void {
  const { type, ...facts } = event;
  if ('error' in facts) log.error(type, facts.error);
  else if (type === 'refused') log.debug(type, facts as Record<string, string>);
  else log.info(type);
}
