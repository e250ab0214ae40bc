/**
 * Load on a server from the other core: flat out by wrk, or at a steady rate by our own client.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';

export interface Work {
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in turn; a single one is sent each time. */
  readonly bodies: readonly string[];
  /** A header whose values stand in a file, one a line, each request taking the next. */
  readonly varying?: { readonly header: string; readonly file: string };
  /** What an answer must hold to count. */
  readonly expect: RegExp;
}

export interface Measured {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

export interface Steady {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** By how much the client itself was late at the most. */
  readonly latestMs: number;
}

/** One answer, judged: a benchmark of refusals would be a fast one. */
export async function assertAnswers(work: Work): Promise<number> {
  const answer = await send(work, 0, new Agent());
  if (answer.status !== 200 || !work.expect.test(answer.body)) {
    throw new Error(`wrong answer: ${answer.status} ${answer.body.slice(0, 300)}`);
  }
  return answer.body.length;
}

/** As many requests as the server takes, by wrk on core 1. */
export function loadFlatOut(
  work: Work,
  options: { readonly seconds: number; readonly connections: number; readonly directory: string },
): Measured {
  const script = join(options.directory, 'wrk.lua');
  writeFileSync(script, luaOf(work));
  const { stdout, status } = spawnSync(
    'taskset',
    [
      '-c',
      '1',
      'wrk',
      '-t1',
      `-c${options.connections}`,
      `-d${options.seconds}s`,
      '--latency',
      '--timeout',
      '10s',
    ].concat(['-s', script, `http://127.0.0.1:${work.port}${work.path}`]),
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error('wrk failed; install it with: apt-get install wrk');
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`errors under load:\n${stdout}`);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  if (rate === undefined || p99 === null) throw new Error(`cannot read wrk:\n${stdout}`);
  const scale = { us: 0.001, ms: 1, s: 1000 }[p99[2] as 'us' | 'ms' | 's'];
  return { requestsPerSecond: Number(rate), p99Ms: Number(p99[1]) * scale };
}

function luaOf(work: Work): string {
  const quote = (text: string): string => JSON.stringify(text);
  const headers = Object.entries(work.headers)
    .map(([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}`)
    .join('\n');
  const bodies = work.bodies.map(quote).join(',');
  if (work.varying !== undefined) return luaOfVarying(work, work.varying, headers);
  return `wrk.method = ${quote(work.method)}
${headers}
local bodies = {${bodies}}
local i = 0
request = function()
  if #bodies == 0 then return wrk.format() end
  i = i % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[i])
end
`;
}

function luaOfVarying(
  work: Work,
  { header, file }: NonNullable<Work['varying']>,
  headers: string,
): string {
  const body = work.bodies[0] === undefined ? '' : `wrk.body = ${JSON.stringify(work.bodies[0])}`;
  return `wrk.method = ${JSON.stringify(work.method)}
${headers}
${body}
local requests = {}
-- Made before the load begins: making them would be the client's work, not the server's.
init = function()
  for line in io.lines(${JSON.stringify(file)}) do
    wrk.headers[${JSON.stringify(header)}] = line
    requests[#requests + 1] = wrk.format()
  end
end
local i = 0
request = function()
  i = i % #requests + 1
  return requests[i]
end
`;
}

/** A steady rate for some seconds, from a process of its own on core 1. */
export function loadSteadily(
  work: Work,
  options: {
    readonly seconds: number;
    readonly requestsPerSecond: number;
    readonly connections: number;
  },
): Steady {
  const { status, stdout, stderr } = spawnSync(
    'taskset',
    ['-c', '1', process.execPath, join(import.meta.dirname, 'steady-client.ts')],
    { encoding: 'utf8', input: JSON.stringify({ work, ...options }) },
  );
  if (status !== 0) throw new Error(`under steady load: ${stderr}`);
  return JSON.parse(stdout) as Steady;
}

function send(
  work: Work,
  index: number,
  agent: Agent,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const { port, path, method } = work;
    const body = work.bodies[index % Math.max(1, work.bodies.length)];
    const outgoing = request(
      { host: '127.0.0.1', port, path, method, agent, headers: work.headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
