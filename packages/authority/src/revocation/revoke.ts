/**
 * Revocation: one function for every target and every caller: the operator, the owner of a token,
 * the leak report, the detector and the policy all come through here. The mark, the feed entry and
 * the audit record are one act; when it returns, this node refuses the target, and every connected
 * node does within a second. What must never happen: an acknowledged revocation lost to a crash.
 */
import {
  type AuditObject,
  type Clock,
  type Entropy,
  err,
  type FeedPosition,
  freshId,
  limits,
  ok,
  type Result,
  type RevocationTarget,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Alongside, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import { endKeysAround } from './end-keys.ts';
import { endSessionsOf, endSessionsOfTenant } from './end-sessions.ts';
import { sealNote } from './note.ts';
import { endsKeys, revocationStep } from './revocation-step.ts';

export interface RevokeDeps {
  readonly store: Pick<Store, 'acts' | 'keys' | 'users'>;
  /** Seals notes. */
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export interface RevokeInput {
  readonly requester: Requester;
  readonly target: RevocationTarget;
  /** Why: a code, or our own words. It stands in the audit trail for ever. */
  readonly reason: string;
  /** What somebody typed about it: sealed, here and beside the record. */
  readonly note?: string | undefined;
  /** Only what was issued, or made, before this moment; not in the future. */
  readonly before?: UnixSeconds | undefined;
  /** What was asked to be ended, where that is not the target: the record is about it. */
  readonly about?: AuditObject | undefined;
  /** Who asked for the end of its own token: it counts against that holder's budget. */
  readonly holder?: string | undefined;
  /** When the last token of the target ends, where the caller knows; shortens the entry's life. */
  readonly tokensEndAt?: UnixSeconds | undefined;
  readonly alongside?: Alongside<Omit<Revoked, 'position'>>;
}

export interface Revoked {
  readonly id: string;
  readonly position: FeedPosition;
  readonly effectiveAt: UnixMs;
}

export type RevokeRefusal =
  | { readonly reason: 'target_not_found'; readonly kind: string }
  /** Signing keys end by `keyring.emergency`, which replaces them in the same act. */
  | { readonly reason: 'unsupported_target'; readonly kind: string }
  /** A single credential ends as a whole; a signing key with all that it signed. */
  | { readonly reason: 'before_not_applicable'; readonly kind: string }
  /** What is not issued yet cannot be promised to be refused. */
  | { readonly reason: 'before_in_future' }
  | { readonly reason: 'refused_by_step'; readonly step: string };

/**
 * Revokes the target: tokens minted before this moment are refused; a key is refused for ever, and
 * so are the keys of a user or tenant. Revoking twice is harmless and moves the moment on.
 *
 * @throws StoreFault when the act cannot commit; then nothing was revoked
 */
export async function revoke(
  deps: RevokeDeps,
  input: RevokeInput,
): Promise<Result<Revoked, RevokeRefusal>> {
  const { requester, target, before } = input;
  const { tenant, actor } = requester;
  const at = deps.clock.nowMs();
  // Another tenant than one's own is not there.
  if (target.kind === 'tenant' && target.id !== tenant) {
    return err({ reason: 'target_not_found', kind: 'tenant' });
  }
  const mark = markOf(target, { tenant, at, before });
  if (mark === undefined) return err({ reason: 'unsupported_target', kind: target.kind });
  const wrong = before === undefined ? undefined : wrongMoment(target, before, at);
  if (wrong !== undefined) return err(wrong);
  const id = freshId(deps.entropy);
  const sealedNote = await sealNote(deps.sealer, { tenant, id }, input.note);
  const isOwner = target.kind === 'user' && !(await deps.store.users.get(tenant, target.id));
  const { outcome, position } = await deps.store.acts.run({
    steps: [
      ...mark,
      revocationStep({
        tenant,
        id,
        target,
        reason: input.reason,
        actor: `${actor.kind}:${actor.id}`,
        at,
        before,
        tokensEndAt: input.tokensEndAt ?? subKeysEndAt(target, at),
        holder: input.holder,
        sealedNote,
      }),
      ...(input.alongside?.({ id, effectiveAt: at }) ?? []),
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'revocation.create',
        at,
        ...named(input, { id, isOwner }),
        why: input.reason,
      }),
    ),
  });
  if (outcome === 'target_not_found') {
    return err({ reason: 'target_not_found', kind: target.kind });
  }
  if (outcome !== 'done') return err({ reason: 'refused_by_step', step: outcome });
  if (before === undefined && endsKeys(target)) await endKeysAround(deps, { tenant, target, at });
  // A revocation always advances the feed.
  return ok({ id, position: position as FeedPosition, effectiveAt: at });
}

