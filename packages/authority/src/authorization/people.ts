/** What signing in asks of `users/`. */
import type { Result, SubjectId, TenantId } from '@mintmark/core';

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
  }): Promise<Result<Person & { readonly amr: readonly string[] }, CredentialRefusal>>;
}
