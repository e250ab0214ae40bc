/** 100,000 keys of another system, taken over page by page through a server that dies meanwhile. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, freshFolder, type Server, startMintmark } from './rig/mintmark.ts';

const total = 100_000;
const pageRows = 10_000;
const format = { prefix: 'old_', separator: '.' };

let folder: Folder;
let server: Server;
let adminKey: string | undefined;

interface Report {
  readonly imported: number;
  readonly unchanged: number;
  readonly conflicts: readonly unknown[];
}

beforeAll(async () => {
  folder = freshFolder();
  server = await startMintmark([], { cwd: folder.path });
  adminKey = server.adminKey;
});

afterAll(async () => {
  await server?.child.stop('SIGKILL');
  folder?.remove();
});

function textOf(serial: number): string {
  return `old_k${serial}.secret-${serial}`;
}

async function post<A = Record<string, unknown>>(path: string, json: unknown): Promise<A> {
  const answer = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as A;
}

function sendPage(page: number): Promise<Report> {
  const keys = Array.from({ length: pageRows }, (_, i) => {
    const serial = page * pageRows + i;
    const hash = createHash('sha256').update(textOf(serial)).digest('hex');
    return { id: `k${serial}`, hash, scopes: ['read'], owner: `team-${serial % 7}` };
  });
  return post<Report>('/v1/keys/import', { format, keys });
}

async function sendAll(): Promise<Report> {
  let sum: Report = { imported: 0, unchanged: 0, conflicts: [] };
  for (let page = 0; page < total / pageRows; page++) {
    const { imported, unchanged, conflicts } = await sendPage(page);
    sum = {
      imported: sum.imported + imported,
      unchanged: sum.unchanged + unchanged,
      conflicts: [...sum.conflicts, ...conflicts],
    };
  }
  return sum;
}

describe('an import of 100,000 keys', () => {
  it('is finished by sending it again, where the server was killed in the middle', async () => {
    await sendPage(0);
    const cut = sendPage(1).then(
      () => 'answered',
      () => 'cut',
    );
    await sendPage(2);
    await server.child.stop('SIGKILL');
    await cut;
    server = await startMintmark([], { cwd: folder.path });

    const sum = await sendAll();
    expect(sum.conflicts).toEqual([]);
    expect(sum.imported + sum.unchanged).toBe(total);
    // What was acknowledged before the kill is there.
    expect(sum.unchanged).toBeGreaterThanOrEqual(2 * pageRows);
  }, 240_000);

  it('changes nothing when it is sent once more, keys in use included', async () => {
    for (const serial of [0, 12_345, 54_321, total - 1]) {
      const verdict = await post('/v1/keys/verify', { key: textOf(serial), scopes: ['read'] });
      expect(verdict).toMatchObject({
        active: true,
        id: `k${serial}`,
        owner: `team-${serial % 7}`,
      });
    }
    expect(await sendAll()).toEqual({ imported: 0, unchanged: total, conflicts: [] });
    const wrong = await post('/v1/keys/verify', { key: `${textOf(0)}x` });
    expect(wrong).toEqual({ active: false, code: 'not_found' });
  }, 120_000);

  it('leaves one record for each key, in a log that verifies', async () => {
    const headers = { authorization: `Bearer ${adminKey}` };
    const answer = await fetch(`${server.url}/v1/audit/verify`, { headers });
    const report = (await answer.json()) as { ok: boolean; head: { size: number } };
    expect(report.ok).toBe(true);
    expect(report.head.size).toBeGreaterThanOrEqual(total);
  }, 120_000);
});
