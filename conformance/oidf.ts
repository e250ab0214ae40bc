/**
 * `npm run conformance:oidf -- --suite https://localhost:8443`: the plans of the OpenID conformance
 * suite against a fresh Mintmark. The suite is another project's and must be running: see
 * oidf/README.md. Exit code 1 where a module failed, was interrupted or did not end.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openApprovals } from './oidf/approvals.ts';
import { openDesk } from './oidf/browser.ts';
import { runModule, type Verdict } from './oidf/module-run.ts';
import { certificateNames, type PlanRun, person, plans, seed } from './oidf/plans.ts';
import { openSuite } from './oidf/suite.ts';
import { startTlsAuthority } from './rig/tls-authority.ts';
import { startUpstream } from './rig/upstream.ts';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'https://localhost:8443' },
    'suite-ca': { type: 'string' },
    plan: { type: 'string', multiple: true, default: [] },
    module: { type: 'string' },
    chromium: { type: 'string', default: 'chromium' },
    out: { type: 'string' },
    deadline: { type: 'string', default: '240' },
  },
});

const chosen = plans.filter(({ name }) => values.plan.length === 0 || values.plan.includes(name));
const deadlineMs = Number(values.deadline) * 1000;
if (chosen.length === 0 || !(deadlineMs > 0)) {
  console.error(`oidf: --plan is one of ${plans.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

if (values.out !== undefined) mkdirSync(values.out, { recursive: true });
const home = mkdtempSync(join(tmpdir(), 'mintmark-oidf-'));
const suiteCa = values['suite-ca'] === undefined ? undefined : resolve(values['suite-ca']);
const suite = openSuite({
  base: values.suite,
  ...(suiteCa === undefined ? {} : { ca: readFileSync(suiteCa, 'utf8') }),
});
const mutualTls = chosen.some((plan) => plan.mutualTls === true);
const rsa = chosen.some((plan) => plan.rsa === true);
const authority = await startTlsAuthority({
  ...{ home, mutualTls, rsa },
  env: {
    // Where the suite has its keys, sector identifiers and ends of sessions.
    MINTMARK_OUTBOUND_DEVELOPMENT_LOOPBACK: 'true',
    ...(suiteCa === undefined ? {} : { MINTMARK_OUTBOUND_CA: suiteCa }),
    ...Object.assign({}, ...chosen.map((plan) => plan.env ?? {})),
  },
});
const [first, second] = certificateNames;
const certificates = [
  await authority.issueCertificate(first),
  await authority.issueCertificate(second),
] as const;
const approvals = await openApprovals(authority);
const upstream = await startUpstream();
const desk = await openDesk({ executable: which(values.chromium), suite: suite.base });
const verdicts: Verdict[] = [];
try {
  await authority.apply(seed(suite.base, { upstream: upstream.origin, mutualTls }));
  for (const plan of chosen) verdicts.push(...(await runPlan(plan)));
} finally {
  await desk.close();
  await approvals.close();
  await authority.child.stop();
  await upstream.close();
  if (values.out !== undefined) {
    writeFileSync(join(values.out, 'authority.log'), authority.child.stdout());
  }
  rmSync(home, { recursive: true, force: true });
}
console.log(closing(verdicts));
const isBad = ({ result }: Verdict): boolean => ['FAILED', 'UNKNOWN', 'STUCK'].includes(result);
process.exitCode = verdicts.length === 0 || verdicts.some(isBad) ? 1 : 0;

async function runPlan({ name, plan, variant, configuration }: PlanRun): Promise<Verdict[]> {
  const made = await suite.createPlan(
    plan,
    variant,
    configuration({ ...authority, certificates, approvals }),
  );
  console.log(`\n${name}: ${plan} ${JSON.stringify(variant)}`);
  const found: Verdict[] = [];
  for (const module of made.modules) {
    if (values.module !== undefined && !module.testModule.includes(values.module)) continue;
    const verdict = await runModule({
      ...{ suite, desk, plan: made.id, module, person, deadlineMs },
      rotateKeys: () => authority.administer('signing-key', 'rotate', '--algorithm', 'RS256'),
    });
    console.log(`  ${verdict.result.padEnd(8)} ${verdict.module} (${verdict.id})`);
    for (const complaint of verdict.complaints) console.log(`           ${complaint}`);
    keep(name, verdict);
    found.push(verdict);
  }
  return found;
}

/** Pictures for the reviewer whom REVIEW asks for, and where the browser went. */
function keep(plan: string, { module, id, walks, complaints, result }: Verdict): void {
  if (values.out === undefined) return;
  const folder = join(values.out, plan, module);
  mkdirSync(folder, { recursive: true });
  const said = walks.map(({ url, titles }) => ({ titles, ended: url }));
  const text = JSON.stringify({ id, result, complaints, walks: said }, undefined, 2);
  writeFileSync(join(folder, 'walk.json'), text);
  const pictures = walks.flatMap((walk) => walk.pictures);
  pictures.forEach((picture, index) => {
    writeFileSync(join(folder, `${index + 1}.png`), picture);
  });
}

function closing(all: readonly Verdict[]): string {
  const count = (...results: string[]): number =>
    all.filter(({ result }) => results.includes(result)).length;
  const passed = count('PASSED', 'REVIEW', 'WARNING');
  return [
    `\n${count('WARNING')} of those that passed warned, ${count('REVIEW')} ask for a reviewer`,
    `${passed} passed, ${count('FAILED', 'UNKNOWN', 'STUCK')} failed, ${count('SKIPPED')} skipped`,
  ].join('\n');
}

function which(program: string): string {
  const found = spawnSync('which', [program], { encoding: 'utf8' });
  if (found.status !== 0) throw new Error(`oidf: no ${program} in PATH; --chromium names another`);
  return found.stdout.trim();
}
