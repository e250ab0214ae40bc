/**
 * A fresh Mintmark behind TLS of its own, prepared as an operator would, by `mintmark init`,
 * `serve` and `apply`. Its certificates are made for the run, and those of its clients too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { type ClientCertificate, issueCertificate, makeCertificates } from './certificate.ts';
import { type Child, startChild } from './child.ts';
import type { Json } from './exchange.ts';
import { freePort } from './free-port.ts';
import { mintmark, command as program } from './mintmark.ts';
import { until } from './until.ts';

export interface TlsAuthority {
  readonly issuer: string;
  /** Base URL of the gateway that stands before resources. */
  readonly gateway: string;
  /** PEM text, and the file that holds it: what clients trust. */
  readonly ca: string;
  readonly caFile: string;
  readonly child: Child;
  /** Of its administrator. */
  readonly adminKey: string;
  /** A command line as its administrator, answering in JSON. @throws where it is refused */
  administer(...args: readonly string[]): Promise<Json>;
  /** @param name goes into the subject, as `CN=name` */
  issueCertificate(name: string): Promise<ClientCertificate>;
  /** Brings clients and users to what the seed says. */
  apply(seed: Json): Promise<void>;
}

/**
 * @param options.home an empty folder
 * @param options.env settings of `serve`, beside those of TLS
 * @param options.rsa the server's certificate is of that kind
 * @param options.mutualTls asks clients of authority and gateway for certificates
 * @throws where it does not come up
 */
export async function startTlsAuthority({
  home,
  env: more = {},
  mutualTls = false,
  rsa = false,
}: {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly mutualTls?: boolean;
  readonly rsa?: boolean;
}): Promise<TlsAuthority> {
  const { ca, cert, key } = await makeCertificates(home, { rsa });
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const issuer = `https://localhost:${port}`;
  const flags = [
    ...['--data', join(home, 'data'), '--issuer', issuer],
    ...['--listen', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key],
    ...['--gateway-listen', `127.0.0.1:${gatewayPort}`],
  ];
  const env = {
    HOME: home,
    MINTMARK_GATEWAY_TLS_CERT: cert,
    MINTMARK_GATEWAY_TLS_KEY: key,
  };
  const made = await mintmark(['init', ...flags, '--json'], { cwd: home, env });
  if (made.code !== 0) throw new Error(`mintmark init: ${made.code} ${made.stderr}`);
  const { admin_key: adminKey } = JSON.parse(made.stdout) as { readonly admin_key: string };
  const asking = mutualTls
    ? { MINTMARK_AUTHORITY_TLS_CLIENT_CA: ca, MINTMARK_GATEWAY_TLS_CLIENT_CA: ca }
    : {};
  const child = startChild(process.execPath, [program, 'serve', ...flags], {
    cwd: home,
    env: { ...env, ...asking, ...more },
  });
  await until('mintmark is ready', async () => {
    if (child.ended() !== undefined) throw new Error(`mintmark ended: ${child.stderr()}`);
    return (await isReady(issuer, port)) ? true : undefined;
  });
  const administer = async (...args: readonly string[]): Promise<Json> => {
    const done = await mintmark([...args, '--json'], {
      cwd: home,
      env: {
        HOME: home,
        MINTMARK_SERVER: issuer,
        MINTMARK_TOKEN: adminKey,
        NODE_EXTRA_CA_CERTS: ca,
      },
    });
    if (done.code === 0) return JSON.parse(done.stdout) as Json;
    throw new Error(`mintmark ${args[0]}: ${done.code} ${done.stderr}${done.stdout}`);
  };
  return {
    issuer,
    gateway: `https://localhost:${gatewayPort}`,
    ca: readFileSync(ca, 'utf8'),
    caFile: ca,
    child,
    adminKey,
    issueCertificate: (name) => issueCertificate(home, name),
    administer,
    async apply(seed) {
      const file = join(home, 'seed.json');
      writeFileSync(file, JSON.stringify(seed, undefined, 2), { mode: 0o600 });
      await administer('apply', file);
    },
  };
}

/** Whether it answers; whose certificate it shows is not the question here. */
function isReady(issuer: string, port: number): Promise<boolean> {
  const options = { host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false };
  return new Promise((resolve) => {
    get(`${issuer}/readyz`, options, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    }).on('error', () => resolve(false));
  });
}
