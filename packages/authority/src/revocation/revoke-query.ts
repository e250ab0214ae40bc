/**
 * Ends everything that a query finds. The query's row says how far it has come, so that a run whose
 * process died is taken on by another one: `createQueryRunner` looks for such. What was not
 * redeemed ends first, then families, so that nothing new comes of them while tokens are looked
 * for; each credential ends by an act of its own, with its record, so that its history tells of it.
 * What must never happen: a run that says it is done with something live that was there when it was
 * asked.
 */
import {
  type Clock,
  type Entropy,
  freshId,
  limits,
  type RevocationTarget,
  type TenantId,
  type UnixMs,
  type UnixSeconds,
} from '@mintmark/core';
import type { Reason } from '../audit/reason.ts';
import { saidWhy } from '../audit/reason.ts';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Sealer } from '../custody/sealer.ts';
import type { Alongside, FeedDraft, Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { keyViewOf } from './key-view.ts';
import { sealNote } from './note.ts';
import type { Counts } from './preview.ts';
import {
  type Found,
  firstPage,
  type SelectionCursor,
  type SelectionDeps,
  type Selector,
  selectPage,
} from './selection.ts';

export interface QueryRunDeps extends Omit<SelectionDeps, 'store'> {
  readonly store: SelectionDeps['store'] & Pick<Store, 'revocations' | 'acts'>;
  readonly recorder: Recorder;
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly entropy: Entropy;
}

/** What stands in `revocations.run`. */
export interface QueryRun {
  readonly selector: Selector;
  readonly ended: Counts;
  /** Where it goes on; undefined when it is done. */
  readonly cursor?: SelectionCursor | undefined;
}

/** @returns undefined where the row is of no query */
export function readRun({ run }: Pick<Row<'revocations'>, 'run'>): QueryRun | undefined {
  return run === null ? undefined : (JSON.parse(run) as QueryRun);
}

/**
 * Begins a run, in an act that remembers the question; ends nothing yet.
 *
 * @returns its id, or 'refused_by_step' where one of the caller's own steps did not hold
 * @throws StoreFault when the act cannot commit; then nothing was begun
 */
export async function beginQuery(
  deps: QueryRunDeps,
  input: {
    readonly requester: Requester;
    readonly selector: Selector;
    readonly reason: Reason;
    readonly alongside?: Alongside<{ readonly id: string }>;
  },
): Promise<{ readonly id: string } | 'refused_by_step'> {
  const { requester, selector, reason } = input;
  const { tenant, actor } = requester;
  const id = freshId(deps.entropy);
  const at = deps.clock.nowMs();
  const run: QueryRun = { selector, ended: nothing, cursor: firstPage };
  const row: Row<'revocations'> = {
    ...{ tenant, id, targetKind: 'query', targetId: id, reason: reason.code, at, position: 0 },
    actor: `${actor.kind}:${actor.id}`,
    beforeSeconds: Math.floor(selector.issuedBefore / 1000),
    sealedNote: await sealNote(deps.sealer, { tenant, id }, reason.note),
    ...{ undo: null, undoneAt: null, run: JSON.stringify(run) },
    resumeAt: at + limits.revocationRunLeaseMs,
  };
  const { user, owner, ...rest } = selector;
  // An owner is any text, perhaps a person's name or address.
  const named = owner ?? user;
  const { outcome } = await deps.store.acts.run({
    steps: [
      ...(input.alongside?.({ id }) ?? []),
      { do: 'insert', table: 'revocations', row, refused: 'exists' },
    ],
    audit: await deps.recorder.record(
      eventBy(requester, {
        action: 'revocation.create',
        at,
        object: { kind: 'revocation', id },
        why: reason.code,
        detail: { target_kind: 'query', query: JSON.stringify(rest) },
        personal: { ...saidWhy(reason).personal, ...(named === undefined ? {} : { owner: named }) },
      }),
    ),
  });
  return outcome === 'done' ? { id } : 'refused_by_step';
}

const nothing: Counts = { grants: 0, tokens: 0, families: 0, keys: 0 };

/**
 * Ends what the next pages of a run find. Pages that were ended before are found no more, so doing
 * one twice is harmless.
 *
 * @returns the row as it stands now
 * @throws StoreFault; what was ended stays ended
 */
export async function continueQuery(
  deps: QueryRunDeps,
  row: Row<'revocations'>,
  { pagesMax }: { readonly pagesMax: number },
): Promise<Row<'revocations'>> {
  let now = row;
  for (let page = 0; page < pagesMax && now.resumeAt !== null; page++) {
    now = await endPage(deps, now);
  }
  return now;
}

async function endPage(deps: QueryRunDeps, row: Row<'revocations'>): Promise<Row<'revocations'>> {
  const run = readRun(row);
  if (run?.cursor === undefined) return { ...row, resumeAt: null };
  const tenant = row.tenant as TenantId;
  const now = deps.clock.nowMs();
  const { selector, cursor, ended } = run;
  const { found, next } = await selectPage(deps, { tenant, selector, now, cursor });
  const positions = await endAll(deps, row, found);
  const after: QueryRun = {
    selector,
    ended: {
      grants: (ended.grants ?? 0) + found.grants.length,
      tokens: ended.tokens + found.tokens.length,
      families: ended.families + found.families.length,
      keys: ended.keys + found.keys.length,
    },
    ...(next === undefined ? {} : { cursor: next }),
  };
  const set = {
    run: JSON.stringify(after),
    position: Math.max(row.position, ...positions),
    resumeAt: next === undefined ? null : deps.clock.nowMs() + limits.revocationRunLeaseMs,
  };
  const { id } = row;
  await deps.store.acts.run({
    steps: [{ do: 'update', table: 'revocations', where: { tenant, id }, set }],
    audit: next === undefined ? await finished(deps, row, after) : null,
  });
  return { ...row, ...set };
}

function finished({ recorder, clock }: QueryRunDeps, row: Row<'revocations'>, run: QueryRun) {
  const { grants, tokens, families, keys } = run.ended;
  return recorder.record({
    tenant: row.tenant as TenantId,
    action: 'revocation.finish',
    at: clock.nowMs(),
    actor: runner,
    object: { kind: 'revocation', id: row.id },
    result: 'done',
    why: row.reason,
    detail: { grants, tokens, families, keys },
  });
}

const runner = { kind: 'system', id: 'revocation' } as const;

async function endAll(
  deps: QueryRunDeps,
  row: Row<'revocations'>,
  { grants, families, tokens, keys }: Found,
): Promise<readonly number[]> {
  const longest = (Math.ceil(deps.clock.nowMs() / 1000) +
    limits.accessTokenTtlSecondsMax +
    limits.clockSkewSeconds) as UnixSeconds;
  const ending = [
    // The family that each was to begin: it is refused where it is redeemed.
    ...grants.map(({ family }): Ending => {
      return { target: { kind: 'family', id: family }, marks: [], expiresAt: longest };
    }),
    ...families.map(({ partition, tenant, id, family }): Ending => {
      const where = { partition, tenant, id };
      const mark: Step = {
        do: 'update',
        table: 'refreshFamilies',
        where,
        set: { status: 'ended' },
      };
      return { target: { kind: 'family', id: family }, marks: [mark], expiresAt: longest };
    }),
    ...tokens.map(({ id, expiresAt }): Ending => {
      const until = (expiresAt + limits.clockSkewSeconds) as UnixSeconds;
      return { target: { kind: 'token', id }, marks: [], expiresAt: until };
    }),
    ...keys.map((key) => keyEnding(key, { at: deps.clock.nowMs(), expiresAt: longest })),
  ];
  // All at once, so that the store may commit them together.
  return Promise.all(ending.map((one) => endOne(deps, row, one)));
}

interface Ending {
  readonly target: Extract<RevocationTarget, { readonly kind: 'family' | 'token' | 'key' }>;
  readonly marks: readonly Step[];
  readonly expiresAt: UnixSeconds;
  readonly more?: readonly FeedDraft[];
}

function keyEnding(
  row: Row<'keys'>,
  { at, expiresAt }: { readonly at: UnixMs; readonly expiresAt: UnixSeconds },
): Ending {
  const { tenant, id, version } = row;
  const end = { status: 'revoked', sealedSecret: null } as const;
  const set = { ...end, updatedAt: at, version: version + 1 };
  const where = { tenant, id };
  // Whoever edits it meanwhile loses: his version is no more.
  const columns = { ...set, version: { add: 1 } } as const;
  return {
    target: { kind: 'key', id },
    marks: [{ do: 'update', table: 'keys', where, set: columns }],
    expiresAt,
    more: [{ type: 'key', key: keyViewOf({ ...row, ...set }) }],
  };
}

async function endOne(
  { store, recorder, clock }: QueryRunDeps,
  row: Row<'revocations'>,
  { target, marks, expiresAt, more = [] }: Ending,
): Promise<number> {
  const at = clock.nowMs();
  const tenant = row.tenant as TenantId;
  const entries: readonly FeedDraft[] = [{ type: 'revocation', target, expiresAt }, ...more];
  const { position } = await store.acts.run({
    steps: [...marks, { do: 'feed', tenant, at, entries }],
    audit: await recorder.record({
      tenant,
      action: target.kind === 'key' ? 'key.end' : 'token.end',
      at,
      actor: runner,
      object: target,
      related: { kind: 'revocation', id: row.id },
      result: 'done',
      why: row.reason,
    }),
  });
  return position ?? 0;
}

export interface QueryRunner {
  /** Takes on what another process left. A fault leaves it for the next time. */
  step(): Promise<void>;
}

export function createQueryRunner(deps: QueryRunDeps): QueryRunner {
  return {
    async step() {
      const now = deps.clock.nowMs();
      const [left] = await deps.store.revocations.list({
        where: { resumeAt: { is: '<=', value: now } },
        orderBy: ['resumeAt'],
        limit: 1,
      });
      if (left !== undefined) {
        await continueQuery(deps, left, { pagesMax: limits.revocationRunPagesAtOnce });
      }
    },
  };
}
