/** What the policies of a tenant are kept as, and who may say what of their versions. */
import type { Clock, JsonObject, JsonValue, TenantId } from '@mintmark/core';
import {
  type DocumentError,
  type JudgedVersion,
  preparePolicy,
  type TestOutcome,
  versionViewOf,
} from '@mintmark/policy';
import type { Recorder } from '../audit/record.ts';
import type { Requester } from '../audit/requester.ts';
import type { Store } from '../store/store.ts';
import type { Row } from '../store/tables.ts';

export type PolicyRow = Row<'policies'>;
export type PolicyVersionRow = Row<'policyVersions'>;

/** `draft`: written down, judged by nobody. */
export const policyStages = ['draft', 'shadow', 'enforce'] as const;

export type PolicyStage = (typeof policyStages)[number];

export interface PolicyPorts {
  readonly store: Pick<Store, 'policies' | 'policyVersions' | 'policyTallies' | 'routes' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Told after each change that has been committed. */
  readonly policiesChanged: (tenant: TenantId) => void;
}

/** A policy and one of its versions. */
export interface StagedVersion {
  readonly row: PolicyRow;
  readonly version: PolicyVersionRow;
}

export type FailedTest = TestOutcome & { readonly index: number };

export type ChangeRefusal =
  | { readonly reason: 'not_found' }
  | { readonly reason: 'malformed'; readonly errors: readonly DocumentError[] }
  /** Tests beside the policy fail, so it may not decide. */
  | { readonly reason: 'tests_failed'; readonly failures: readonly FailedTest[] }
  /** There is such a policy, and the requester did not say which state he has seen. */
  | { readonly reason: 'version_unknown' }
  | { readonly reason: 'version_mismatch' }
  | { readonly reason: 'too_many' }
  /** It is judged by, so it cannot be taken away. */
  | { readonly reason: 'in_use' };

/** Whether the requester has seen this state; undefined where he expects none. */
export type IsSeen = ((version: number) => boolean) | undefined;

export function stageOf(row: Pick<PolicyRow, 'enforced' | 'shadow'>, number: number): PolicyStage {
  if (row.enforced === number) return 'enforce';
  return row.shadow === number ? 'shadow' : 'draft';
}

/** The author of a version, as the trail names them. */
export function authorOf({ actor }: Requester): string {
  return `${actor.kind} ${actor.id}`;
}

/** What a stored document is judged by. */
export function compiledOf(document: JsonObject): JudgedVersion {
  const view = versionViewOf(document, 1);
  // It was read when it was written; what this program cannot read any more denies.
  return preparePolicy('', { enforced: view }).enforced as JudgedVersion;
}

export function documentOf({ document }: PolicyVersionRow): JsonObject {
  return document as Readonly<Record<string, JsonValue>>;
}
