/** Verdaccio, an npm registry: packages in a folder, no outside registry behind it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

const program = new URL('../node_modules/verdaccio/bin/verdaccio', import.meta.url).pathname;

/** It judges nothing itself: whoever reaches it may do everything. */
const configuration = `
storage: ./storage
web: { enable: false }
auth: { htpasswd: { file: ./htpasswd, max_users: -1 } }
packages: { '**': { access: $all, publish: $all, unpublish: $all } }
log: { type: stdout, format: json, level: warn }
`;

export interface Verdaccio {
  readonly port: number;
  readonly child: Child;
}

export async function startVerdaccio(folder: string): Promise<Verdaccio> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.yaml'), configuration);
  const port = await freePort();
  const args = [program, '--config', 'config.yaml', '--listen', `127.0.0.1:${port}`];
  const env = { HOME: folder, NODE_ENV: 'production' };
  const child = startChild(process.execPath, args, { cwd: folder, env });
  await until('Verdaccio answers', async () => {
    if (child.ended() !== undefined) throw new Error(`Verdaccio ended: ${child.stderr()}`);
    const answer = await fetch(`http://127.0.0.1:${port}/-/ping`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  });
  return { port, child };
}
