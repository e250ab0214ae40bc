/** Starts this same command line again as a worker, and answers the one that started us. */
import { spawn } from 'node:child_process';
import type { Worker, WorkerAnswer, Workers } from './ports.ts';

/** Not a setting: only a process that starts workers says it. */
const place = 'MM_WORKER_PLACE';

interface Asked {
  readonly id: number;
  readonly path: string;
}

/** @param environment of this process, which its workers get too */
export function createWorkers(environment: NodeJS.ProcessEnv): Workers {
  return {
    own: readPlace(environment[place]),
    start: (own) => startWorker({ ...environment, [place]: JSON.stringify(own) }),
    onAsked(answer) {
      const asked = ({ id, path }: Asked): void => {
        void answer(path).then((given) => process.send?.({ id, ...given }));
      };
      // Whose starter has died serves nobody who could stop it.
      const left = (): void => void process.kill(process.pid, 'SIGTERM');
      process.on('message', asked).on('disconnect', left);
      // While somebody listens the channel keeps the process alive.
      return () => void process.off('message', asked).off('disconnect', left);
    },
  };
}

function startWorker(env: NodeJS.ProcessEnv): Worker {
  const args = [...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (answer: WorkerAnswer) => void>();
  let last = 0;
  const gone: WorkerAnswer = { status: 503, body: 'gone\n' };
  child.on('message', (message: WorkerAnswer & { readonly id: number }) => {
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  }).then(() => {
    for (const answer of waiting.values()) answer(gone);
    waiting.clear();
  });
  return {
    ended,
    stop: () => void child.kill('SIGTERM'),
    ask(path) {
      if (!child.connected) return Promise.resolve(gone);
      return new Promise((resolve) => {
        const id = ++last;
        waiting.set(id, resolve);
        child.send({ id, path } satisfies Asked);
      });
    },
  };
}

function readPlace(text: string | undefined): Workers['own'] {
  return text === undefined ? undefined : (JSON.parse(text) as Workers['own']);
}
