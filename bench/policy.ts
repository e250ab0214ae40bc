/**
 * `npm run bench:policy [-- --rounds N --policies N]`: decisions per CPU-second of one core with a
 * thousand policies, ours beside cedar-wasm with its policies parsed beforehand. Both decide the
 * same requests alike before anything is measured. Rounds are interleaved and medians printed, so
 * that a busy machine slows both. Bars: 500,000 a second, and a thousand times cedar-wasm's.
 */
import { parseArgs } from 'node:util';
import {
  type EntityJson,
  preparsePolicySet,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import {
  type CompiledPolicies,
  compilePolicies,
  type Decision,
  Entities,
  EntityUid,
  evaluate,
  parseIpRange,
  parsePolicies,
  type RecordValue,
} from '@mintmark/policy';
import {
  type BenchEntity,
  type BenchRequest,
  benchEntities,
  benchPolicies,
  benchRequests,
} from './policy-world.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    policies: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '20261122' },
  },
});
const seed = Number(values.seed);
const policyCount = Number(values.policies);

const world = benchEntities(seed);
const requests = benchRequests(seed + 1, 4096);
const text = benchPolicies(seed + 2, policyCount);

const parsed = parsePolicies(text);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
const compiled = compilePolicies(parsed.value);
const made = Entities.of(world);
if (!made.ok) throw new Error(made.refusal.reason);
const entities = made.value;

function contextOf(request: BenchRequest): RecordValue {
  const { risk, acr, hour, mfa, device } = request;
  return { address: parseIpRange(request.address)!, risk, acr, hour, mfa, device };
}

function decide(policies: CompiledPolicies, request: BenchRequest, context: RecordValue): Decision {
  const { principal, action, resource } = request;
  return evaluate(policies, { principal, action, resource, context, entities });
}

const contexts = requests.map(contextOf);

const prepared = preparsePolicySet('bench', { staticPolicies: text });
if (prepared.type === 'failure') throw new Error(prepared.errors[0]?.message);

/** Only what a request can reach, which is the kindest that its caller can be. */
const slices = requests.map((request) => {
  const keys = new Set<string>();
  for (const named of [request.principal, request.action, request.resource]) {
    keys.add(named.key);
    for (const key of entities.get(named)?.ancestors ?? []) keys.add(key);
  }
  return world.filter((entity) => keys.has(entity.uid.key)).map(entityJson);
});

function entityJson({ uid, parents, attributes }: BenchEntity): EntityJson {
  const attrs = Object.entries(attributes).map(([name, value]) => [
    name,
    value instanceof EntityUid ? { __entity: plain(value) } : value,
  ]);
  return {
    uid: plain(uid),
    attrs: Object.fromEntries(attrs) as EntityJson['attrs'],
    parents: parents.map(plain),
  };
}

function plain({ type, id }: EntityUid): { type: string; id: string } {
  return { type, id };
}

const wasmCalls = requests.map(({ principal, action, resource, address, ...rest }, index) => ({
  principal: plain(principal),
  action: plain(action),
  resource: plain(resource),
  context: { ...rest, address: { __extn: { fn: 'ip', arg: address } } },
  preparsedPolicySetId: 'bench',
  entities: slices[index]!,
}));

function agree(sample: number): void {
  for (let index = 0; index < sample; index += 1) {
    const ours = decide(compiled, requests[index]!, contexts[index]!);
    const theirs = statefulIsAuthorized(wasmCalls[index]!);
    if (theirs.type === 'failure') throw new Error(theirs.errors[0]?.message);
    const { decision, diagnostics } = theirs.response;
    const same =
      decision === ours.decision &&
      [...diagnostics.reason].sort().join() === [...ours.reasons].sort().join() &&
      diagnostics.errors.length === ours.errors.length;
    if (!same) throw new Error(`request ${index}: they differ`);
  }
}

interface Contender {
  readonly name: string;
  /** One decision. */
  readonly run: (index: number) => unknown;
  /** Decisions a round. */
  readonly each: number;
}

const contenders: readonly Contender[] = [
  {
    name: 'ours, values ready',
    run: (index) => decide(compiled, requests[index]!, contexts[index]!),
    each: 200_000,
  },
  {
    name: 'ours, new uids, context and address each time',
    run: (index) => {
      const request = requests[index]!;
      const principal = new EntityUid(request.principal.type, request.principal.id);
      const resource = new EntityUid(request.resource.type, request.resource.id);
      return decide(compiled, { ...request, principal, resource }, contextOf(request));
    },
    each: 200_000,
  },
  {
    name: 'cedar-wasm, policies parsed beforehand',
    run: (index) => statefulIsAuthorized(wasmCalls[index]!),
    each: 60,
  },
];

function perSecond({ run, each }: Contender): number {
  const before = process.cpuUsage();
  for (let index = 0; index < each; index += 1) run(index & 4095);
  const { user, system } = process.cpuUsage(before);
  return (each * 1e6) / (user + system);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[numbers.length >> 1]!;
}

agree(200);
const shape = requests.map((_, index) => {
  const { decision, reasons } = decide(compiled, requests[index]!, contexts[index]!);
  const count = compiled.index.find({
    ...requests[index]!,
    principalEntity: entities.get(requests[index]!.principal),
    actionEntity: entities.get(requests[index]!.action),
    resourceEntity: entities.get(requests[index]!.resource),
  });
  return { decision, reasons: reasons.length, count };
});
const mean = (of: (one: (typeof shape)[number]) => number): string =>
  (shape.reduce((sum, one) => sum + of(one), 0) / shape.length).toFixed(2);
console.log(
  `${policyCount} policies, ${world.length} entities, ${requests.length} requests; on average ` +
    `${mean(({ count }) => count)} policies run, ${mean(({ reasons }) => reasons)} decide, ` +
    `${mean(({ decision }) => (decision === 'allow' ? 100 : 0))} % allowed`,
);

for (const contender of contenders) perSecond(contender);
const found = contenders.map(() => [] as number[]);
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [index, contender] of contenders.entries()) found[index]!.push(perSecond(contender));
}
const [ready, fresh, wasm] = found.map(median) as [number, number, number];
for (const [index, { name }] of contenders.entries()) {
  console.log(`${name}: ${Math.round(median(found[index]!)).toLocaleString('en')} decisions/s`);
}
console.log(
  `of cedar-wasm's: ${Math.round(ready / wasm)} ×, all made anew ${Math.round(fresh / wasm)} ×`,
);
