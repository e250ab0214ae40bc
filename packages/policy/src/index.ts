export {
  type AccessRequest,
  actionOf,
  momentContext,
  type PrincipalFacts,
  present,
  principalOf,
} from './access/access-request.ts';
export {
  type ApiRefusal,
  type CompiledApi,
  compileApi,
  type MatchedOperation,
  parseApi,
} from './access/api-view.ts';
export {
  isDiffering,
  isUsedFor,
  type JudgedAt,
  type JudgedPolicy,
  type JudgedVersion,
  type Judgement,
  judgePolicies,
  preparePolicy,
  type ShadowOutcome,
  unreadableVersions,
} from './access/judge.ts';
export { type DescribedApi, type OpenApiRefusal, readOpenApi } from './access/openapi.ts';
export {
  type DocumentError,
  documentMembers,
  type PolicyDocument,
  readPolicyDocument,
  versionViewOf,
} from './access/policy-document.ts';
export { type PolicyTest, runTests, type TestOutcome } from './access/policy-test.ts';
export { cedarSchemaOf } from './access/schema-text.ts';
export { showRequest } from './access/show-request.ts';
export { createTallies, type Tallies } from './access/tallies.ts';
export type {
  ActionScope,
  Condition,
  Effect,
  EntityScope,
  Expression,
  Policy,
  PolicySet,
} from './ast.ts';
export { type CompiledPolicies, type CompiledPolicy, compilePolicies } from './compile-policies.ts';
export type { RequestContract, RequestMisfit } from './contract/request-contract.ts';
export { readPairs } from './contract/request-contract.ts';
export { Entities, type EntitiesRefusal, type Entity, type EntityInput } from './entities.ts';
export { EntityUid, isTypeName } from './entity-uid.ts';
export {
  type AuthorizationRequest,
  type Decision,
  type EvaluationError,
  evaluate,
} from './evaluate.ts';
export { type ExplainedPolicy, type Explanation, explain } from './explain.ts';
export {
  Datetime,
  Decimal,
  Duration,
  Extension,
  type ExtensionKind,
  IpRange,
  parseDatetime,
  parseDecimal,
  parseDuration,
  parseIpRange,
} from './extension.ts';
export { parsePolicies } from './parse-policies.ts';
export { parseSchema, type SchemaError } from './parse-schema.ts';
export type { PolicyError, PolicyErrorReason } from './policy-error.ts';
export type { Position } from './position.ts';
export {
  type ActionSchema,
  type AttributeType,
  type AttributeTypes,
  actionEntities,
  type EntityTypeSchema,
  type Schema,
  type SchemaType,
} from './schema.ts';
export { type Validation, type ValidationFinding, validate } from './validate.ts';
export type { RecordValue, SetValue, Value } from './value.ts';
export {
  type JsonRefusal,
  parseContext,
  parseEntities,
  parseEntityUidJson,
  parseValue,
} from './value-json.ts';
