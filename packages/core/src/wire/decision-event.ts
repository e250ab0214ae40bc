/**
 * One decision of an enforcement point, as the gateway emits it. It feeds last-used and counters;
 * later limits and detection. Never carries a token or a secret.
 */
import type { UnixMs } from '../clock.ts';
import type { TenantId } from '../ids.ts';

export type CredentialKind = 'none' | 'jwt' | 'opaque' | 'api_key' | 'admin_key' | 'malformed';

export interface DecisionEvent {
  readonly type: 'decision';
  readonly at: UnixMs;
  readonly node: string;
  readonly tenant: TenantId;
  readonly route: string | undefined;
  readonly method: string;
  /** Without query; truncated to 512 characters. */
  readonly path: string;
  readonly address: string;
  readonly credential: CredentialKind;
  /** Public id of the credential (`jti` or key id) where it could be read. */
  readonly credentialId: string | undefined;
  /** Whether the credential was proven (by signature or secret), whatever was decided then. */
  readonly authenticated: boolean;
  /** The key has a successor: its user is still to be moved, or came too late. */
  readonly rotated?: boolean;
  /** What its holder derived from the key, by the `jti` and label of its last link. */
  readonly subKey?: { readonly id: string; readonly label?: string | undefined };
  readonly subject: string | undefined;
  readonly clientId: string | undefined;
  /**
   * Scopes that the request needed: none is an answer too. Absent: nobody said, as gateways of
   * before do not.
   */
  readonly needed?: readonly string[];
  readonly verdict: 'allow' | 'deny';
  /**
   * Stable reason code; of what is allowed `ok`, or what the gateway itself answered: `preflight`,
   * `resource_metadata`.
   */
  readonly reason: string;
  /** Who lists the address, and the block that is listed, where the route asks. */
  readonly threat?: { readonly feed: string; readonly network: string };
  /** True where a dependency was missing and the route declared to go on (`on_stale: continue`). */
  readonly degraded: boolean;
  /** Judging alone, microseconds on the monotonic clock. */
  readonly judgedMicros: number;
}

/**
 * Where decisions go. Counted ones come in batches, in the order of the decisions, each at most
 * once; those that must be audited come by themselves.
 */
export interface DecisionSink {
  /** @throws NetworkFault or StoreFault: the batch is then counted as lost, never sent twice */
  accept(events: readonly DecisionEvent[]): Promise<void>;
  /**
   * Puts one into the audit trail, durably before it resolves.
   *
   * @throws NetworkFault or StoreFault: it may stand there all the same
   */
  record(event: DecisionEvent): Promise<void>;
}
