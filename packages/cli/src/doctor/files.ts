/** Who may read what is kept, and whether there is room for more. */

import { X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { type Check, fail, pass, warn } from './check.ts';

const gibibyte = 2 ** 30;
const day = 86_400_000;

/** @param self numeric id of this process's account; undefined where the system has none */
export function checkFolder(folder: string, self: number | undefined): Check {
  if (!existsSync(folder)) {
    return warn('data_folder', `${folder} does not exist yet`, 'run "mintmark init" or "serve"');
  }
  const { mode, uid } = statSync(folder);
  if ((mode & 0o077) !== 0) {
    return fail('data_folder', `${folder} is open to other accounts`, `chmod 700 ${folder}`);
  }
  if (self !== undefined && self !== 0 && uid !== self) {
    return fail('data_folder', `${folder} belongs to another account`, 'run as its owner');
  }
  return pass('data_folder', `${folder} is its owner's alone`);
}

/** Secrets in files: nobody but the owner reads them. */
export function checkPrivate(check: string, path: string): Check {
  if (!existsSync(path)) return fail(check, `${path} is not there`, 'restore it, or name it right');
  const { mode, uid } = statSync(path);
  // A secret that root has mounted may be read by a group: see custody/mounted-secret.ts.
  const isMounted = lstatSync(path).isSymbolicLink() && uid === 0;
  return (mode & (isMounted ? 0o037 : 0o077)) === 0
    ? pass(check, `${path} is its owner's alone`)
    : fail(check, `${path} is open to other accounts`, `chmod 600 ${path}`);
}

/** The write-ahead log grows while a backup runs, and a full disk refuses every act. */
export function checkDisk(folder: string): Check {
  if (!existsSync(folder)) return warn('disk', 'no folder to look at', 'see data_folder');
  const { bavail, bsize, blocks } = statfsSync(folder);
  const free = bavail * bsize;
  const share = blocks === 0 ? 1 : bavail / blocks;
  const message = `${(free / gibibyte).toFixed(1)} GiB free, ${Math.round(share * 100)} %`;
  if (free < gibibyte / 4) return fail('disk', message, 'make room: a full disk refuses every act');
  if (free < 2 * gibibyte || share < 0.05) return warn('disk', message, 'make room in time');
  return pass('disk', message);
}

/** Listeners: plain HTTP beyond this machine, certificates that end, keys that others read. */
export function checkListener(
  name: 'authority' | 'gateway',
  config: Config,
  nowMs: number,
): readonly Check[] {
  const { listen, tls_cert, tls_key, insecure_http } = config[name];
  if (tls_cert === undefined || tls_key === undefined) {
    if (isLoopback(listen)) return [pass(`${name}_tls`, 'plain HTTP on loopback only')];
    const todo = `set ${name}.tls_cert and ${name}.tls_key`;
    return [
      insecure_http
        ? fail(`${name}_tls`, `plain HTTP on ${listen}: everybody on the way reads tokens`, todo)
        : fail(`${name}_tls`, `plain HTTP on ${listen} will be refused`, todo),
    ];
  }
  return [
    checkCertificate(`${name}_tls`, tls_cert, nowMs),
    checkPrivate(`${name}_tls_key`, tls_key),
  ];
}

/** No secret leaves there, but how much is asked and refused is nobody else's business. */
export function checkOperations(config: Config): readonly Check[] {
  const { operations_listen: at } = config.gateway;
  if (at === undefined || isLoopback(at)) return [];
  const message = `whoever reaches ${at} sees the counters of a gateway apart`;
  const todo = 'let only probes and Prometheus reach it, or listen on loopback';
  return [warn('gateway_operations', message, todo)];
}

function isLoopback(listen: string): boolean {
  const host = listen.slice(0, listen.lastIndexOf(':'));
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host);
}

function checkCertificate(check: string, path: string, nowMs: number): Check {
  let ends: number;
  try {
    ends = Date.parse(new X509Certificate(readFileSync(path)).validTo);
  } catch {
    return fail(check, `${path} is no certificate that can be read`, 'name a PEM file');
  }
  const days = Math.floor((ends - nowMs) / day);
  if (days < 0) return fail(check, `${path} has expired`, 'renew it');
  if (days < 14) return warn(check, `${path} ends in ${days} days`, 'renew it');
  return pass(check, `${path} is good for ${days} days`);
}

/** The folder of a store that is a folder. */
export function sqliteFolder(database: string): string | undefined {
  return /^sqlite:(.+)$/s.exec(database)?.[1];
}

/** Every file of a folder that holds what a stranger must not read. */
export function checkDatabaseFiles(folder: string): readonly Check[] {
  return ['mintmark.db', 'mintmark.db-wal', 'mintmark.db-shm']
    .map((name) => join(folder, name))
    .filter((path) => existsSync(path))
    .map((path) => checkPrivate('database_file', path));
}
