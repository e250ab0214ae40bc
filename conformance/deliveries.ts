/**
 * `npm run deliveries:longer -- --bao PATH --kube-apiserver PATH [--etcd PATH]`: deliveries of
 * rotations to the real programs. How to get them: docs/testing.md.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const options = {
  bao: { type: 'string' },
  'kube-apiserver': { type: 'string' },
  etcd: { type: 'string', default: '/usr/bin/etcd' },
} as const;
const { values } = parseArgs({ options });

/** Exits where it is not there: a run without it would say nothing. */
function programAt(name: keyof typeof options): string {
  const path = values[name];
  try {
    if (path === undefined) throw new Error('not given');
    accessSync(path, constants.X_OK);
    return resolve(path);
  } catch (error) {
    console.error(`deliveries: --${name}: ${String(error)}; docs/testing.md says how to get it`);
    process.exit(2);
  }
}

const { status } = spawnSync(
  'vitest',
  ['run', '--config', 'vitest.longer.config.ts', 'conformance/deliveries.longer'],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      MINTMARK_BAO: programAt('bao'),
      MINTMARK_KUBE_APISERVER: programAt('kube-apiserver'),
      MINTMARK_ETCD: programAt('etcd'),
    },
  },
);
process.exitCode = status ?? 1;
