/**
 * The Mintmark that is judged: a fresh installation behind TLS of its own, prepared as an operator
 * would, by `mintmark init`, `serve` and `apply`. Its certificate is made for the run.
 */
import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { type Child, runChild, startChild } from '../rig/child.ts';
import type { Json } from '../rig/exchange.ts';
import { freePort } from '../rig/free-port.ts';
import { mintmark, command as program } from '../rig/mintmark.ts';
import { until } from '../rig/until.ts';

export interface Authority {
  readonly issuer: string;
  /** Base URL of the gateway that stands before the resource of FAPI's plans. */
  readonly gateway: string;
  readonly child: Child;
  /** Brings clients and users to what the seed says. */
  apply(seed: Json): Promise<void>;
}

/**
 * @param options.home an empty folder
 * @param options.suiteCa PEM file that the authority trusts when it calls the suite
 * @throws where it does not come up
 */
export async function startAuthority({
  home,
  suiteCa,
}: {
  readonly home: string;
  readonly suiteCa: string | undefined;
}): Promise<Authority> {
  const { ca, cert, key } = await makeCertificate(home);
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
  // The suite's own addresses, for keys, sector identifiers and ends of sessions, are on loopback.
  const outbound = {
    MINTMARK_OUTBOUND_DEVELOPMENT_LOOPBACK: 'true',
    ...(suiteCa === undefined ? {} : { MINTMARK_OUTBOUND_CA: suiteCa }),
  };
  const child = startChild(process.execPath, [program, 'serve', ...flags], {
    cwd: home,
    env: { ...env, ...outbound },
  });
  await until('mintmark is ready', async () => {
    if (child.ended() !== undefined) throw new Error(`mintmark ended: ${child.stderr()}`);
    return (await isReady(issuer, port)) ? true : undefined;
  });
  return {
    issuer,
    gateway: `https://localhost:${gatewayPort}`,
    child,
    apply: (seed) => applySeed({ home, issuer, adminKey, ca }, seed),
  };
}

async function applySeed(
  at: { readonly home: string; readonly issuer: string; readonly adminKey: string; ca: string },
  seed: Json,
): Promise<void> {
  const file = join(at.home, 'seed.json');
  writeFileSync(file, JSON.stringify(seed, undefined, 2), { mode: 0o600 });
  const env = {
    HOME: at.home,
    MINTMARK_SERVER: at.issuer,
    MINTMARK_TOKEN: at.adminKey,
    NODE_EXTRA_CA_CERTS: at.ca,
  };
  const done = await mintmark(['apply', file], { cwd: at.home, env });
  if (done.code !== 0) throw new Error(`mintmark apply: ${done.code} ${done.stderr}${done.stdout}`);
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

/** An authority and one certificate for localhost, good for a day. */
async function makeCertificate(
  home: string,
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const openssl = async (...args: readonly string[]): Promise<void> => {
    const done = await runChild('openssl', args, { cwd: home });
    if (done.code !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const extensions = 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n';
  writeFileSync(join(home, 'leaf.ext'), extensions);
  await openssl(
    ...['req', '-x509', ...ec, '-days', '1', '-subj', '/CN=Conformance run'],
    ...['-keyout', 'ca.key', '-out', 'ca.pem'],
  );
  await openssl('req', ...ec, '-subj', '/CN=localhost', '-keyout', 'leaf.key', '-out', 'leaf.csr');
  await openssl(
    ...['x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-days', '1', '-extfile', 'leaf.ext', '-out', 'leaf.pem'],
  );
  return { ca: join(home, 'ca.pem'), cert: join(home, 'leaf.pem'), key: join(home, 'leaf.key') };
}
