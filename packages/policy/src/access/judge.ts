/**
 * Several policies over one request. Each is whole by itself: the request passes where every policy
 * that is for it allows it. Beside each its version in shadow is asked too, which decides nothing.
 */
import {
  err,
  type JsonValue,
  ok,
  type PolicyAnswer,
  type PolicyUse,
  type PolicyVerdict,
  type PolicyVersionView,
  type PolicyView,
  type Result,
} from '@mintmark/core';
import { type CompiledPolicies, compilePolicies } from '../compile-policies.ts';
import { Entities, type EntityInput } from '../entities.ts';
import { evaluate } from '../evaluate.ts';
import { parsePolicies } from '../parse-policies.ts';
import { parseEntities } from '../value-json.ts';
import type { AccessRequest } from './access-request.ts';

/** A policy as it is judged by. */
export interface JudgedPolicy {
  readonly name: string;
  readonly view: PolicyView;
  readonly enforced: JudgedVersion | undefined;
  readonly shadow: JudgedVersion | undefined;
}

export interface JudgedVersion {
  readonly view: PolicyVersionView;
  /** Undefined where this program cannot read it: it then denies everything that it is for. */
  readonly policies: CompiledPolicies | undefined;
  readonly entities: Entities;
}

/** Compiles what changed of a policy; what `known` has of the same text is taken from there. */
export function preparePolicy(name: string, view: PolicyView, known?: JudgedPolicy): JudgedPolicy {
  const compile = (version: PolicyVersionView | undefined): JudgedVersion | undefined => {
    if (version === undefined) return undefined;
    const same = [known?.enforced, known?.shadow].find((one) => one && isSame(one.view, version));
    return same ?? compileVersion(version);
  };
  return { name, view, enforced: compile(view.enforced), shadow: compile(view.shadow) };
}

/** A number alone says nothing where data was restored: the text decides. */
function isSame(a: PolicyVersionView, b: PolicyVersionView): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function compileVersion(view: PolicyVersionView): JudgedVersion {
  const parsed = parsePolicies(view.cedar);
  const entities = parseEntities(view.entities as readonly JsonValue[]);
  if (!parsed.ok || !entities.ok) return { view, policies: undefined, entities: Entities.none };
  return { view, policies: compilePolicies(parsed.value), entities: entities.value };
}

/** Whether anything that policies say could not be read. */
export function unreadableVersions({ enforced, shadow }: JudgedPolicy): readonly number[] {
  return [enforced, shadow].flatMap((one) =>
    one !== undefined && one.policies === undefined ? [one.view.version] : [],
  );
}

/** Where a request is judged: which versions are for it. */
export interface JudgedAt {
  readonly use: PolicyUse;
  readonly route?: string | undefined;
  readonly resourceType?: string | undefined;
}

export interface Judgement {
  readonly verdict: PolicyVerdict;
  readonly answers: readonly PolicyAnswer[];
  /** What each version in shadow would have made of it. */
  readonly shadows: readonly ShadowOutcome[];
}

export interface ShadowOutcome {
  readonly policy: string;
  readonly version: number;
  /** Version that decided; 0: none. */
  readonly against: number;
  /** What became of the request, by all policies. */
  readonly enforced: PolicyVerdict;
  /** What would have become of it with this version. */
  readonly shadow: PolicyVerdict;
  readonly failed: boolean;
}

/** What one policy said: its version that decides, and the one beside it. */
interface Said {
  readonly policy: JudgedPolicy;
  readonly decided: PolicyAnswer | undefined;
  readonly beside: PolicyAnswer | undefined;
}

/**
 * Judges a request.
 *
 * @param ask builds the request; called once, and only where a version is for it
 * @returns undefined where no version is for it
 */
