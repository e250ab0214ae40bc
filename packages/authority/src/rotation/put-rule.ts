/** Writes a rotation rule: makes it, replaces it as a whole, takes it away. */
import { type Clock, err, limits, ok, type Result } from '@mintmark/core';
import type { Recorder } from '../audit/record.ts';
import { eventBy, type Requester } from '../audit/requester.ts';
import type { Step } from '../store/act.ts';
import type { Store } from '../store/store.ts';
import type { DeliveryTargets } from './delivery/delivery.ts';
import type { Credential, Rotatable, RuleFault } from './rotatable.ts';
import {
  dueByAge,
  nameOfPlace,
  neverDue,
  type RotationKind,
  type RotationPlace,
  type RotationRule,
  type RuleRow,
} from './rule.ts';

export interface RotationRulePorts {
  readonly store: Pick<Store, 'rotationRules' | 'rotationRuns' | 'rotationPlaces' | 'acts'>;
  readonly recorder: Recorder;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly targets: DeliveryTargets;
  readonly rotatables: Readonly<Record<RotationKind, Rotatable>>;
}

export type PutRotationRefusal =
  | { readonly reason: 'malformed'; readonly pointer: string; readonly message: string }
  /** There is no such credential, or none that a rule can rotate. */
  | { readonly reason: 'no_such_target' }
  /** The requester may not hold what the rule would make. */
  | { readonly reason: 'owner_not_allowed' }
  /** Another rule rotates the credential, or writes to one of the places. */
  | { readonly reason: 'target_taken' | 'place_taken' }
  | { readonly reason: 'too_many' }
  /** There is such a rule, and the requester did not say which version he has seen. */
  | { readonly reason: 'version_unknown' | 'version_mismatch' };

export interface PutRotationInput {
  readonly requester: Requester;
  readonly name: string;
  readonly rule: RotationRule;
  /** Whether the requester may hold a credential of this owner. */
  readonly mayHold: (kind: RotationKind, owner: string) => boolean;
  /** Whether the requester has seen this version; undefined where he expects none. */
  readonly isSeen: ((version: number) => boolean) | undefined;
}

/** @throws StoreFault, CustodyFault */
export async function putRotation(
  ports: RotationRulePorts,
  input: PutRotationInput,
): Promise<Result<{ readonly row: RuleRow; readonly created: boolean }, PutRotationRefusal>> {
  const { requester, name, rule } = input;
  const { tenant } = requester;
  const fault = ports.rotatables[rule.target.kind].judge(rule) ?? faultOf(ports, tenant, rule);
  if (fault !== undefined) return err({ reason: 'malformed', ...fault });
  const known = await ports.store.rotationRules.get(tenant, name);
  const unseen = await judgeVersion(ports, input, known);
  if (unseen !== undefined) return err(unseen);
  const { kind, id } = rule.target;
  const credential = await ports.rotatables[kind].look(tenant, id);
  if (credential === undefined) return err({ reason: 'no_such_target' });
  if (!input.mayHold(kind, credential.owner)) return err({ reason: 'owner_not_allowed' });
  const row = rowOf(input, { known, credential, now: ports.clock.nowMs() });
  const action = known === undefined ? 'rotation.create' : 'rotation.update';
  const steps = [ruleStep(row, known), ...placeSteps(row, rule)];
  const outcome = await change(ports, { requester, name, action, steps });
  if (outcome === 'done') return ok({ row, created: known === undefined });
  const taken = outcome === 'place_taken' || outcome === 'target_taken';
  return err({ reason: taken ? outcome : 'version_mismatch' });
}

async function judgeVersion(
  { store }: RotationRulePorts,
  { requester, isSeen }: PutRotationInput,
  known: RuleRow | undefined,
): Promise<PutRotationRefusal | undefined> {
  if (known === undefined) {
    // A version was seen, so there was one: somebody deleted it since.
    if (isSeen !== undefined) return { reason: 'version_mismatch' };
    const count = await store.rotationRules.count({ tenant: requester.tenant });
    return count >= limits.rotationRulesMax ? { reason: 'too_many' } : undefined;
  }
  if (isSeen === undefined) return { reason: 'version_unknown' };
  return isSeen(known.version) ? undefined : { reason: 'version_mismatch' };
}

