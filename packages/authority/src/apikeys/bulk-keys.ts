/**
 * One change of many keys. A preview finds them and keeps their ids and versions; what is done then
 * is done to exactly these, and a key that somebody changed in between is passed over. Each key is
 * changed by the act of its own that a single change would be; how far it went stands in the store,
 * so that it goes on after a crash. What must never happen: a key changed that was not in the
 * preview, or changed for somebody who may not.
 */
import { err, freshId, letOthersRun, limits, ok, type Result, type UnixMs } from '@mintmark/core';
import { readReason } from '../audit/reason.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { type RevokeDeps, revoke } from '../revocation/revoke.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import { isApiKey, type KeyRow } from './key-change.ts';
import { isMeant, type KeyFilter } from './key-filter.ts';
import type { ListPorts } from './list-keys.ts';
import { quarantineKey } from './quarantine-key.ts';
import { type KeyPatch, updateKey } from './update-key.ts';

/** What becomes of each key. */
export type BulkAct =
  | { readonly do: 'disable' | 'enable' }
  | { readonly do: 'quarantine' | 'revoke'; readonly reason: string }
  | { readonly do: 'set_expiry'; readonly expiresAt: UnixMs }
  | { readonly do: 'add_tag' | 'remove_tag'; readonly tag: string }
  | { readonly do: 'set_owner'; readonly owner: string };

export type BulkPorts = ListPorts &
  RevokeDeps & { readonly store: Pick<Store, 'keyBulks' | 'keyBudgets' | 'usage'> };

/** Personal tokens are their users': what was decided about one cannot be edited for them. */
const actsOnTokens: readonly BulkAct['do'][] = ['quarantine', 'revoke'];

interface Asked {
  readonly requester: Requester;
  readonly mayNameOwner: (owner: string) => boolean;
  /** Whether the requester may revoke: it has no way back, so a key's own edits do not give it. */
  readonly mayRevoke: boolean;
  /** Whether the requester may touch the personal tokens of users. */
  readonly mayHoldTokens: boolean;
}

export interface BulkPreview {
  readonly id: string;
  readonly count: number;
  /** Keys that the filter means and that only somebody else may change so. */
  readonly leftOut: number;
  /** The first of them. */
  readonly sample: readonly KeyRow[];
  readonly expiresAt: UnixMs;
}

export type BulkPreviewRefusal =
  /** More than one change may be of: a narrower filter is needed. */
  | { readonly reason: 'too_many'; readonly most: number }
  | { readonly reason: 'owner_not_allowed'; readonly owner: string }
  | { readonly reason: 'revoking_not_allowed' }
  | { readonly reason: 'tokens_not_allowed' }
  /** Of personal tokens: they are held back or ended, and edited by nobody. */
  | { readonly reason: 'act_not_for_tokens' };

const sampleMax = 20;
const tagsMax = 32;

/**
 * Finds the keys, newest first, and keeps them for an hour. Nothing is changed.
 *
 * @throws StoreFault
 */
