/**
 * The one shape that every grant has. A grant judges what was presented, and says what the tokens
 * rest on, what must be spent with them, and what they may not exceed; it never writes. What a
 * refusal changes (a used code ends what it gave) it says too, and `run-grant.ts` does it.
 */
import type {
  AuditObject,
  JsonObject,
  Result,
  SubjectId,
  TenantId,
  TokenBinding,
  TokenTargets,
  UnixSeconds,
} from '@mintmark/core';
import type {
  ClientAuthenticator,
  ClientAuthRefusal,
  PresentedClient,
} from '../clients/authenticate.ts';
import type { BindingRefusal, PresentedKeys, ProofDeps } from '../clients/binding.ts';
import type { Client } from '../clients/client.ts';
import type { ClientKeys } from '../clients/client-keys.ts';
import type { ClientAuthMethod, GrantType } from '../clients/client-rules.ts';
import type { ProtectedResources } from '../clients/protected-resources.ts';
import type { RecipientRefusal } from '../clients/recipient.ts';
import type { ClientUses } from '../clients/unused-clients.ts';
import type { DetailsRefusal } from '../details/read-details.ts';
import type { DetailTypesReader } from '../details/types.ts';
import type { ClaimsHook, HookFailure } from '../hooks/claims-hook.ts';
import type { ActiveToken } from '../introspection/introspect.ts';
import type { Basis, IssueDeps, IssueRefusal } from '../issuance/issue.ts';
import type { RefreshDue } from '../issuance/refresh-token.ts';
import type { GrantTerms, SignInTerms } from '../issuance/terms.ts';
import type { IssuanceJudge } from '../policies/judge-issuance.ts';
import type { WithinRights } from '../roles/exclusive-scopes.ts';
import type { RightsClaims } from '../roles/rights-claims.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Users } from '../users/users.ts';

/** A token request. What all grants have in common is parsed; each parses its own beside that. */
export interface TokenRequest {
  readonly tenant: TenantId;
  readonly grantType: string;
  readonly presented: PresentedClient | undefined;
  readonly scopes: readonly string[] | undefined;
  /** Resource indicators (RFC 8707), possibly none. */
  readonly resources: readonly string[];
  /** `audience` of token exchange (RFC 8693 §2.1), possibly none. */
  readonly audiences: readonly string[];
  /** Each parameter by its wire name; empty ones count as absent. */
  readonly parameter: (name: string) => string | undefined;
  readonly keys: PresentedKeys;
  /** Thumbprint of the key that the DPoP proof has shown (RFC 9449 §5), once it was judged. */
  readonly dpopJkt?: string | undefined;
  readonly address: string;
  readonly requestId?: string | undefined;
}

export type TokenRefusal =
  | {
      readonly reason: 'client_unauthenticated';
      readonly why: ClientAuthRefusal | undefined;
      /** How it tried to. */
      readonly method?: ClientAuthMethod;
    }
  | { readonly reason: 'unsupported_grant_type' }
  | { readonly reason: 'grant_not_allowed' }
  | { readonly reason: 'malformed_scope' }
  | { readonly reason: 'scope_not_allowed'; readonly scopes: readonly string[] }
  | { readonly reason: 'target_not_allowed'; readonly resources: readonly string[] }
  | { readonly reason: 'missing_parameter'; readonly name: string }
  /** The operator's hook said no, or came to nothing where that is a no. */
  | { readonly reason: 'hook_refused'; readonly why: string }
  | { readonly reason: 'hook_failed'; readonly why: HookFailure }
  /** A policy does not let it be. */
  | { readonly reason: 'policy_denied'; readonly decision: string }
  | DetailsRefusal
  | BindingRefusal
  | RecipientRefusal
  | GrantRefusal
  | PollRefusal
  | ExchangeRefusal
  | IssueRefusal;

/** Why what was presented gives nothing; outside all of them are `invalid_grant`. */
export type GrantRefusal =
  /** There is none such, or it is another client's. */
  | { readonly reason: 'grant_unknown' }
  | { readonly reason: 'grant_expired' }
  /** Used before: what the first use gave is revoked. */
  | { readonly reason: 'grant_reused' }
  | { readonly reason: 'grant_revoked' }
  /** The user is disabled or gone. */
  | { readonly reason: 'subject_ended' }
  | { readonly reason: 'redirect_mismatch' }
  | { readonly reason: 'verifier_mismatch' }
  /** Bound to a key that the request did not show. */
  | { readonly reason: 'key_mismatch' }
  /** The client signs for itself alone. */
  | { readonly reason: 'may_not_assert' }
  /** A rotated token may be presented again only as it was presented first. */
  | { readonly reason: 'repeated_otherwise' };

/** Why a client that asks again and again gets nothing now (RFC 8628 §3.5, CIBA §11). */
export type PollRefusal =
  | { readonly reason: 'authorization_pending' }
  | { readonly reason: 'slow_down' }
  | { readonly reason: 'access_denied' }
  | { readonly reason: 'expired_token' };

