/**
 * `kill -9` under load, again and again on one data folder. Each cycle starts the authority, checks
 * what the last one left, loads it, and kills it at a moment chosen by chance, sometimes while it
 * still starts.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  apply,
  auditProblem,
  type Installation,
  initialise,
  launch,
  type Running,
  start,
} from '../rig/installation.ts';
import { type Chance, seeded } from '../rig/seeded.ts';
import { checkThings, checkTrail, type Findings } from './check.ts';
import { beginCycle, emptyLedger, type Ledger } from './ledger.ts';
import { jwtClient, opaqueClient, startLoad } from './load.ts';

export interface CrashOptions {
  readonly home: string;
  readonly cycles: number;
  readonly seed: number;
  /** Told after each cycle. */
  readonly progress?: (cycle: number, ledger: Ledger) => void;
}

export interface CrashReport {
  readonly findings: Findings;
  readonly acknowledged: number;
  readonly things: number;
  /** Acts that were under way when a process died. */
  readonly cutOff: number;
}

const callers = 16;
/** Older things that are asked for again after each crash, beside those of the last cycle. */
const sampleOfOld = 24;
/** The whole trail is verified about this often in a run. */
const verifications = 20;

export async function runCrashCycles(options: CrashOptions): Promise<CrashReport> {
  const { home, cycles, seed, progress } = options;
  const chance = seeded(seed);
  const ledger = emptyLedger();
  const installation = await prepare(home);
  const findings: string[] = [];
  let cutOff = 0;
  let begunMs = Date.now();
  const every = Math.max(1, Math.floor(cycles / verifications));
  for (let cycle = 1; cycle <= cycles && findings.length === 0; cycle++) {
    await dieWhileStarting(installation, chance);
    const { child } = await start(installation, { command: 'authority' });
    findings.push(...(await checkCycle(installation, ledger, { chance, begunMs })));
    if (cycle % every === 0) findings.push(...(await checkAudit(installation)));
    beginCycle(ledger);
    begunMs = Date.now();
    const stopLoad = startLoad({ installation, ledger, chance }, callers);
    await pause(chance.between(5, 500));
    await child.stop('SIGKILL');
    await stopLoad();
    cutOff += cutOffOf(ledger);
    progress?.(cycle, ledger);
  }
  findings.push(...(await checkEverything(installation, ledger, begunMs)));
  beginCycle(ledger);
  return { findings, acknowledged: ledger.acknowledged, things: ledger.things.size, cutOff };
}

async function prepare(home: string): Promise<Installation> {
  const installation = await initialise(home);
  const { child } = await start(installation, { command: 'authority' });
  const clients = [opaqueClient, jwtClient].map(({ id, secret }) => ({
    client_id: id,
    client_secret: secret,
    client_name: id,
    grant_types: ['client_credentials'],
    scope: 'crash:read',
    access_token_format: id === jwtClient.id ? 'jwt' : 'opaque',
    // No token may end by itself in a run.
    access_token_ttl_seconds: 24 * 3600,
  }));
  await apply(installation, { clients });
  await child.stop('SIGKILL');
  return installation;
}

/** One start in ten is killed before it is ready, recovery and all. */
async function dieWhileStarting(installation: Installation, chance: Chance): Promise<void> {
  if (chance.next() > 0.1) return;
  const child = launch(installation, { command: 'authority' });
  await pause(chance.between(50, 1500));
  await child.stop('SIGKILL');
}

async function checkCycle(
  installation: Installation,
  ledger: Ledger,
  { chance, begunMs }: { readonly chance: Chance; readonly begunMs: number },
): Promise<Findings> {
  const all = [...ledger.things.values()];
  const old = Array.from({ length: sampleOfOld }, () => chance.pick(all));
  const things = new Set([...ledger.touched, ...old.filter((one) => one !== undefined)]);
  return [
    ...(await checkThings({ installation }, [...things])),
    ...(await checkTrail({ installation, ledger }, begunMs, [...ledger.touched])),
  ];
}

async function checkEverything(
  installation: Installation,
  ledger: Ledger,
  begunMs: number,
): Promise<Findings> {
  const running: Running = await start(installation, { command: 'authority' });
  const all = [...ledger.things.values()];
  const findings = [
    ...(await checkThings({ installation }, all)),
    ...(await checkTrail({ installation, ledger }, begunMs, [...ledger.touched])),
    ...(await checkAudit(installation)),
  ];
  await running.child.stop();
  return findings;
}

async function checkAudit(installation: Installation): Promise<Findings> {
  const problem = await auditProblem(installation);
  return problem === undefined ? [] : [problem];
}

function cutOffOf({ unanswered, asked }: Ledger): number {
  const unsure = [...asked].filter((thing) => thing.state === 'unsure').length;
  return unanswered['token.issue'] + unanswered['key.create'] + unsure;
}
