/** What other programs ask, in AuthZEN's information model (Authorization API 1.0, §5). */
import {
  err,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ok,
  type Result,
} from '@mintmark/core';
import {
  type EntityInput,
  EntityUid,
  isTypeName,
  parseContext,
  type RecordValue,
} from '@mintmark/policy';

/** One question, in AuthZEN's information model (§5). */
export interface Evaluation {
  readonly principal: EntityInput;
  readonly action: EntityInput;
  readonly resource: EntityInput;
  readonly context: RecordValue;
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

/** @param pointer of the member, for what is wrong with it */
export function readEntity(
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

export function readAction(value: JsonValue | undefined): Result<EntityInput, EvaluationRefusal> {
  if (!isJsonObject(value)) return err({ pointer: '/action', message: 'is missing' });
  const { name, properties } = value;
  if (typeof name !== 'string') return err({ pointer: '/action/name', message: 'is missing' });
  const attributes = readValues(properties, '/action/properties');
  if (!attributes.ok) return attributes;
  return ok({ uid: new EntityUid('Action', name), attributes: attributes.value });
}

export function readValues(
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
