/**
 * Nothing that a reader of files, logs, backups or memory finds would let him call an API: secrets
 * of every kind are put through everything that is documented, well and badly, and then sought in
 * every form and place. Documented exception: unwrapped custody keys in memory.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCanaries, findCanariesInProcess, type Needle } from './canary.ts';
import type { Answer } from './rig/exchange.ts';
import { call, type Installation, initialise, type Running, start } from './rig/installation.ts';
import { mintmark } from './rig/mintmark.ts';
import { startUpstream, type Upstream } from './rig/upstream.ts';
import { makeSecrets, needlesOf, others, planted, type Secrets } from './secrets/make-secrets.ts';
import { settle } from './secrets/settle.ts';
import { misuse, properUse } from './secrets/traffic.ts';

interface Bed {
  readonly home: string;
  readonly upstream: Upstream;
  readonly installation: Installation;
  readonly running: Running;
  readonly secrets: Secrets;
  readonly needles: readonly Needle[];
  readonly answers: { readonly what: string; readonly answer: Answer }[];
}

/** Puts secrets through everything. */
async function openBed({ everywhere }: { readonly everywhere: boolean }): Promise<Bed> {
  const home = mkdtempSync(join(tmpdir(), 'mintmark-secrets-'));
  const upstream = await startUpstream();
  const installation = await initialise(join(home, 'mintmark'));
  const running = await start(installation, { flags: ['--log-level', 'trace'] });
  const secrets = await makeSecrets(installation, upstream.origin, planted);
  const answers: Bed['answers'] = [];
  const note = (what: string, answer: Answer) => answers.push({ what, answer });
  await properUse(installation, secrets, note);
  await misuse({ installation, secrets, note, everywhere });
  const needles = needlesOf(secrets);
  return { home, upstream, installation, running, secrets, needles, answers };
}

async function closeBed(bed: Bed | undefined): Promise<void> {
  await bed?.running.child.stop('SIGKILL');
  await bed?.upstream.close();
  if (bed !== undefined) rmSync(bed.home, { recursive: true, force: true });
}

describe('secrets that went through everything', () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ everywhere: true });
  });

  afterAll(() => closeBed(bed));

  it('were used: good answers and refusals of every kind came back', () => {
    const statuses = new Set(bed.answers.map(({ answer }) => answer.status));
    for (const status of [200, 400, 401, 404, 413, 422]) expect(statuses).toContain(status);
    expect(bed.answers.filter(({ answer }) => answer.status >= 500)).toEqual([]);
  });

  it('stand in no answer', async () => {
    const texts = bed.answers.map(({ what, answer }) => {
      const text = `${answer.text}\n${JSON.stringify([...answer.headers])}`;
      return { name: what, bytes: Buffer.from(text) };
    });
    expect((await findCanaries(texts, bed.needles)).finds).toEqual([]);
  });

  it('stand in no file of the data folder: database, write-ahead log, custody', async () => {
    const { folder } = bed.installation;
    expect(readdirSync(folder)).toContain('mintmark.db-wal');
    const { finds, bytesRead } = await findCanaries([folder], bed.needles);
    expect(finds).toEqual([]);
    expect(bytesRead).toBeGreaterThan(100_000);
  });

  it('stand in no backup', async () => {
    const { home: cwd, folder } = bed.installation;
    const backup = join(bed.home, 'backup');
    const done = await mintmark(['backup', backup, '--data', folder], { cwd });
    expect(done, done.stderr).toMatchObject({ code: 0 });
    const { finds, bytesRead } = await findCanaries([backup], bed.needles);
    expect(finds).toEqual([]);
    expect(bytesRead).toBeGreaterThan(100_000);
  });

  it('stand in no line of the log, at its most talkative', async () => {
    const { stdout, stderr } = bed.running.child;
    const texts = [
      { name: 'stdout', bytes: Buffer.from(stdout()) },
      { name: 'stderr', bytes: Buffer.from(stderr()) },
    ];
    const { finds, bytesRead } = await findCanaries(texts, bed.needles);
    expect(finds).toEqual([]);
    expect(bytesRead).toBeGreaterThan(100_000);
  });
});

/**
 * Not in paths, queries and bodies that are refused unread: what a caller puts there, Node's own
 * parser leaves in freed memory until other requests overwrite it (SECURITY.md).
 */
describe('the memory of an idle process', () => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await openBed({ everywhere: false });
  });

  afterAll(() => closeBed(bed));

  it('holds none of the secrets that went through it', async () => {
    const { installation, upstream, running, needles } = bed;
    // The others have an administrator of their own: every call with the first one plants its key.
    const body = { name: 'others', permissions: ['*'] };
    const made = await call(installation, 'POST /v1/admin-keys', body);
    expect(made.status, made.text).toBe(201);
    const theirs = { ...installation, adminKey: String(made.body['key']) };
    const secrets = await makeSecrets(theirs, upstream.origin, others);
    const note = () => undefined;
    const left = await settle(
      async () => {
        await properUse(theirs, secrets, note);
        await misuse({ installation: theirs, secrets, note, everywhere: false });
      },
      async () => {
        const { finds, bytesRead } = await findCanariesInProcess(running.child.pid, needles);
        expect(bytesRead).toBeGreaterThan(10_000_000);
        return finds;
      },
    );
    expect(left).toEqual([]);
  });
});
