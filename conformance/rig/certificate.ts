/** Certificates for one run, made by openssl: an authority, and those that it signs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from './child.ts';

/** A certificate that the authority signed, and its key, as PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

type Openssl = (...args: readonly string[]) => Promise<void>;

function opensslIn(cwd: string): Openssl {
  return async (...args) => {
    const done = await runChild('openssl', args, { cwd });
    if (done.code !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
  };
}

const freshKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const freshRsaKey = ['-newkey', 'rsa:2048', '-nodes'];

/**
 * An authority and one certificate for localhost, good for a day.
 *
 * @param home folder for the files
 * @param options.rsa FAPI 1.0 §8.5 names no cipher of another kind of certificate
 * @returns their paths
 */
export async function makeCertificates(
  home: string,
  { rsa = false }: { readonly rsa?: boolean } = {},
): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const openssl = opensslIn(home);
  await openssl(
    ...['req', '-x509', ...freshKey, '-days', '1', '-subj', '/CN=Conformance run'],
    ...['-keyout', 'ca.key', '-out', 'ca.pem'],
  );
  await sign(openssl, home, {
    ...{ file: 'leaf', name: 'localhost', names: 'DNS:localhost' },
    key: rsa ? freshRsaKey : freshKey,
  });
  return { ca: join(home, 'ca.pem'), cert: join(home, 'leaf.pem'), key: join(home, 'leaf.key') };
}

/** One of that authority for a client. */
export async function issueCertificate(home: string, name: string): Promise<ClientCertificate> {
  await sign(opensslIn(home), home, { file: `client-${name}`, name, key: freshKey });
  const read = (end: string): string => readFileSync(join(home, `client-${name}.${end}`), 'utf8');
  return { cert: read('pem'), key: read('key') };
}

async function sign(
  openssl: Openssl,
  home: string,
  of: {
    readonly file: string;
    readonly name: string;
    readonly names?: string;
    readonly key: readonly string[];
  },
): Promise<void> {
  const { file, name, names, key } = of;
  const alternatives = names === undefined ? '' : `subjectAltName=${names}\n`;
  writeFileSync(join(home, `${file}.ext`), `${alternatives}basicConstraints=CA:FALSE\n`);
  const request = ['-keyout', `${file}.key`, '-out', `${file}.csr`];
  await openssl('req', ...key, '-subj', `/CN=${name}`, ...request);
  await openssl(
    ...['x509', '-req', '-in', `${file}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-CAcreateserial', '-days', '1', '-extfile', `${file}.ext`, '-out', `${file}.pem`],
  );
}
