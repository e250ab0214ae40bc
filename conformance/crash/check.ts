/**
 * After a restart: what was acknowledged must be there, what was revoked must stay revoked, and the
 * trail must hold one record for each acknowledged act and none for what nobody asked for.
 */
import { type ClientSecret, call, type Installation, postForm } from '../rig/installation.ts';
import { type ActName, type Ledger, nameOf, type Thing } from './ledger.ts';
import { jwtClient, opaqueClient } from './load.ts';

export interface CheckDeps {
  readonly installation: Installation;
  readonly ledger: Ledger;
}

/** Sentences about what is wrong; none where all is well. */
export type Findings = readonly string[];

/** Asks for each of the things whether it is what its ledger says; an unsure one is settled. */
export async function checkThings(
  { installation }: Pick<CheckDeps, 'installation'>,
  things: readonly Thing[],
): Promise<Findings> {
  const findings: string[] = [];
  const queue = [...things];
  const ask = async (): Promise<void> => {
    for (let thing = queue.pop(); thing !== undefined; thing = queue.pop()) {
      const isActive = await activeNow(installation, thing);
      if (thing.state === 'unsure') thing.state = isActive ? 'live' : 'revoked';
      else if (isActive !== (thing.state === 'live')) {
        const verb = isActive ? 'works' : 'does not work';
        findings.push(`${thing.kind} ${thing.id} ${verb}, though it was left ${thing.state}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, ask));
  return findings;
}

async function activeNow(installation: Installation, thing: Thing): Promise<boolean> {
  if (thing.kind === 'key') {
    const answer = await call(installation, 'POST /v1/keys/verify', { key: thing.text });
    return isActive(answer.body, answer.text);
  }
  const owner: ClientSecret = thing.text.includes('.') ? jwtClient : opaqueClient;
  const form = { token: thing.text };
  const answer = await postForm(installation, '/oauth2/introspect', owner, form);
  return isActive(answer.body, answer.text);
}

function isActive(body: Readonly<Record<string, unknown>>, text: string): boolean {
  if (typeof body['active'] !== 'boolean') throw new Error(`no verdict: ${text}`);
  return body['active'];
}

/**
 * The records since a moment against the ledger. To be called after `checkThings`, which settled
 * what was unsure.
 *
 * @param fromMs before the first act that is looked at
 * @param things the ones that were made or revoked since then
 */
export async function checkTrail(
  { installation, ledger }: CheckDeps,
  fromMs: number,
  things: readonly Thing[],
): Promise<Findings> {
  const counts = await countRecords(installation, fromMs);
  const findings: string[] = [];
  const expect = (name: ActName, wanted: number): void => {
    const found = counts.get(name) ?? 0;
    if (found !== wanted) findings.push(`${found} records of "${name}", not ${wanted}`);
    counts.delete(name);
  };
  for (const thing of things) {
    const made = nameOf(thing.kind === 'token' ? 'token.issue' : 'key.create', thing);
    if (ledger.recent.has(made)) expect(made, 1);
    const ended = nameOf('revocation.create', thing);
    if (ledger.recent.has(ended)) expect(ended, 1);
    // It was asked for and not answered, and what became of it is known by now.
    else if (ledger.asked.has(thing)) expect(ended, thing.state === 'revoked' ? 1 : 0);
  }
  return [...findings, ...(await judgeUntold({ installation, ledger }, counts))];
}

/** What is left are things that somebody asked for without ever being told of them. */
async function judgeUntold(
  { installation, ledger }: CheckDeps,
  counts: ReadonlyMap<string, number>,
): Promise<Findings> {
  const findings: string[] = [];
  const left = { ...ledger.unanswered };
  for (const [name, count] of counts) {
    const [action, object = ''] = name.split(' ');
    if (action !== 'token.issue' && action !== 'key.create') {
      findings.push(`${count} records of "${name}", which nobody asked for`);
      continue;
    }
    left[action] -= count;
    if (count > 1 || left[action] < 0) {
      findings.push(`${count} records of "${name}", more than were asked for`);
    }
    if (action === 'key.create') {
      const { status } = await call(installation, `GET /v1/keys/${object.replace('key:', '')}`);
      if (status !== 200) findings.push(`a record of "${name}", and no such key: ${status}`);
    }
  }
  return findings;
}

/** `action kind:id` → how many records of it there are, of the actions that the load causes. */
async function countRecords(
  installation: Installation,
  fromMs: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const from = new Date(fromMs).toISOString();
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ from, limit: '1000' });
    if (cursor !== undefined) query.set('cursor', cursor);
    const page = await call(installation, `GET /v1/audit/events?${query}`);
    if (page.status !== 200) throw new Error(`no records: ${page.status} ${page.text}`);
    for (const { action, object, time } of page.body['items'] as readonly AuditRecord[]) {
      // The search knows whole seconds only.
      if (Date.parse(time) < fromMs) continue;
      if (!/^(?:token\.issue|key\.create|revocation\.create)$/.test(action)) continue;
      const name = `${action} ${object.kind}:${object.id}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const { next } = page.body;
    cursor = typeof next === 'string' ? next : undefined;
  } while (cursor !== undefined);
  return counts;
}

interface AuditRecord {
  readonly time: string;
  readonly action: string;
  readonly object: { readonly kind: string; readonly id: string };
}
