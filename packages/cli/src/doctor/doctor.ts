/**
 * `mintmark doctor`: looks at everything that can be unsafe or broken around an installation, from
 * outside, whether it runs or not. It changes nothing.
 */
import { inspectStore, localCustodyWarnings, openLocalCustody } from '@mintmark/authority';
import {
  Fault,
  type KeyedCharge,
  limits,
  NetworkFault,
  rfc3339,
  type UnixMs,
} from '@mintmark/core';
import type { LimitStores } from '@mintmark/gateway';
import { serverOf } from '../api/connect.ts';
import type { CommandRefusal } from '../command.ts';
import type { LoadedConfig } from '../config/load.ts';
import { type Config, dataByDefault } from '../config/schema.ts';
import type { CliPorts } from '../ports.ts';
import { custodyOf, databaseOf, isNowhere } from '../serve/installation.ts';
import { openLimits } from '../serve/limit-stores.ts';
import { type Check, fail, pass, warn } from './check.ts';
import {
  checkDatabaseFiles,
  checkDisk,
  checkFolder,
  checkListener,
  checkOperations,
  checkPrivate,
  sqliteFolder,
} from './files.ts';
import { judgeNode } from './node-version.ts';

export interface Patient {
  readonly loaded: LoadedConfig;
  /** As `process.version` spells it. */
  readonly nodeVersion: string;
  /** Numeric id of this process's account. */
  readonly self: number | undefined;
}

/** A record waits this long for its place in the log while the sequencer is well. */
const lagMsMax = 5_000;

export async function examine(ports: CliPorts, patient: Patient): Promise<readonly Check[]> {
  const { loaded, self } = patient;
  const { config } = loaded;
  const now = ports.clock.nowMs();
  return [
    checkNode(patient.nodeVersion),
    ...loaded.warnings.map((text) => warn('configuration', text, 'see docs/configuration.md')),
    checkFolder(config.data, self),
    checkDisk(config.data),
    ...checkListener('authority', config, now),
    ...(config.gateway.enabled ? checkListener('gateway', config, now) : []),
    ...checkOperations(config),
    ...(await checkCustody(ports, config)),
    checkAlerts(config),
    ...(await checkDatabase(ports, config)),
    ...(await checkCache(ports, config)),
    await checkServer(ports, config),
  ];
}

/** Whoever runs it elsewhere than the server has no sick installation, but named none. */
export function nobodyNamed(
  { environment }: Pick<CliPorts, 'environment'>,
  config: Config,
): CommandRefusal | undefined {
  if (config.data !== dataByDefault || !isNowhere(config, environment)) return undefined;
  const message = `no installation in ${config.data}`;
  return { reason: 'usage', message, hint: 'name it with --data or --config' };
}

/** What must not be wrong where somebody serves with `--strict`; the rest shows at the start. */
const strictChecks = new Set([
  'node',
  'data_folder',
  'disk',
  'database_file',
  'clock',
  'authority_tls',
  'authority_tls_key',
  'gateway_tls',
  'gateway_tls_key',
]);

/** The failures for which `--strict` refuses to start. */
export async function unsafeToServe(ports: CliPorts, patient: Patient): Promise<readonly Check[]> {
  const checks = await examine(ports, patient);
  return checks.filter(({ check, verdict }) => verdict === 'fail' && strictChecks.has(check));
}

function checkNode(version: string): Check {
  const { verdict, message } = judgeNode(version);
  return verdict === 'pass'
    ? pass('node', message)
    : { check: 'node', verdict, message, todo: 'run under the Node that the lockfile pins' };
}

/** Credentials that end are told to somebody, or things break without a word. */
function checkAlerts({ mail, alerts }: Config): Check {
  const { webhook, webhook_secret: secret, contact } = alerts;
  if (webhook !== undefined && secret === undefined) {
    const todo = 'set alerts.webhook_secret; docs/notices.md';
    return fail('alerts', 'alerts.webhook has no secret that signs its requests', todo);
  }
  if (mail.url === undefined && webhook === undefined) {
    const message = 'no owner of a credential is told before it ends: there is no mail, no webhook';
    return warn('alerts', message, 'set mail.url or alerts.webhook; docs/notices.md');
  }
  if (mail.url !== undefined && contact === undefined && webhook === undefined) {
    const message = 'owners without a verified address are told nothing';
    return warn('alerts', message, 'set alerts.contact; docs/notices.md');
  }
  return pass('alerts', 'owners of credentials are told');
}

async function checkCustody(ports: CliPorts, config: Config): Promise<readonly Check[]> {
  const { path, unlock } = custodyOf(config, ports.environment);
  const checks: Check[] = [];
  if (unlock.by === 'key_file') checks.push(checkPrivate('custody_key', unlock.path));
  for (const { code, hint } of localCustodyWarnings({ path, unlock })) {
    checks.push(warn(code, hint, 'set custody.key_file or custody.passphrase'));
  }
  try {
    const custody = await openLocalCustody({ path, unlock, ...ports });
    const { keys } = await custody.describe();
    await custody.close();
    checks.push(pass('custody', `${path} opens; ${keys.length} root keys`));
  } catch (fault) {
    checks.push(failedBy('custody', fault));
  }
  return checks;
}

