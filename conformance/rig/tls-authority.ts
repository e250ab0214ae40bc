/**
 * A fresh Mintmark behind TLS of its own, prepared as an operator would, by `mintmark init`,
 * `serve` and `apply`. Its certificates are made for the run, and those of its clients too.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { type Child, runChild, startChild } from './child.ts';
import type { Json } from './exchange.ts';
import { freePort } from './free-port.ts';
import { mintmark, command as program } from './mintmark.ts';
import { until } from './until.ts';

/** A certificate that the authority trusts, and its key, as PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface TlsAuthority {
  readonly issuer: string;
  /** Base URL of the gateway that stands before resources. */
  readonly gateway: string;
  /** PEM text, and the file that holds it: what clients trust. */
  readonly ca: string;
  readonly caFile: string;
  readonly child: Child;
  /** @param name goes into the subject, as `CN=name` */
  issueCertificate(name: string): Promise<ClientCertificate>;
  /** Brings clients and users to what the seed says. */
  apply(seed: Json): Promise<void>;
}

/**
 * @param options.home an empty folder
 * @param options.env settings of `serve`, beside those of TLS
 * @param options.mutualTls asks clients of authority and gateway for certificates
 * @throws where it does not come up
 */
export async function startTlsAuthority({
  home,
  env: more = {},
  mutualTls = false,
}: {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly mutualTls?: boolean;
}): Promise<TlsAuthority> {
  const openssl = opensslIn(home);
  const { ca, cert, key } = await makeCertificates(openssl, home);
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
  return {
    issuer,
    gateway: `https://localhost:${gatewayPort}`,
    ca: readFileSync(ca, 'utf8'),
    caFile: ca,
    child,
    issueCertificate: (name) => issueCertificate(openssl, home, name),
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

type Openssl = (...args: readonly string[]) => Promise<void>;

function opensslIn(cwd: string): Openssl {
  return async (...args) => {
    const done = await runChild('openssl', args, { cwd });
    if (done.code !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
  };
}

const freshKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority and one certificate for localhost, good for a day. */
async function makeCertificates(
  openssl: Openssl,
  home: string,
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  await openssl(
    ...['req', '-x509', ...freshKey, '-days', '1', '-subj', '/CN=Conformance run'],
    ...['-keyout', 'ca.key', '-out', 'ca.pem'],
  );
  await sign(openssl, home, { file: 'leaf', name: 'localhost', names: 'DNS:localhost' });
  return { ca: join(home, 'ca.pem'), cert: join(home, 'leaf.pem'), key: join(home, 'leaf.key') };
}

async function issueCertificate(
  openssl: Openssl,
  home: string,
  name: string,
): Promise<ClientCertificate> {
  await sign(openssl, home, { file: `client-${name}`, name });
  const read = (end: string): string => readFileSync(join(home, `client-${name}.${end}`), 'utf8');
  return { cert: read('pem'), key: read('key') };
}

async function sign(
  openssl: Openssl,
  home: string,
  { file, name, names }: { readonly file: string; readonly name: string; readonly names?: string },
): Promise<void> {
  const alternatives = names === undefined ? '' : `subjectAltName=${names}\n`;
  writeFileSync(join(home, `${file}.ext`), `${alternatives}basicConstraints=CA:FALSE\n`);
  const request = ['-keyout', `${file}.key`, '-out', `${file}.csr`];
  await openssl('req', ...freshKey, '-subj', `/CN=${name}`, ...request);
  await openssl(
    ...['x509', '-req', '-in', `${file}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-CAcreateserial', '-days', '1', '-extfile', `${file}.ext`, '-out', `${file}.pem`],
  );
}
