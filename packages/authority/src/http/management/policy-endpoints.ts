/**
 * `/v1/policies`: what is judged by, beside scopes. A policy is written as a whole; each text is a
 * version of its own, which first stands in shadow and then decides.
 */
import { err, type JsonObject, limits, ok, policyUses, type TenantId } from '@mintmark/core';
import { z } from 'zod';
import {
  type Changed,
  deletePolicy,
  putPolicy,
  rollBackPolicy,
  stagePolicy,
} from '../../policies/change-policy.ts';
import { doubtsOf } from '../../policies/doubts.ts';
import {
  type ChangeRefusal,
  documentOf,
  type IsSeen,
  type PolicyPorts,
  type PolicyRow,
  type PolicyVersionRow,
  policyStages,
  stageOf,
} from '../../policies/policy-row.ts';
import { cutPage } from './cut-page.ts';
import { endpoint, type PreparedEndpoint } from './endpoint.ts';
import { type IfMatch, isMatching } from './etag.ts';
import { policyDifference } from './policy-difference.ts';
import type { Problem } from './problem.ts';
import { line, momentOut, pageOf, renderMoment } from './wire-schema.ts';

const group = 'policies';
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
const number = z.string().regex(/^[1-9][0-9]{0,5}$/);
const reason = line({ min: 1, max: 500 }).describe('Why, for the trail and the list of versions');
const stage = z
  .enum(policyStages)
  .describe(
    '`draft`: nobody judges by it; `shadow`: asked beside what decides; `enforce`: decides',
  );

const documented = {
  cedar: z.string().describe('Policies in the Cedar language'),
  uses: z.array(z.enum(policyUses)).optional(),
  routes: z.array(z.string()).optional().describe('At gateways: for these alone'),
  resource_types: z.array(z.string()).optional().describe('Of evaluations: for these alone'),
  schema: z.string().optional().describe('A Cedar schema that the policies must fit'),
  entities: z.array(z.record(z.string(), z.unknown())).optional(),
  tests: z.array(z.record(z.string(), z.unknown())).optional(),
};

// Judged by the reader of documents, which knows the line and the column of what is wrong.
const settings = z
  .looseObject({ ...documented, reason, stage: stage.optional() })
  .meta({ id: 'PolicySettings' });

const version = z
  .looseObject({
    ...documented,
    ...{ name: z.string(), version: z.int(), stage, reason: z.string(), author: z.string() },
    created_at: momentOut,
  })
  .meta({ id: 'PolicyVersion' });

const summary = {
  name: z.string(),
  version: z.int(),
  enforced_version: z.int().nullable(),
  shadow_version: z.int().nullable(),
  updated_at: momentOut,
};
const policy = z.looseObject({ ...version.shape, ...summary }).meta({ id: 'Policy' });
const written = z
  .looseObject({
    ...policy.shape,
    warnings: z
      .array(z.string())
      .optional()
      .describe('What is doubtful: routes that are not there, tests that fail'),
  })
  .meta({ id: 'WrittenPolicy' });

export function policyEndpoints(ports: PolicyPorts): readonly PreparedEndpoint[] {
  return [
    ...[list(ports), show(ports), put(ports), remove(ports)],
    ...[versions(ports), showVersion(ports), changeStage(ports), rollBack(ports)],
    policyDifference(ports),
  ];
}

function renderSummary({ name, newest, enforced, shadow, updatedAt }: PolicyRow) {
  const judged = { enforced_version: enforced, shadow_version: shadow };
  return { name, version: newest, ...judged, updated_at: renderMoment(updatedAt) };
}

function renderVersion(row: PolicyRow, version: PolicyVersionRow) {
  const { name, number, document, reason, author, createdAt } = version;
  const about = { name, version: number, stage: stageOf(row, number), reason, author };
  return { ...document, ...about, created_at: renderMoment(createdAt) };
}

function renderPolicy(row: PolicyRow, version: PolicyVersionRow) {
  return { ...renderVersion(row, version), ...renderSummary(row), version: version.number };
}