/** Of its places: what the schema cannot say. */
function faultOf(
  { targets }: RotationRulePorts,
  tenant: string,
  { deliver_to: places = [] }: RotationRule,
): RuleFault | undefined {
  const names = places.map(nameOfPlace);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice >= 0) return { pointer: `/deliver_to/${twice}`, message: 'is there twice' };
  for (const [index, place] of places.entries()) {
    const target = targets.get(place.to);
    // What other tenants may name is not told apart from what nobody configured.
    if (target === undefined || !target.tenants.includes(tenant)) {
      return { pointer: `/deliver_to/${index}/to`, message: 'is no configured target' };
    }
    const message = target.judge(place);
    if (message !== undefined) return { pointer: `/deliver_to/${index}`, message };
  }
  return undefined;
}

function rowOf(
  { requester, name, rule }: PutRotationInput,
  from: {
    readonly known: RuleRow | undefined;
    readonly credential: Credential;
    readonly now: number;
  },
): RuleRow {
  const { known, credential, now } = from;
  return {
    tenant: requester.tenant,
    name,
    targetKind: rule.target.kind,
    targetId: credential.id,
    definition: { ...rule },
    // An open run goes on by the terms that it began with, and its end makes the rule due again.
    dueAt: (known?.runId ?? null) === null ? dueByAge(rule, credential) : neverDue,
    cause: known?.cause ?? null,
    runId: known?.runId ?? null,
    fault: null,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
    version: (known?.version ?? 0) + 1,
  };
}

function ruleStep(row: RuleRow, known: RuleRow | undefined): Step {
  const { tenant, name } = row;
  if (known === undefined) {
    return { do: 'insert', table: 'rotationRules', row, refused: 'target_taken' };
  }
  const { tenant: _tenant, name: _name, createdAt: _createdAt, ...set } = row;
  return {
    do: 'update',
    table: 'rotationRules',
    where: { tenant, name, version: known.version },
    set,
    refused: 'version_mismatch',
  };
}

/** The rule's places, in place of those that it had. */
function placeSteps({ tenant, name: rule }: RuleRow, { deliver_to = [] }: RotationRule): Step[] {
  return [
    { do: 'delete', table: 'rotationPlaces', where: { tenant, rule } },
    ...deliver_to.map(
      (place): Step => ({
        do: 'insert',
        table: 'rotationPlaces',
        row: { place: placeKey(place, { tenant, rule }), tenant, rule },
        refused: 'place_taken',
      }),
    ),
  ];
}

/** A webhook or a command has no places within it: each rule has it for itself. */
function placeKey(place: RotationPlace, of: { readonly tenant: string; readonly rule: string }) {
  const name = nameOfPlace(place);
  return place.at === undefined ? `${name}\n${of.tenant}\n${of.rule}` : name;
}

export type DeleteRotationRefusal =
  | { readonly reason: 'not_found' | 'version_mismatch' }
  /** A secret waits for its delivery, and would be lost with the rule. */
  | { readonly reason: 'delivering' };

/** A run that is past its delivery goes on to its end without the rule. */
export async function deleteRotation(
  ports: RotationRulePorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly isSeen: (version: number) => boolean;
  },
): Promise<Result<undefined, DeleteRotationRefusal>> {
  const { requester, name, isSeen } = input;
  const { tenant } = requester;
  const known = await ports.store.rotationRules.get(tenant, name);
  if (known === undefined) return err({ reason: 'not_found' });
  if (!isSeen(known.version)) return err({ reason: 'version_mismatch' });
  const { runId, version } = known;
  const run = runId === null ? undefined : await ports.store.rotationRuns.get(tenant, runId);
  // A run never goes back to delivering, so what is read here cannot turn into it again.
  if (run?.status === 'delivering') return err({ reason: 'delivering' });
  const steps: readonly Step[] = [
    {
      do: 'delete',
      table: 'rotationRules',
      where: { tenant, name, version },
      refused: 'version_mismatch',
    },
    { do: 'delete', table: 'rotationPlaces', where: { tenant, rule: name } },
  ];
  const outcome = await change(ports, { requester, name, action: 'rotation.delete', steps });
  return outcome === 'done' ? ok(undefined) : err({ reason: 'version_mismatch' });
}

async function change(
  ports: RotationRulePorts,
  input: {
    readonly requester: Requester;
    readonly name: string;
    readonly action: 'rotation.create' | 'rotation.update' | 'rotation.delete';
    readonly steps: readonly Step[];
  },
): Promise<string> {
  const { requester, name, action, steps } = input;
  const object = { kind: 'rotation', id: name } as const;
  const { outcome } = await ports.store.acts.run({
    steps,
    audit: await ports.recorder.record(
      eventBy(requester, { action, at: ports.clock.nowMs(), object }),
    ),
  });
  return outcome;
}
