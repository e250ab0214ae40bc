/**
 * Writes policies: a new version, another stage of one, the way back to an old one. A version is
 * never changed, and one that cannot be read, or whose own tests fail, comes to decide nothing:
 * what was enforced before goes on.
 */
import { isDeepStrictEqual } from 'node:util';
import { err, type JsonObject, limits, ok, type Result } from '@mintmark/core';
import { readPolicyDocument } from '@mintmark/policy';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import { failuresOf } from './failures.ts';
import {
  authorOf,
  type ChangeRefusal,
  documentOf,
  type IsSeen,
  type PolicyPorts,
  type PolicyRow,
  type PolicyStage,
  type PolicyVersionRow,
  type StagedVersion,
  stageOf,
} from './policy-row.ts';

interface ChangeInput {
  readonly requester: Requester;
  readonly name: string;
  readonly reason: string;
  readonly isSeen: IsSeen;
}

/** What came of it: another version, another stage, or nothing that was not so before. */
export interface Changed extends StagedVersion {
  readonly made: 'policy' | 'version' | 'stage' | 'nothing';
}

/**
 * Brings a policy to this text and this stage. The same text as the newest version's is that
 * version again.
 *
 * @param input.document as `readPolicyDocument` reads it
 * @param input.stage default: `shadow` for a new version, as it is for a known one
 * @throws StoreFault, CustodyFault
 */
export async function putPolicy(
  ports: PolicyPorts,
  input: ChangeInput & {
    readonly document: JsonObject;
    readonly stage: PolicyStage | undefined;
  },
): Promise<Result<Changed, ChangeRefusal>> {
  const { requester, name, document, isSeen } = input;
  const { tenant } = requester;
  const read = readPolicyDocument(document);
  if (!read.ok) return err({ reason: 'malformed', errors: read.refusal });
  const known = await ports.store.policies.get(tenant, name);
  const refusal = await refusalOf(ports, { tenant, known, isSeen });
  if (refusal !== undefined) return err(refusal);
  const newest = known && (await ports.store.policyVersions.get(tenant, name, known.newest));
  const isNew = newest === undefined || !isDeepStrictEqual(newest.document, document);
  const stage = input.stage ?? (isNew ? 'shadow' : stageOf(known!, newest.number));
  if (!isNew && stageOf(known!, newest.number) === stage) {
    return ok({ row: known!, version: newest, made: 'nothing' });
  }
  const failures = stage === 'enforce' ? failuresOf(document) : [];
  if (failures.length > 0) return err({ reason: 'tests_failed', failures });
  const number = isNew ? (known?.newest ?? 0) + 1 : newest.number;
  if (number > limits.policyVersionsMax) return err({ reason: 'too_many' });
  const version: PolicyVersionRow = isNew
    ? {
        ...{ tenant, name, number, document, reason: input.reason },
        author: authorOf(requester),
        createdAt: ports.clock.nowMs(),
      }
    : newest;
  const row = staged(ports, { known, tenant, name, number, stage });
  const done = await commit(ports, { ...input, known, row, stage, added: isNew ? version : null });
  if (!done) return err({ reason: 'version_mismatch' });
  return ok({ row, version, made: known === undefined ? 'policy' : isNew ? 'version' : 'stage' });
}

/**
 * Moves a version to another stage. `draft` takes it out of those that are judged by.
 *
 * @throws StoreFault, CustodyFault
 */
export async function stagePolicy(
  ports: PolicyPorts,
  input: ChangeInput & { readonly number: number; readonly stage: PolicyStage },
): Promise<Result<StagedVersion, ChangeRefusal>> {
  const { requester, name, number, stage, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.policies.get(tenant, name);
  const version = await ports.store.policyVersions.get(tenant, name, number);
  if (known === undefined || version === undefined) return err({ reason: 'not_found' });
  const refusal = await refusalOf(ports, { tenant, known, isSeen });
  if (refusal !== undefined) return err(refusal);
  if (stageOf(known, number) === stage) return ok({ row: known, version });
  const failures = stage === 'enforce' ? failuresOf(documentOf(version)) : [];
  if (failures.length > 0) return err({ reason: 'tests_failed', failures });
  const row = staged(ports, { known, tenant, name, number, stage });
  const done = await commit(ports, { ...input, known, row, stage, added: null });
  return done ? ok({ row, version }) : err({ reason: 'version_mismatch' });
}

/**
 * Writes an old version again, as the newest one, and enforces it.
 *
 * @throws StoreFault, CustodyFault
 */
export async function rollBackPolicy(
  ports: PolicyPorts,
  input: ChangeInput & { readonly number: number },
): Promise<Result<Changed, ChangeRefusal>> {
  const { tenant } = input.requester;
  const old = await ports.store.policyVersions.get(tenant, input.name, input.number);
  if (old === undefined) return err({ reason: 'not_found' });
  return putPolicy(ports, { ...input, document: documentOf(old), stage: 'enforce' });
}

/** @throws StoreFault, CustodyFault */
export async function deletePolicy(
  ports: PolicyPorts,
  input: Omit<ChangeInput, 'reason'>,
): Promise<Result<undefined, ChangeRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.policies.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  const refusal = await refusalOf(ports, { tenant, known, isSeen });
  if (refusal !== undefined) return err(refusal);
  if (known.enforced !== null || known.shadow !== null) return err({ reason: 'in_use' });
  const { version } = known;
  const refused = 'version_mismatch';
  const { outcome } = await ports.store.acts.run({
    steps: [
      { do: 'delete', table: 'policies', where: { tenant, name, version }, refused },
      { do: 'delete', table: 'policyVersions', where: { tenant, name } },
      { do: 'delete', table: 'policyTallies', where: { tenant, policy: name } },
    ],
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: 'policy.delete',
        at: ports.clock.nowMs(),
        object: { kind: 'policy', id: name },
      }),
    ),
  });
  if (outcome !== 'done') return err({ reason: 'version_mismatch' });
  ports.policiesChanged(tenant);
  return ok(undefined);
}

