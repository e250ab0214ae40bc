/** What signing in asks of `users/`. */
import type { Result, SubjectId, TenantId } from '@mintmark/core';
import type { Requester } from '../audit/requester.ts';
import type { AuthenticationContext, AuthenticationMethod } from '../users/authentication.ts';

export interface Person {
  readonly id: SubjectId;
  readonly username: string;
  readonly status: 'active' | 'disabled';
  readonly version: number;
}

/** Outside, the first two are one answer. */
export type CredentialRefusal =
  | { readonly reason: 'invalid_credentials' }
  | { readonly reason: 'user_disabled' }
  | { readonly reason: 'locked'; readonly retryAfterSeconds: number }
  | { readonly reason: 'busy' };

export interface AuthenticatedPerson extends Person {
  readonly amr: readonly AuthenticationMethod[];
}

export interface People {
  get(tenant: TenantId, id: SubjectId): Promise<Person | undefined>;
  /** It costs the same whether or not there is such a user. */
  authenticatePassword(input: {
    readonly tenant: TenantId;
    readonly username: string;
    readonly password: string;
    /** What the browser shows that no other has. */
    readonly browser: string;
    readonly address: string;
    readonly userAgent: string | undefined;
  }): Promise<Result<AuthenticatedPerson, CredentialRefusal>>;
}

export type CodeRefusal =
  | { readonly reason: 'invalid_code' }
  | { readonly reason: 'locked'; readonly retryAfterSeconds: number }
  | { readonly reason: 'busy' };

interface CodeAttempt {
  readonly requester: Requester;
  readonly userId: SubjectId;
  readonly code: string;
}

/** What is asked of somebody after the password. */
export interface SecondFactors {
  /** The strongest class that somebody can sign in with. */
  strongest(tenant: TenantId, userId: SubjectId): Promise<AuthenticationContext>;
  hasTotp(tenant: TenantId, userId: SubjectId): Promise<boolean>;
  /** Of many who present one code, one is right. */
  verifyTotp(
    attempt: CodeAttempt,
  ): Promise<Result<{ readonly amr: readonly AuthenticationMethod[] }, CodeRefusal>>;
  useRecoveryCode(
    attempt: CodeAttempt,
  ): Promise<Result<{ readonly amr: readonly AuthenticationMethod[] }, CodeRefusal>>;
}

/** Signing in with a key of the browser's, which needs no name and no password. */
export interface PasskeySignIn {
  beginSignIn(input: { readonly tenant: TenantId; readonly transaction: string }): Promise<object>;
  finishSignIn(input: {
    readonly requester: Requester;
    readonly transaction: string;
    readonly response: unknown;
  }): Promise<Result<AuthenticatedPerson, { readonly reason: string }>>;
}
