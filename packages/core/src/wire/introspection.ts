/**
 * What an enforcement point asks the authority when it cannot judge a credential by itself: an
 * opaque token, a key newer than its view, an imported key that was not rehashed yet.
 */
import type { UnixSeconds } from '../clock.ts';
import type { TenantId } from '../ids.ts';
import type { TokenBinding } from './confirmation.ts';
import type { FeedPosition } from './status-feed.ts';

/** The public face of a credential that was good when the authority looked. */
export interface ActiveCredential {
  readonly active: true;
  readonly kind: 'jwt' | 'opaque' | 'api_key';
  /** `jti` of a token, id of a key. */
  readonly id: string;
  /** `sub` of a token, owner of a key. */
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  /** Empty for keys: they have none. */
  readonly audience: readonly string[];
  /** Of a key: when it was made. A revocation may end what is from before a moment. */
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds | undefined;
  /**
   * Feed position at which it was minted; revocations above it end the token. Undefined for keys,
   * whose status the feed carries by their id.
   */
  readonly position: FeedPosition | undefined;
  readonly family: string | undefined;
  /** Signed the token, or the JWT inside of one that cannot be read; undefined for others. */
  readonly signingKey?: string | undefined;
  /** Key that the caller must see proven before it takes the token. */
  readonly binding: TokenBinding | undefined;
  /** How and when the subject signed in (RFC 9068 §2.2.1); undefined where nobody did. */
  readonly acr?: string | undefined;
  readonly authTime?: UnixSeconds | undefined;
  /** Of a key: each use is to be spent before it is let through. */
  readonly metered?: true | undefined;
  /** What a token says of its subject, for policies. */
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly amr?: readonly string[] | undefined;
}

/** What became of the cost of one use of a key. */
export type SpendAnswer =
  | { readonly spent: true }
  | {
      readonly spent: false;
      /** `not_active`: the key does not work any more. */
      readonly code: 'uses_spent' | 'credits_spent' | 'not_active';
      /** Until there is more; undefined: never by itself. */
      readonly retryAfterSeconds: number | undefined;
    };

export type IntrospectionAnswer = ActiveCredential | { readonly active: false };

export interface Introspector {
  /**
   * @param input.credential the text as presented; never logged
   * @param input.address of the client, for keys that are bound to addresses
   * @throws NetworkFault or StoreFault where the answer cannot be known; the caller must refuse
   */
  introspect(input: {
    readonly tenant: TenantId;
    readonly credential: string;
    readonly address: string;
  }): Promise<IntrospectionAnswer>;

  /**
   * Takes the cost of one use of a key whose uses are counted: once for each request, after
   * everything else about it was judged.
   *
   * @throws NetworkFault or StoreFault where it is not known whether it was taken; the caller must
   *   refuse
   */
  spend(input: {
    readonly tenant: TenantId;
    readonly keyId: string;
    readonly cost: number;
  }): Promise<SpendAnswer>;
}
