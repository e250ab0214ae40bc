/**
 * Several gateways on one port, one a process: each follows the feed by itself, and the system
 * gives each a share of the connections. The process that starts them serves nothing but their
 * operations, starts those that crash again, and stops them together.
 */
import type { Clock, HttpHandler, HttpResponse, Timers } from '@mintmark/core';
import type { Worker, WorkerAnswer, WorkerPlace, Workers } from '../ports.ts';
import type { Log } from './log.ts';

export interface RunningWorkers {
  /** `/livez`, `/readyz`, `/metrics`, `/upstreams` of all. */
  readonly operations: HttpHandler;
  /** All of them answer. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly workers: Workers;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly log: Log;
}

/** How soon a worker that ended is started again: twice as late each time that it ends soon. */
const restartMs = { first: 250, most: 30_000, calm: 60_000 };
/** How long one that is asked may think. */
const askMs = 2_000;
/** How often one that starts is asked whether it answers. */
const lookMs = 100;

export function startWorkers(
  parts: Parts,
  options: { readonly count: number; readonly place: Omit<WorkerPlace, 'index'> },
): RunningWorkers {
  const { clock, timers, log } = parts;
  const running: (Worker | undefined)[] = [];
  const cancels = new Set<() => void>();
  let stopping = false;
  const start = (index: number, pauseMs: number): void => {
    const worker = parts.workers.start({ ...options.place, index });
    const began = clock.monotonicMs();
    running[index] = worker;
    void worker.ended.then(() => {
      running[index] = undefined;
      if (stopping) return;
      const calm = clock.monotonicMs() - began > restartMs.calm;
      const nextMs = calm ? restartMs.first : pauseMs;
      log.warn(`worker ${index} ended: it is started again in ${nextMs} ms`);
      const cancel = timers.after(nextMs, () => {
        cancels.delete(cancel);
        start(index, Math.min(nextMs * 2, restartMs.most));
      });
      cancels.add(cancel);
    });
  };
  for (let index = 0; index < options.count; index++) start(index, restartMs.first);
  const askOne = (worker: Worker | undefined, path: string): Promise<WorkerAnswer> =>
    new Promise((resolve) => {
      if (worker === undefined) {
        resolve(gone);
        return;
      }
      const cancel = timers.after(askMs, () => resolve(gone));
      void worker.ask(path).then((answer) => {
        cancel();
        resolve(answer);
      });
    });
  const ask = (path: string): Promise<readonly WorkerAnswer[]> =>
    Promise.all(Array.from({ length: options.count }, (_, index) => askOne(running[index], path)));
  const answered = async (): Promise<boolean> =>
    (await ask('/livez')).every(({ status }) => status === 200);
  return {
    operations: async ({ method, path }) => {
      if (method !== 'GET' && method !== 'HEAD')
        return { ...plain(405, ''), headers: { allow: 'GET, HEAD' } };
      if (path === '/livez') return plain(200, 'ok\n');
      if (stopping && path === '/readyz') return plain(503, 'stopping\n');
      return joinAnswers(path, await ask(path));
    },
    ready: (async () => {
      while (!stopping && !(await answered())) {
        await new Promise<void>((resolve) => void timers.after(lookMs, resolve));
      }
    })(),
    async close() {
      stopping = true;
      for (const cancel of cancels) cancel();
      for (const worker of running) worker?.stop();
      await Promise.all(running.map((worker) => worker?.ended));
    },
  };
}

const gone: WorkerAnswer = { status: 503, body: 'not running\n' };

function plain(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

function joinAnswers(path: string, answers: readonly WorkerAnswer[]): HttpResponse {
  const bad = answers.find(({ status }) => status !== 200);
  if (path === '/metrics') {
    const type = 'text/plain; version=0.0.4; charset=utf-8';
    return { status: 200, headers: { 'content-type': type }, body: joinMetrics(answers) };
  }
  if (path === '/upstreams' && bad === undefined) {
    const workers = answers.map(({ body }) => JSON.parse(body).upstreams as unknown);
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: JSON.stringify({ workers }),
    };
  }
  return plain(bad?.status ?? 200, (bad ?? answers[0])?.body ?? '');
}

/** Prometheus text of each worker under its number; what is said of a metric is said once. */
function joinMetrics(answers: readonly WorkerAnswer[]): string {
  const lines = new Map<string, string[]>();
  for (const [index, { status, body }] of answers.entries()) {
    if (status !== 200) continue;
    for (const line of body.split('\n')) {
      if (line === '') continue;
      const [, comment, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (name !== undefined) {
        const of = lines.get(name) ?? [];
        if (!of.some((one) => one.startsWith(`# ${comment} `))) of.push(line);
        lines.set(name, of);
        continue;
      }
      const [, sample = '', labels, value = ''] = /^([^{ ]+)(?:\{(.*)\})? (.*)$/.exec(line) ?? [];
      const own = `worker="${index}"`;
      const all = labels === undefined ? own : `${labels},${own}`;
      const metric = [sample, sample.replace(/_(?:bucket|sum|count)$/, '')].find((n) =>
        lines.has(n),
      );
      lines.get(metric ?? sample)?.push(`${sample}{${all}} ${value}`);
    }
  }
  return `${[...lines.values()].flat().join('\n')}\n`;
}