export async function previewBulk(
  ports: BulkPorts,
  input: Asked & { readonly filter: KeyFilter; readonly act: BulkAct },
): Promise<Result<BulkPreview, BulkPreviewRefusal>> {
  const { requester, mayNameOwner, filter, act } = input;
  const { tenant, actor } = requester;
  const { kind = 'key' } = filter;
  if (kind === 'pat' && !input.mayHoldTokens) return err({ reason: 'tokens_not_allowed' });
  if (kind === 'pat' && !actsOnTokens.includes(act.do))
    return err({ reason: 'act_not_for_tokens' });
  if (act.do === 'revoke' && !input.mayRevoke) return err({ reason: 'revoking_not_allowed' });
  if (act.do === 'set_owner' && !mayNameOwner(act.owner)) {
    return err({ reason: 'owner_not_allowed', owner: act.owner });
  }
  const found: KeyRow[] = [];
  let leftOut = 0;
  let after: readonly (string | number)[] | undefined;
  for (let looked = 0; looked < limits.keyBulkScanMax; ) {
    const rows = await ports.store.keys.list({
      where: { tenant, kind },
      orderBy: ['tenant', 'kind', 'createdAt', 'id'],
      descending: true,
      limit: limits.longReadRows,
      ...(after === undefined ? {} : { after }),
    });
    for (const row of rows) {
      if (!changes(act, row) || !(await isMeant(ports, filter, row))) continue;
      if (mayChange(act, row, mayNameOwner)) found.push(row);
      else leftOut++;
      if (found.length > limits.keyBulkMax) {
        return err({ reason: 'too_many', most: limits.keyBulkMax });
      }
    }
    looked += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limits.longReadRows) break;
    after = [last.tenant, last.kind, last.createdAt, last.id];
    await letOthersRun(ports.timers);
  }
  const createdAt = ports.clock.nowMs();
  const expiresAtSeconds = Math.floor(createdAt / 1000) + limits.keyBulkSeconds;
  const row: Row<'keyBulks'> = {
    ...{ tenant, id: freshId(ports.entropy), actor: `${actor.kind}:${actor.id}` },
    filter: { ...filter },
    act: { ...act },
    keys: found.map(({ id, version }) => [id, version]),
    ...{ done: 0, changed: 0, createdAt, expiresAtSeconds },
  };
  // Nothing of anybody's has changed yet: the record is of what is done.
  await ports.store.acts.run({
    steps: [{ do: 'put', table: 'keyBulks', row }],
    audit: null,
  });
  const sample = found.slice(0, sampleMax);
  const expiresAt = (expiresAtSeconds * 1000) as UnixMs;
  return ok({ id: row.id, count: found.length, leftOut, sample, expiresAt });
}

export interface BulkProgress {
  readonly count: number;
  readonly done: number;
  readonly changed: number;
}

export type BulkRunRefusal =
  /** No such preview, not of whoever asks, or too old. */
  | { readonly reason: 'not_found' }
  /** The right was taken away since the preview. */
  | { readonly reason: 'revoking_not_allowed' | 'tokens_not_allowed' };

/**
 * Goes on with a previewed change, a bounded part in one call: asked again until all is done. Of
 * several at once each key is changed by one.
 *
 * @throws StoreFault, CustodyFault; what was done stays done, and the next call goes on
 */
export async function runBulk(
  ports: BulkPorts,
  input: Asked & { readonly id: string },
): Promise<Result<BulkProgress, BulkRunRefusal>> {
  const { requester, id } = input;
  const { tenant, actor } = requester;
  for (let did = 0; ; ) {
    const bulk = await ports.store.keyBulks.get(tenant, id);
    const isTheirs = bulk?.actor === `${actor.kind}:${actor.id}`;
    const isOver = (bulk?.expiresAtSeconds ?? 0) * 1000 <= ports.clock.nowMs();
    if (bulk === undefined || !isTheirs || isOver) return err({ reason: 'not_found' });
    const act = bulk.act as unknown as BulkAct;
    if (act.do === 'revoke' && !input.mayRevoke) return err({ reason: 'revoking_not_allowed' });
    const isOfTokens = bulk.filter['kind'] === 'pat';
    if (isOfTokens && !input.mayHoldTokens) return err({ reason: 'tokens_not_allowed' });
    const { done, changed, keys } = bulk;
    const some = keys.slice(done, done + limits.keyBulkStepMax);
    if (some.length === 0 || did >= limits.keyBulkRequestMax) {
      return ok({ count: keys.length, done, changed });
    }
    const outcomes = await Promise.all(
      some.map(([keyId, version]) => changeOne(ports, input, { keyId, version, act, bulk: id })),
    );
    await advance(ports, requester, bulk, {
      done: done + some.length,
      changed: changed + outcomes.filter(Boolean).length,
    });
    did += some.length;
    if (done + some.length < keys.length) await letOthersRun(ports.timers);
  }
}

