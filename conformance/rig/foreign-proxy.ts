/**
 * Other people's proxies as processes, run by the configurations of deploy/ as they stand: only the
 * addresses are put in.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { exchange } from './exchange.ts';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

export interface ForeignProxy {
  readonly origin: string;
  readonly child: Child;
}

/** Where things are: `HOST:PORT`, as the configurations of deploy/ name them by default. */
export interface Around {
  /** 127.0.0.1:8482 */
  readonly judge: string;
  /** 127.0.0.1:8483 */
  readonly grpc: string;
  /** 127.0.0.1:8484 */
  readonly spop: string;
  /** 127.0.0.1:9000 */
  readonly api: string;
}

const root = new URL('../..', import.meta.url).pathname;

/** The text of a configuration with these addresses for the ones that stand in it. */
function configured(path: string, around: Around & { readonly listen: string }): string {
  const at: Readonly<Record<string, string>> = {
    '8080': around.listen,
    '8482': around.judge,
    '8483': around.grpc,
    '8484': around.spop,
    '9000': around.api,
  };
  return readFileSync(join(root, 'deploy', path), 'utf8').replaceAll(
    /127\.0\.0\.1(:|, port_value: )(8080|8482|8483|8484|9000)\b/g,
    (_all, between: string, port: string) => at[port]!.replace(':', between),
  );
}

/** nginx with `deploy/nginx/mintmark.conf`. @param home an empty folder of its own */
export async function startNginx(home: string, around: Around): Promise<ForeignProxy> {
  const listen = `127.0.0.1:${await freePort()}`;
  mkdirSync(home, { recursive: true });
  writeFileSync(
    join(home, 'mintmark.conf'),
    configured('nginx/mintmark.conf', { ...around, listen }),
  );
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${home}/${kind};`).join(' ');
  writeFileSync(
    join(home, 'nginx.conf'),
    // Its worker, or else nobody's, must be able to write here.
    `user ${userInfo().username}; daemon off; pid ${home}/pid;
    error_log stderr warn; worker_processes 1;
    events { worker_connections 512; }
    http { access_log off; ${temporary} include ${home}/mintmark.conf; }`,
  );
  const child = startChild('/usr/sbin/nginx', ['-c', join(home, 'nginx.conf'), '-p', home], {
    cwd: home,
  });
  return answering('nginx', `http://${listen}`, child);
}

/** The real Envoy with one of the configurations of `deploy/envoy`. */
export async function startEnvoy(
  home: string,
  config: string,
  around: Around,
): Promise<ForeignProxy> {
  const listen = `127.0.0.1:${await freePort()}`;
  mkdirSync(home, { recursive: true });
  const file = join(home, 'envoy.yaml');
  writeFileSync(file, configured(`envoy/${config}`, { ...around, listen }));
  const once = ['--concurrency', '1', '--disable-hot-restart', '-l', 'warning'];
  const child = startChild(join(root, '.cache/python/bin/envoy'), ['-c', file, ...once], {
    cwd: home,
  });
  return answering(config, `http://${listen}`, child);
}

/** HAProxy with `deploy/haproxy/judge.cfg`. */
export async function startHaproxy(home: string, around: Around): Promise<ForeignProxy> {
  const listen = `127.0.0.1:${await freePort()}`;
  mkdirSync(home, { recursive: true });
  for (const name of ['judge.cfg', 'judge.spoe.cfg']) {
    writeFileSync(join(home, name), configured(`haproxy/${name}`, { ...around, listen }));
  }
  const child = startChild('/usr/sbin/haproxy', ['-f', 'judge.cfg', '-db'], { cwd: home });
  return answering('haproxy', `http://${listen}`, child);
}

/** The real Caddy with `deploy/caddy/Caddyfile`. @param program its executable */
export async function startCaddy(
  home: string,
  program: string,
  around: Around,
): Promise<ForeignProxy> {
  const listen = `127.0.0.1:${await freePort()}`;
  mkdirSync(home, { recursive: true });
  const file = join(home, 'Caddyfile');
  writeFileSync(file, configured('caddy/Caddyfile', { ...around, listen }));
  const child = startChild(program, ['run', '--config', file], { cwd: home, env: { HOME: home } });
  return answering('caddy', `http://${listen}`, child);
}

/** Whatever it answers: that it does. */
async function answering(name: string, origin: string, child: Child): Promise<ForeignProxy> {
  await until(`${name} answers`, async () => {
    if (child.ended() !== undefined) throw new Error(`${name}: ${child.stderr()}`);
    return exchange(`${origin}/open`).then(
      () => true,
      () => undefined,
    );
  });
  return { origin, child };
}