async function refusalOf(
  { store }: PolicyPorts,
  input: {
    readonly tenant: Requester['tenant'];
    readonly known: PolicyRow | undefined;
    readonly isSeen: IsSeen;
  },
): Promise<ChangeRefusal | undefined> {
  const { tenant, known, isSeen } = input;
  if (known === undefined) {
    // A state was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return { reason: 'version_mismatch' };
    const count = await store.policies.count({ tenant });
    return count >= limits.policiesMax ? { reason: 'too_many' } : undefined;
  }
  if (isSeen === undefined) return { reason: 'version_unknown' };
  return isSeen(known.version) ? undefined : { reason: 'version_mismatch' };
}

/** The row with this version at this stage, and no version at two. */
function staged(
  { clock }: Pick<PolicyPorts, 'clock'>,
  input: {
    readonly known: PolicyRow | undefined;
    readonly tenant: string;
    readonly name: string;
    readonly number: number;
    readonly stage: PolicyStage;
  },
): PolicyRow {
  const { known, tenant, name, number, stage } = input;
  const without = (one: number | null | undefined) => (one === number ? null : (one ?? null));
  return {
    ...{ tenant, name },
    newest: Math.max(known?.newest ?? 0, number),
    enforced: stage === 'enforce' ? number : without(known?.enforced),
    shadow: stage === 'shadow' ? number : without(known?.shadow),
    updatedAt: clock.nowMs(),
    version: (known?.version ?? 0) + 1,
  };
}

async function commit(
  ports: PolicyPorts,
  input: Pick<ChangeInput, 'requester' | 'name' | 'reason'> & {
    readonly known: PolicyRow | undefined;
    readonly row: PolicyRow;
    readonly stage: PolicyStage;
    readonly added: PolicyVersionRow | null;
  },
): Promise<boolean> {
  const { requester, name, known, row, stage, added } = input;
  const { tenant } = requester;
  const at = row.updatedAt;
  const isJudged = row.enforced !== known?.enforced || row.shadow !== known?.shadow;
  const steps: Step[] = [known === undefined ? insertion(row) : replacement(row, known)];
  if (added !== null) {
    const refused = 'version_mismatch';
    steps.push({ do: 'insert', table: 'policyVersions', row: added, refused });
  }
  // What it says is read when a node asks: many changes at once are told once.
  if (isJudged) steps.push({ do: 'feed', tenant, at, entries: [{ type: 'policy', name }] });
  const { outcome } = await ports.store.acts.run({
    steps,
    audit: await ports.recorder.record(
      eventBy(requester, {
        action: known === undefined ? 'policy.create' : 'policy.update',
        at: ports.clock.nowMs(),
        object: { kind: 'policy', id: name },
        why: input.reason,
        detail: {
          stage,
          newest: row.newest,
          ...(row.enforced === null ? {} : { enforced: row.enforced }),
          ...(row.shadow === null ? {} : { shadow: row.shadow }),
        },
      }),
    ),
  });
  if (outcome !== 'done') return false;
  ports.policiesChanged(tenant);
  return true;
}

function insertion(row: PolicyRow): Step {
  return { do: 'insert', table: 'policies', row, refused: 'version_mismatch' };
}

function replacement(row: PolicyRow, known: PolicyRow): Step {
  const { tenant, name, newest, enforced, shadow, updatedAt, version } = row;
  return {
    do: 'update',
    table: 'policies',
    where: { tenant, name, version: known.version },
    set: { newest, enforced, shadow, updatedAt, version },
    refused: 'version_mismatch',
  };
}
