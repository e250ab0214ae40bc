/**
 * The AuthZEN Authorization API 1.0: decisions for programs that enforce them elsewhere, and
 * searches. Errors are problem documents with the statuses of §10.1.2.
 */

import type { TenantId } from '@mintmark/core';
import { err, isJsonObject, type JsonObject, type JsonValue, limits, ok } from '@mintmark/core';
import { z } from 'zod';
import {
  type Evaluated,
  type EvaluatePorts,
  evaluateAccess,
} from '../../policies/evaluate-access.ts';
import { readEvaluation } from '../../policies/read-evaluation.ts';
import { type SearchedFor, type SearchPorts, searchAccess } from '../../policies/search-access.ts';
import { endpoint, type Outcome, type PreparedEndpoint } from './endpoint.ts';
import type { Problem } from './problem.ts';

export interface AccessPorts extends EvaluatePorts, SearchPorts {
  readonly issuerOf: (tenant: TenantId) => string;
}

const group = 'access evaluation';
const evaluationPath = '/access/v1/evaluation';
const evaluationsPath = '/access/v1/evaluations';

const entity = z.looseObject({ type: z.string(), id: z.string() });
const question = {
  subject: entity.optional(),
  action: z.looseObject({ name: z.string() }).optional(),
  resource: entity.optional(),
  context: z.looseObject({}).optional(),
};
// Parsed by hand: what is wrong is a 400 (§10.1.2), and unknown members are ignored (§10.1.1).
const asked = z.looseObject({}).meta({
  id: 'EvaluationRequest',
  wire: z.toJSONSchema(z.looseObject(question), { io: 'input' }) as Record<string, unknown>,
});
const decision = z
  .looseObject({ decision: z.boolean(), context: z.looseObject({}).optional() })
  .meta({ id: 'EvaluationDecision' });

export function accessEndpoints(ports: AccessPorts): readonly PreparedEndpoint[] {
  const searches = searchedFor.map((what) => search(ports, what));
  return [evaluation(ports), evaluations(ports), ...searches, configuration(ports)];
}

function render({ allowed, decision }: Evaluated) {
  // Which policy it was, only the explanation says.
  return { decision: allowed, ...(decision === undefined ? {} : { context: { id: decision } }) };
}

function evaluation(ports: AccessPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: evaluationPath,
    operation: 'evaluateAccess',
    group,
    summary: 'Decides whether a subject may do something to a resource (AuthZEN §6)',
    description: 'By the policies for `evaluation` that are enforced; where none is, it may not.',
    permission: 'access:evaluate',
    echoesRequestId: true,
    body: asked,
    answers: { 200: { description: 'The decision.', schema: decision } },
    handle: ({ tenant, body }) => decideOne(ports, tenant, body as JsonObject),
  });
}

async function decideOne(ports: AccessPorts, tenant: TenantId, body: JsonObject): Promise<Outcome> {
  const read = readEvaluation(body);
  if (!read.ok) return err(badRequest(read.refusal.pointer, read.refusal.message));
  const evaluated = await evaluateAccess(ports, { tenant, evaluation: read.value });
  return ok({ status: 200, body: render(evaluated) });
}

const semantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'];

function evaluations(ports: AccessPorts): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: evaluationsPath,
    operation: 'evaluateAccesses',
    group,
    summary: 'Decides several questions at once (AuthZEN §7)',
    description:
      'Members beside `evaluations` are defaults of each. `options.evaluations_semantic` is ' +
      '`execute_all` (default), `deny_on_first_deny` or `permit_on_first_permit`.',
    permission: 'access:evaluate',
    echoesRequestId: true,
    body: asked,
    answers: {
      200: {
        description: 'A decision for each, in order, up to the one that ended it.',
        schema: z.union([z.looseObject({ evaluations: z.array(decision) }), decision]),
      },
    },
    async handle({ tenant, body }) {
      const { evaluations: list, options, ...defaults } = body as JsonObject;
      if (list !== undefined && !Array.isArray(list)) {
        return err(badRequest('/evaluations', 'is not a list'));
      }
      const semantic = semanticOf(options);
      if (semantic === undefined) {
        return err(
          badRequest('/options/evaluations_semantic', `is one of ${semantics.join(', ')}`),
        );
      }
      // §7.1: without any it is the single evaluation.
      if (list === undefined || list.length === 0) return decideOne(ports, tenant, defaults);
      if (list.length > limits.evaluationsMax) {
        return err(badRequest('/evaluations', `has more than ${limits.evaluationsMax}`));
      }
      const answers = await decideAll(ports, { tenant, list, defaults, semantic });
      return ok({ status: 200, body: { evaluations: answers } });
    },
  });
}