/** Whether the key would be another one afterwards. */
function changes(act: BulkAct, row: KeyRow): boolean {
  if (row.status === 'revoked') return false;
  switch (act.do) {
    case 'disable':
      return row.status === 'active';
    case 'enable':
      return row.status === 'disabled';
    case 'quarantine':
      return row.status !== 'quarantined';
    case 'revoke':
      return true;
    case 'set_expiry':
      return row.expiresAt !== act.expiresAt;
    case 'add_tag':
      return !(row.tags ?? []).includes(act.tag) && (row.tags ?? []).length < tagsMax;
    case 'remove_tag':
      return (row.tags ?? []).includes(act.tag);
    case 'set_owner':
      return row.owner !== act.owner;
  }
}

/** As the act leaves a key: what somebody else did to it meanwhile is another state. */
function isDone(act: BulkAct, row: KeyRow): boolean {
  switch (act.do) {
    case 'disable':
      return row.status === 'disabled';
    case 'enable':
      return row.status === 'active';
    case 'quarantine':
      return row.status === 'quarantined';
    case 'revoke':
      return row.status === 'revoked';
    case 'set_expiry':
    case 'add_tag':
    case 'remove_tag':
    case 'set_owner':
      return row.status !== 'revoked' && !changes(act, row);
  }
}

/** As for a single key: everybody's may be stopped, and one's own be changed. */
function mayChange(act: BulkAct, row: KeyRow, mayNameOwner: Asked['mayNameOwner']): boolean {
  return ['disable', 'quarantine', 'revoke'].includes(act.do) || mayNameOwner(row.owner);
}

/** @returns whether the key is now as it was to be */
async function changeOne(
  ports: BulkPorts,
  { requester, mayNameOwner }: Asked,
  one: {
    readonly keyId: string;
    readonly version: number;
    readonly act: BulkAct;
    readonly bulk: string;
  },
): Promise<boolean> {
  const { keyId: id, version, act } = one;
  const row = await ports.store.keys.get(requester.tenant, id);
  if (!isApiKey(row)) return false;
  // A crash came between the change and its count.
  if (row.version === version + 1 && isDone(act, row)) return true;
  if (row.version !== version) return false;
  if ('reason' in act) {
    const why = readReason(act.reason);
    const target = { kind: 'key', id } as const;
    const ended =
      act.do === 'revoke'
        ? await revoke(ports, { requester, target, reason: why.code, note: why.note })
        : await quarantineKey(ports, { requester, id, reason: why });
    return ended.ok;
  }
  const edited = await updateKey(ports, {
    ...{ requester, id, mayNameOwner },
    isSeen: (seen) => seen === version,
    patch: patchOf(act, row),
  });
  return edited.ok;
}

function patchOf(act: Exclude<BulkAct, { readonly reason: string }>, { tags }: KeyRow): KeyPatch {
  switch (act.do) {
    case 'disable':
      return { status: 'disabled' };
    case 'enable':
      return { status: 'active' };
    case 'set_expiry':
      return { expiresAt: act.expiresAt };
    case 'add_tag':
      return { tags: [...(tags ?? []), act.tag] };
    case 'remove_tag':
      return { tags: (tags ?? []).filter((tag) => tag !== act.tag) };
    case 'set_owner':
      return { owner: act.owner };
  }
}

/** Of two that go on with the same part, one counts it. The last part has the record of all. */
async function advance(
  { store, recorder, clock }: BulkPorts,
  requester: Requester,
  bulk: Row<'keyBulks'>,
  to: { readonly done: number; readonly changed: number },
): Promise<void> {
  const { tenant, id, done, keys, act } = bulk;
  const where = { tenant, id, done };
  const isLast = to.done === keys.length;
  await store.acts.run({
    steps: [{ do: 'update', table: 'keyBulks', where, set: to, refused: 'counted' }],
    audit: isLast
      ? await recorder.record(
          eventBy(requester, {
            action: 'key.bulk',
            at: clock.nowMs(),
            object: { kind: 'tenant', id: tenant },
            detail: {
              ...{ bulk: id, act: String(act['do']) },
              ...{ keys: keys.length, changed: to.changed },
            },
          }),
        )
      : null,
  });
}
