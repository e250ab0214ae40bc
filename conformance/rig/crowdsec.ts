/**
 * A CrowdSec of Debian for one suite: its local API alone, without logs to read and without the
 * central one. `tools/services.ts` unpacks it; installing it would start a service.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, runChild, startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

const unpacked = new URL('../../.cache/crowdsec', import.meta.url).pathname;

export interface RunningCrowdsec {
  readonly url: string;
  /** The key of a bouncer. */
  bouncer(name: string): Promise<string>;
  /** `cscli decisions …` */
  decisions(...args: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** @param home an empty folder */
export async function startCrowdsec(home: string): Promise<RunningCrowdsec> {
  for (const name of ['data', 'hub', 'notifications', 'plugins']) {
    mkdirSync(join(home, name), { recursive: true });
  }
  const port = await freePort();
  const config = join(home, 'config.yaml');
  const credentials = join(home, 'credentials.yaml');
  writeFileSync(join(home, 'hub', '.index.json'), '{}');
  // Without one there is no local API.
  const profile = { name: 'nobody', filters: ['false'], decisions: [], on_success: 'break' };
  writeFileSync(join(home, 'profiles.yaml'), JSON.stringify(profile));
  writeFileSync(join(home, 'simulation.yaml'), 'simulation: false\n');
  writeFileSync(credentials, '', { mode: 0o600 });
  writeFileSync(config, JSON.stringify(configOf(home, { port, credentials })));

  async function cscli(...args: readonly string[]): Promise<string> {
    const program = join(unpacked, 'usr/bin/cscli');
    const done = await runChild(program, ['-c', config, ...args], { cwd: home });
    if (done.code !== 0) throw new Error(`cscli ${args.join(' ')}: ${done.stderr}`);
    return done.stdout;
  }

  await cscli('machines', 'add', 'suite', '--auto', '--file', credentials);
  const line = ['-c', config, '-no-cs'];
  const server: Child = startChild(join(unpacked, 'usr/bin/crowdsec'), line, { cwd: home });
  await until('the local API listens', () => {
    const said = server.stdout() + server.stderr();
    if (server.ended() !== undefined) throw new Error(`crowdsec ended: ${said}`);
    return said.includes('Local API listening') ? true : undefined;
  });
  return {
    url: `http://127.0.0.1:${port}`,
    bouncer: async (name) => (await cscli('bouncers', 'add', name, '-o', 'raw')).trim(),
    async decisions(...args) {
      await cscli('decisions', ...args);
    },
    async stop() {
      await server.stop('SIGKILL');
    },
  };
}

/** JSON is YAML. */
function configOf(
  home: string,
  { port, credentials }: { readonly port: number; readonly credentials: string },
): object {
  const at = (name: string) => join(home, name);
  return {
    common: { daemonize: false, log_media: 'stdout', log_level: 'info', working_dir: home },
    config_paths: {
      ...{ config_dir: home, data_dir: at('data'), simulation_path: at('simulation.yaml') },
      ...{ hub_dir: at('hub'), index_path: at('hub/.index.json') },
      ...{ notification_dir: at('notifications'), plugin_dir: at('plugins') },
    },
    db_config: { type: 'sqlite', db_path: at('data/crowdsec.db'), use_wal: false },
    api: {
      client: { credentials_path: credentials },
      server: { listen_uri: `127.0.0.1:${port}`, profiles_path: at('profiles.yaml') },
    },
    prometheus: { enabled: false },
  };
}
