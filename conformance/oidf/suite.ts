/** The conformance suite as its REST API shows it: plans, modules, their state, their logs. */
import { request } from 'node:https';
import type { Json } from '../rig/exchange.ts';

export interface PlannedModule {
  readonly testModule: string;
  readonly variant?: Readonly<Record<string, string>>;
}

export interface Plan {
  readonly id: string;
  readonly modules: readonly PlannedModule[];
}

export type Status = 'CREATED' | 'CONFIGURED' | 'RUNNING' | 'WAITING' | 'FINISHED' | 'INTERRUPTED';

/** What a module came to; UNKNOWN where it was interrupted before it judged anything. */
export type Result = 'PASSED' | 'WARNING' | 'REVIEW' | 'SKIPPED' | 'FAILED' | 'UNKNOWN';

export interface ModuleState {
  readonly status: Status;
  readonly result: Result;
}

/** An address that a person's browser is sent to. */
export interface Visit {
  readonly url: string;
  readonly method: 'GET' | 'POST';
}

/** A line of a module's log; those of conditions say their result. */
export interface LogLine {
  readonly src: string;
  readonly msg?: string;
  readonly result?: string;
  readonly requirements?: readonly string[];
  /** Names a picture that the suite waits for, until it has it. */
  readonly upload?: string;
  readonly img?: string;
}

export interface Suite {
  readonly base: string;
  createPlan(
    name: string,
    variant: Readonly<Record<string, string>>,
    configuration: Json,
  ): Promise<Plan>;
  /** @returns the id of the module's run */
  createModule(plan: string, module: PlannedModule): Promise<string>;
  start(module: string): Promise<void>;
  cancel(module: string): Promise<void>;
  state(module: string): Promise<ModuleState>;
  visits(module: string): Promise<readonly Visit[]>;
  visited(module: string, visit: Visit): Promise<void>;
  log(module: string): Promise<readonly LogLine[]>;
  /** @param picture a PNG of at most 500 KB; the suite takes two for each module */
  upload(module: string, placeholder: string, picture: Buffer): Promise<void>;
}

/** @param options.ca PEM text of the authority that signed the certificate of the suite's front */
export function openSuite({ base, ca }: { readonly base: string; readonly ca?: string }): Suite {
  const call = (line: string, body?: string): Promise<unknown> => ask({ base, ca, line, body });
  return {
    base,
    createPlan: async (planName, variant, configuration) => {
      const query = new URLSearchParams({ planName, variant: JSON.stringify(variant) });
      const made = await call(`POST /api/plan?${query}`, JSON.stringify(configuration));
      return made as Plan;
    },
    createModule: async (plan, { testModule: test, variant = {} }) => {
      const query = new URLSearchParams({ test, plan, variant: JSON.stringify(variant) });
      const made = await call(`POST /api/runner?${query}`);
      return (made as { readonly id: string }).id;
    },
    start: async (module) => {
      await call(`POST /api/runner/${module}`);
    },
    cancel: async (module) => {
      await call(`DELETE /api/runner/${module}`);
    },
    state: async (module) => {
      const { status, result } = (await call(`GET /api/info/${module}`)) as Partial<ModuleState>;
      return { status: status ?? 'CREATED', result: result ?? 'UNKNOWN' };
    },
    visits: async (module) => {
      const shown = (await call(`GET /api/runner/${module}`)) as {
        readonly browser?: { readonly urlsWithMethod?: readonly Visit[] };
      };
      return shown.browser?.urlsWithMethod ?? [];
    },
    visited: async (module, { url }) => {
      await call(`POST /api/runner/browser/${module}/visit?${new URLSearchParams({ url })}`);
    },
    log: async (module) => (await call(`GET /api/log/${module}`)) as readonly LogLine[],
    upload: async (module, placeholder, picture) => {
      const body = `data:image/png;base64,${picture.toString('base64')}`;
      await call(`POST /api/log/${module}/images/${placeholder}`, body);
    },
  };
}

interface Asked {
  readonly base: string;
  readonly ca: string | undefined;
  readonly line: string;
  readonly body: string | undefined;
}

function ask({ base, ca, line, body }: Asked): Promise<unknown> {
  const [method, path] = line.split(' ') as [string, string];
  const type = body?.startsWith('data:') ? 'text/plain' : 'application/json';
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { 'content-type': type, accept: 'application/json' },
      ...(ca === undefined ? {} : { ca }),
    };
    const sent = request(`${base}${path}`, options, (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.on('error', reject);
      reply.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        const isGood = (reply.statusCode ?? 500) < 300;
        if (!isGood) reject(new Error(`suite: ${line.slice(0, 120)}: ${reply.statusCode} ${text}`));
        else resolve(text === '' ? {} : (JSON.parse(text) as unknown));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
