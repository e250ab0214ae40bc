/**
 * Schemathesis against a running server: it reads the OpenAPI description and sends what fits it
 * and what does not. No answer may be a 5xx, or one that the description does not have.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from './rig/child.ts';
import { type Folder, freshFolder, type Server, startMintmark } from './rig/mintmark.ts';

/** Where `npm test` puts Python's packages; a schemathesis on the path does too. */
const installed = new URL('../.cache/python/bin/schemathesis', import.meta.url).pathname;
const program = existsSync(installed) ? installed : 'schemathesis';

const missing =
  'schemathesis is not there: `npm test` installs it (tools/python-packages.txt), ' +
  'or put one on the path with `pip install schemathesis==4.32.5`';

/**
 * Off: that all data which fits a schema is accepted (a forged cursor fits one too, and an address
 * block whose host bits are not zero), and that what was made has all its parts: a user that was
 * just made has no second factor to take away. 428 and 431 are refusals as good as any other.
 */
const settings = `
[checks]
ensure_resource_availability.enabled = false
positive_data_acceptance.enabled = false
missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]
negative_data_rejection.expected-statuses = [
  400, 401, 403, 404, 406, 410, 413, 415, 422, 428, 429, 431,
]
`;

let folder: Folder;
let server: Server;

beforeAll(async () => {
  folder = freshFolder();
  writeFileSync(join(folder.path, 'schemathesis.toml'), settings);
  server = await startMintmark([], { cwd: folder.path });
});

afterAll(async () => {
  await server?.child.stop('SIGKILL');
  folder?.remove();
});

async function schemathesis(...args: readonly string[]) {
  const version = await runChild(program, ['--version'], { cwd: folder.path }).catch(
    () => undefined,
  );
  expect(version?.code, missing).toBe(0);
  const authorization = `Authorization: Bearer ${server.adminKey}`;
  const common = ['run', `${server.url}/openapi.json`, '--no-color', '-H', authorization];
  return runChild(program, [...common, ...args], {
    cwd: folder.path,
    env: { HOME: folder.path },
  });
}

/** The numbers of `3298 generated, 3298 passed, 74 skipped`. */
function tallyOf(stdout: string): Readonly<Record<string, number>> {
  const line = /^ +\d+ generated.*$/m.exec(stdout)?.[0] ?? '';
  const counts = [...line.matchAll(/(\d+) (\w+)/g)];
  return Object.fromEntries(counts.map(([, count, what]) => [what, Number(count)]));
}

async function callApi(path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${server.adminKey}` };
  const answer = await fetch(`${server.url}${path}`, { headers });
  expect(answer.status).toBe(200);
  return answer.json();
}

describe('the OpenAPI description', () => {
  it('knows every answer to whatever a generator thinks of, and none is a 5xx', async () => {
    const { code, stdout } = await schemathesis(
      // One worker: in two threads CPython 3.11 now and then fails inside its own `ast.parse`.
      ...['--seed', '20260701', '--max-examples', '15', '--workers', '1'],
      ...['--phases', 'examples,coverage,fuzzing,stateful'],
      // Given a second administrator it would end the first, whose key the generator uses.
      ...['--exclude-operation-id', 'revokeAdminKey'],
    );
    expect(code, stdout.slice(-20_000)).toBe(0);
    expect(tallyOf(stdout)['passed']).toBeGreaterThan(1_000);
    // The credential still works, so that not all of them were refusals.
    expect(await callApi('/v1/tenant')).toMatchObject({ tenant: 'default' });
  }, 240_000);

  it('leaves a log in which every act is recorded and chained', async () => {
    expect(await callApi('/v1/audit/verify')).toMatchObject({ ok: true, problems_total: 0 });
  });

  it('knows every answer to ending an admin key', async () => {
    const only = ['--include-operation-id', 'revokeAdminKey', '--phases', 'coverage,fuzzing'];
    const { code, stdout } = await schemathesis('--seed', '7', '--max-examples', '20', ...only);
    expect(code, stdout.slice(-20_000)).toBe(0);
  });
});
