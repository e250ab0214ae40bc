/** The part of the configuration that the authority reads, in its own spelling. */
import { readFileSync } from 'node:fs';
import { type AuthorityConfig, readGithubKeys } from '@mintmark/authority';
import { ConfigFault } from '@mintmark/core';
import type { Config } from '../config/schema.ts';
import { keepRateOf } from './gateway-config.ts';

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
    decisions: {
      ...keepRateOf(config),
      keptSeconds: config.decisions.kept_days * 86_400,
    },
    sessions: {
      idleSeconds: sessions.idle_seconds,
      absoluteSeconds: sessions.absolute_seconds,
    },
    githubKeys: githubKeysOf(config),
    branding: { name: branding.name, color: branding.color, logoUrl: branding.logo_url },
  };
}

/**
 * Where reports of GitHub are verified by.
 *
 * @throws ConfigFault `github_keys_unusable`
 */
function githubKeysOf({ leaks }: Config): AuthorityConfig['githubKeys'] {
  const { github_keys_url: url, github_keys_file: file } = leaks;
  if (file === undefined) return url === undefined ? undefined : { url };
  let cause: unknown;
  try {
    const pinned = readGithubKeys(readFileSync(file, 'utf8'));
    if (pinned !== undefined) return { pinned };
  } catch (error) {
    cause = error;
  }
  throw new ConfigFault('github_keys_unusable', `${file} holds no keys as GitHub publishes them`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'save what the URL of GitHub’s secret scanning keys answers, as it is',
  });
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