export function judgePolicies(
  policies: readonly JudgedPolicy[],
  at: JudgedAt,
  ask: () => AccessRequest,
): (Judgement & { readonly request: AccessRequest }) | undefined {
  let request: AccessRequest | undefined;
  const all: Said[] = [];
  for (const policy of policies) {
    const { name, enforced, shadow } = policy;
    const deciding = enforced !== undefined && isFor(enforced.view, at) ? enforced : undefined;
    const tried = shadow !== undefined && isFor(shadow.view, at) ? shadow : undefined;
    if (deciding === undefined && tried === undefined) continue;
    request ??= ask();
    const decided = deciding && answer(name, 'enforce', { version: deciding, request });
    const beside = tried && answer(name, 'shadow', { version: tried, request });
    all.push({ policy, decided, beside });
  }
  if (request === undefined) return undefined;
  const verdict = joined(
    all.map(({ decided }) => decided),
    at,
  );
  const answers = all.flatMap(({ decided, beside }) =>
    [decided, beside].filter((one) => one !== undefined),
  );
  const shadows = all.flatMap((one) => outcomeOf(one, { all, at, verdict }));
  return { verdict, answers, shadows, request };
}

/** All must allow it. Where none is asked, scopes decide; of evaluations nothing else would. */
function joined(answers: readonly (PolicyAnswer | undefined)[], { use }: JudgedAt): PolicyVerdict {
  const said = answers.filter((one) => one !== undefined);
  if (said.some(({ verdict }) => verdict === 'deny')) return 'deny';
  return said.length === 0 && use === 'evaluation' ? 'deny' : 'allow';
}

/** What would have become of the request, had the version in shadow decided in its place. */
function outcomeOf(
  one: Said,
  of: { readonly all: readonly Said[]; readonly at: JudgedAt; readonly verdict: PolicyVerdict },
): readonly ShadowOutcome[] {
  const { name, enforced, shadow } = one.policy;
  if (shadow === undefined) return [];
  const { all, at, verdict } = of;
  const instead = all.map((other) => (other === one ? one.beside : other.decided));
  return [
    {
      ...{ policy: name, version: shadow.view.version, against: enforced?.view.version ?? 0 },
      ...{ enforced: verdict, shadow: joined(instead, at) },
      failed: (one.beside?.errors.length ?? 0) > 0,
    },
  ];
}

/** Whether a version in shadow would have decided otherwise. */
export function isDiffering({ enforced, shadow }: ShadowOutcome): boolean {
  return enforced !== shadow;
}

/** Whether anything of the policy is asked there at all. */
export function isUsedFor({ enforced, shadow }: JudgedPolicy, use: PolicyUse): boolean {
  return [enforced, shadow].some((one) => one?.view.uses.includes(use) === true);
}

function isFor({ uses, routes, resourceTypes }: PolicyVersionView, at: JudgedAt): boolean {
  if (!uses.includes(at.use)) return false;
  switch (at.use) {
    case 'gateway':
      return routes === undefined || routes.includes(at.route ?? '');
    case 'evaluation':
      return resourceTypes === undefined || resourceTypes.includes(at.resourceType ?? '');
    case 'token':
      return true;
  }
}

function answer(
  policy: string,
  stage: PolicyAnswer['stage'],
  { version, request }: { readonly version: JudgedVersion; readonly request: AccessRequest },
): PolicyAnswer {
  const { version: number } = version.view;
  const found = askVersion(version, request);
  if (found.ok) return { policy, version: number, stage, ...found.value };
  const errors = [{ policy, message: found.refusal }];
  return { policy, version: number, stage, verdict: 'deny', reasons: [], errors };
}

/**
 * Asks one version.
 *
 * @returns its verdict; refusal: why it could not be asked, which must count as a denial
 */
export function askVersion(
  { policies, entities }: JudgedVersion,
  request: AccessRequest,
): Result<Pick<PolicyAnswer, 'verdict' | 'reasons' | 'errors'>, string> {
  if (policies === undefined) return err('this version cannot be read here');
  const joined = entities.with(request.entities.map((input) => over(entities, input)));
  if (!joined.ok) return err(`entities: ${joined.refusal.reason} ${joined.refusal.entity}`);
  const { principal, action, resource, context } = request;
  const { decision, reasons, errors } = evaluate(policies, {
    ...{ principal, action, resource, context },
    entities: joined.value,
  });
  return ok({ verdict: decision, reasons, errors });
}

/** What the version says of an entity, with what is proven of it in front. */
function over(entities: Entities, input: EntityInput): EntityInput {
  const said = entities.get(input.uid);
  if (said === undefined) return input;
  return {
    uid: input.uid,
    attributes: { ...said.attributes, ...input.attributes },
    tags: { ...said.tags, ...input.tags },
    parents: [...said.parents, ...(input.parents ?? [])],
  };
}
