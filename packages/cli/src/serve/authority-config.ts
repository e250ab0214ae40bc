/** The part of the configuration that the authority reads, in its own spelling. */
import type { AuthorityConfig } from '@mintmark/authority';
import type { Config } from '../config/schema.ts';

export function authorityConfigOf(config: Config, issuer: string): AuthorityConfig {
  const { prefix, signing, sessions, branding, registration } = config;
  const { accept_earlier_clock: acceptEarlierClock } = config;
  return {
    issuer,
    tenantIssuers: config.tenants.hosts,
    prefix,
    acceptEarlierClock,
    requireDpopNonce: config.authority.dpop_nonces,
    clientCertificates: showsCertificates(config),
    mtlsUrl: config.authority.mtls_url?.replace(/\/$/, ''),
    registration: {
      mode: registration.mode,
      scopes: registration.scopes,
      audiences: registration.audiences,
      metadataDocuments: registration.metadata_documents,
      ...(registration.unused_seconds !== undefined && {
        unusedSeconds: registration.unused_seconds,
      }),
      approval: {
        scopes: registration.approval_scopes,
        grantTypes: registration.approval_grant_types,
      },
      requirePkce: registration.require_pkce,
    },
    signing: {
      algorithms: signing.algorithms,
      encryptedRequests: signing.encrypted_requests,
      rotateEverySeconds: signing.rotate_every_seconds,
      publishAheadSeconds: signing.publish_ahead_seconds,
    },
    sessions: {
      idleSeconds: sessions.idle_seconds,
      absoluteSeconds: sessions.absolute_seconds,
    },
    branding: { name: branding.name, color: branding.color, logoUrl: branding.logo_url },
  };
}

/** By our own TLS, or by a proxy's header. */
function showsCertificates({ authority }: Config): boolean {
  const { tls_client_ca, tls_client_certificates, client_certificate_header } = authority;
  return (
    tls_client_ca !== undefined ||
    tls_client_certificates ||
    client_certificate_header !== undefined
  );
}
