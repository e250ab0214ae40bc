/**
 * Refresh tokens (RFC 6749 §6, RFC 9700 §4.14.2): one row a family, in which the one current token
 * is known by its keyed hash. A rotation changes the row on the condition of the generation that
 * was read, so of many racing callers one rotates, and the others find its successor. What must
 * never happen: two live tokens that do not stem from one another, or a token readable at rest.
 */
import type {
  ClientId,
  FamilyId,
  FeedPosition,
  SubjectId,
  TenantId,
  UnixSeconds,
} from '@mintmark/core';
import {
  buildSecretToken,
  freshTokenId,
  hashSecret,
  partitionOfTokenId,
  sealSuccessor,
} from '@mintmark/tokens';
import type { Step } from '../store/act.ts';
import type { Row } from '../store/tables.ts';
import type { IssueDeps } from './issue.ts';
import type { PresentedRefresh } from './presented-refresh.ts';
import type { GrantTerms } from './terms.ts';

/** What becomes of refresh tokens in the act that issues. */
export type RefreshDue =
  | {
      readonly do: 'begin';
      readonly family: FamilyId;
      readonly terms: GrantTerms;
      readonly ttlSeconds: number;
      readonly idleSeconds: number;
    }
  /** A new token takes the place of the presented one, which still works until `graceEnds`. */
  | {
      readonly do: 'rotate';
      readonly presented: PresentedRefresh;
      readonly idleSeconds: number;
      readonly graceEnds: UnixSeconds;
      readonly asked: string;
      readonly binding: string | null;
    }
  /** The presented token stays. */
  | {
      readonly do: 'keep';
      readonly presented: PresentedRefresh;
      readonly idleSeconds: number;
    }
  /** The presented one was rotated just now: its successor once more, and nothing changes. */
  | {
      readonly do: 'repeat';
      readonly presented: PresentedRefresh;
      readonly successor: string;
    };

interface RefreshContext {
  readonly tenant: TenantId;
  readonly clientId: ClientId;
  readonly subject: SubjectId;
  readonly position: FeedPosition;
  readonly issuedAt: UnixSeconds;
}

type RefreshDeps = Pick<IssueDeps, 'peppers' | 'clock' | 'entropy' | 'prefix'>;

/**
 * @returns the token's text for the answer, and the steps by which it comes to be; they are refused
 *   as `overtaken` where the family is no longer as it was read
 */
export function buildRefresh(
  deps: RefreshDeps,
  context: RefreshContext,
  due: RefreshDue,
): { readonly text: string; readonly steps: readonly Step[] } {
  switch (due.do) {
    case 'begin':
      return beginFamily(deps, context, due);
    case 'rotate':
      return rotateFamily(deps, context, due);
    case 'keep':
      return { text: due.presented.text, steps: [keptFamily(deps, context, due)] };
    case 'repeat':
      return {
        text: due.successor,
        steps: [
          {
            do: 'require',
            table: 'refreshFamilies',
            where: asRead(due.presented),
            refused: 'overtaken',
          },
        ],
      };
  }
}

function beginFamily(
  deps: RefreshDeps,
  context: RefreshContext,
  due: Extract<RefreshDue, { readonly do: 'begin' }>,
): { readonly text: string; readonly steps: readonly Step[] } {
  const { tenant, clientId, subject, position, issuedAt } = context;
  const { prefix, entropy, clock } = deps;
  const expiresAt = (issuedAt + due.ttlSeconds) as UnixSeconds;
  const id = freshTokenId({ now: issuedAt, expiresAt, entropy });
  const { text, secret } = buildSecretToken({ prefix, kind: 'rt', id, entropy });
  const at = clock.nowMs();
  const row: Row<'refreshFamilies'> = {
    partition: partitionOfTokenId(id) as number,
    tenant,
    id,
    family: due.family,
    clientId,
    subject,
    ...hashOf(deps, { tenant, id, secret }),
    generation: 1,
    terms: { ...due.terms },
    status: 'active',
    position,
    createdAt: at,
    usedAt: at,
    idleExpiresAtSeconds: issuedAt + due.idleSeconds,
    expiresAtSeconds: expiresAt,
  };
  return {
    text,
    steps: [{ do: 'insert', table: 'refreshFamilies', row, refused: 'overtaken' }],
  };
}

function rotateFamily(
  deps: RefreshDeps,
  context: RefreshContext,
  due: Extract<RefreshDue, { readonly do: 'rotate' }>,
): { readonly text: string; readonly steps: readonly Step[] } {
  const { tenant, id, generation } = due.presented;
  const { prefix, entropy } = deps;
  const next = buildSecretToken({ prefix, kind: 'rt', id, entropy });
  const rotation = { tenant, id, generation: generation + 1 };
  const successor: Row<'refreshSuccessors'> = {
    ...rotation,
    sealed: sealSuccessor({
      predecessor: due.presented.secret,
      successor: next.text,
      rotation,
      entropy,
    }),
    asked: due.asked,
    binding: due.binding,
    expiresAtSeconds: due.graceEnds,
  };
  const { secret, text } = next;
  return {
    text,
    steps: [
      {
        do: 'update',
        table: 'refreshFamilies',
        where: asRead(due.presented),
        set: {
          ...hashOf(deps, { tenant, id, secret }),
          ...usedNow(deps, context, due.idleSeconds),
          generation: generation + 1,
        },
        refused: 'overtaken',
      },
      { do: 'put', table: 'refreshSuccessors', row: successor },
    ],
  };
}

function keptFamily(
  deps: RefreshDeps,
  context: RefreshContext,
  { presented, idleSeconds }: Extract<RefreshDue, { readonly do: 'keep' }>,
): Step {
  return {
    do: 'update',
    table: 'refreshFamilies',
    where: asRead(presented),
    // Hashed anew, so that an old pepper need not live as long as the family.
    set: { ...hashOf(deps, presented), ...usedNow(deps, context, idleSeconds) },
    refused: 'overtaken',
  };
}

/** Nobody has rotated or ended the family since it was read. */
function asRead({ partition, tenant, id, generation }: PresentedRefresh) {
  return { partition, tenant, id, generation, status: 'active' } as const;
}

function usedNow(deps: RefreshDeps, { position, issuedAt }: RefreshContext, idleSeconds: number) {
  return { position, usedAt: deps.clock.nowMs(), idleExpiresAtSeconds: issuedAt + idleSeconds };
}

function hashOf(
  deps: RefreshDeps,
  input: { readonly tenant: string; readonly id: string; readonly secret: string },
): Pick<Row<'refreshFamilies'>, 'hash' | 'pepperVersion'> {
  const { tenant, id, secret } = input;
  const { version, key } = deps.peppers.current();
  return { hash: hashSecret({ pepper: key, tenant, id, secret }), pepperVersion: version };
}

/** Marks a family as ended, beside the revocation that ends its access tokens. */
export function endOfFamily({ partition, tenant, id }: PresentedRefresh): Step {
  return {
    do: 'update',
    table: 'refreshFamilies',
    where: { partition, tenant, id },
    set: { status: 'ended' },
  };
}