function list(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/policies',
    operation: 'listPolicies',
    group,
    summary: 'Lists policies by name',
    permission: 'policies:read',
    paged: true,
    answers: {
      200: { description: 'A page of policies.', schema: pageOf(z.strictObject(summary)) },
    },
    async handle({ tenant, page }) {
      const rows = await ports.store.policies.list({
        where: { tenant },
        ...(page.after === undefined ? {} : { after: page.after }),
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.name]);
      return ok({ status: 200, body: { items: shown.map(renderSummary) }, next });
    },
  });
}

function show(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/policies/{name}',
    operation: 'showPolicy',
    group,
    summary: 'Shows a policy with its newest version',
    permission: 'policies:read',
    params: z.strictObject({ name }),
    answers: { 200: { description: 'The policy.', schema: policy } },
    async handle({ tenant, params }) {
      const row = await ports.store.policies.get(tenant, params.name);
      const found = row && (await readVersion(ports, { tenant, name: row.name, at: row.newest }));
      if (row === undefined || found === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderPolicy(row, found), version: row.version });
    },
  });
}

function readVersion(
  { store }: PolicyPorts,
  { tenant, name, at }: { readonly tenant: TenantId; readonly name: string; readonly at: number },
): Promise<PolicyVersionRow | undefined> {
  return store.policyVersions.get(tenant, name, at);
}

/** What the server says of a policy, which may be sent again with it. */
const told = new Set([
  ...['name', 'version', 'author', 'created_at', 'updated_at', 'reason', 'stage'],
  ...['enforced_version', 'shadow_version'],
]);

function put(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'PUT',
    path: '/v1/policies/{name}',
    operation: 'putPolicy',
    group,
    summary: 'Writes a policy: a new version, in shadow unless told otherwise',
    description:
      'The same text as the newest version’s makes no new one. A text that cannot be read, or ' +
      'that is to decide and fails its own tests, is refused, and what was judged by before ' +
      'goes on. ' +
      'Replacing needs `If-Match`.',
    permission: 'policies:write',
    params: z.strictObject({ name }),
    body: settings,
    edits: 'existing',
    answers: {
      200: { description: 'Another version, another stage, or no change.', schema: written },
      201: { description: 'Made.', schema: written },
    },
    problems: ['wrong_state', 'tests_failed'],
    async handle({ requester, params, body, ifMatch }) {
      if ((body['name'] ?? params.name) !== params.name) return err(misnamed);
      const members = Object.entries(body).filter(([member]) => !told.has(member));
      const changed = await putPolicy(ports, {
        ...{ requester, name: params.name, reason: body.reason, stage: body.stage },
        document: Object.fromEntries(members) as JsonObject,
        isSeen: seenBy(ifMatch),
      });
      if (!changed.ok) return err(problemOf(changed.refusal));
      const { version } = changed.value;
      const warnings = await doubtsOf(ports, requester.tenant, documentOf(version));
      return ok(answerOf(changed.value, warnings));
    },
  });
}

const misnamed: Problem = {
  code: 'invalid_body',
  errors: [{ pointer: '/name', message: 'is not the name in the path' }],
};

function seenBy(ifMatch: IfMatch | undefined): IsSeen {
  return ifMatch && ((version) => isMatching(ifMatch, version));
}

function answerOf({ row, version, made }: Changed, warnings: readonly string[]) {
  const status = made === 'policy' ? 201 : 200;
  const told = warnings.length === 0 ? {} : { warnings };
  return { status, body: { ...renderPolicy(row, version), ...told }, version: row.version };
}

function problemOf(refusal: ChangeRefusal): Problem {
  switch (refusal.reason) {
    case 'not_found':
      return { code: 'not_found' };
    case 'malformed':
      return { code: 'invalid_body', errors: refusal.errors.slice(0, errorsMax).map(placed) };
    case 'tests_failed':
      return {
        code: 'tests_failed',
        errors: refusal.failures.slice(0, errorsMax).map(({ index, name, notes }) => ({
          pointer: `/tests/${index}`,
          message: `${name}: ${notes.join('; ')}`,
        })),
      };
    case 'version_unknown':
      return { code: 'if_match_required' };
    case 'version_mismatch':
      return { code: 'version_mismatch' };
    case 'too_many':
      return { code: 'wrong_state', detail: `at most ${limits.policiesMax} policies` };
    case 'in_use':
      return { code: 'wrong_state', detail: 'it is judged by; make a draft of it first' };
  }
}