function semanticOf(options: JsonValue | undefined): string | undefined {
  if (options === undefined) return semantics[0];
  const named = isJsonObject(options) ? options['evaluations_semantic'] : null;
  if (named === undefined) return semantics[0];
  return typeof named === 'string' && semantics.includes(named) ? named : undefined;
}

async function decideAll(
  ports: AccessPorts,
  input: {
    readonly tenant: TenantId;
    readonly list: readonly JsonValue[];
    readonly defaults: JsonObject;
    readonly semantic: string;
  },
): Promise<readonly JsonObject[]> {
  const { tenant, list, defaults, semantic } = input;
  const answers: JsonObject[] = [];
  for (const one of list) {
    const read = readEvaluation({ ...defaults, ...(isJsonObject(one) ? one : {}) });
    // §7.2.1: what is wrong with one of them is said beside its denial.
    const answer: JsonObject = read.ok
      ? render(await evaluateAccess(ports, { tenant, evaluation: read.value }))
      : {
          decision: false,
          context: {
            error: { status: 400, message: `${read.refusal.pointer} ${read.refusal.message}` },
          },
        };
    answers.push(answer);
    const ending = semantic === 'permit_on_first_permit';
    if (semantic !== 'execute_all' && answer['decision'] === ending) return answers;
  }
  return answers;
}

const searchedFor = ['subject', 'resource', 'action'] as const;
const searchPath = (what: SearchedFor): string => `/access/v1/search/${what}`;

const names = {
  subject: {
    operation: 'searchSubjects',
    summary: 'Lists subjects of a type that may (AuthZEN §8)',
  },
  resource: {
    operation: 'searchResources',
    summary: 'Lists resources of a type to which a subject may (AuthZEN §8)',
  },
  action: {
    operation: 'searchActions',
    summary: 'Lists what a subject may do to a resource (AuthZEN §8)',
  },
} as const;

const searchAnswer = z
  .looseObject({
    page: z.looseObject({
      next_token: z.string().describe('Empty: there is nothing behind this page'),
      count: z.int(),
    }),
    results: z.array(z.looseObject({})).describe('`type` and `id`, or `name` of actions'),
  })
  .meta({ id: 'AccessSearchResults' });

function search(ports: AccessPorts, what: SearchedFor): PreparedEndpoint {
  return endpoint({
    method: 'POST',
    path: searchPath(what),
    ...names[what],
    group,
    description:
      'Among entities that the enforced policies for `evaluation` name, our own active users ' +
      '(type `User`), and actions that policies name. A page may be short of its limit.',
    permission: 'access:evaluate',
    echoesRequestId: true,
    body: asked,
    answers: { 200: { description: 'A page of what was found.', schema: searchAnswer } },
    async handle({ tenant, body }) {
      const found = await searchAccess(ports, { tenant, what, body: body as JsonObject });
      if (!found.ok) return err(badRequest(found.refusal.pointer, found.refusal.message));
      const { results, nextToken } = found.value;
      const page = { next_token: nextToken, count: results.length };
      return ok({ status: 200, body: { page, results } });
    },
  });
}

function badRequest(pointer: string, message: string): Problem {
  return { code: 'invalid_request', detail: `${pointer} ${message}` };
}

function configuration(ports: AccessPorts): PreparedEndpoint {
  return endpoint({
    method: 'GET',
    path: '/.well-known/authzen-configuration',
    operation: 'readAuthzenConfiguration',
    group,
    summary: 'Says where access is evaluated (AuthZEN §9)',
    permission: undefined,
    hidden: true,
    answers: {
      200: {
        description: 'The metadata of this decision point.',
        schema: z.looseObject({
          policy_decision_point: z.string(),
          access_evaluation_endpoint: z.string(),
          access_evaluations_endpoint: z.string(),
          search_subject_endpoint: z.string(),
          search_resource_endpoint: z.string(),
          search_action_endpoint: z.string(),
        }),
      },
    },
    handle({ tenant }) {
      const issuer = ports.issuerOf(tenant);
      const body = {
        policy_decision_point: issuer,
        access_evaluation_endpoint: issuer + evaluationPath,
        access_evaluations_endpoint: issuer + evaluationsPath,
        search_subject_endpoint: issuer + searchPath('subject'),
        search_resource_endpoint: issuer + searchPath('resource'),
        search_action_endpoint: issuer + searchPath('action'),
      };
      return ok({ status: 200, body });
    },
  });
}
