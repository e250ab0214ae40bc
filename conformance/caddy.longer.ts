/**
 * The judge in the real Caddy, with the Caddyfile of deploy/ as it stands: the same table as
 * other-proxies.suite.ts. Caddy is built from source, by a newer Go than Debian's.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exchange } from './rig/exchange.ts';
import { type ForeignProxy, startCaddy } from './rig/foreign-proxy.ts';
import { goCommand } from './rig/go-program.ts';
import { type JudgedWorld, startJudgedWorld } from './rig/judged-world.ts';
import { type Folder, freshFolder } from './rig/mintmark.ts';
import { askRow, expectedOf, rows } from './rig/proxy-table.ts';

let folder: Folder;
let world: JudgedWorld;
let caddy: ForeignProxy;

beforeAll(async () => {
  const program = await goCommand('caddy', 'github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9');
  folder = freshFolder();
  world = await startJudgedWorld(join(folder.path, 'mintmark'));
  caddy = await startCaddy(join(folder.path, 'caddy'), program, world.around);
});

afterAll(async () => {
  await caddy?.child.stop();
  await world?.close();
  folder?.remove();
});

it.each(rows.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
  const theirs = await askRow(row, world, caddy.origin);
  expect(theirs).toEqual(await expectedOf(row, 'caddy', world));
});

it('refuses everything without the judge', async () => {
  await world.close();
  expect((await exchange(`${caddy.origin}/open`)).status).toBe(502);
});