/**
 * What the record is about. A user of ours has an id that says nothing; an owner of keys is any
 * text, perhaps a person's name or address: that stands beside the leaf, which lasts for ever.
 */
function named(
  { target, about, before, note }: RevokeInput,
  { id, isOwner }: { readonly id: string; readonly isOwner: boolean },
) {
  const detail = { target_kind: target.kind, ...(before && { before }) };
  const revocation = { kind: 'revocation', id } as const;
  const typed = note === undefined ? {} : { note };
  if (isOwner) {
    return { object: revocation, detail, personal: { ...typed, owner: target.id } } as const;
  }
  return {
    object: about ?? objectOf(target),
    related: revocation,
    detail: { ...detail, target_id: target.id },
    ...(note === undefined ? {} : { personal: typed }),
  } as const;
}

function wrongMoment(
  { kind }: RevocationTarget,
  before: UnixSeconds,
  now: UnixMs,
): RevokeRefusal | undefined {
  if (kind === 'token' || kind === 'key' || kind === 'sub_key')
    return { reason: 'before_not_applicable', kind };
  return before * 1000 > now ? { reason: 'before_in_future' } : undefined;
}

/** What is written beside the feed entry; undefined where the target does not end this way. */
function markOf(
  target: RevocationTarget,
  input: {
    readonly tenant: TenantId;
    readonly at: number;
    readonly before: UnixSeconds | undefined;
  },
): readonly Step[] | undefined {
  const { tenant, at } = input;
  switch (target.kind) {
    case 'user': {
      const before = input.before === undefined ? undefined : input.before * 1000;
      return [endSessionsOf({ tenant, subject: target.id, at, before })];
    }
    case 'token':
    case 'family':
    case 'holder':
      // Judged by position alone: a JWT has no row to mark.
      return [];
    case 'client':
      return [
        {
          do: 'require',
          table: 'clients',
          where: { tenant, clientId: target.id },
          refused: 'target_not_found',
        },
      ];
    case 'sub_key':
      // Nobody told us of the link, which is what an offline derivation is for; its key we know.
      return [
        {
          do: 'require',
          table: 'keys',
          where: { tenant, id: keyOf(target), kind: { is: '!=', value: 'admin' } },
          refused: 'target_not_found',
        },
      ];
    case 'key':
      return [
        {
          do: 'update',
          table: 'keys',
          // Admin keys end by their own use case, which asks for another permission.
          where: { tenant, id: target.id, kind: { is: '!=', value: 'admin' } },
          set: { status: 'revoked', sealedSecret: null, updatedAt: at, version: { add: 1 } },
          refused: 'target_not_found',
        },
      ];
    case 'tenant':
      return [
        { do: 'require', table: 'tenants', where: { tenant }, refused: 'target_not_found' },
        ...endSessionsOfTenant({
          ...{ tenant, at },
          before: input.before === undefined ? undefined : input.before * 1000,
        }),
      ];
    case 'signing_key':
      return undefined;
  }
}

/** The look-up id of the key that a link was derived from. */
function keyOf({ id }: RevocationTarget): string {
  return id.split('.', 1)[0]!;
}

/** Whatever was derived until now: none lives longer, or is good before it was made. */
function subKeysEndAt({ kind }: RevocationTarget, at: UnixMs): UnixSeconds | undefined {
  if (kind !== 'sub_key') return undefined;
  return (Math.ceil(at / 1000) + limits.clockSkewSeconds + limits.subKeySecondsMax) as UnixSeconds;
}

function objectOf(target: RevocationTarget): {
  readonly kind: 'client' | 'user' | 'key' | 'token' | 'tenant' | 'revocation';
  readonly id: string;
} {
  switch (target.kind) {
    case 'client':
    case 'user':
    case 'key':
    case 'token':
    case 'tenant':
      return { kind: target.kind, id: target.id };
    case 'sub_key':
      return { kind: 'key', id: keyOf(target) };
    default:
      return { kind: 'revocation', id: `${target.kind}:${target.id}` };
  }
}