const errorsMax = 20;

function placed({ pointer, message }: { readonly pointer: string; readonly message: string }) {
  return { pointer, message };
}

function remove(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'DELETE',
    path: '/v1/policies/{name}',
    operation: 'deletePolicy',
    group,
    summary: 'Takes a policy away that nothing is judged by, with all its versions',
    permission: 'policies:write',
    params: z.strictObject({ name }),
    edits: 'always',
    answers: { 204: { description: 'It is gone.' } },
    problems: ['wrong_state'],
    async handle({ requester, params, ifMatch }) {
      const isSeen = seenBy(ifMatch);
      const gone = await deletePolicy(ports, { requester, name: params.name, isSeen });
      return gone.ok ? ok({ status: 204 }) : err(problemOf(gone.refusal));
    },
  });
}

function versions(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/policies/{name}/versions',
    operation: 'listPolicyVersions',
    group,
    summary: 'Lists the versions of a policy, newest first',
    permission: 'policies:read',
    params: z.strictObject({ name }),
    paged: true,
    answers: { 200: { description: 'A page of versions.', schema: pageOf(version) } },
    async handle({ tenant, params, page }) {
      const row = await ports.store.policies.get(tenant, params.name);
      if (row === undefined) return err({ code: 'not_found' });
      const rows = await ports.store.policyVersions.list({
        where: { tenant, name: params.name },
        ...(page.after === undefined ? {} : { after: page.after }),
        descending: true,
        limit: page.limit + 1,
      });
      const { shown, next } = cutPage(page, rows, (last) => [last.tenant, last.name, last.number]);
      return ok({
        status: 200,
        body: { items: shown.map((one) => renderVersion(row, one)) },
        next,
      });
    },
  });
}

function showVersion(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/v1/policies/{name}/versions/{version}',
    operation: 'showPolicyVersion',
    group,
    summary: 'Shows a version of a policy',
    permission: 'policies:read',
    params: z.strictObject({ name, version: number }),
    answers: { 200: { description: 'The version.', schema: version } },
    async handle({ tenant, params }) {
      const row = await ports.store.policies.get(tenant, params.name);
      const at = Number(params.version);
      const found = await readVersion(ports, { tenant, name: params.name, at });
      if (row === undefined || found === undefined) return err({ code: 'not_found' });
      return ok({ status: 200, body: renderVersion(row, found) });
    },
  });
}

function changeStage(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/policies/{name}/versions/{version}/stage',
    operation: 'stagePolicyVersion',
    group,
    summary: 'Moves a version to another stage',
    description:
      'One version decides and one stands in shadow; another that comes takes its place. ' +
      'Gateways judge by it within a second.',
    permission: 'policies:write',
    params: z.strictObject({ name, version: number }),
    body: z.strictObject({ stage, reason }),
    edits: 'always',
    answers: { 200: { description: 'The policy as it is now.', schema: policy } },
    problems: ['tests_failed'],
    async handle({ requester, params, body, ifMatch }) {
      const changed = await stagePolicy(ports, {
        ...{ requester, name: params.name, number: Number(params.version), ...body },
        isSeen: seenBy(ifMatch),
      });
      if (!changed.ok) return err(problemOf(changed.refusal));
      const { row, version } = changed.value;
      return ok({ status: 200, body: renderPolicy(row, version), version: row.version });
    },
  });
}

function rollBack(ports: PolicyPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: '/v1/policies/{name}/rollback',
    operation: 'rollBackPolicy',
    group,
    summary: 'Writes an old version again as the newest one, which decides at once',
    permission: 'policies:write',
    params: z.strictObject({ name }),
    body: z.strictObject({ version: z.int().min(1), reason }),
    edits: 'always',
    answers: { 200: { description: 'The policy as it is now.', schema: policy } },
    problems: ['tests_failed'],
    async handle({ requester, params, body, ifMatch }) {
      const changed = await rollBackPolicy(ports, {
        ...{ requester, name: params.name, number: body.version, reason: body.reason },
        isSeen: seenBy(ifMatch),
      });
      return changed.ok ? ok(answerOf(changed.value, [])) : err(problemOf(changed.refusal));
    },
  });
}
