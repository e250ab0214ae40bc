/** What the authority reads from the configuration. The command's schema makes this value. */
import { defaultKeepRate, type JwsAlgorithm, type KeepRate, limits } from '@mintmark/core';
import type { SessionLifetimes } from './authorization/sessions.ts';
import type { RegistrationPolicy } from './clients/registration.ts';
import type { Branding } from './http/pages/layout.ts';
import type { GithubKeySource } from './leaks/github-keys.ts';

export interface AuthorityConfig {
  /**
   * Base URL without a trailing slash; the issuer of the first tenant, and the beginning of the
   * others'. Never taken from Host.
   */
  readonly issuer: string;
  /** Origins of tenants that have a host of their own, by tenant. */
  readonly tenantIssuers?: Readonly<Record<string, string>>;
  /** Prefix of every credential, 2–12 of a-z and 0-9. */
  readonly prefix: string;
  /** Starts although the newest record is later than it is now: see `audit/clock-floor.ts`. */
  readonly acceptEarlierClock?: boolean;
  /** Whether DPoP proofs must carry a nonce of ours (RFC 9449 §8); default no. */
  readonly requireDpopNonce?: boolean;
  /** Whether TLS, or a trusted proxy, shows certificates of clients (RFC 8705); default no. */
  readonly clientCertificates?: boolean;
  /**
   * Where the same endpoints stand for those who show certificates, if that is elsewhere (RFC 8705
   * §5): a base URL in place of `issuer`, without a trailing slash.
   */
  readonly mtlsUrl?: string | undefined;
  /** What clients may do that register themselves; default: they do not. */
  readonly registration?: RegistrationPolicy;
  /** By which GitHub's reports of leaked tokens are believed; without them they are not taken. */
  readonly githubKeys?: GithubKeySource | undefined;
  readonly signing: {
    /** Algorithms that keys are kept for; the first is the default of new clients. */
    readonly algorithms: readonly JwsAlgorithm[];
    /** Whether there is a key that request objects may be encrypted to; default no. */
    readonly encryptedRequests?: boolean;
    /** A key signs for this long. */
    readonly rotateEverySeconds: number;
    /** A key is published this long before it signs: longer than any verifier caches the set. */
    readonly publishAheadSeconds: number;
  };
  /** Decisions that are kept to be explained: how many of this process's own, and how long all. */
  readonly decisions: KeepRate & { readonly keptSeconds: number };
  /** How long people stay signed in. */
  readonly sessions: Omit<SessionLifetimes, 'endedBefore'>;
  /** How the pages that people see name and colour themselves. */
  readonly branding: Branding;
}

export const authorityDefaults = {
  issuer: 'http://127.0.0.1:8420',
  prefix: 'mm',
  signing: {
    algorithms: ['ES256'],
    rotateEverySeconds: 30 * 86_400,
    publishAheadSeconds: 86_400,
  },
  decisions: { ...defaultKeepRate, keptSeconds: limits.explainedKeptSeconds },
  sessions: { idleSeconds: 2 * 3600, absoluteSeconds: 24 * 3600 },
  branding: { name: 'Mintmark', color: '#1b5e9e' },
} as const;

/**
 * How long verifiers may keep the key set: one that took it just before a key appeared must learn
 * of that in time.
 */
export function jwksMaxAgeSeconds({ signing }: Pick<AuthorityConfig, 'signing'>): number {
  return Math.min(3600, Math.floor(signing.publishAheadSeconds / 2));
}
