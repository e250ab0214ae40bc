/** `/v1/rotations`: what rotates by itself, when, and where the successor is brought. */
import { err, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import { type Caller, subjectOf } from '../../admin/caller.ts';
import { covers } from '../../admin/permission.ts';
import {
  keySchedules,
  listRotations,
  type RotationPosition,
  type RotationViewPorts,
} from '../../admin/rotation-view.ts';
import type { Keyring } from '../../keyring/keyring.ts';
import type { KeyPairAlgorithm } from '../../keyring/schedule.ts';
import type { BeginRefusal } from '../../rotation/begin.ts';
import {
  deleteRotation,
  type PutRotationRefusal,
  putRotation,
  type RotationRulePorts,
} from '../../rotation/put-rule.ts';
import type { Rotations } from '../../rotation/rotations.ts';
import { type RotationKind, rotationName } from '../../rotation/rule.ts';
import { cutPage } from './cut-page.ts';
import { changeBy } from './emergency-endpoints.ts';
import { endpoint, type Outcome, type PreparedEndpoint, repeated } from './endpoint.ts';
import { isMatching } from './etag.ts';
import type { Problem } from './problem.ts';
import {
  renderItem,
  renderRule,
  renderRun,
  renderSchedule,
  rotation,
  rotationRun,
  rotationSettings,
} from './rotation-wire.ts';
import { pageOf } from './wire-schema.ts';

export type RotationEndpointPorts = RotationRulePorts &
  RotationViewPorts & {
    readonly rotations: Pick<Rotations, 'run'>;
    readonly keyring: Pick<Keyring, 'rotate'>;
  };

const group = 'rotations';
const path = '/v1/rotations';
const onePath = `${path}/{name}`;
const params = z.strictObject({ name: rotationName });
/** Also the name of a schedule of the keyring, which holds a colon. */
const anyParams = z.strictObject({ name: z.string().min(1).max(80) });

export function rotationEndpoints(ports: RotationEndpointPorts): readonly PreparedEndpoint[] {
  return [list(ports), show(ports), put(ports), remove(ports), run(ports), listRuns(ports)];
}

function list(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path,
    operation: 'listRotations',
    group,
    summary: 'Lists all that rotates by itself: signing and encryption keys, then rules by name',
    permission: 'rotations:read',
    paged: true,
    answers: { 200: { description: 'A page of rotations.', schema: pageOf(rotation) } },
    async handle({ tenant, page }) {
      const after = page.after as RotationPosition | undefined;
      const { items, next } = await listRotations(ports, { tenant, limit: page.limit, after });
      return ok({ status: 200, body: { items: items.map(renderItem) }, next });
    },
  });
}

function show(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: onePath,
    operation: 'showRotation',
    group,
    summary: 'Shows a rotation rule, or the schedule of a signing key',
    permission: 'rotations:read',
    params: anyParams,
    answers: { 200: { description: 'The rotation.', schema: rotation } },
    async handle({ tenant, params: { name } }) {
      const row = await ports.store.rotationRules.get(tenant, name);
      if (row !== undefined) {
        return ok({ status: 200, body: renderRule(row), version: row.version });
      }
      const schedules = await keySchedules(ports, tenant);
      const schedule = schedules.find((one) => one.name === name);
      if (schedule === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderSchedule(schedule) });
    },
  });
}

function put(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: onePath,
    operation: 'putRotation',
    group,
    summary: 'Writes a rotation rule: makes it, or replaces it as a whole',
    description:
      'Replacing needs `If-Match`. `deliver_to` names targets of the server’s configuration. The ' +
      'rule needs the permission to rotate its target by hand: `keys:write`, and `keys:assign` ' +
      'for the key of another owner; `clients:write`; or `signing_keys:write`.',
    permission: 'rotations:write',
    params,
    body: rotationSettings,
    edits: 'existing',
    answers: {
      200: { description: 'Replaced.', schema: rotation },
      201: { description: 'Made.', schema: rotation },
    },
    problems: ['wrong_state', 'insufficient_permission'],
    async handle({ caller, requester, params: { name }, body, ifMatch }) {
      const { name: named = name, ...rule } = body;
      if (named !== name) return err(misnamed);
      const written = await putRotation(ports, {
        ...{ requester, name, rule },
        mayHold: (kind, owner) => mayHold(caller, kind, owner),
        isSeen: ifMatch && ((version) => isMatching(ifMatch, version)),
      });
      if (!written.ok) return err(putProblem(written.refusal));
      const { row, created } = written.value;
      return ok({ status: created ? 201 : 200, body: renderRule(row), version: row.version });
    },
  });
}