/** RFC 8693 §2.2.2: outside both are `invalid_request`. */
export type ExchangeRefusal =
  /** No live access token of ours, or not one that this client was sent. */
  | { readonly reason: 'not_exchangeable' }
  /** The actor is not the client's own, or not whom the token names. */
  | { readonly reason: 'may_not_act' }
  /** It is bound to a key that the request did not show. */
  | { readonly reason: 'subject_key_missing' };

/** What a grant found: on whose behalf, and what it may not exceed. */
export interface Judgement {
  readonly subject: SubjectId;
  /** The most that it may have; a request may ask for less. */
  readonly scopes: readonly string[];
  readonly audience: Targets;
  readonly basis?: Basis;
  /** Spent and required in the act that issues; each refused as `overtaken`. */
  readonly steps?: readonly Step[];
  /** What a person agreed to; a refresh token may follow from it. */
  readonly terms?: GrantTerms;
  /** How and when the subject signed in; default: as the terms have it. */
  readonly signIn?: SignInTerms;
  /** For the ID token of an authorization request; never of a refresh. */
  readonly nonce?: string | null;
  /** What becomes of a refresh token that was presented. */
  readonly refresh?: RefreshDue;
  /** The access token lives no longer than this. */
  readonly endsAt?: UnixSeconds;
  /** Name of the outside issuer whose word it rests on, for the record. */
  readonly vouchedBy?: string;
  /** Held to this key, where the client's registration and its proof bind to none. */
  readonly binding?: TokenBinding;
  /**
   * What `authorization_details` may not exceed (RFC 9396 §6): `own` is whatever the client may ask
   * for. By default what a person agreed to in `terms`, and else nothing.
   */
  readonly details?: 'own' | readonly JsonObject[] | undefined;
  /** Who acts for the subject (RFC 8693 §4.1). */
  readonly actor?: JsonObject;
  /** There is no access token to ask the userinfo endpoint with: the ID token says it all. */
  readonly isIdTokenAlone?: boolean;
  /** Members of the answer that the grant adds, by their wire names. */
  readonly answer?: Readonly<Record<string, string>>;
}

/** The resources that a token may name, and those that it names where none was asked for. */
export interface Targets {
  readonly allowed: readonly string[];
  readonly byDefault: readonly string[];
}

/** What a refusal changes, in one act with its record. */
export interface Effect {
  readonly steps: readonly Step[];
  /** Undefined: it is nothing that the trail keeps, such as when a device asked last. */
  readonly object?: AuditObject;
  readonly related?: AuditObject;
}

export type Judged =
  | Extract<Result<Judgement, TokenRefusal>, { readonly ok: true }>
  | { readonly ok: false; readonly refusal: TokenRefusal; readonly effect?: Effect };

export interface Grant {
  readonly type: GrantType;
  /** Whether `scope` in the request narrows what was granted; else it is not looked at. */
  readonly takesScope: boolean;
  /** Whether `audience` names resources too. */
  readonly takesAudience?: boolean;
  judge(deps: GrantDeps, request: TokenRequest, client: Client): Promise<Judged>;
}

export interface GrantDeps extends IssueDeps {
  /** What a tenant lets its clients have at most. */
  readonly boundsOf: (tenant: TenantId) => {
    /** Undefined: all grants that there are. */
    readonly grantTypes: ReadonlySet<string> | undefined;
    readonly accessTokenSecondsMax: number;
  };
  readonly store: Pick<
    Store,
    | 'acts'
    | 'assertionIssuers'
    | 'backchannelRequests'
    | 'authorizationCodes'
    | 'deviceGrants'
    | 'grantedFamilies'
    | 'refreshFamilies'
    | 'refreshSuccessors'
    | 'revocations'
    | 'users'
  >;
  readonly users: Pick<Users, 'get' | 'findByUsername'>;
  /** Of `subjectFor`. */
  readonly pairwiseKey: Uint8Array;
  readonly authenticator: ClientAuthenticator;
  readonly proofs: ProofDeps;
  readonly detailTypes: Pick<DetailTypesReader, 'of' | 'names'>;
  readonly clientKeys: ClientKeys;
  readonly protectedResources: ProtectedResources;
  /** Undefined where the operator has none. */
  readonly hook: ClaimsHook | undefined;
  readonly clientUses: ClientUses;
  readonly withinRights: WithinRights;
  readonly rightsClaims: RightsClaims;
  readonly judgeIssuance: IssuanceJudge;
  /** An access token that is good now, whoever it is meant for; undefined for everything else. */
  readonly accessToken: (tenant: TenantId, text: string) => Promise<ActiveToken | undefined>;
  /** Whether a revocation that this process knows of ends what belongs to the targets. */
  readonly refuses: (tenant: TenantId, token: TokenTargets) => Promise<boolean>;
  /**
   * Brings this process's view of the tenant's feed and signing keys up to the store's: what
   * another process revoked or replaced before the call is known after it.
   */
  readonly refresh: (tenant: TenantId) => Promise<void>;
}