async function checkDatabase(ports: CliPorts, config: Config): Promise<readonly Check[]> {
  const now = ports.clock.nowMs();
  try {
    const database = await databaseOf(config, ports.environment);
    const folder = sqliteFolder(database);
    if (folder === undefined) {
      const todo = 'its server must answer on /readyz';
      return [warn('database', 'not SQLite: looked at through the running server only', todo)];
    }
    const found = inspectStore(database);
    return [
      ...checkDatabaseFiles(folder),
      checkSchema(found.pending),
      checkLag(found, now),
      checkClock(found.newestRecordAt, now),
      checkCodes(found.unguardedClients),
      checkCountries(found.keysNamingCountries, config),
      checkLimits(found.strictRoutes, config),
    ];
  } catch (fault) {
    return [failedBy('database', fault)];
  }
}

function checkSchema(pending: readonly string[]): Check {
  if (pending.length === 0) return pass('schema', 'up to date');
  const message = `not applied yet: ${pending.join(', ')}`;
  return warn('schema', message, 'run "mintmark migrate" once the last old program has stopped');
}

function checkLag(
  {
    waiting,
    waitingSince,
  }: { readonly waiting: number; readonly waitingSince: number | undefined },
  now: number,
): Check {
  const lagMs = waitingSince === undefined ? 0 : now - waitingSince;
  const seconds = Math.max(0, Math.round(lagMs / 1000));
  const message = `${waiting} records wait, the oldest for ${seconds} s`;
  if (lagMs <= lagMsMax) return pass('audit_lag', message);
  return warn('audit_lag', message, 'start the server; if it runs, its log names the fault');
}

/** A clock set back makes what has expired look alive to whoever trusts it. */
function checkClock(newestRecordAt: number | undefined, now: number): Check {
  if (newestRecordAt !== undefined && newestRecordAt > now + 60_000) {
    const ahead = Math.round((newestRecordAt - now) / 1000);
    const message = `the newest audit record is ${ahead} s in the future`;
    return fail('clock', message, 'set it right by NTP; a server does not start until then');
  }
  return pass('clock', `${rfc3339(now as UnixMs)}, not before the newest record`);
}

/** What a client without PKCE leaves to its nonce (RFC 9700 §2.1.1): without one, nothing. */
function checkCodes(clients: readonly string[]): Check {
  if (clients.length === 0) return pass('codes', 'each is guarded by PKCE or by a nonce');
  const message = `neither PKCE nor a nonce guards the codes of ${clients.join(', ')}`;
  return warn('codes', message, 'set require_pkce, or have the client send a nonce and check it');
}

/** Keys that name countries are refused where nobody knows any. */
function checkCountries(keys: number, { geo }: Config): Check {
  if (geo.database !== undefined) return pass('countries', 'a database says where addresses are');
  if (keys === 0) return pass('countries', 'no key names countries, and no database is set');
  const message = `${keys} keys name countries, no database is set: all of them are refused`;
  return warn('countries', message, 'set geo.database; docs/api-keys.md');
}

/** Exact across processes needs a count that they share. */
function checkLimits(strict: readonly string[], { cache }: Config): Check {
  if (cache.url !== undefined) return pass('limits', 'counted in common, in the cache');
  if (strict.length === 0) return pass('limits', 'each process counts by itself, as routes allow');
  const message = `limits_mode is strict, and no cache is set: ${strict.slice(0, 5).join(', ')}`;
  return warn('limits', message, 'set cache.url, or run one gateway alone; docs/limits.md');
}

async function checkCache(ports: CliPorts, { cache }: Config): Promise<readonly Check[]> {
  if (cache.url === undefined) return [];
  const log = { info: () => undefined, error: () => undefined };
  try {
    const stores = await openLimits(ports, { cache, log });
    const isThere = await answers(stores, ports);
    stores.close();
    const todo = 'check cache.url, cache.password, and that it runs; docs/limits.md';
    return [
      isThere ? pass('cache', 'it answers') : fail('cache', `nobody answers at ${cache.url}`, todo),
    ];
  } catch (fault) {
    return [failedBy('cache', fault)];
  }
}

const nothing: KeyedCharge = {
  ...{ key: 'doctor', group: 'doctor', cost: 0, isReserved: false },
  rule: { kind: 'window', quota: 1, windowMs: 1 },
};

/** A connection takes a moment. */
async function answers({ common }: LimitStores, { timers }: CliPorts): Promise<boolean> {
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      await common?.look([nothing]);
      return true;
    } catch (fault) {
      if (!(fault instanceof NetworkFault)) throw fault;
      await new Promise<void>((resolve) => timers.after(limits.limitStoreRestMs, resolve));
    }
  }
  return false;
}

async function checkServer(ports: CliPorts, config: Config): Promise<Check> {
  const server = serverOf(config);
  const controller = new AbortController();
  const cancel = ports.timers.after(3_000, () => controller.abort());
  try {
    const response = await ports.fetch(`${server}/readyz`, { signal: controller.signal });
    return response.status === 200
      ? pass('server', `${server} is ready`)
      : fail('server', `${server} is not ready: ${response.status}`, 'its log says why');
  } catch {
    return warn('server', `nobody answers at ${server}`, 'start it, if it should be running');
  } finally {
    cancel();
  }
}

function failedBy(check: string, fault: unknown): Check {
  if (!(fault instanceof Fault)) throw fault;
  const message = `${fault.code}: ${fault.message}`;
  return fail(check, message, fault.hint ?? 'docs/errors.md says more');
}
