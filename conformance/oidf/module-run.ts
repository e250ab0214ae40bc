/** One module from its creation to its verdict: what it asks of a person's browser is done. */
import { until } from '../rig/until.ts';
import type { Desk, Person, Seen, Window } from './browser.ts';
import type { LogLine, PlannedModule, Result, Suite } from './suite.ts';

export interface Verdict {
  readonly module: string;
  readonly variant: Readonly<Record<string, string>>;
  /** Id of the run, to find it in the suite's own pages. */
  readonly id: string;
  readonly result: Result | 'STUCK';
  /** Conditions that failed or warned, each with what the standard has to say. */
  readonly complaints: readonly string[];
  /** Where the browser went, visit by visit. */
  readonly walks: readonly Seen[];
}

export interface ModuleRun {
  readonly suite: Suite;
  readonly desk: Desk;
  readonly plan: string;
  readonly module: PlannedModule;
  readonly person: Omit<Person, 'decides'>;
  readonly deadlineMs: number;
  /** What an operator does where a module asks for new signing keys. */
  readonly rotateKeys: () => Promise<unknown>;
}

/** Ends a module that asks for nothing and does not finish. */
export async function runModule(run: ModuleRun): Promise<Verdict> {
  const { suite, desk, plan, module } = run;
  const id = await suite.createModule(plan, module);
  const window = await desk.openWindow();
  const walks: Seen[] = [];
  let result: Verdict['result'] = 'STUCK';
  const troubles: string[] = [];
  try {
    result = await follow({ ...run, id, window, walks });
  } catch (error) {
    troubles.push(`driver: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
    await suite.cancel(id).catch(() => undefined);
  } finally {
    await window.close();
  }
  const complaints = [...troubles, ...(await suite.log(id)).flatMap(complaintOf)];
  const { testModule, variant = {} } = module;
  return { module: testModule, variant, id, result, complaints, walks };
}

interface Following extends ModuleRun {
  readonly id: string;
  readonly window: Window;
  readonly walks: Seen[];
}

function follow(run: Following): Promise<Result> {
  const { suite, id, module, deadlineMs } = run;
  let isStarted = false;
  const look = async (): Promise<Result | undefined> => {
    const { status, result } = await suite.state(id);
    if (status === 'FINISHED') return result;
    if (status === 'INTERRUPTED') return result === 'PASSED' ? 'UNKNOWN' : result;
    if (status === 'CONFIGURED' && !isStarted) {
      isStarted = true;
      if (/rotate-keys/.test(module.testModule)) await run.rotateKeys();
      await suite.start(id);
    }
    if (status === 'WAITING') for (const visit of await suite.visits(id)) await go(run, visit);
    return undefined;
  };
  return until(`${module.testModule} finishes`, look, { deadlineMs, everyMs: 300 });
}

async function go(run: Following, visit: Parameters<Window['visit']>[0]): Promise<void> {
  const { suite, id, window, walks, module, person } = run;
  await suite.visited(id, visit);
  const decides = decisionIn(module.testModule, walks.length);
  const seen = await window.visit(visit, { ...person, decides });
  walks.push(seen);
  const awaited = (await suite.log(id)).find((line) => line.upload !== undefined && !line.img);
  const picture = pictureOf(seen, suite.base, module.testModule);
  if (awaited?.upload !== undefined && picture !== undefined) {
    await suite.upload(id, awaited.upload, picture);
  }
}

/** What the instructions of some modules ask of the tester; all others are walked to their end. */
function decisionIn(module: string, visitsBefore: number): Person['decides'] {
  if (/user-rejects/.test(module)) return 'deny';
  const isTwice = /reused-request-uri-prior-to-auth/.test(module);
  return isTwice && visitsBefore === 0 ? 'nothing' : 'allow';
}

/**
 * The page on which the person stopped; where he went on to the client, the first that he saw, or
 * the one that tells of the application where a module is about that.
 */
function pictureOf({ url, pictures }: Seen, suite: string, module: string): Buffer | undefined {
  if (/registration-(?:logo|policy|tos)-uri/.test(module)) return pictures.at(-1);
  return new URL(url).origin === new URL(suite).origin ? pictures[0] : pictures.at(-1);
}

function complaintOf({ src, msg = '', result, requirements = [] }: LogLine): readonly string[] {
  if (result !== 'FAILURE' && result !== 'WARNING') return [];
  const by = requirements.length === 0 ? '' : ` [${requirements.join(', ')}]`;
  return [`${result === 'FAILURE' ? 'failed' : 'warned'} ${src}: ${msg}${by}`];
}