/** As where it is rotated by hand. */
function mayHold({ actor, permissions }: Caller, kind: RotationKind, owner: string): boolean {
  if (kind === 'client_secret') return covers(permissions, 'clients:write');
  if (kind !== 'key') return covers(permissions, 'signing_keys:write');
  if (!covers(permissions, 'keys:write')) return false;
  return owner === subjectOf(actor) || covers(permissions, 'keys:assign');
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function putProblem(refusal: PutRotationRefusal): Problem {
  switch (refusal.reason) {
    case 'malformed': {
      const { pointer, message } = refusal;
      return { code: 'invalid_body', errors: [{ pointer, message }] };
    }
    case 'no_such_target':
      return {
        code: 'invalid_body',
        errors: [{ pointer: '/target/id', message: 'is nothing that rotates' }],
      };
    case 'owner_not_allowed':
      return {
        code: 'insufficient_permission',
        detail: 'needs what rotating the target by hand needs',
      };
    case 'target_taken':
      return { code: 'wrong_state', detail: 'another rule rotates this' };
    case 'place_taken':
      return { code: 'wrong_state', detail: 'another rule writes to one of the places' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.rotationRulesMax} rules` };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
  }
}

function remove(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: onePath,
    operation: 'deleteRotation',
    group,
    summary: 'Ends a rotation rule; a rotation that is delivered goes on to its end',
    permission: 'rotations:write',
    params,
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['wrong_state'],
    async handle({ requester, params: { name }, ifMatch }) {
      const removed = await deleteRotation(ports, {
        ...{ requester, name },
        isSeen: (version) => ifMatch !== undefined && isMatching(ifMatch, version),
      });
      if (removed.ok) return ok({ status: 204 });
      const { reason } = removed.refusal;
      if (reason !== 'delivering') return err({ code: reason });
      const detail =
        'a new secret waits for its delivery: mend deliver_to, or revoke the successor';
      return err({ code: 'wrong_state', detail });
    },
  });
}

const began = z.union([
  rotationRun,
  z.strictObject({ kid: z.string().describe('The next key of a signing or encryption key') }),
]);

function run(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: `${onePath}/run`,
    operation: 'runRotation',
    group,
    summary: 'Rotates now, whatever the age',
    description:
      'The secret is in no answer: it is delivered. Of a signing key the next one is published.',
    permission: 'rotations:write',
    params: anyParams,
    creates: true,
    answers: { 202: { description: 'It has begun.', schema: began } },
    problems: ['wrong_state', 'conflict', 'insufficient_permission'],
    async handle({ tenant, caller, requester, params: { name }, remember }) {
      const row = await ports.store.rotationRules.get(tenant, name);
      if (row === undefined) return runSchedule(ports, { caller, requester, name });
      const begun = await ports.rotations.run({
        ...{ requester, row },
        alongside: (made) => remember({ status: 202, body: renderRun(made) }),
      });
      if (!begun.ok) return err(beginProblem(begun.refusal));
      return ok({ status: 202, body: renderRun(begun.value) });
    },
  });
}

async function runSchedule(
  ports: RotationEndpointPorts,
  by: {
    readonly caller: Caller;
    readonly requester: Parameters<typeof changeBy>[0];
    readonly name: string;
  },
): Promise<Outcome> {
  const { tenant } = by.requester;
  const schedules = await keySchedules(ports, tenant);
  const schedule = schedules.find((one) => one.name === by.name);
  if (schedule === undefined) return err({ code: 'not_found' });
  if (!covers(by.caller.permissions, 'signing_keys:write')) {
    return err({ code: 'insufficient_permission', detail: 'needs signing_keys:write' });
  }
  const algorithm = schedule.algorithm as KeyPairAlgorithm;
  const change = changeBy(by.requester, { code: 'requested' });
  // Where a next key is published already, that is the answer: repeating is safe.
  const { kid } = await ports.keyring.rotate({ tenant, algorithm, ...change });
  return ok({ status: 202, body: { kid } });
}

function beginProblem(refusal: BeginRefusal): Problem | typeof repeated {
  switch (refusal.reason) {
    case 'under_way':
      return { code: 'wrong_state', detail: `rotation ${refusal.run} is under way` };
    case 'blocked':
      return { code: 'wrong_state', detail: `what it rotates is ${refusal.fault}` };
    case 'changed':
      return { code: 'conflict', detail: 'rule or credential changed meanwhile; try again' };
    case 'refused_by_step':
      return repeated;
  }
}

function listRuns(ports: RotationEndpointPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: `${onePath}/runs`,
    operation: 'listRotationRuns',
    group,
    summary: 'Lists what a rule did, newest first',
    permission: 'rotations:read',
    params,
    paged: true,
    answers: { 200: { description: 'A page of rotations.', schema: pageOf(rotationRun) } },
    async handle({ tenant, params: { name }, page }) {
      const rows = await ports.store.rotationRuns.list({
        where: { tenant, rule: name },
        orderBy: ['startedAt', 'id'],
        descending: true,
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      // Those of a deleted rule are still there for a while, and are shown.
      if (rows.length === 0 && page.after === undefined) {
        const known = await ports.store.rotationRules.get(tenant, name);
        if (known === undefined) return err({ code: 'not_found' });
      }
      const { shown: items, next } = cutPage(page, rows, (last) => [last.startedAt, last.id]);
      return ok({ status: 200, body: { items: items.map(renderRun) }, next });
    },
  });
}
