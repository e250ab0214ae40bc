/**
 * Every change of a key is one act: the row, its entry in the status feed, and the audit record.
 * The feed entry carries no verifier: the feed's reader opens it from the row.
 */
import type { AuditEvent, Clock, Entropy, TenantId } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import { keyViewOf } from '../revocation/key-view.ts';
import type { FeedStep } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';
import type { PolicyPorts } from './key-policy.ts';
import type { KeyPeppers, VerifierSealer } from './key-secret.ts';

export type KeyRow = Row<'keys'>;

/** What a use case that makes secrets works with; the others take a part of it. */
export interface KeyPorts extends PolicyPorts {
  readonly store: Pick<Store, 'keys' | 'acts'>;
  readonly recorder: Recorder;
  readonly peppers: KeyPeppers;
  readonly sealer: VerifierSealer;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly entropy: Entropy;
  /** Prefix of this installation's credentials. */
  readonly prefix: string;
}

/** One of the caller's own steps stopped the act; it knows the code. */
export type StoppedByStep = { readonly reason: 'refused_by_step'; readonly step: string };

/** Tells enforcement points what these keys are now. */
export function keyFeedStep(tenant: string, rows: readonly KeyRow[], at: number): FeedStep {
  return {
    do: 'feed',
    tenant: tenant as TenantId,
    at,
    entries: rows.map((row) => ({ type: 'key', key: keyViewOf(row) })),
  };
}

/** The condition under which an edit of what was read may be made. */
export function unchanged(row: KeyRow) {
  return { tenant: row.tenant, id: row.id, version: row.version };
}

export function keyEvent(
  requester: Requester,
  row: KeyRow,
  what: Pick<AuditEvent, 'action' | 'at'> &
    Partial<Pick<AuditEvent, 'related' | 'detail' | 'why' | 'personal'>>,
): AuditEvent {
  return eventBy(requester, { object: { kind: 'key', id: row.id }, ...what });
}

/** Whether the row is an API key that its owner edits: a personal access token is made anew. */
export function isPlainKey(row: KeyRow | undefined): row is KeyRow {
  return row?.kind === 'key';
}

/** Whether the row is one that users of keys know: admin keys live in the same table. */
export function isApiKey(row: KeyRow | undefined): row is KeyRow {
  return row !== undefined && row.kind !== 'admin';
}
