/** Both implementations, the same policies, the same requests: any difference is thrown. */
import { compilePolicies } from '../compile-policies.ts';
import { Entities } from '../entities.ts';
import type { EntityUid } from '../entity-uid.ts';
import { evaluate } from '../evaluate.ts';
import { parsePolicies } from '../parse-policies.ts';
import { parseContext, parseEntities, parseEntityUidJson } from '../value-json.ts';
import { oracleDecides, oraclePrepares, type Verdict } from './oracle.ts';
import { type Random, randomOf } from './random.ts';
import { type EntityJson, type RequestJson, randomEntities, randomRequest } from './world.ts';
import { writePolicy } from './write-policy.ts';

export interface Tally {
  decisions: number;
  allowed: number;
  /** Denied by a policy, not for want of one. */
  forbidden: number;
  /** Decisions in which some policy failed. */
  withErrors: number;
  /** Policies that failed, with the words of ours, without places and names. */
  readonly failures: Map<string, number>;
}

const policiesEach = 6;
const requestsEach = 50;

/** @throws Error with seed, policy and request at the first difference */
export function compareDecisions(seed: number, decisions: number): Tally {
  const tally: Tally = {
    decisions: 0,
    allowed: 0,
    forbidden: 0,
    withErrors: 0,
    failures: new Map(),
  };
  for (let round = 0; tally.decisions < decisions; round += 1) {
    const random = randomOf(seed + round * 7919);
    compareRound(random, `seed ${seed}, round ${round}`, tally);
  }
  return tally;
}

const place: RequestJson = {
  principal: { type: 'User', id: 'a' },
  action: { type: 'Action', id: 'read' },
  resource: { type: 'Doc', id: 'd' },
  context: { a: 1 },
};

const above: readonly EntityJson[] = [
  { uid: place.principal, attrs: { a: 1 }, parents: [{ type: 'Group', id: 'g' }], tags: { t: 1 } },
  { uid: { type: 'Group', id: 'g' }, attrs: {}, parents: [{ type: 'Group', id: 'top' }], tags: {} },
  { uid: { type: 'Group', id: 'top' }, attrs: {}, parents: [], tags: {} },
];

/**
 * Each condition as a policy of its own, a few hundred a set.
 *
 * @returns how many held, did not hold, and failed
 * @throws Error with the first condition that one finds true, false or failing and the other not
 */
export function compareConditions(conditions: readonly string[]) {
  const counts = { held: 0, not: 0, failed: 0 };
  const entities = parseEntities(above);
  if (!entities.ok) throw new Error(entities.refusal.reason);
  for (let start = 0; start < conditions.length; start += 500) {
    const some = conditions.slice(start, start + 500);
    const text = some
      .map((one) => `permit(principal, action, resource) when { ${one} };`)
      .join('\n');
    const parsed = parsePolicies(text);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal[0]));
    const policies = compilePolicies(parsed.value);
    const ours = evaluate(policies, { ...read(place), entities: entities.value });
    if (!oraclePrepares('conditions', text)) throw new Error('Cedar does not take them');
    const theirs = oracleDecides('conditions', place, above);
    const held = [new Set(ours.reasons), new Set(theirs.reasons)] as const;
    const failed = [
      new Set(ours.errors.map(({ policy }) => policy)),
      new Set(theirs.errored),
    ] as const;
    for (const [index, condition] of some.entries()) {
      const [our, their] = [0, 1].map((side) => {
        const id = `policy${index}`;
        return failed[side]!.has(id) ? 'failed' : held[side]!.has(id) ? 'held' : 'not';
      }) as [keyof typeof counts, keyof typeof counts];
      if (our !== their) throw new Error(`ours ${our}, Cedar's ${their}: ${condition}`);
      counts[our] += 1;
    }
  }
  return counts;
}

function compareRound(random: Random, where: string, tally: Tally): void {
  const text = Array.from({ length: policiesEach }, () => writePolicy(random)).join('\n');
  const parsed = parsePolicies(text);
  const prepared = oraclePrepares('differential', text);
  if (!parsed.ok || !prepared) {
    throw new Error(`${where}: ours ${JSON.stringify(parsed)}, Cedar's ${prepared}\n${text}`);
  }
  const compiled = compilePolicies(parsed.value);
  const entities = randomEntities(random);
  const ours = parseEntities(entities);
  if (!ours.ok) throw new Error(`${where}: ${JSON.stringify(ours.refusal)}`);
  for (let count = 0; count < requestsEach; count += 1) {
    const request = randomRequest(random);
    const asked = read(request);
    // Every other time the principal comes with the request, and the rest is the snapshot.
    const whole = count % 2 === 0 ? ours.value : withOwn(ours.value, asked.principal);
    const decision = evaluate(compiled, { ...asked, entities: whole });
    const verdict: Verdict = {
      decision: decision.decision,
      reasons: [...decision.reasons].sort(),
      errored: decision.errors.map((error) => error.policy).sort(),
    };
    const expected = oracleDecides('differential', request, entities);
    if (JSON.stringify(verdict) !== JSON.stringify(expected)) {
      throw new Error(difference({ where, text, request, entities, verdict, expected }));
    }
    note(
      tally,
      verdict,
      decision.errors.map((error) => error.message),
    );
  }
}

function withOwn(entities: Entities, principal: EntityUid): Entities {
  const own = entities.get(principal);
  if (own === undefined) return entities;
  const rest = Entities.of([...entities].filter((entity) => entity !== own));
  const both = rest.ok ? rest.value.with([own]) : rest;
  if (!both.ok) throw new Error(both.refusal.reason);
  return both.value;
}

function note(tally: Tally, verdict: Verdict, messages: readonly string[]): void {
  tally.decisions += 1;
  if (verdict.decision === 'allow') tally.allowed += 1;
  else if (verdict.reasons.length > 0) tally.forbidden += 1;
  if (messages.length > 0) tally.withErrors += 1;
  for (const message of messages) {
    const kind = message.replace(/"(?:[^"\\]|\\.)*"/g, '…').replace(/ \(line.*$/, '');
    tally.failures.set(kind, (tally.failures.get(kind) ?? 0) + 1);
  }
}

function read(request: RequestJson) {
  const [principal, action, resource] = [request.principal, request.action, request.resource].map(
    parseEntityUidJson,
  );
  const context = parseContext(request.context);
  if (!principal?.ok || !action?.ok || !resource?.ok || !context.ok) {
    throw new Error(`not a request: ${JSON.stringify(request)}`);
  }
  return {
    principal: principal.value,
    action: action.value,
    resource: resource.value,
    context: context.value,
  };
}

interface Difference {
  readonly where: string;
  readonly text: string;
  readonly request: RequestJson;
  readonly entities: readonly EntityJson[];
  readonly verdict: Verdict;
  readonly expected: Verdict;
}

function difference({ where, text, request, entities, verdict, expected }: Difference): string {
  return [
    where,
    `ours ${JSON.stringify(verdict)}`,
    `Cedar's ${JSON.stringify(expected)}`,
    `request ${JSON.stringify(request)}`,
    `entities ${JSON.stringify(entities)}`,
    text,
  ].join('\n');
}
