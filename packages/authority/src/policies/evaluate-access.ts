/**
 * Decisions for other programs (AuthZEN Authorization API 1.0): they say who, what and where, and
 * are believed, for they enforce what is answered. Nothing is permitted that no policy for
 * evaluations permits.
 */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  nowSeconds,
  ok,
  type Result,
  type TenantId,
} from '@mintmark/core';
import {
  type AccessRequest,
  type EntityInput,
  EntityUid,
  isTypeName,
  type Judgement,
  judgePolicies,
  momentContext,
  parseContext,
  type RecordValue,
} from '@mintmark/policy';
import { type RightsStore, rightsOf } from '../roles/rights.ts';
import { type KeepPorts, keepDecision } from './keep-decision.ts';
import type { PolicyReader } from './policy-reader.ts';

export interface EvaluatePorts extends KeepPorts {
  readonly policies: Pick<PolicyReader, 'of'>;
  /** Roles and groups of our own users. */
  readonly rights: RightsStore;
}

/** One question, in AuthZEN's information model (§5). */
export interface Evaluation {
  readonly principal: EntityInput;
  readonly action: EntityInput;
  readonly resource: EntityInput;
  readonly context: RecordValue;
}

export interface Evaluated {
  readonly allowed: boolean;
  /** Names the decision. */
  readonly decision: string;
}

/** @throws StoreFault where the policies cannot be known */
export async function evaluateAccess(
  ports: EvaluatePorts,
  input: { readonly tenant: TenantId; readonly evaluation: Evaluation },
): Promise<Evaluated> {
  const { tenant, evaluation } = input;
  const policies = await ports.policies.of(tenant);
  const request = await requestOf(ports, tenant, evaluation);
  const at = { use: 'evaluation', resourceType: request.resource.type } as const;
  const { answers, shadows, verdict } = judgePolicies(policies, at, () => request) ?? nothingSaid;
  const isDecided = answers.some(({ stage }) => stage === 'enforce');
  const allowed = verdict === 'allow';
  const reason = allowed ? 'ok' : isDecided ? 'policy_denied' : 'no_policy';
  const decision = await keepDecision(ports, {
    ...{ tenant, surface: 'evaluation', request, verdict, reason, answers, shadows },
  });
  return { allowed, decision };
}

/** Where no policy is for it, nothing permits it. */
const nothingSaid: Pick<Judgement, 'answers' | 'shadows' | 'verdict'> = {
  ...{ answers: [], shadows: [], verdict: 'deny' },
};

async function requestOf(
  { clock, rights }: EvaluatePorts,
  tenant: TenantId,
  { principal, action, resource, context }: Evaluation,
): Promise<AccessRequest> {
  const moment = momentContext({ now: nowSeconds(clock), address: undefined });
  const { uid } = principal;
  const proven = uid.type === 'User' ? await userOf(rights, tenant, principal) : principal;
  return {
    ...{ principal: uid, action: action.uid, resource: resource.uid },
    context: { ...moment, ...context },
    entities: [proven, action, resource],
  };
}

/** What we know of a user ourselves goes before what the caller says of them. */
async function userOf(
  rights: RightsStore,
  tenant: TenantId,
  { uid, attributes }: EntityInput,
): Promise<EntityInput> {
  const { scopes, ...known } = await rightsOf(rights, tenant, uid.id);
  const [roles, groups] = [[...known.roles], known.groups];
  return {
    uid,
    attributes: { ...attributes, tenant, scopes: [...scopes], roles, groups },
    parents: [
      ...roles.map((role) => new EntityUid('Role', role)),
      ...groups.map((group) => new EntityUid('Group', group)),
    ],
  };
}

/** What is wrong with an evaluation: the member, and why. */
export type EvaluationRefusal = { readonly pointer: string; readonly message: string };

/**
 * Reads an evaluation (§6.1). Types become types of Cedar's entities, so they are spelled like
 * those; unknown members are ignored (§10.1.1). `null` is taken for absent.
 */
export function readEvaluation(value: JsonObject): Result<Evaluation, EvaluationRefusal> {
  const principal = readEntity(value['subject'], '/subject');
  if (!principal.ok) return principal;
  const resource = readEntity(value['resource'], '/resource');
  if (!resource.ok) return resource;
  const action = readAction(value['action']);
  if (!action.ok) return action;
  const context = readValues(value['context'], '/context');
  if (!context.ok) return context;
  // Properties of an action are facts of this one request.
  const { uid, attributes = {} } = action.value;
  const members =
    Object.keys(attributes).length === 0 ? context.value : { ...context.value, action: attributes };
  return ok({
    principal: principal.value,
    action: { uid },
    resource: resource.value,
    context: members,
  });
}

function readEntity(
  value: JsonValue | undefined,
  pointer: string,
): Result<EntityInput, EvaluationRefusal> {
  if (!isJsonObject(value)) return err({ pointer, message: 'is missing' });
  const { type, id, properties } = value;
  if (typeof type !== 'string' || !isTypeName(type)) {
    return err({ pointer: `${pointer}/type`, message: 'is no name of a type: letters, digits, _' });
  }
  if (typeof id !== 'string') return err({ pointer: `${pointer}/id`, message: 'is missing' });
  const attributes = readValues(properties, `${pointer}/properties`);
  if (!attributes.ok) return attributes;
  return ok({ uid: new EntityUid(type, id), attributes: attributes.value });
}

function readAction(value: JsonValue | undefined): Result<EntityInput, EvaluationRefusal> {
  if (!isJsonObject(value)) return err({ pointer: '/action', message: 'is missing' });
  const { name, properties } = value;
  if (typeof name !== 'string') return err({ pointer: '/action/name', message: 'is missing' });
  const attributes = readValues(properties, '/action/properties');
  if (!attributes.ok) return attributes;
  return ok({ uid: new EntityUid('Action', name), attributes: attributes.value });
}

function readValues(
  value: JsonValue | undefined,
  pointer: string,
): Result<RecordValue, EvaluationRefusal> {
  if (value === undefined || value === null) return ok({});
  if (!isJsonObject(value)) return err({ pointer, message: 'is not an object' });
  const parsed = parseContext(withoutNulls(value));
  if (parsed.ok) return parsed;
  const { path, message } = parsed.refusal;
  return err({ pointer, message: path === '' ? message : `at ${path}: ${message}` });
}

function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.filter((one) => one !== null).map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(members.map(([name, one]) => [name, withoutNulls(one)]));
}
