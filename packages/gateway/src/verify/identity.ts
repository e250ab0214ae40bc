/** Who a request was proven to come from, whatever the form of the credential. */

import type {
  CredentialKind,
  FeedPosition,
  JsonObject,
  KeyTargets,
  TokenBinding,
  TokenTargets,
  UnixSeconds,
} from '@mintmark/core';
import type { VerifiedSubKey } from '@mintmark/tokens';

export interface Identity {
  readonly kind: Extract<CredentialKind, 'jwt' | 'opaque' | 'api_key'>;
  /** Public id: `jti`, or the key's id. */
  readonly credentialId: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  /** Undefined for API keys, which have no audience. */
  readonly audience: readonly string[] | undefined;
  readonly expiresAt: UnixSeconds | undefined;
  /** What was presented in place of the key, with all that it takes away. */
  readonly subKey?: VerifiedSubKey | undefined;
  /** Key that its holder must prove with each request. */
  readonly binding: TokenBinding | undefined;
  /** Of an API key: each use is spent at the authority before it is let through. */
  readonly metered?: true | undefined;
  /** How and when its subject signed in; undefined where nobody did, as for API keys. */
  readonly acr?: string | undefined;
  readonly authTime?: UnixSeconds | undefined;
  /** What its issuer says of its subject, for policies. */
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly amr?: readonly string[] | undefined;
  /** Of a JWT: all that its issuer says. */
  readonly claims?: JsonObject | undefined;
  /** Of an API key. */
  readonly environment?: string | undefined;
  readonly plan?: string | undefined;
  /** Of an API key that the authority was asked about, with the view's position then. */
  readonly asked: (KeyTargets & { readonly position: FeedPosition }) | undefined;
  /** What can be revoked of it; undefined for API keys, whose status stands in the view. */
  readonly targets: TokenTargets | undefined;
}
