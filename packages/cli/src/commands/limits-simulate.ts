/** `mintmark limits simulate`: new limits against recorded traffic, before they bite. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import {
  ConfigFault,
  err,
  ok,
  parsePlan,
  parseRoute,
  type Result,
  rfc3339,
  type UnixMs,
} from '@mintmark/core';
import { parse } from 'yaml';
import { pathOf } from '../api/api.ts';
import type { Command, CommandRefusal, Invocation } from '../command.ts';
import {
  createSimulator,
  type SimulatedLimit,
  type Simulation,
  type Simulator,
} from '../simulate/simulate.ts';
import { createTrafficReader } from '../simulate/traffic.ts';
import { fields, type Style, table } from '../style.ts';
import { usage } from './send.ts';

export const limitsSimulate: Command = {
  name: 'limits simulate',
  summary: 'replays recorded traffic against new limits: who would have been denied',
  description:
    'Files are decisions of gateways or other JSON, one object a line, or access logs in the ' +
    'common or combined format; .gz is unpacked. What was refused for other reasons is passed ' +
    'over. The limits come from a file, in the shape of a route or a plan, or from a route or a ' +
    'plan of the server.',
  operands: [{ name: '<files...>', description: 'what was recorded, in the order of time' }],
  options: [
    { flags: '--limits <file>', description: 'YAML or JSON with limits: [{name, quota, …}]' },
    { flags: '--route <name>', description: 'the limits of this route, and its requests alone' },
    { flags: '--plan <name>', description: 'the limits of this plan, each caller as if it had it' },
    {
      flags: '--by <who>',
      description: 'whose requests count together under a plan; default: user',
      choices: ['token', 'client', 'user', 'tenant', 'address'],
    },
    { flags: '--path <prefix>', description: 'only requests of paths that begin so' },
    { flags: '--top <count>', description: 'name so many callers; default 20' },
  ],
  examples: [
    ['mintmark limits simulate access.log --limits new.yaml', 'an access log against new limits'],
    ['mintmark limits simulate decisions.jsonl --plan free --by client', 'whom a plan would deny'],
  ],
  async run(invocation) {
    const { options } = invocation;
    const top = Number(options.text('top') ?? 20);
    if (!Number.isSafeInteger(top) || top < 0) return usage('--top is not a number');
    const limits = await limitsOf(invocation);
    if (!limits.ok) return limits;
    if (limits.value.length === 0) return usage('there are no limits to try');
    const simulator = createSimulator(limits.value);
    const counts = { passed_over: 0, unreadable: 0, elsewhere: 0 };
    for (const file of invocation.operands[0] as readonly string[]) {
      await replay(file, { simulator, counts, options });
    }
    const result = simulator.result(top);
    if (counts.unreadable > 0 && result.requests + counts.passed_over + counts.elsewhere === 0) {
      return usage('no line can be read: these are no decisions, JSON lines or access logs');
    }
    const json = { ...rendered(result), ...counts };
    return ok({ json, text: (style) => words(style, result, counts) });
  },
};

interface Counts {
  passed_over: number;
  unreadable: number;
  elsewhere: number;
}

/** @throws ConfigFault `file_unreadable` */
async function replay(
  file: string,
  to: {
    readonly simulator: Simulator;
    readonly counts: Counts;
    readonly options: Invocation['options'];
  },
): Promise<void> {
  const { simulator, counts, options } = to;
  const [route, prefix] = [options.text('route'), options.text('path')];
  const read = createTrafficReader();
  const source = createReadStream(file);
  const input = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (fault) => input.destroy(fault));
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line === '') continue;
      const found = read(line);
      if (typeof found === 'string') {
        counts[found] += 1;
        continue;
      }
      const isHere =
        (route === undefined || found.route === undefined || found.route === route) &&
        (prefix === undefined || found.path.startsWith(prefix));
      if (isHere) simulator.take(found);
      else counts.elsewhere += 1;
    }
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${file} cannot be read`, {
      cause,
      hint: 'check the path, and who may read the file',
    });
  }
}

type Read = Result<readonly SimulatedLimit[], CommandRefusal>;

async function limitsOf(invocation: Invocation): Promise<Read> {
  const { options } = invocation;
  const [file, route, plan] = ['limits', 'route', 'plan'].map((name) => options.text(name));
  if (file !== undefined) return readLimits(await readDocument(file), invocation);
  const path =
    plan === undefined ? route && pathOf`/v1/routes/${route}` : pathOf`/v1/plans/${plan}`;
  if (path === undefined) return usage('name limits: --limits FILE, --route or --plan');
  const api = await invocation.api();
  if (!api.ok) return api;
  const answer = await api.value.call({ method: 'GET', path });
  return answer.ok ? readLimits(answer.value.body, invocation) : answer;
}

async function readDocument(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ConfigFault('file_unreadable', `${file} cannot be read`, {
      cause,
      hint: 'name a file in YAML or JSON that may be read',
    });
  }
}

/** A list of limits, something with one, or a file of `mintmark apply` with one plan or route. */
function readLimits(value: unknown, { options }: Invocation): Read {
  const document = (Array.isArray(value) ? { limits: value } : value) as Record<string, unknown>;
  const inner = [document?.['plans'], document?.['routes']].flatMap((list) => list ?? []);
  if (inner.length > 1) {
    return err({ reason: 'usage', message: 'the file holds several plans or routes: keep one' });
  }
  if (inner.length === 1) return readLimits(inner[0], { options } as never);
  const list = document?.['limits'];
  const by = options.text('by');
  const costAfter = { reserve: 1, from: 'response_bytes' };
  const target = { name: 'new', match: {}, upstream: 'http://localhost', cost_after: costAfter };
  const route = parseRoute({ ...target, limits: list });
  if (route.ok) {
    return ok(
      by === undefined ? route.value.limits : route.value.limits.map((one) => withBy(one, by)),
    );
  }
  const planned = parsePlan({ name: 'new', limits: list });
  if (planned.ok) return ok(planned.value.limits.map((one) => withBy(one, by ?? 'user')));
  const { path, message } = route.refusal;
  return err({ reason: 'usage', message: `limits: ${path} ${message}` });
}

function withBy({ name, rule, cost }: Omit<SimulatedLimit, 'by'>, by: string): SimulatedLimit {
  return { name, rule, cost, by: by as SimulatedLimit['by'] };
}

function moment(ms: number | undefined): string | null {
  return ms === undefined ? null : rfc3339(ms as UnixMs);
}

function rendered(result: Simulation) {
  return {
    ...{ requests: result.requests, denied: result.denied },
    ...{ from: moment(result.from), to: moment(result.to), untold_callers: result.untold },
    limits: result.limits.map(({ callersDenied: callers_denied, ...rest }) => ({
      ...{ ...rest, callers_denied },
    })),
    callers: result.worst.map(({ firstAt, lastAt, ...rest }) => ({
      ...{ ...rest, first_at: moment(firstAt), last_at: moment(lastAt) },
    })),
    hours: result.hours.map(({ at, denied }) => ({ at: moment(at), denied })),
  };
}

function words(style: Style, result: Simulation, counts: Counts): string {
  const head = fields(style, [
    ['requests', String(result.requests)],
    ['would be denied', `${result.denied} (${percent(result.denied, result.requests)})`],
    ['from', moment(result.from) ?? undefined],
    ['to', moment(result.to) ?? undefined],
    ['passed over', String(counts.passed_over)],
    ['elsewhere', String(counts.elsewhere)],
    ['unreadable lines', String(counts.unreadable)],
    ...(result.untold === 0 ? [] : ([['callers not told apart', String(result.untold)]] as const)),
  ]);
  const limits = table(
    style,
    ['LIMIT', 'CALLERS', 'DENIED CALLERS', 'DENIALS', 'OTHERS USED AT MOST (BY TENTHS)'],
    result.limits.map((one) => [
      one.name,
      String(one.callers),
      String(one.callersDenied),
      String(one.denied),
      one.peaks.join(' '),
    ]),
  );
  const callers = table(
    style,
    ['CALLER', 'LIMIT', 'REQUESTS', 'DENIED', 'PEAK', 'FIRST', 'LAST'],
    result.worst.map((one) => [
      one.caller,
      one.limit,
      String(one.requests),
      String(one.denied),
      percent(one.peak, 1),
      moment(one.firstAt) ?? '',
      moment(one.lastAt) ?? '',
    ]),
  );
  const hours = result.hours.slice(0, 48).map(({ at, denied }) => [moment(at)!, String(denied)]);
  const when = hours.length === 0 ? '' : `\n\n${table(style, ['HOUR', 'DENIED'], hours)}`;
  return `${head}\n\n${limits}\n\n${callers}${when}`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${((100 * part) / whole).toFixed(1)} %`;
}
