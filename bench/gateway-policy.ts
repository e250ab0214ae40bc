/**
 * `npm run bench:gateway-policy [-- --rounds 9 --requests 20000]`: what judging policies costs a
 * gateway, CPU time of one decision without a listener and an upstream: a JWT that was seen before,
 * one route, then no policy, one, a thousand Cedar policies in one, and two dozen policies. Rounds
 * are interleaved; printed are the least and the median, and what the least is above no policy.
 * What is kept to be explained is made and queued, its delivery is not counted.
 */
import { parseArgs } from 'node:util';
import type { PolicyVersionView } from '@mintmark/core';
import type { StreamRequest } from '@mintmark/net';
import { openRig, type Rig, turn } from '../packages/gateway/src/conformance/rig.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    requests: { type: 'string', default: '20000' },
  },
});
const rounds = Number(values.rounds);
const requests = Number(values.requests);
const burst = 1_000;

const permitAll = 'permit(principal, action, resource);';
const office = `@id("staff") permit(principal in Group::"staff", action in Action::"GET", resource)
when { context.scopes.contains("read") && context.time.weekday <= 7 };
forbid(principal, action, resource) when { context has address && !context.address.isLoopback() };`;
const thousand = Array.from(
  { length: 999 },
  (_, index) =>
    `permit(principal in Group::"group-${index}", action in Action::"GET", resource) ` +
    `when { context.scopes.contains("scope-${index}") };`,
);

interface Contender {
  readonly name: string;
  readonly policies: readonly string[];
  /** Whether each decision finds room to be kept; else none does. */
  readonly isKept: boolean;
}

const contenders: readonly Contender[] = [
  { name: 'no policy', policies: [], isKept: false },
  { name: 'one policy of two rules', policies: [office], isKept: false },
  { name: 'the same, each decision kept', policies: [office], isKept: true },
  {
    name: 'one policy of 1,000 rules',
    policies: [[...thousand, office].join('\n')],
    isKept: false,
  },
  { name: '24 policies of one rule', policies: Array(24).fill(permitAll), isKept: false },
];

const rigs = new Map<Contender, { readonly rig: Rig; readonly request: StreamRequest }>();
for (const contender of contenders) rigs.set(contender, await prepare(contender));
const cpuMicros = new Map<Contender, number[]>(contenders.map((one) => [one, []]));
for (let round = -1; round < rounds; round++) {
  for (const contender of contenders) {
    const micros = await measure(contender);
    // The first round warms up.
    if (round >= 0) cpuMicros.get(contender)!.push(micros);
  }
}
const [base] = summary(contenders[0]!);
for (const contender of contenders) {
  const [least, median] = summary(contender);
  const more = (least! - base!).toFixed(1);
  const line = `${least!.toFixed(1).padStart(6)} µs least, ${median!.toFixed(1)} µs median`;
  console.log(`${contender.name.padEnd(30)} ${line}, ${more} µs above no policy`);
}
for (const { rig } of rigs.values()) await rig.close();

function summary(contender: Contender): readonly [number, number] {
  const sorted = cpuMicros.get(contender)!.toSorted((a, b) => a - b);
  return [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!];
}

async function prepare({ policies, isKept }: Contender) {
  const route = { name: 'all', match: { path_prefix: '/' }, upstream: 'http://127.0.0.1:9' };
  const rate = isKept ? 1e9 : 0;
  const rig = await openRig([{ ...route, scopes: ['read'] }], {
    decisions: { burst: rate, perSecond: rate },
  });
  policies.forEach((cedar, index) => {
    const enforced: PolicyVersionView = { version: 1, uses: ['gateway'], cedar, entities: [] };
    rig.policy(`policy-${index}`, { enforced });
  });
  await rig.caughtUp();
  const request = requestOf(`Bearer ${rig.token({}, { groups: ['staff'] })}`);
  await mustAllow(rig, request);
  return { rig, request };
}

async function measure(contender: Contender): Promise<number> {
  const { rig, request } = rigs.get(contender)!;
  let micros = 0;
  for (let done = 0; done < requests; done += burst) {
    const before = process.threadCpuUsage();
    for (let i = 0; i < burst; i++) await rig.gateway.decide(request);
    const { user, system } = process.threadCpuUsage(before);
    micros += user + system;
    // Reports are delivered in between, and the feed goes on, as where time passes.
    rig.timers.advance(100);
    rig.feed.heartbeat();
    await turn();
    rig.decisions.length = 0;
    rig.reports.length = 0;
  }
  await mustAllow(rig, request);
  return micros / requests;
}

/** A refusal would be measured as well, and be cheap. */
async function mustAllow({ gateway }: Rig, request: StreamRequest): Promise<void> {
  const verdict = await gateway.decide(request);
  if (verdict.kind !== 'allowed') throw new Error(JSON.stringify(verdict));
}

/** What the decision reads of a request. */
function requestOf(authorization: string): StreamRequest {
  const headers: Readonly<Record<string, string>> = { authorization, host: 'api.example' };
  const request: Partial<StreamRequest> = {
    ...{ method: 'GET', path: '/pets/7', query: undefined, host: headers['host'] },
    ...{ externalHost: headers['host'], scheme: 'http', remoteAddress: '127.0.0.1' },
    ...{ bodyLength: 0, expectsContinue: false, websocket: false, peerCertificate: undefined },
    rawHeaders: Object.entries(headers).flat(),
    signal: new AbortController().signal,
    header: (name) => headers[name],
  };
  return request as StreamRequest;
}
