/**
 * Authorization codes (RFC 6749 §4.1.2): made where a person has agreed, read back where a client
 * redeems them. A code is a secret token whose id leads to its row; the row holds a keyed hash, and
 * what was agreed to. What must never happen: a code readable at rest, or one that lives longer
 * than `limits.authorizationCodeSeconds`.
 */
import {
  type ClientId,
  equalConstantTime,
  type FamilyId,
  type FeedPosition,
  freshId,
  limits,
  nowSeconds,
  type SubjectId,
  type TenantId,
  type UnixSeconds,
} from '@mintmark/core';
import {
  buildSecretToken,
  freshTokenId,
  hashSecret,
  parseSecretToken,
  partitionOfTokenId,
} from '@mintmark/tokens';
import type { Peppers } from '../custody/peppers.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { IssueDeps } from './issue.ts';
import type { GrantTerms } from './terms.ts';

/** What a code stands for, beside whose it is. */
export interface CodeTerms extends GrantTerms {
  readonly redirectUri: string;
  /** Whether the authorization request named it; then the token request must repeat it. */
  readonly redirectUriGiven: boolean;
  /** RFC 7636 §4.2, method S256; null where the client may do without. */
  readonly codeChallenge: string | null;
  readonly nonce: string | null;
}

export interface CodeDraft extends CodeTerms {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  /** The user's id. */
  readonly subject: SubjectId;
}

/** A code as it stands in the store, proven by its secret. */
export interface PresentedCode extends CodeDraft {
  readonly partition: number;
  readonly id: string;
  readonly family: FamilyId;
  readonly position: FeedPosition;
  readonly issuedAt: UnixSeconds;
  readonly expiresAt: UnixSeconds;
  readonly consumed: boolean;
}

type CodeDeps = Pick<IssueDeps, 'peppers' | 'feedHead' | 'clock' | 'entropy' | 'prefix'>;

/**
 * Makes a code. It exists once the step has been committed, with the act of the consent.
 *
 * @returns the code's text, for the redirect alone; and the step that inserts its row
 */
export function buildCode(
  deps: CodeDeps,
  draft: CodeDraft,
): { readonly text: string; readonly family: FamilyId; readonly step: Step } {
  const { prefix, entropy, peppers, clock } = deps;
  const { tenant, clientId, subject, ...terms } = draft;
  const now = nowSeconds(clock);
  const expiresAt = (now + limits.authorizationCodeSeconds) as UnixSeconds;
  const id = freshTokenId({ now, expiresAt, entropy });
  const { text, secret } = buildSecretToken({ prefix, kind: 'ac', id, entropy });
  const pepper = peppers.current();
  const row: Row<'authorizationCodes'> = {
    partition: partitionOfTokenId(id) as number,
    tenant,
    id,
    hash: hashSecret({ pepper: pepper.key, tenant, id, secret }),
    pepperVersion: pepper.version,
    clientId,
    subject,
    family: freshId(entropy),
    terms: { ...terms },
    position: deps.feedHead(tenant),
    expiresAtSeconds: expiresAt,
    consumedAt: null,
  };
  return {
    text,
    family: row.family as FamilyId,
    step: { do: 'insert', table: 'authorizationCodes', row, refused: 'code_taken' },
  };
}

/**
 * Finds the code that a client presents, used and expired ones among them.
 *
 * @returns undefined where there is none such, or the secret in it is wrong
 * @throws StoreFault
 */
export async function findCode(
  deps: {
    readonly store: Pick<Store, 'authorizationCodes'>;
    readonly peppers: Pick<Peppers, 'find'>;
    readonly prefix: string;
  },
  tenant: TenantId,
  text: string,
): Promise<PresentedCode | undefined> {
  const parsed = parseSecretToken(text, deps.prefix);
  if (!parsed.ok || parsed.value.kind !== 'ac') return undefined;
  const { id, secret } = parsed.value;
  const partition = partitionOfTokenId(id);
  if (partition === undefined) return undefined;
  const row = await deps.store.authorizationCodes.get(partition, tenant, id);
  const pepper = row === undefined ? undefined : await deps.peppers.find(row.pepperVersion);
  if (row === undefined || pepper === undefined) return undefined;
  if (!equalConstantTime(hashSecret({ pepper, tenant, id, secret }), row.hash)) return undefined;
  return {
    // Written by `buildCode` alone.
    ...(row.terms as unknown as CodeTerms),
    tenant,
    partition,
    id,
    clientId: row.clientId as ClientId,
    subject: row.subject as SubjectId,
    family: row.family as FamilyId,
    position: row.position,
    issuedAt: (row.expiresAtSeconds - limits.authorizationCodeSeconds) as UnixSeconds,
    expiresAt: row.expiresAtSeconds as UnixSeconds,
    consumed: row.consumedAt !== null,
  };
}
